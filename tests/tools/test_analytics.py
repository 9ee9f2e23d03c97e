"""The analytics tools against the sandbox: validated first, sent once, read back."""

from __future__ import annotations

from typing import Any

import pytest

from newfuse import VendorError
from tools import analytics, event_records


def event(**changes: Any) -> dict[str, Any]:
    return {"event_category": "app", "event_action": "open", "event_label": "main", **changes}


async def run_all(run) -> None:
    for tool in analytics.TOOLS:
        await run.call(tool)


async def test_the_sample_is_validated_sent_and_read_back(bench):
    run = bench()
    await run_all(run)
    assert ["confirmed", "confirmed"] == run.dispositions("analytics_events")
    truth = run.truth("ga4")
    assert {"subscription_upgrade": 1, "feature_usage_api_call": 1} == truth["counts"]
    [upgrade] = [row for row in truth["events"] if row["name"] == "subscription_upgrade"]
    assert {
        "event_category": "subscription",
        "event_action": "upgrade",
        "event_label": "premium_plan",
        "user_segment": "power_user",
        "trial_length": "14_days",
    } == upgrade["params"]
    assert event_records.pseudonym() == upgrade["client_id"]
    assert (2, 2, 0, 100.0) == tuple(
        run.fact(f"analytics.{name}") for name in ("events_sent", "events_seen", "gaps", "data_quality")
    )
    assert [True] == [check.passed for check in run.job.checks if check.name == "Analytics data gaps"]


async def test_calling_it_twice_and_running_it_twice_sends_once(bench):
    run = bench()
    await run_all(run)
    await run_all(run)
    assert ["confirmed", "confirmed"] == run.dispositions("analytics_events")
    again = run.again()
    await run_all(again)
    assert ["skipped", "skipped"] == again.dispositions("analytics_events")
    assert 2 == len(run.truth("ga4")["events"])
    assert (0, 2) == (again.fact("analytics.events_sent"), again.fact("analytics.events_skipped"))


async def test_twice_the_same_is_two_events_and_the_same_reference_is_one(bench):
    rows = {
        "analytics_events": [
            event(),
            event(),
            event(reference="e1"),
            event(reference="e1"),
            event(reference="e1", event_label="other"),
        ]
    }
    run = bench(**rows)
    await run_all(run)
    assert ["confirmed", "confirmed", "confirmed", "duplicate", "rejected"] == run.dispositions("analytics_events")
    assert 3 == len(run.truth("ga4")["events"])
    again = run.again(rows)
    await run_all(again)
    assert 3 == len(run.truth("ga4")["events"])


async def test_what_google_or_our_rules_refuse_is_rejected_by_name(bench):
    run = bench(
        analytics_events=[
            event(),
            event(event_category="session", event_action="start"),
            event(event_category="x" * 60),
            event(event_category="123"),
            event(event_label="call ada@example.com"),
            event(custom_dimensions={"a": {"b": 1}}),
            event(custom_dimensions={"ga_x": "1"}),
            event(event_category="purchase", event_action="!"),  # becomes `purchase`, which needs more
            event(value="ten"),
            "text",
        ]
    )
    result = await run.call(analytics.validate_events)
    assert ["pending"] + ["rejected"] * 9 == run.dispositions("analytics_events")
    assert [
        "reserved_name",
        "invalid_name",
        "invalid_name",
        "personal_data",
        "invalid_field",
        "invalid_name",
        "VALUE_REQUIRED",
        "invalid_field",
        "not_an_object",
    ] == [entry.rule for entry in run.entries("analytics_events")[1:]]
    assert (1, 9) == (result.data["valid"], result.data["rejected"])
    assert [] == run.truth("ga4")["events"]
    await run.call(analytics.send_events)
    assert 1 == len(run.truth("ga4")["events"])


