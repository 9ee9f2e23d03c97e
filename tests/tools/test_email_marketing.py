"""The e-mail tools against the sandbox: nothing is mailed, nobody is subscribed, and what cannot be is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aging import age_effects
from newfuse import VendorError
from tools import campaign_records, email_marketing

PREPARING = email_marketing.TOOLS[:5]


def campaign(**changes: Any) -> dict[str, Any]:
    return {
        "type": "news",
        "list_name": "active_customers",
        "subject_line": "News",
        "template": "product_update_template",
        **changes,
    }


def soon(**delta: int) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


async def run_all(run) -> None:
    for tool in email_marketing.TOOLS:
        await run.call(tool)


async def test_the_sample_prepares_the_welcome_and_refuses_the_past_announcement(bench):
    run = bench()
    members = {id_: row["members"] for id_, row in run.truth("mailchimp")["lists"].items()}
    await run_all(run)
    assert ["confirmed", "rejected"] == run.dispositions("email_campaigns")
    past = run.entries("email_campaigns")[1]
    assert "send_time_past" == past.rule
    assert past.reason.startswith("email_campaigns[1]: send_time: 2024-01-15T10:00:00Z is in the past")
    truth = run.truth("mailchimp")
    [made] = truth["campaigns"].values()
    assert ("save", "Welcome to Our Platform!", None) == (
        made["status"],
        made["subject_line"],
        made["schedule_time"],
    )
    assert (members, []) == ({id_: row["members"] for id_, row in truth["lists"].items()}, truth["messages"])
    assert (1, 1, 0, 1) == tuple(
        run.fact(f"email.{name}")
        for name in ("campaigns_created", "campaigns_rejected", "campaigns_scheduled", "automations_found")
    )
    assert run.fact("email.emails_sent") is None
    assert any("'Welcome series'" in note for note in run.job.notes)
    assert {"Consent": True, "Unsubscribe link in every campaign": True} == {
        check.name: check.passed for check in run.job.checks
    }


async def test_calling_everything_twice_creates_nothing_more(bench):
    run = bench()
    await run_all(run)
    truth = run.truth("mailchimp")
    await run_all(run)
    assert truth == run.truth("mailchimp")
    assert ["confirmed", "rejected"] == run.dispositions("email_campaigns")
    assert (1, 1) == (run.fact("email.campaigns_created"), run.fact("email.segments_created"))


async def test_a_second_run_skips_what_the_first_has_made(bench):
    rows = {"email_campaigns": [campaign(send_time=soon(days=2)), campaign(subject_line="Other")]}
    run = bench(**rows)
    await run_all(run)
    assert ["confirmed", "confirmed"] == run.dispositions("email_campaigns")
    truth = run.truth("mailchimp")
    again = run.again(rows)
    await run_all(again)
    assert ["skipped", "skipped"] == again.dispositions("email_campaigns")
    assert truth == again.truth("mailchimp")


async def test_a_campaign_that_was_scheduled_in_time_is_skipped_when_its_time_is_past(bench):
    rows = {"email_campaigns": [campaign(send_time=soon(days=2))]}
    run = bench(**rows)
    await run_all(run)
    again = run.again(rows)
    again.job.now = lambda: datetime.now(UTC) + timedelta(days=3)
    await run_all(again)
    assert ["skipped"] == again.dispositions("email_campaigns")


async def test_a_time_off_the_quarter_hour_is_moved_to_the_next_and_said(bench):
    at = (datetime.now(UTC) + timedelta(days=1)).replace(minute=7, second=5, microsecond=0)
    run = bench(email_campaigns=[campaign(send_time=at.isoformat())])
    for tool in PREPARING:
        await run.call(tool)
    [made] = run.truth("mailchimp")["campaigns"].values()
    assert ("schedule", at.replace(minute=15, second=0)) == (
        made["status"],
        datetime.fromisoformat(made["schedule_time"]),
    )
    assert any("quarter hours" in note for note in run.job.notes)
    assert 1 == run.fact("email.campaigns_scheduled")


async def test_what_does_not_fit_is_rejected_by_name_with_what_there_is(bench):
    rows = [
        campaign(list_name="nobody"),
        campaign(template="missing"),
        campaign(send_time="tomorrow"),
        campaign(send_time="2030-01-01T10:00:00"),
        campaign(subject_line="x" * 200),
        {"type": "news"},
        7,
    ]
    run = bench(email_campaigns=rows)
    result = await run.call(email_marketing.check_compliance)
    assert ["rejected"] * 7 == run.dispositions("email_campaigns")
    assert (0, 7) == (result.data["compliant"], result.data["rejected"])
    reasons = [entry.reason for entry in run.entries("email_campaigns")]
    assert (
        "email_campaigns[0]: list_name: there is no audience 'nobody'; there are: active_customers, new_subscribers"
        == reasons[0]
    )
    assert ["unknown_audience", "unknown_template", "invalid_send_time", "invalid_send_time"] == [
        entry.rule for entry in run.entries("email_campaigns")[:4]
    ]
    assert {} == run.truth("mailchimp")["campaigns"]


async def test_an_audience_where_nobody_is_subscribed_is_not_mailed(bench):
    run = bench(email_campaigns=[campaign()])
    mailchimp = await run.job.integration("mailchimp")
    [audience] = [row for row in await mailchimp.execute("list_audiences", {}) if row["name"] == "active_customers"]
    changed = {"list_id": audience["id"], "email": "jane.smith@example.com", "status": "unsubscribed"}
    await mailchimp.execute("upsert_member", changed)
    await run.call(email_marketing.prepare_campaigns)
    [entry] = run.entries("email_campaigns")
    assert ("rejected", "no_consent") == (entry.disposition.value, entry.rule)


async def test_a_template_without_an_unsubscribe_link_keeps_the_campaign_from_being_scheduled(bench, server):
    run = bench(email_campaigns=[campaign(send_time=soon(days=2))])
    for template in server.sandbox.vendors["mailchimp"].state.templates.values():
        template.html = template.html.replace("*|UNSUB|*", "https://example.com")
    for tool in PREPARING:
        await run.call(tool)
    [entry] = run.entries("email_campaigns")
    assert ("rejected", "no_unsubscribe_link") == (entry.disposition.value, entry.rule)
    [made] = run.truth("mailchimp")["campaigns"].values()
    assert "save" == made["status"]
    assert [False] == [check.passed for check in run.job.checks if check.name.startswith("Unsubscribe")]


async def test_a_campaign_that_was_sent_has_its_performance_measured(bench, clock):
    run = bench(email_campaigns=[campaign()])
    for tool in PREPARING:
        await run.call(tool)
    mailchimp = await run.job.integration("mailchimp")
    [id_] = run.truth("mailchimp")["campaigns"]
    await mailchimp.execute("send_campaign", {"campaign_id": id_})
    clock.passed_s = 3600
    await run.call(email_marketing.track_performance)
    truth = run.truth("mailchimp")
    assert 1 == len(truth["messages"]) == run.fact("email.emails_sent") == run.fact("email.campaigns_sent")
    assert 100.0 == run.fact("email.deliverability")


async def test_mailchimp_answering_500_fails_the_campaigns_with_its_error(bench):
    run = bench()
    run.fault("mailchimp", "status", status=500)
    with pytest.raises(VendorError):
        await run.call(email_marketing.prepare_campaigns)
    assert ["failed", "failed"] == run.dispositions("email_campaigns")


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/3.0/campaigns", "method": "POST", "count": 2},
        {"path": "/3.0/lists", "count": 3},
        {"path": "/3.0/templates", "count": 3},
    ],
)
async def test_a_part_of_mailchimp_that_fails_leaves_nothing_pending_and_is_mended_by_the_next_call(bench, fault):
    run = bench(email_campaigns=[campaign(), campaign(subject_line="Two")])
    run.fault("mailchimp", "status", status=500, **fault)
    with pytest.raises(VendorError):
        await run.call(email_marketing.prepare_campaigns)
    assert "pending" not in run.dispositions("email_campaigns")
    run.server.sandbox.faults.clear()
    await age_effects(run.store, minutes=6)
    await run.call(email_marketing.prepare_campaigns)
    assert ["confirmed", "confirmed"] == run.dispositions("email_campaigns")
    assert 2 == len(run.truth("mailchimp")["campaigns"])


async def test_a_lost_answer_creates_one_campaign(bench):
    run = bench(email_campaigns=[campaign()])
    run.fault("mailchimp", "commit_then_drop", path="/3.0/campaigns", method="POST", count=1)
    await run.call(email_marketing.prepare_campaigns)
    assert ["confirmed"] == run.dispositions("email_campaigns")
    assert 1 == len(run.truth("mailchimp")["campaigns"])


def test_the_next_quarter_hour_is_the_moment_itself_when_it_is_one():
    on = datetime(2030, 1, 1, 10, 45, tzinfo=UTC)
    assert on == campaign_records.next_quarter_hour(on)
    assert on + timedelta(minutes=15) == campaign_records.next_quarter_hour(on + timedelta(microseconds=1))
