"""Campaigns from draft to report, automations, templates and batches."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any
from urllib.parse import urlsplit

import pytest

JANE, LEFT, ADA = "jane.smith@example.com", "left.last.year@example.com", "ada@example.com"
QUARTER_PAST = "2027-01-15T08:15:00+00:00"


def status(account: Any, campaign_id: str) -> str:
    return str(account.get(f"/campaigns/{campaign_id}")["status"])


def sent_to(account: Any, campaign_id: str) -> list[str]:
    messages = account.vendor.truth()["messages"]
    return [message["email"] for message in messages if message["campaign_id"] == campaign_id]


def test_a_send_reaches_each_subscribed_member_once_and_nobody_else(account: Any) -> None:
    account.add(account.active_customers, ADA)
    account.add(account.active_customers, "waiting@example.com", "pending")
    campaign = account.campaign(account.active_customers)
    assert account.post(f"/campaigns/{campaign}/actions/send") is None
    assert "sending" == status(account, campaign)
    account.at += 5
    assert "sent" == status(account, campaign)
    assert [JANE, ADA] == sent_to(account, campaign)
    known = account.vendor.truth()["campaigns"][campaign]
    assert ("sent", "regular", "News", "January", 2) == tuple(
        known[name] for name in ("status", "type", "subject_line", "title", "emails_sent")
    )
    assert "2027-01-15T08:00:00+00:00" == known["send_time"]


def test_a_campaign_is_sent_once(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    account.post(f"/campaigns/{campaign}/actions/send")
    assert 400 == account.refused("POST", f"/campaigns/{campaign}/actions/send")["status"]
    assert [JANE] == sent_to(account, campaign)


@pytest.mark.parametrize("missing", ["content", "subject_line", "from_name", "reply_to", "list", "members"])
def test_an_incomplete_campaign_is_not_ready(account: Any, missing: str) -> None:
    campaign = account.campaign(account.active_customers, content=missing != "content")
    stored = account.vendor.state.campaigns[campaign]
    if missing in stored.settings:
        account.patch(f"/campaigns/{campaign}", {"settings": {missing: ""}})
    elif missing == "list":
        account.delete(f"/lists/{account.active_customers}")
    elif missing == "members":
        account.delete(account.member_path(account.active_customers, JANE))
    checklist = account.get(f"/campaigns/{campaign}/send-checklist")
    assert checklist["is_ready"] is False
    assert "error" in {item["type"] for item in checklist["items"]}
    problem = account.refused("POST", f"/campaigns/{campaign}/actions/send")
    assert ("Bad Request", "Your Campaign is not ready to send.") == (problem["title"], problem["detail"])
    problem = account.refused("POST", f"/campaigns/{campaign}/actions/schedule", {"schedule_time": QUARTER_PAST})
    assert problem["detail"].startswith("This campaign cannot be scheduled:")
    assert ([], "save") == (sent_to(account, campaign), status(account, campaign))


def test_a_complete_campaign_is_ready_and_told_of_a_missing_unsubscribe_link(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    assert {"success"} == {item["type"] for item in account.get(f"/campaigns/{campaign}/send-checklist")["items"]}
    account.put(f"/campaigns/{campaign}/content", {"html": "<p>Hi</p>"})
    checklist = account.get(f"/campaigns/{campaign}/send-checklist")
    assert checklist["is_ready"] is True
    assert ["Unsubscribe link"] == [item["heading"] for item in checklist["items"] if item["type"] == "warning"]


def test_a_scheduled_campaign_is_sent_when_its_time_has_come(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    assert account.post(f"/campaigns/{campaign}/actions/schedule", {"schedule_time": QUARTER_PAST}) is None
    shown = account.get(f"/campaigns/{campaign}")
    assert ("schedule", QUARTER_PAST, 0) == (shown["status"], shown["send_time"], shown["emails_sent"])
    assert QUARTER_PAST == account.vendor.truth()["campaigns"][campaign]["schedule_time"]
    account.at += 899
    assert [] == sent_to(account, campaign)
    account.at += 3600
    assert [JANE] == sent_to(account, campaign)
    assert [QUARTER_PAST] == [message["at"] for message in account.vendor.truth()["messages"]]
    assert "sent" == status(account, campaign)


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("2027-01-15T08:10:00Z", "quarter-hour"),
        ("2027-01-15T08:15:01Z", "quarter-hour"),
        ("2024-01-15T10:00:00Z", "in the future"),
        ("2027-01-15T08:00:00Z", "in the future"),
    ],
)
def test_a_schedule_off_the_quarter_hour_or_in_the_past_is_refused(account: Any, when: str, why: str) -> None:
    campaign = account.campaign(account.active_customers)
    problem = account.refused("POST", f"/campaigns/{campaign}/actions/schedule", {"schedule_time": when})
    assert ("Bad Request", True) == (problem["title"], why in problem["detail"])
    assert "save" == status(account, campaign)


def test_a_schedule_time_in_another_zone_is_the_same_moment(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    account.post(f"/campaigns/{campaign}/actions/schedule", {"schedule_time": "2027-01-15T10:15:00+02:00"})
    assert QUARTER_PAST == account.get(f"/campaigns/{campaign}")["send_time"]
    problem = account.refused("POST", f"/campaigns/{campaign}/actions/schedule", {"schedule_time": "soon"})
    assert "Invalid Resource" == problem["title"]


def test_an_unscheduled_campaign_is_a_draft_again(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    account.post(f"/campaigns/{campaign}/actions/schedule", {"schedule_time": QUARTER_PAST})
    refused = account.refused("PATCH", f"/campaigns/{campaign}", {"settings": {"title": "x"}})
    assert "Unschedule" in refused["detail"]
    account.post(f"/campaigns/{campaign}/actions/unschedule")
    account.at += 7200
    assert ("save", []) == (status(account, campaign), sent_to(account, campaign))
    assert 400 == account.refused("POST", f"/campaigns/{campaign}/actions/unschedule")["status"]


def test_a_scheduled_campaign_whose_members_left_is_paused(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    account.post(f"/campaigns/{campaign}/actions/schedule", {"schedule_time": QUARTER_PAST})
    account.vendor.unsubscribe(account.active_customers, JANE)
    account.at += 7200
    assert ("paused", []) == (status(account, campaign), sent_to(account, campaign))


def test_cancelling_is_possible_while_sending_only(account: Any) -> None:
    first, second = (account.campaign(account.active_customers) for _ in range(2))
    account.post(f"/campaigns/{first}/actions/send")
    assert account.get(f"/campaigns/{first}")["delivery_status"]["can_cancel"] is True
    account.post(f"/campaigns/{first}/actions/cancel-send")
    assert "canceled" == status(account, first)
    assert [JANE] == sent_to(account, first)
    account.post(f"/campaigns/{second}/actions/send")
    account.at += 5
    assert 400 == account.refused("POST", f"/campaigns/{second}/actions/cancel-send")["status"]


def test_a_sent_campaign_can_be_neither_edited_nor_deleted(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    account.post(f"/campaigns/{campaign}/actions/send")
    for method, path, body in (
        ("PATCH", "", {"settings": {"subject_line": "x"}}),
        ("PUT", "/content", {"html": "<p>x</p>"}),
        ("DELETE", "", None),
    ):
        assert 400 == account.refused(method, f"/campaigns/{campaign}{path}", body)["status"]
    assert "News" == account.get(f"/campaigns/{campaign}")["settings"]["subject_line"]


def test_a_segment_narrows_whom_a_campaign_reaches(account: Any) -> None:
    account.add(account.active_customers, ADA, tags=["vip"])
    segments = account.get(f"/lists/{account.active_customers}/segments")["segments"]
    saved = account.campaign(account.active_customers, segment_opts={"saved_segment_id": segments[0]["id"]})
    condition = {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "Jane"}
    adhoc = account.campaign(account.active_customers, segment_opts={"match": "all", "conditions": [condition]})
    assert 1 == account.get(f"/campaigns/{saved}")["recipients"]["recipient_count"]
    for campaign in (saved, adhoc):
        account.post(f"/campaigns/{campaign}/actions/send")
    assert ([ADA], [JANE]) == (sent_to(account, saved), sent_to(account, adhoc))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"recipients": {"list_id": "nowhere"}}, "recipients.list_id"),
        ({"settings": {"reply_to": "nobody"}}, "settings.reply_to"),
        ({"settings": {"template_id": 1}}, "settings.template_id"),
        ({"settings": {"subject_line": 1}}, "settings.subject_line"),
        (
            {"recipients": {"list_id": "c83b9e2d64", "segment_opts": {"saved_segment_id": 1}}},
            "recipients.segment_opts.saved_segment_id",
        ),
        ({"type": "letter"}, "type"),
    ],
)
def test_a_campaign_that_refers_to_nothing_is_refused(account: Any, body: dict[str, Any], field: str) -> None:
    problem = account.refused("POST", "/campaigns", {"type": "regular", **body})
    assert [field] == [error["field"] for error in problem["errors"]]
    assert 0 == account.writes["campaigns_created"]


def test_a_type_the_sandbox_does_not_serve_is_refused_by_name(account: Any) -> None:
    assert "rss" in account.refused("POST", "/campaigns", {"type": "rss"})["detail"]


def test_a_template_gives_a_campaign_its_content(account: Any) -> None:
    template = account.get("/templates")["templates"][0]
    assert "welcome_template_v2" == template["name"]
    campaign = account.campaign(account.active_customers, content=False)
    assert {"html": "", "plain_text": "", "archive_html": ""} == account.get(f"/campaigns/{campaign}/content")
    account.patch(f"/campaigns/{campaign}", {"settings": {"template_id": template["id"]}})
    assert "Welcome, *|FNAME|*!" in account.get(f"/campaigns/{campaign}/content")["html"]
    filled = account.put(
        f"/campaigns/{campaign}/content",
        {"template": {"id": template["id"], "sections": {"body": "<p>Hello & co</p>"}}},
    )
    assert "<p>Hello & co</p>" in filled["html"]
    assert "Good to have you" not in filled["html"]
    assert ["Welcome, *|FNAME|*!", "Hello & co"] == filled["plain_text"].splitlines()[:2]
    assert "Unsubscribe (*|UNSUB|*)" in filled["plain_text"]
    assert account.get(f"/campaigns/{campaign}/send-checklist")["is_ready"] is True


def test_content_from_elsewhere_or_from_nothing_is_refused(account: Any) -> None:
    campaign = account.campaign(account.active_customers, content=False)
    for body in ({"url": "https://example.com"}, {}, {"template": {"id": 3}}):
        assert 400 == account.refused("PUT", f"/campaigns/{campaign}/content", body)["status"]


def test_templates_are_created_shown_and_deleted(account: Any) -> None:
    made = account.post("/templates", {"name": "mine", "html": '<div mc:edit="top">A</div>'})
    path = f"/templates/{made['id']}"
    assert made == account.get(path)
    assert {"sections": {"top": "A"}} == account.get(path + "/default-content")
    account.delete(path)
    assert 404 == account.refused("GET", path)["status"]


def test_campaigns_are_filtered_and_counted(account: Any) -> None:
    draft, sent = account.campaign(account.active_customers), account.campaign(account.new_subscribers)
    account.at += 60
    account.post(f"/campaigns/{sent}/actions/send")
    account.at += 60

    def found(**query: Any) -> list[str]:
        answer = account.get("/campaigns", **query)
        assert len(answer["campaigns"]) == answer["total_items"]
        return [row["id"] for row in answer["campaigns"]]

    assert [draft] == found(status="save")
    assert [sent] == found(status="sent") == found(list_id=account.new_subscribers)
    assert [sent] == found(since_send_time="2027-01-15T08:00:30Z")
    assert [] == found(before_create_time="2027-01-15T08:00:00Z")
    assert 2 == account.writes["campaigns_created"]


def test_a_copy_is_a_draft_with_the_same_content(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    account.post(f"/campaigns/{campaign}/actions/send")
    twin = account.post(f"/campaigns/{campaign}/actions/replicate")
    assert ("save", "January (copy 01)") == (twin["status"], twin["settings"]["title"])
    assert account.get(f"/campaigns/{campaign}/content") == account.get(f"/campaigns/{twin['id']}/content")
    account.delete(f"/campaigns/{twin['id']}")
    assert 404 == account.refused("GET", f"/campaigns/{twin['id']}")["status"]


def test_a_test_send_is_no_campaign_send(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    account.post(f"/campaigns/{campaign}/actions/test", {"test_emails": ["me@example.com"], "send_type": "html"})
    truth = account.vendor.truth()
    assert ([], ["me@example.com"]) == (truth["messages"], [message["email"] for message in truth["test_messages"]])
    assert "save" == status(account, campaign)


def test_a_report_says_exactly_what_happened(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    assert 404 == account.refused("GET", f"/reports/{campaign}")["status"]
    assert 0 == account.get("/reports")["total_items"]
    account.post(f"/campaigns/{campaign}/actions/send")
    account.vendor.unsubscribe(account.active_customers, JANE, campaign_id=campaign, reason="Too many")
    report = account.get(f"/reports/{campaign}")
    assert (1, 0, 0, 0, 1) == (
        report["emails_sent"],
        report["opens"]["opens_total"],
        report["clicks"]["clicks_total"],
        report["bounces"]["hard_bounces"],
        report["unsubscribed"],
    )
    assert [(JANE, "sent")] == [
        (row["email_address"], row["status"]) for row in account.get(f"/reports/{campaign}/sent-to")["sent_to"]
    ]
    left = account.get(f"/reports/{campaign}/unsubscribed")["unsubscribes"]
    assert [(JANE, "Too many")] == [(row["email_address"], row["reason"]) for row in left]
    assert [campaign] == [row["id"] for row in account.get("/reports")["reports"]]


def test_an_automation_sends_to_who_is_queued_when_it_is_started(account: Any) -> None:
    workflow = f"/automations/{account.welcome_series}"
    email = account.get(workflow + "/emails")["emails"][0]
    queue = f"{workflow}/emails/{email['id']}/queue"
    account.add(account.new_subscribers, ADA)
    assert 400 == account.refused("POST", queue, {"email_address": ADA})["status"]
    account.post(workflow + "/actions/start-all-emails")
    assert "sending" == account.get(workflow)["status"]
    queued = account.post(queue, {"email_address": ADA})
    assert "2027-01-15T09:00:00+00:00" == queued["next_send"]
    assert 1 == account.get(queue)["total_items"]
    for address in (ADA, JANE):  # queued already; not on the automation's list
        assert 400 == account.refused("POST", queue, {"email_address": address})["status"]
    account.at += 3600
    assert ([ADA], 1) == (sent_to(account, email["id"]), account.get(workflow)["emails_sent"])
    assert 400 == account.refused("POST", queue, {"email_address": ADA})["status"]
    account.post(workflow + "/actions/pause-all-emails")
    assert "paused" == account.get(workflow)["status"]


def test_a_paused_automation_sends_nothing(account: Any) -> None:
    workflow = f"/automations/{account.welcome_series}"
    email = account.get(workflow + "/emails")["emails"][0]["id"]
    account.post(f"{workflow}/emails/{email}/actions/start")
    account.post(f"{workflow}/emails/{email}/queue", {"email_address": "sam.taylor@example.com"})
    account.post(f"{workflow}/emails/{email}/actions/pause")
    account.at += 7200
    assert ([], "paused") == (sent_to(account, email), account.get(workflow)["status"])


def results(account: Any, url: str) -> list[Any]:
    parts = urlsplit(url)
    assert ("127.0.0.1:8420", "/mailchimp/3.0/") == (parts.netloc, parts.path[:15])
    response = account.send("GET", parts.path.removeprefix("/mailchimp/3.0"), headers={})
    assert (200, "application/gzip") == (response.status, response.headers["content-type"])
    rows: list[Any] = []
    with tarfile.open(fileobj=io.BytesIO(response.body), mode="r:gz") as archive:
        for name in archive.getnames():
            file = archive.extractfile(name)
            assert file is not None
            rows.extend(json.loads(file.read()))
    return rows


def test_a_batch_runs_by_the_clock_against_the_same_account(account: Any) -> None:
    list_path = f"/lists/{account.active_customers}"
    operations = [
        {
            "method": "POST",
            "path": f"{list_path}/members",
            "operation_id": "add",
            "body": json.dumps({"email_address": ADA, "status": "subscribed"}),
        },
        {"method": "GET", "path": "lists", "params": {"count": 1, "fields": "lists.id"}, "operation_id": "see"},
        {"method": "DELETE", "path": account.member_path(account.active_customers, JANE)},
        {"method": "POST", "path": f"{list_path}/members", "body": "{", "operation_id": "bad"},
    ]
    batch = account.post("/batches", {"operations": operations})
    assert ("pending", 4, "") == (batch["status"], batch["total_operations"], batch["response_body_url"])
    path = f"/batches/{batch['id']}"
    assert ADA not in account.vendor.truth()["lists"][account.active_customers]["members"]
    account.at += 0.6
    started = account.get(path)
    assert ("started", 4, 1) == (
        started["status"],
        started["finished_operations"],
        started["errored_operations"],
    )
    account.at += 0.5
    finished = account.get(path)
    assert "finished" == finished["status"]
    rows = results(account, finished["response_body_url"])
    assert [("add", 200), ("see", 200), ("", 204), ("bad", 400)] == [
        (row["operation_id"], row["status_code"]) for row in rows
    ]
    assert {"lists": [{"id": account.new_subscribers}]} == json.loads(rows[1]["response"])
    members = account.vendor.truth()["lists"][account.active_customers]["members"]
    assert ("subscribed", "archived") == (members[ADA], members[JANE])
    assert 1 == account.get("/batches")["total_items"]


def test_the_address_of_batch_results_lapses_after_ten_minutes(account: Any) -> None:
    batch = account.post("/batches", {"operations": [{"method": "GET", "path": "/ping"}]})
    account.at += 5
    url = account.get(f"/batches/{batch['id']}")["response_body_url"]
    path = urlsplit(url).path.removeprefix("/mailchimp/3.0")
    account.at += 601
    assert 404 == account.refused("GET", path)["status"]
    account.get(f"/batches/{batch['id']}")
    assert 200 == account.send("GET", path).status


def test_a_deleted_batch_is_not_executed(account: Any) -> None:
    operation = {"method": "DELETE", "path": account.member_path(account.active_customers, JANE)}
    batch = account.post("/batches", {"operations": [operation]})
    account.delete(f"/batches/{batch['id']}")
    account.at += 5
    assert "subscribed" == account.get(account.member_path(account.active_customers, JANE))["status"]


@pytest.mark.parametrize("operations", [[], ["GET /ping"], [{"path": "/ping"}], [{"method": "HEAD", "path": "/ping"}]])
def test_a_batch_that_makes_no_sense_is_refused(account: Any, operations: list[Any]) -> None:
    assert "Invalid Resource" == account.refused("POST", "/batches", {"operations": operations})["title"]


def test_no_more_than_500_batches_are_open(account: Any) -> None:
    body = {"operations": [{"method": "GET", "path": "/ping"}]}
    for _ in range(500):
        account.post("/batches", body)
    assert 429 == account.refused("POST", "/batches", body)["status"]
    account.at += 5
    assert "pending" == account.post("/batches", body)["status"]
