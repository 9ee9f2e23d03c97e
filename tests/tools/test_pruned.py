"""A run long after another: the contents of what was written are pruned, and nothing is written again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newfuse import NewFuseError
from newfuse.effects.pruning import prune
from newfuse.store.schema import effects
from tools import crm, email_marketing, payments

PAYMENTS = [
    {"amount": 1000, "currency": "usd", "customer_email": "ada@example.com", "reference": "taken"},
    {"amount": 2000, "currency": "usd", "customer_email": "ada@example.com", "reference": "held"},
    {"amount": 3000, "currency": "usd", "customer_email": "bob@example.com", "reference": "back", "refund": True},
    {"amount": 4000, "currency": "usd", "customer_email": "bob@example.com", "reference": "part", "refund": 500},
]
PAYMENTS[1]["capture_method"] = "manual"


async def pay(run) -> None:
    await run.call(payments.process_payments)
    await run.call(payments.capture_payments)
    await run.call(payments.refund_payments)
    await run.call(payments.reconcile_payments)


async def years_later(run) -> None:
    """Let all that is settled be long ago, and prune it."""
    then = "2001-01-01T00:00:00+00:00"
    await run.store.write(lambda connection: connection.execute(effects.update().values(settled_at=then)))
    assert await prune(run.store, timedelta(days=90))


def writes(run) -> int:
    return sum(entry.method == "POST" and "search" not in entry.path for entry in run.server.sandbox.log)


def checks(run) -> dict[str, bool]:
    return {check.name: check.passed for check in run.job.checks}


async def test_pruned_payments_are_read_back_and_neither_charged_captured_nor_refunded_again(bench):
    first = bench(payments=PAYMENTS)
    await pay(first)
    before, sent = first.truth("stripe"), writes(first)
    await years_later(first)
    later = first.again({"payments": PAYMENTS})
    await pay(later)
    assert sent == writes(first)
    assert ["skipped"] * 4 == later.dispositions("payments")
    for name in ("captured_minor.usd", "refunded_minor.usd", "succeeded", "read_back", "mismatched"):
        assert first.fact(f"payments.{name}") == later.fact(f"payments.{name}")
    assert (True, 4) == (checks(later)["Payments reconcile"], later.fact("payments.read_back"))
    assert before["payment_intents"].keys() == first.truth("stripe")["payment_intents"].keys()


async def test_a_pruned_payment_that_cannot_be_read_back_is_said_to_be_done_and_unread(bench):
    first = bench(payments=PAYMENTS[:1])
    await first.call(payments.process_payments)
    await years_later(first)
    first.fault("stripe", "status", status=500, method="GET", path="/v1/payment_intents/*")
    later = first.again({"payments": PAYMENTS[:1]})
    with pytest.raises(NewFuseError):
        await later.call(payments.process_payments)
    [entry] = later.entries("payments")
    assert str(entry.reason).startswith("it is done, but could not be read back: ")
    first.server.sandbox.faults.clear()
    await later.call(payments.process_payments)
    assert ["skipped"] == later.dispositions("payments")


async def test_pruned_campaigns_and_contacts_are_found_again(bench):
    first = bench()
    tools = [
        email_marketing.check_compliance,
        email_marketing.create_segments,
        email_marketing.prepare_campaigns,
        email_marketing.schedule_campaigns,
        email_marketing.track_performance,
        crm.sync_contacts,
    ]
    for tool in tools:
        await first.call(tool)
    campaigns = first.truth("mailchimp")["campaigns"].keys()
    await years_later(first)
    later = first.again()
    for tool in tools:
        await later.call(tool)
    for name in ("email_campaigns", "customers"):
        before = first.dispositions(name)
        assert "confirmed" in before
        assert ["skipped" if one == "confirmed" else one for one in before] == later.dispositions(name)
    assert campaigns == first.truth("mailchimp")["campaigns"].keys()


async def test_a_pruned_segment_that_is_gone_from_mailchimp_is_said_to_be_gone(bench):
    first = bench()
    await first.call(email_marketing.check_compliance)
    await first.call(email_marketing.create_segments)
    await years_later(first)
    for audience in first.server.sandbox.vendors["mailchimp"].state.audiences.values():
        audience.segments.clear()
    later = first.again()
    await later.call(email_marketing.create_segments)
    reasons = [str(entry.reason) for entry in later.entries("email_campaigns") if entry.disposition.value == "failed"]
    assert reasons
    assert all("was created by an earlier run and is no longer listed in Mailchimp" in reason for reason in reasons)
