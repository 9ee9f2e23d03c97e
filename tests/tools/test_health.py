"""The orchestrator's tools: measured health, and checks that can fail."""

from __future__ import annotations

from datetime import UTC, datetime

from newfuse import Dataset
from newfuse.report.results import DatasetAccount, EffectCounts, TaskOutcome, TaskStatus
from tools import analytics, crm, email_marketing, health, payments


async def run_crew(run) -> None:
    for module in (crm, payments, email_marketing, analytics):
        for tool in module.TOOLS:
            await run.call(tool)


def checks(run) -> dict[str, bool | None]:
    return {check.name: check.passed for check in run.job.checks}


async def test_health_is_a_call_with_its_time_and_latency(bench):
    run = bench()
    result = await run.call(health.check_integration_health)
    assert {"ga4", "hubspot", "mailchimp", "stripe"} == set(result.data)
    for slug, found in result.data.items():
        assert found["ok"] is True
        assert found["latency_ms"] > 0
        assert run.calls(slug) > 0
        assert run.fact(f"health.{slug}.latency_ms") == found["latency_ms"]


async def test_a_vendor_that_is_down_is_red_and_only_that_one(bench):
    run = bench()
    run.fault("stripe", "status", status=500)
    result = await run.call(health.check_integration_health)
    assert {"stripe"} == {slug for slug, found in result.data.items() if not found["ok"]}
    assert (False, None, 3, 4) == tuple(
        run.fact(f"health.{name}") for name in ("stripe.ok", "stripe.latency_ms", "integrations_ok", "integrations")
    )
    assert checks(run) == {"Every integration answers": False}


async def test_the_sample_run_flows(bench):
    run = bench()
    await run_crew(run)
    result = await run.call(health.validate_data_flow)
    assert {
        "Every record is accounted for",
        "Paying customers are contacts of the CRM",
        "Contacts agree with the CRM",
        "Payments agree with Stripe",
        "Events arrived in Analytics",
    } == {check["check"] for check in result.data["checks"]}
    assert all(checks(run).values())
    assert (2, 2, 8) == tuple(
        run.fact(f"flow.{name}") for name in ("paying_customers", "paying_customers_in_crm", "records_accounted_for")
    )
    assert (5, 5) == (result.data["passed"], result.data["total"])
    again = await run.call(health.validate_data_flow)
    assert result.data == again.data


async def test_a_paying_customer_whom_the_crm_does_not_know_is_found(bench):
    run = bench(
        payments=[
            {"amount": 1_000, "currency": "usd", "customer_email": "stranger@example.com"},
            {"amount": 1_000, "currency": "usd", "customer_email": "maria.garcia@example.com"},
        ]
    )
    await run.call(payments.process_payments)
    result = await run.call(health.validate_data_flow)
    [found] = [check for check in result.data["checks"] if check["check"].startswith("Paying")]
    assert found["passed"] is False
    assert found["evidence"].endswith("missing: payments[0]")
    assert (2, 1) == (run.fact("flow.paying_customers"), run.fact("flow.paying_customers_in_crm"))


async def test_the_records_of_any_dataset_are_accounted_for(bench):
    run = bench()
    run.job.run.datasets.add(Dataset.from_rows("parcels", [{}, {}, {}]))
    await run_crew(run)
    result = await run.call(health.validate_data_flow)
    [found] = [check for check in result.data["checks"] if check["check"] == "Every record is accounted for"]
    assert (False, True) == (found["passed"], found["evidence"].startswith("8 of 11 records"))


async def test_records_nobody_worked_on_are_not_accounted_for(bench):
    run = bench()
    result = await run.call(health.validate_data_flow)
    assert checks(run)["Every record is accounted for"] is False
    assert 0 == run.fact("flow.records_accounted_for")
    assert {"Every record is accounted for": False} == {
        check["check"]: check["passed"] for check in result.data["checks"] if check["passed"] is not None
    }
    assert (0, 1, 4) == tuple(result.data[name] for name in ("passed", "total", "not_made"))


async def test_where_there_is_nothing_to_compare_nothing_is_said_to_have_passed(bench):
    run = bench(customers=[], payments=[], email_campaigns=[], analytics_events=[])
    await run_crew(run)
    await run.call(health.validate_data_flow)
    assert {None} == set(checks(run).values())
    assert 11 == len(checks(run))
    vendor = [fact for fact in run.job.run.facts if fact.source["kind"] == "vendor" and fact.value is not None]
    assert {"list_audiences", "list_contacts", "list_key_events", "run_report"} == {
        fact.source["action"] for fact in vendor
    }


async def test_a_crm_that_cannot_be_asked_is_not_measured(bench):
    run = bench(payments=[{"amount": 1_000, "currency": "usd", "customer_email": "stranger@example.com"}])
    await run.call(payments.process_payments)
    run.fault("hubspot", "status", status=500)
    await run.call(health.validate_data_flow)
    assert run.fact("flow.paying_customers_in_crm") is None
    assert checks(run)["Paying customers are contacts of the CRM"] is None


async def test_outcomes_are_summed_up_by_task(bench):
    run = bench()
    now = datetime.now(UTC)
    for name, status in (("one", TaskStatus.COMPLETED), ("two", TaskStatus.FAILED)):
        run.job.run.outcomes[name] = TaskOutcome(
            name=name,
            title=name,
            agent="a",
            role="r",
            status=status,
            started_at=now,
            finished_at=now,
            error=None if status is TaskStatus.COMPLETED else "stripe: down",
            effects=EffectCounts(planned=2, confirmed=2),
            datasets=[DatasetAccount(name="d", total=2, counts={"confirmed": 2}, rules={}, exceptions=[])],
        )
    result = await run.call(health.summarize_outcomes)
    assert (1, 1) == (result.data["completed"], result.data["failed"])
    assert {
        "status": "failed",
        "error": "stripe: down",
        "writes": {"planned": 2, "confirmed": 2},
        "records": {"confirmed": 2},
    } == result.data["tasks"]["two"]
