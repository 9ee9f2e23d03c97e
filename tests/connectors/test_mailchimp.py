from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.spec_check import Specification, read_json
from connectors.wire import Wire
from newfuse import create_integration
from newfuse.connectors.mailchimp import Mailchimp, lists
from newfuse.connectors.mailchimp.members import subscriber_hash
from newfuse.effects import Ledger
from newfuse.errors import (
    AuthenticationFailed,
    ConfigurationError,
    Conflict,
    EffectConflict,
    InvalidArguments,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    UnreadableAnswer,
)
from newfuse.http import CallRecord, RetryPolicy
from newfuse.integrations import WriteStatus
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer
from newfuse.sandbox.faults import Fault
from newfuse.sandbox.mailchimp import Mailchimp as MailchimpSandbox

KEY = SANDBOX_CREDENTIALS["mailchimp"]["api_key"]
NEW, ACTIVE = "5a1d0f3c7e", "c83b9e2d64"  # the sandbox's audiences
JANE, LEFT = "jane.smith@example.com", "left.last.year@example.com"
CAMPAIGN = {
    "list_id": ACTIVE,
    "subject_line": "Spring sale",
    "title": "Spring sale [run-1]",
    "from_name": "Sandbox Inc.",
    "reply_to": "news@example.com",
}
HTML = '<p>Hello *|FNAME|*</p><a href="*|UNSUB|*">Unsubscribe</a>'
TOMORROW = datetime(2027, 1, 16, 9, 15, tzinfo=UTC)  # the sandbox's clock stands at 2027-01-15T08:00:00Z


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mailchimp, "retry", RetryPolicy(initial_s=0.0))


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
async def mailchimp(server: SandboxServer, ledger: Ledger, calls: list[CallRecord]) -> AsyncIterator[Mailchimp]:
    async with Mailchimp(
        api_key=KEY, base_url=f"{server.url}/mailchimp", ledger=ledger, recorder=calls.append
    ) as connected:
        calls.clear()
        yield connected


@pytest.fixture
def truth(server: SandboxServer) -> Any:
    """Reads what really exists."""
    return lambda: server.sandbox.truth("mailchimp")["mailchimp"]


@pytest.fixture
def fail(server: SandboxServer) -> Any:
    """Lets requests to the vendor fail: `fail(kind="commit_then_drop", path=…)`."""
    return lambda **fault: server.sandbox.faults.add(Fault.parse({"slug": "mailchimp", **fault}, ["mailchimp"]))


@pytest.fixture
def wire(clock: Any) -> Wire:
    return Wire(MailchimpSandbox(now=clock))


@pytest.fixture
async def on_wire(wire: Wire, ledger: Ledger) -> AsyncIterator[Mailchimp]:
    async with Mailchimp(api_key=KEY, ledger=ledger, recorder=lambda _: None, transport=wire.transport) as connected:
        wire.requests.clear()
        yield connected


async def ready_campaign(mailchimp: Mailchimp, **changes: Any) -> str:
    campaign = await mailchimp.execute("create_campaign", {**CAMPAIGN, **changes})
    await mailchimp.execute("set_campaign_content", {"campaign_id": campaign.id, "html": HTML})
    return str(campaign.id)


# --- where and how ---------------------------------------------------------------------------------------------------


async def test_the_host_is_the_keys_data_centre_and_the_key_a_password(ledger: Ledger):
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"health_status": "Everything's Chimpy!"})

    mailchimp = Mailchimp(
        api_key="0" * 32 + "-us19", ledger=ledger, recorder=lambda _: None, transport=httpx.MockTransport(answer)
    )
    async with mailchimp:
        assert {"health_status": "Everything's Chimpy!"} == await mailchimp.execute("ping")
    assert {"https://us19.api.mailchimp.com/3.0/ping"} == {str(request.url) for request in seen}
    scheme, _, token = seen[0].headers["authorization"].partition(" ")
    assert ("Basic", "0" * 32 + "-us19") == (scheme, base64.b64decode(token).decode().partition(":")[2])