async def test_one_bad_event_among_many_is_found_and_the_others_are_sent(bench):
    rows = [event(custom_dimensions={"n": index}) for index in range(60)]
    rows[30] = event(event_category="purchase", event_action="!")
    run = bench(analytics_events=rows)
    result = await run.call(analytics.send_events)
    assert (59, 1) == (result.data["sent"], result.data["rejected"])
    assert 59 == len(run.truth("ga4")["events"])


async def test_conversions_become_key_events_and_are_counted(bench):
    run = bench(analytics_events=[event(conversion=True, value=9.5, currency="usd"), event()])
    await run_all(run)
    truth = run.truth("ga4")
    assert "app_open" in truth["key_event_definitions"]
    assert (1, 1) == (run.fact("analytics.key_events_created"), run.fact("analytics.conversions_sent"))
    [converted] = [row for row in truth["events"] if "value" in row["params"]]
    assert (9.5, "USD") == (converted["params"]["value"], converted["params"]["currency"])
    await run.call(analytics.configure_conversions)
    assert 1 == run.fact("analytics.key_events_created")


async def test_without_access_to_reports_nothing_is_claimed(bench):
    run = bench()
    ga4 = run.job.run.registry.get_integration("ga4")
    for name in ("property_id", "access_token"):
        ga4._given.pop(name)
    await run_all(run)
    assert 2 == run.fact("analytics.events_sent")
    assert (None, None, None) == tuple(run.fact(f"analytics.{name}") for name in ("events_seen", "gaps", "key_events"))
    assert 2 == sum("could not be" in note for note in run.job.notes)


async def test_google_answering_500_fails_the_events_with_its_error(bench):
    run = bench()
    run.fault("ga4", "status", status=500)
    with pytest.raises(VendorError):
        await run.call(analytics.send_events)
    assert ["failed", "failed"] == run.dispositions("analytics_events")


async def test_an_event_that_is_found_unfit_while_sending_is_counted_as_such_everywhere(bench):
    run = bench(analytics_events=[event(reference="e1")])
    await run.call(analytics.send_events)
    again = run.again({"analytics_events": [event(reference="e1", event_label="other"), event(reference="e2")]})
    await run_all(again)
    assert ["rejected", "confirmed"] == again.dispositions("analytics_events")
    names = ("events_valid", "events_rejected", "data_quality", "events_sent")
    assert (1, 1, 50.0, 1) == tuple(again.fact(f"analytics.{name}") for name in names)


async def test_events_that_google_refuses_to_look_at_are_failed_and_not_blamed_on_the_input(bench):
    run = bench()
    await run.job.integration("ga4")  # connecting asks there too
    run.fault("ga4", "status", status=400, path="/debug/mp/collect")
    result = await run.call(analytics.send_events)
    assert ["failed", "failed"] == run.dispositions("analytics_events")
    assert (2, 0) == (result.data["failed"], run.fact("analytics.events_rejected"))
    said = "not sent in this run: could not be validated: the vendor refused it: ga4 (HTTP 400)"
    assert all(entry.reason.startswith(said) for entry in run.entries("analytics_events"))


async def test_a_lost_answer_stays_unknown_and_is_not_sent_again(bench):
    run = bench(analytics_events=[event()])
    run.fault("ga4", "commit_then_drop", path="/mp/collect", count=1)
    with pytest.raises(VendorError):
        await run.call(analytics.send_events)
    assert ["unknown"] == run.dispositions("analytics_events")
    await run.call(analytics.send_events)
    assert ["unknown"] == run.dispositions("analytics_events")
    assert 1 == len(run.truth("ga4")["events"])


async def test_events_that_do_not_arrive_are_a_gap(bench, server):
    run = bench()
    await run.call(analytics.send_events)
    server.sandbox.vendors["ga4"]._store.kept.pop()
    await run.call(analytics.read_report)
    assert (1, 1) == (run.fact("analytics.events_seen"), run.fact("analytics.gaps"))
    assert [False] == [check.passed for check in run.job.checks if check.name == "Analytics data gaps"]
