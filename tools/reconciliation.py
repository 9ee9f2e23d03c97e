"""Compares payments with what Stripe shows of them: amounts, currencies, statuses, and what was given back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from newfuse import Entry, Integration, Job, NewFuseError
from tools.flow import each
from tools.payment_records import in_currency

AT_ONCE = 8
REFUNDS_LISTED = 1_000  # the newest, ten requests at most: finds refunds that nobody asked us for
DIFFERENCES_SHOWN = 20
GIVEN_BACK = frozenset({"succeeded", "pending"})  # https://docs.stripe.com/api/refunds/object: pending is on its way
ON_THE_WAY = frozenset({"processing", "requires_action", "requires_payment_method", "requires_confirmation"})

AMOUNTS = ("requested_minor", "authorized_minor", "captured_minor", "refunded_minor")


async def reconcile(
    job: Job, stripe: Integration | None, valid: Sequence[Entry], paid: Sequence[Entry]
) -> dict[str, Any]:
    """Read payments back, record the amounts per currency as facts, and check that they agree with the records.

    Args:
        job: Takes the facts and the checks.
        stripe: The vendor; None when there is nothing to read.
        valid: The payments that were to be made.
        paid: Those of them that have a payment intent.

    Returns:
        `payments`, `matched`, `mismatched`, `differences` (first ones) and `amounts` per currency.

    Raises:
        NewFuseError: The vendor could not be read; the amounts are then recorded as not measured.
    """
    intents: dict[str, Any] = {}
    refunds: dict[str, int] = defaultdict(int)
    if stripe is not None:
        try:
            intents = await _read_intents(job, stripe, paid)
            refunds = await _read_refunds(stripe, paid)
        except NewFuseError as exc:
            _record(job, {currency: dict.fromkeys(AMOUNTS) for currency in in_currency(valid)})
            job.check("Payments reconcile", False, f"Stripe could not be read: {exc.for_model}", critical=True)
            raise
    amounts: dict[str, dict[str, Any]] = {}
    for currency, entries in in_currency(valid).items():
        there = [intents[entry.data["intent"]] for entry in entries if entry.data.get("intent") in intents]
        amounts[currency] = {
            "requested_minor": sum(entry.data["amount"] for entry in entries),
            "authorized_minor": sum(intent["amount_capturable"] for intent in there),
            "captured_minor": sum(intent["amount_received"] for intent in there),
            "refunded_minor": sum(refunds[intent["id"]] for intent in there),
        }
    _record(job, amounts)
    differences = [
        {"place": entry.place, "difference": difference}
        for entry in paid
        for difference in _differences(entry, intents.get(entry.data["intent"]), refunds[entry.data["intent"]])
    ]
    wrong = len({difference["place"] for difference in differences})
    job.fact("payments.read_back", len(intents), "payments", **_VENDOR)
    job.fact("payments.mismatched", wrong, "payments", **_VENDOR)
    evidence = f"{len(paid) - wrong} of {len(paid)} payments agree with Stripe in amount, currency, status and refunds"
    job.check("Payments reconcile", wrong == 0, evidence, critical=True)
    _check_mode(job, list(intents.values()))
    if differences:
        job.table("Payments that differ from Stripe", list(differences[:DIFFERENCES_SHOWN]))
    return {
        "payments": len(paid),
        "matched": len(paid) - wrong,
        "mismatched": wrong,
        "differences": differences[:DIFFERENCES_SHOWN],
        "amounts": amounts,
    }


_VENDOR: dict[str, Any] = {"kind": "vendor", "integration": "stripe", "action": "get_payment_intent"}


def _record(job: Job, amounts: dict[str, dict[str, Any]]) -> None:
    for currency, sums in amounts.items():
        for name, value in sums.items():
            source = {"kind": "dataset", "dataset": "payments"} if name == "requested_minor" else _VENDOR
            job.fact(f"payments.{name}.{currency}", value, f"{currency} minor units", **source)


def _check_mode(job: Job, intents: list[Any]) -> None:
    if intents:
        live = sum(bool(intent["livemode"]) for intent in intents)
        expected = len(intents) if job.run.mode == "live" else 0
        evidence = f"{live} of {len(intents)} payments were made in Stripe's live mode, in a {job.run.mode} run"
        job.check("Payments in the right mode", live == expected, evidence, critical=True)


async def _read_intents(job: Job, stripe: Integration, paid: Sequence[Entry]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    errors: list[NewFuseError] = []

    async def read(entry: Entry) -> None:
        if errors:
            return
        try:
            intent = await stripe.execute("get_payment_intent", {"payment_intent_id": entry.data["intent"]})
        except NewFuseError as exc:
            errors.append(exc)
            return
        found[intent["id"]] = intent
        job.progress(len(found), len(paid), "reading payments back")

    await each(paid, read, at_once=AT_ONCE)
    if errors:
        raise errors[0]
    return found


async def _read_refunds(stripe: Integration, paid: Sequence[Entry]) -> dict[str, int]:
    """Return what was given back, in minor units by payment."""
    rows = {row["id"]: row for row in await stripe.execute("list_refunds", {"limit": REFUNDS_LISTED})}
    if len(rows) == REFUNDS_LISTED:  # older ones are out of sight: ask for those that must be there
        for entry in paid:
            if entry.data.get("refunded"):
                asked = {"payment_intent_id": entry.data["intent"]}
                rows |= {row["id"]: row for row in await stripe.execute("list_refunds", asked)}
    given: dict[str, int] = defaultdict(int)
    for row in rows.values():
        if row["payment_intent"] and row["status"] in GIVEN_BACK:
            given[row["payment_intent"]] += row["amount"]
    return given


def _differences(entry: Entry, intent: Any, refunded: int) -> list[str]:
    data = entry.data
    if intent is None:
        return ["Stripe does not show it"]
    terms = [("amount", data["amount"], intent["amount"]), ("currency", data["currency"], intent["currency"])]
    if data["status"] in ON_THE_WAY:  # it may have gone on since
        data["status"] = intent["status"]
        return [f"{name}: {ours} here, {theirs} at Stripe" for name, ours, theirs in terms if ours != theirs]
    received = data["amount"] if data["status"] == "succeeded" else 0
    pairs = [
        *terms,
        ("status", data["status"], intent["status"]),
        ("captured", received, intent["amount_received"]),
        ("refunded", data.get("refunded", 0), refunded),
    ]
    return [f"{name}: {ours} here, {theirs} at Stripe" for name, ours, theirs in pairs if ours != theirs]