@pytest.mark.parametrize("key", ["0" * 32, "0" * 32 + "-", "0" * 32 + "-us6.evil.example", "0" * 32 + "-us6/", "-US6x"])
async def test_a_key_without_a_data_centre_is_refused_and_not_shown(key: str, ledger: Ledger):
    mailchimp = Mailchimp(api_key=key, ledger=ledger, recorder=lambda _: None)
    with pytest.raises(ConfigurationError, match="data centre") as refused:
        await mailchimp.connect()
    assert key not in str(refused.value)
    health = await mailchimp.health()
    assert (False, True) == (health.ok, "data centre" in (health.error or ""))


async def test_a_base_url_replaces_the_data_centre(wire: Wire, ledger: Ledger):
    mailchimp = Mailchimp(
        api_key="token-without-suffix",
        base_url="http://127.0.0.1:1/mailchimp",
        ledger=ledger,
        recorder=lambda _: None,
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json={"health_status": str(request.url)})),
    )
    async with mailchimp:
        assert {"health_status": "http://127.0.0.1:1/mailchimp/3.0/ping"} == await mailchimp.execute("ping")


async def test_a_wrong_key_is_refused_without_showing_it(server: SandboxServer, ledger: Ledger):
    secret = "invalid0123456789invalid01234567-us1"
    mailchimp = Mailchimp(api_key=secret, base_url=f"{server.url}/mailchimp", ledger=ledger, recorder=lambda _: None)
    with pytest.raises(AuthenticationFailed) as refused:
        await mailchimp.connect()
    assert (401, "API Key Invalid") == (refused.value.status, refused.value.code)
    shown = f"{refused.value!r} {refused.value.for_log} {refused.value.detail} {mailchimp!r} {mailchimp.config!r}"
    assert secret not in shown


def test_it_is_made_by_its_slug():
    metadata = create_integration("mailchimp", api_key=KEY).get_metadata()
    assert ("Mailchimp", "marketing") == (metadata["name"], metadata["type"])


# --- members ---------------------------------------------------------------------------------------------------------


def test_the_subscriber_hash_is_the_md5_of_the_address_in_lower_case():
    # The vendor's own example: https://mailchimp.com/developer/marketing/docs/methods-parameters/#path-parameters
    assert "62eeb292278cc15f5817cb78f7790b08" == subscriber_hash("Urist.McVankab@freddiesjokes.com")
    assert subscriber_hash(" ADA@example.com ") == subscriber_hash("ada@example.com")


async def test_a_member_is_added_and_then_changed(mailchimp: Mailchimp, truth: Any):
    new = {"list_id": NEW, "email": "Ada@example.com", "status_if_new": "pending", "merge_fields": {"FNAME": "Ada"}}
    added = await mailchimp.execute("upsert_member", new)
    assert ("Ada@example.com", "pending", "Ada") == (added.email_address, added.status, added.merge_fields["FNAME"])
    changed = await mailchimp.execute(
        "upsert_member", {**new, "email": "ada@example.com", "merge_fields": {"LNAME": "Byron"}}
    )
    assert ("pending", "Ada Byron") == (changed.status, changed.full_name)
    assert changed == await mailchimp.execute("get_member", {"list_id": NEW, "email": "ADA@example.com"})
    assert 2 == len(truth()["lists"][NEW]["members"])


async def test_a_member_is_sent_once_for_one_reference_and_again_when_it_changed(
    mailchimp: Mailchimp, calls: list[CallRecord]
):
    ada = {"list_id": NEW, "email": "ada@example.com"}
    first = await mailchimp.execute("upsert_member", ada, reference="ada")
    assert first == await mailchimp.execute("upsert_member", ada, reference="ada")
    assert 1 == len(calls)
    await mailchimp.execute("upsert_member", {**ada, "merge_fields": {"FNAME": "Ada"}}, reference="ada")
    assert 2 == len(calls)


async def test_a_lost_answer_to_an_upsert_is_simply_asked_for_again(
    mailchimp: Mailchimp, fail: Any, calls: list[CallRecord], truth: Any
):
    fail(kind="commit_then_drop", method="PUT", count=1)
    await mailchimp.execute("upsert_member", {"list_id": NEW, "email": "ada@example.com"}, reference="ada")
    assert [None, 200] == [call.status for call in calls]
    assert 1 == truth()["writes"]["members_created"]


async def test_someone_who_left_cannot_be_subscribed_but_asked(mailchimp: Mailchimp):
    left = {"list_id": ACTIVE, "email": LEFT}
    with pytest.raises(Rejected) as refused:
        await mailchimp.execute("upsert_member", {**left, "status": "subscribed"})
    assert "Member In Compliance State" == refused.value.code
    assert "status pending" in refused.value.for_model
    asked = await mailchimp.execute("upsert_member", {**left, "status": "pending"})
    assert "pending" == asked.status


async def test_someone_deleted_for_good_is_said_to_be(mailchimp: Mailchimp, server: SandboxServer):
    vendor: Any = server.sandbox.vendors["mailchimp"]
    vendor.state.audiences[NEW].forgotten.add(subscriber_hash("gone@example.com"))
    with pytest.raises(Rejected) as refused:
        await mailchimp.execute("upsert_member", {"list_id": NEW, "email": "gone@example.com"})
    assert "Forgotten Email Not Subscribed" == refused.value.code


async def test_each_member_of_a_batch_succeeds_or_fails_by_itself(
    mailchimp: Mailchimp, server: SandboxServer, calls: list[CallRecord], truth: Any
):
    vendor: Any = server.sandbox.vendors["mailchimp"]
    vendor.state.audiences[ACTIVE].forgotten.add(subscriber_hash("gone@example.com"))
    members = [
        {"email_address": "new@example.com", "status": "subscribed", "merge_fields": {"FNAME": "New"}},
        {"email_address": "Jane.Smith@example.com", "merge_fields": {"LNAME": "Jones"}},
        {"email_address": "not an address", "status": "subscribed"},
        {"email_address": LEFT, "status": "subscribed"},
        {"email_address": "gone@example.com", "status": "subscribed"},
        {"email_address": "NEW@example.com", "status": "subscribed"},
    ]
    done = await mailchimp.execute("upsert_members", {"list_id": ACTIVE, "members": members})
    assert [("POST", "/3.0/lists/{list_id}")] == [(call.method, call.template) for call in calls]
    assert [WriteStatus.CONFIRMED] * 2 + [WriteStatus.FAILED] * 4 == [one.status for one in done]
    assert ["New", "Jane Jones"] == [one.value.full_name for one in done[:2]]
    codes = ["ERROR_GENERIC", "Member In Compliance State", "Forgotten Email Not Subscribed", "Duplicate"]
    assert codes == [one.error.code for one in done[2:]]
    assert "subscribed" == truth()["lists"][ACTIVE]["members"]["new@example.com"]


async def test_only_the_members_that_failed_are_sent_again(mailchimp: Mailchimp, calls: list[CallRecord], truth: Any):
    members = [
        {"email_address": "a@example.com", "status": "subscribed"},
        {"email_address": "b@example", "status": "subscribed"},
    ]
    await mailchimp.perform_batch("upsert_members", {"list_id": NEW, "members": members}, references=["a", "b"])
    members[1]["email_address"] = "b@example.com"
    done = await mailchimp.perform_batch("upsert_members", {"list_id": NEW, "members": members}, references=["a", "b"])
    assert [WriteStatus.SKIPPED, WriteStatus.CONFIRMED] == [one.status for one in done]
    assert (2, 0) == (truth()["writes"]["members_created"], truth()["writes"]["members_unchanged"])
    assert 2 == len(calls)


async def test_members_on_the_list_are_left_alone_when_asked_to(mailchimp: Mailchimp):
    [done] = await mailchimp.execute(
        "upsert_members",
        {
            "list_id": ACTIVE,
            "members": [{"email_address": JANE, "status": "subscribed"}],
            "update_existing": False,
        },
    )
    assert isinstance(done.error, Conflict)
    assert "Member Exists" == done.error.code


async def test_a_member_that_the_answer_leaves_out_is_unknown(ledger: Ledger):
    empty = {"health_status": "fine", "new_members": [], "updated_members": [], "errors": []}
    mailchimp = Mailchimp(
        api_key=KEY,
        ledger=ledger,
        recorder=lambda _: None,
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json=empty)),
    )
    async with mailchimp:
        [done] = await mailchimp.execute(
            "upsert_members", {"list_id": NEW, "members": [{"email_address": JANE, "status": "subscribed"}]}
        )
    assert WriteStatus.UNKNOWN == done.status
    assert isinstance(done.error, OutcomeUnknown)


@pytest.mark.parametrize(
    "members",
    [
        [],
        [{"email_address": f"{number}@example.com"} for number in range(501)],
        [{"email": "ada@example.com"}],
        [{"email_address": "ada@example.com", "status": "subscribe"}],
        [{"email_address": "ada@example.com", "timestamp_opt": "2026-01-01T00:00:00"}],
    ],
)
async def test_a_batch_that_does_not_fit_is_refused_before_anything_is_sent(
    mailchimp: Mailchimp, calls: list[CallRecord], members: list[dict[str, Any]]
):
    with pytest.raises(InvalidArguments):
        await mailchimp.execute("upsert_members", {"list_id": NEW, "members": members})
    assert [] == calls


async def test_members_are_listed_over_pages_by_status(
    mailchimp: Mailchimp, calls: list[CallRecord], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lists, "PAGE_SIZE", 2)
    found = await mailchimp.execute("list_members", {"list_id": ACTIVE})
    assert ["subscribed", "unsubscribed", "cleaned"] == [member.status for member in found]
    assert 2 == len(calls)
    assert [found[1]] == await mailchimp.execute("list_members", {"list_id": ACTIVE, "status": "unsubscribed"})
    assert found[:1] == await mailchimp.execute("list_members", {"list_id": ACTIVE, "limit": 1})


async def test_a_list_that_ends_early_is_a_failure_and_not_a_short_list(ledger: Ledger):
    row = {"id": "1", "email_address": "a@example.com", "status": "subscribed"}

    def answer(request: httpx.Request) -> httpx.Response:
        first = request.url.params.get("offset") == "0"
        return httpx.Response(200, json={"health_status": "fine", "members": [row] if first else [], "total_items": 5})

    async with Mailchimp(
        api_key=KEY, ledger=ledger, recorder=lambda _: None, transport=httpx.MockTransport(answer)
    ) as mailchimp:
        with pytest.raises(Unavailable, match="cut short"):
            await mailchimp.execute("list_members", {"list_id": NEW})


async def test_tags_are_set_and_taken_away(mailchimp: Mailchimp, truth: Any):
    jane = {"list_id": ACTIVE, "email": JANE}
    changed = await mailchimp.execute("update_tags", {**jane, "tags": [{"name": "vip"}, {"name": "beta"}]})
    assert (["vip", "beta"], []) == (changed.active, changed.inactive)
    await mailchimp.execute("update_tags", {**jane, "tags": [{"name": "beta", "status": "inactive"}]})
    assert ([JANE], []) == (truth()["tags"][ACTIVE]["vip"], truth()["tags"][ACTIVE].get("beta", []))
    assert ["vip"] == [tag.name for tag in (await mailchimp.execute("get_member", jane)).tags]


async def test_a_member_is_archived_once_though_the_answer_was_lost(mailchimp: Mailchimp, fail: Any, truth: Any):
    fail(kind="commit_then_drop", method="DELETE", count=1)
    jane = {"list_id": ACTIVE, "email": JANE}
    performed = await mailchimp.perform("archive_member", jane, reference="jane")
    assert (WriteStatus.CONFIRMED, "archived") == (performed.status, performed.value.status)
    assert 1 == truth()["writes"]["members_archived"]
    assert "archived" == (await mailchimp.execute("get_member", jane)).status
    with pytest.raises(NotFound):
        await mailchimp.execute("archive_member", {**jane, "email": "nobody@example.com"})


# --- audiences, segments, templates, automations ---------------------------------------------------------------------


async def test_the_account_and_what_is_in_it_are_read(mailchimp: Mailchimp):
    assert "Sandbox Inc." == (await mailchimp.execute("get_account")).account_name
    audiences = await mailchimp.execute("list_audiences")
    assert [("new_subscribers", 1), ("active_customers", 1)] == [(a.name, a.stats.member_count) for a in audiences]
    assert audiences[0] == await mailchimp.execute("get_audience", {"list_id": NEW})
    fields = await mailchimp.execute("list_merge_fields", {"list_id": NEW})
    assert ["FNAME", "LNAME"] == [field.tag for field in fields[:2]]
    [automation] = await mailchimp.execute("list_automations")
    assert ("Welcome series", NEW) == (automation.settings.title, automation.recipients.list_id)
    assert automation == await mailchimp.execute("get_automation", {"workflow_id": automation.id})
    templates = await mailchimp.execute("list_templates", {"type": "user"})
    assert templates[0] == await mailchimp.execute("get_template", {"template_id": templates[0].id})


async def test_a_segment_is_created_filled_and_found_again_after_a_lost_answer(
    mailchimp: Mailchimp, fail: Any, truth: Any
):
    fail(kind="commit_then_drop", method="POST", count=1)
    performed = await mailchimp.perform("create_segment", {"list_id": ACTIVE, "name": "Spring"}, reference="s-1")
    assert WriteStatus.CONFIRMED == performed.status
    segment = performed.value
    change = await mailchimp.execute(
        "add_segment_members",
        {"list_id": ACTIVE, "segment_id": segment.id, "email_addresses": [JANE, "nobody@example.com"]},
    )
    assert (1, ["nobody@example.com"]) == (change.total_added, change.errors[0].email_addresses)
    assert [{"name": "Spring", "type": "static", "members": [JANE]}] == list(truth()["segments"][ACTIVE].values())
    with pytest.raises(Rejected):
        await mailchimp.execute("create_segment", {"list_id": ACTIVE, "name": "Spring"})


async def test_a_segment_may_follow_conditions_but_not_addresses_as_well(mailchimp: Mailchimp):
    by_name = {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "Jane"}
    saved = {"list_id": ACTIVE, "name": "Janes", "conditions": [by_name]}
    segment = await mailchimp.execute("create_segment", saved)
    assert ("saved", 1) == (segment.type, segment.member_count)
    assert [segment] == await mailchimp.execute("list_segments", {"list_id": ACTIVE, "type": "saved"})
    with pytest.raises(InvalidArguments):
        await mailchimp.execute("create_segment", {**saved, "name": "Both", "static_segment": [JANE]})


# --- campaigns -------------------------------------------------------------------------------------------------------


async def test_a_campaign_goes_from_draft_to_report(mailchimp: Mailchimp, truth: Any, clock: Any):
    draft = await mailchimp.execute("create_campaign", CAMPAIGN)
    assert ("save", 1, "Spring sale") == (draft.status, draft.recipients.recipient_count, draft.settings.subject_line)
    checklist = await mailchimp.execute("get_send_checklist", {"campaign_id": draft.id})
    assert not checklist.is_ready
    assert ["Content"] == [item.heading for item in checklist.items if item.type == "error"]
    content = await mailchimp.execute("set_campaign_content", {"campaign_id": draft.id, "html": HTML})
    assert len(HTML) == content.html_chars
    assert HTML == (await mailchimp.execute("get_campaign_content", {"campaign_id": draft.id})).html
    with pytest.raises(NotFound):
        await mailchimp.execute("get_report", {"campaign_id": draft.id})
    sent = await mailchimp.execute("send_campaign", {"campaign_id": draft.id})
    assert "sending" == sent.status
    clock.at += 2
    assert "sent" == (await mailchimp.execute("get_campaign", {"campaign_id": draft.id})).status
    report = await mailchimp.execute("get_report", {"campaign_id": draft.id})
    assert (1, 0, 0) == (report.emails_sent, report.opens.opens_total, report.bounces.hard_bounces)
    assert [JANE] == [message["email"] for message in truth()["messages"]]


async def test_a_campaign_whose_answer_was_lost_is_found_by_its_title(mailchimp: Mailchimp, fail: Any, truth: Any):
    await mailchimp.execute("create_campaign", {**CAMPAIGN, "list_id": NEW})  # same title, other audience
    fail(kind="commit_then_drop", method="POST", count=1)
    performed = await mailchimp.perform("create_campaign", CAMPAIGN, reference="run-1")
    assert WriteStatus.CONFIRMED == performed.status
    assert {NEW, ACTIVE} == {campaign["list_id"] for campaign in truth()["campaigns"].values()}
    assert ACTIVE == performed.value.recipients.list_id


async def test_a_campaign_that_never_arrived_is_created_by_a_later_try(
    mailchimp: Mailchimp, fail: Any, truth: Any, calls: list[CallRecord], age: Any
):
    fail(kind="reset", method="POST", count=1)
    lost = await mailchimp.perform("create_campaign", CAMPAIGN, reference="run-1")
    assert WriteStatus.UNKNOWN == lost.status
    assert 1 == sum(call.method == "POST" for call in calls)  # never sent again blindly
    soon = await mailchimp.perform("create_campaign", CAMPAIGN, reference="run-1")
    assert WriteStatus.UNKNOWN == soon.status  # not there yet is no proof
    await age(6)
    again = await mailchimp.perform("create_campaign", CAMPAIGN, reference="run-1")
    assert WriteStatus.CONFIRMED == again.status
    assert [again.value.id] == list(truth()["campaigns"])
    with pytest.raises(EffectConflict):
        await mailchimp.execute("create_campaign", {**CAMPAIGN, "subject_line": "Other"}, reference="run-1")


async def test_a_campaign_may_go_to_a_segment(mailchimp: Mailchimp, truth: Any):
    segment = await mailchimp.execute("create_segment", {"list_id": ACTIVE, "name": "Chosen", "static_segment": [JANE]})
    campaign = await mailchimp.execute("create_campaign", {**CAMPAIGN, "segment_id": segment.id})
    assert {"saved_segment_id": segment.id} == truth()["campaigns"][campaign.id]["segment"]
    assert 1 == campaign.recipients.recipient_count


async def test_mail_is_sent_once_though_the_answer_was_lost(mailchimp: Mailchimp, fail: Any, truth: Any):
    campaign_id = await ready_campaign(mailchimp)
    fail(kind="commit_then_drop", path="*/actions/send", count=1)
    performed = await mailchimp.perform("send_campaign", {"campaign_id": campaign_id}, reference="send-1")
    assert WriteStatus.CONFIRMED == performed.status
    again = await mailchimp.perform("send_campaign", {"campaign_id": campaign_id}, reference="send-1")
    assert WriteStatus.SKIPPED == again.status
    assert [JANE] == [message["email"] for message in truth()["messages"]]


async def test_a_campaign_that_is_not_ready_is_not_sent(mailchimp: Mailchimp, truth: Any):
    draft = await mailchimp.execute("create_campaign", CAMPAIGN)
    with pytest.raises(Rejected, match="not ready"):
        await mailchimp.execute("send_campaign", {"campaign_id": draft.id})
    assert [] == truth()["messages"]


async def test_a_campaign_is_scheduled_and_taken_back(mailchimp: Mailchimp, truth: Any):
    campaign_id = await ready_campaign(mailchimp)
    local = TOMORROW.isoformat().replace("09:15:00+00:00", "14:45:00+05:30")  # the same moment elsewhere
    state = await mailchimp.execute("schedule_campaign", {"campaign_id": campaign_id, "schedule_time": local})
    assert ("schedule", TOMORROW) == (state.status, state.schedule_time)
    assert TOMORROW.isoformat() == truth()["campaigns"][campaign_id]["schedule_time"]
    state = await mailchimp.execute("unschedule_campaign", {"campaign_id": campaign_id})
    assert "save" == state.status
    assert truth()["campaigns"][campaign_id]["schedule_time"] is None


@pytest.mark.parametrize("time", ["2027-01-16T09:10:00Z", "2027-01-16T09:15:30Z", "2027-01-16T09:15:00", "tomorrow"])
async def test_a_time_that_is_no_quarter_hour_of_a_known_zone_is_refused_before_anything_is_sent(
    mailchimp: Mailchimp, calls: list[CallRecord], time: str
):
    with pytest.raises(InvalidArguments, match="schedule_time"):
        await mailchimp.execute("schedule_campaign", {"campaign_id": "c", "schedule_time": time})
    assert [] == calls


async def test_a_time_in_the_past_is_refused_with_the_reason(mailchimp: Mailchimp):
    campaign_id = await ready_campaign(mailchimp)
    with pytest.raises(Rejected, match="future"):
        await mailchimp.execute(
            "schedule_campaign", {"campaign_id": campaign_id, "schedule_time": "2027-01-15T07:45:00Z"}
        )


@pytest.mark.parametrize("action", ["schedule_campaign", "unschedule_campaign"])
async def test_a_lost_answer_to_a_schedule_is_settled_by_the_campaigns_status(
    mailchimp: Mailchimp, fail: Any, action: str
):
    campaign_id = await ready_campaign(mailchimp)
    timed = {"campaign_id": campaign_id, "schedule_time": TOMORROW}
    if action == "unschedule_campaign":
        await mailchimp.execute("schedule_campaign", timed)
        del timed["schedule_time"]
    fail(kind="commit_then_drop", path="*/actions/*", count=1)
    performed = await mailchimp.perform(action, timed, reference="at-1")
    assert WriteStatus.CONFIRMED == performed.status


async def test_content_needs_something_to_set(mailchimp: Mailchimp, calls: list[CallRecord]):
    for content in ({}, {"html": HTML, "template": {"id": 1}}):
        with pytest.raises(InvalidArguments):
            await mailchimp.execute("set_campaign_content", {"campaign_id": "c", **content})
    assert [] == calls


async def test_content_may_come_from_a_template(mailchimp: Mailchimp):
    draft = await mailchimp.execute("create_campaign", CAMPAIGN)
    [template, _] = await mailchimp.execute("list_templates")
    filled = {"id": template.id, "sections": {"body": "<p>Only today</p>"}}
    await mailchimp.execute("set_campaign_content", {"campaign_id": draft.id, "template": filled})
    text = await mailchimp.execute("get_campaign_content", {"campaign_id": draft.id})
    assert "Only today" in text.html
    assert "Only today" in text.plain_text


# --- failures --------------------------------------------------------------------------------------------------------


async def test_a_problem_names_the_fields_that_are_wrong(mailchimp: Mailchimp):
    with pytest.raises(Rejected) as refused:
        await mailchimp.execute("create_campaign", {**CAMPAIGN, "reply_to": "nobody"})
    assert "Invalid Resource" == refused.value.code
    assert "settings.reply_to" in refused.value.for_model


async def test_an_answer_without_a_problem_document_is_still_an_error(ledger: Ledger):
    mailchimp = Mailchimp(
        api_key=KEY,
        ledger=ledger,
        recorder=lambda _: None,
        transport=httpx.MockTransport(lambda _: httpx.Response(400, text="<html>Bad</html>")),
    )
    with pytest.raises(UnreadableAnswer) as refused:
        await mailchimp.connect()
    assert "html" not in refused.value.for_model


# --- against the vendor's specification ------------------------------------------------------------------------------


async def test_every_request_fits_the_vendors_specification(specs: Path, on_wire: Mailchimp, wire: Wire):
    described = Specification(read_json(specs / "mailchimp.json"), prefix="/3.0")
    tried: set[str] = set()

    async def do(action: str, params: dict[str, Any]) -> Any:
        tried.add(action)
        return await on_wire.execute(action, params)

    member = {
        "status": "subscribed",
        "merge_fields": {"FNAME": "Ada"},
        "language": "en",
        "vip": True,
        "email_type": "html",
        "timestamp_opt": "2026-01-01T00:00:00Z",
        "ip_opt": "127.0.0.1",
    }
    for action in ("ping", "get_account"):
        await do(action, {})
    await do("list_audiences", {"limit": 5})
    await do("get_audience", {"list_id": NEW})
    await do("list_merge_fields", {"list_id": NEW})
    ada = {"list_id": NEW, "email": "ada@example.com"}
    await do("upsert_member", {**ada, **member, "skip_merge_validation": True})
    batch = [{**member, "email_address": "b@example.com"}]
    await do("upsert_members", {"list_id": NEW, "members": batch, "skip_merge_validation": True})
    await do("list_members", {"list_id": NEW, "status": "subscribed", "since_last_changed": "2026-01-01T00:00:00Z"})
    await do("get_member", ada)
    await do("update_tags", {**ada, "tags": [{"name": "vip"}], "is_syncing": True})
    segment = await do("create_segment", {"list_id": NEW, "name": "S", "static_segment": ["b@example.com"]})
    by_name = {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "Ada"}
    await do("create_segment", {"list_id": NEW, "name": "C", "conditions": [by_name]})
    await do(
        "add_segment_members",
        {"list_id": NEW, "segment_id": segment.id, "email_addresses": ["ada@example.com"]},
    )
    await do("list_segments", {"list_id": NEW, "type": "saved"})
    full = {**CAMPAIGN, "list_id": NEW, "preview_text": "p", "to_name": "*|FNAME|*", "segment_id": segment.id}
    campaign = await do("create_campaign", full)
    one = {"campaign_id": campaign.id}
    await do("create_campaign", {**CAMPAIGN, "type": "plaintext", "segment_conditions": [by_name], "list_id": NEW})
    await do("set_campaign_content", {**one, "html": HTML, "plain_text": "Hello"})
    await do("set_campaign_content", {**one, "template": {"id": 10001, "sections": {"body": "x"}}})
    for action in ("get_campaign_content", "get_campaign", "get_send_checklist"):
        await do(action, one)
    await do("list_campaigns", {"list_id": NEW, "status": "save"})
    await do("schedule_campaign", {**one, "schedule_time": TOMORROW})
    await do("unschedule_campaign", one)
    await do("send_campaign", one)
    await do("get_report", one)
    await do("archive_member", ada)
    [automation] = await do("list_automations", {"status": "save"})
    await do("get_automation", {"workflow_id": automation.id})
    [template, _] = await do("list_templates", {"type": "user"})
    await do("get_template", {"template_id": template.id})
    assert set(on_wire.specs) == tried
    problems = [problem for sent in wire.requests for problem in described.of(sent)]
    assert [] == problems


def test_the_check_against_the_specification_finds_misspelt_fields(specs: Path):
    described = Specification(read_json(specs / "mailchimp.json"), prefix="/3.0")
    body = json.dumps({"members": [{"email": "ada@example.com"}], "update": True}).encode()
    found = described.problems("POST", f"/3.0/lists/{NEW}", "", body, "application/json")
    assert ["body.members.0.email is unknown", "body.update is unknown"] == [one.partition(": ")[2] for one in found]
