"""Compares payments with what Stripe shows of them: amounts, currencies, statuses, and what was given back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from newfuse import Disposition, Entry, Integration, Job, NewFuseError
from newfuse.records import Reading, count_records, read_each
from tools.payment_records import in_currency

AT_ONCE = 8
INTENTS, REFUNDS = "get_payment_intent", "list_refunds"
REFUNDS_LISTED = 1_000  # the newest, ten requests at most: finds refunds that nobody asked us for
DIFFERENCES_SHOWN = 20
GIVEN_BACK = frozenset({"succeeded", "pending"})  # https://docs.stripe.com/api/refunds/object: pending is on its way
ON_THE_WAY = frozenset({"processing", "requires_action", "requires_payment_method", "requires_confirmation"})


async def reconcile(
    job: Job, stripe: Integration | None, valid: Sequence[Entry], paid: Sequence[Entry]
) -> dict[str, Any]:
    """Read payments back, record the amounts per currency as facts, and check that they agree with the records.

    An amount is measured when all payments of its currency that exist were read. Where a payment may exist that nobody
    can read, since its creation is in doubt, the sum of the others would be too low: it is noted, not measured.

    Args:
        job: Takes the facts and the checks.
        stripe: The vendor; None when there is nothing to read.
        valid: The payments that were to be made.
        paid: Those of them that have a payment intent.

    Returns:
        `payments`, `matched`, `mismatched`, `differences` (first ones) and `amounts` per currency.

    Raises:
        NewFuseError: The vendor could not be read; the amounts are then not measured, and nothing is checked.
    """
    intents: dict[str, Any] = {}
    refunds: dict[str, int] = defaultdict(int)
    reading = job.reading("stripe", INTENTS, REFUNDS)
    down: NewFuseError | None = None
    try:
        async with reading:
            if stripe is not None:
                intents = await _read_intents(job, stripe, paid)
                refunds = await _read_refunds(stripe, paid)
    except NewFuseError as exc:
        down, intents = exc, {}
    amounts = _measure_amounts(job, reading, valid, intents, refunds)
    differences = [
        {"place": entry.place, "difference": difference}
        for entry in (paid if down is None else ())
        for difference in _differences(entry, intents.get(entry.data["intent"]), refunds[entry.data["intent"]])
    ]
    wrong = len({difference["place"] for difference in differences})
    reading.fact("payments.read_back", len(intents), "payments")
    reading.fact("payments.mismatched", wrong, "payments")
    if down is not None:
        job.check("Payments reconcile", None, f"Stripe could not be read: {down.for_model}", critical=True)
        raise down
    evidence = "there was no payment to read back"
    if paid:
        agreed = f"{len(paid) - wrong} of {len(paid)} payments agree with Stripe"
        evidence = f"{agreed} in amount, currency, status and refunds"
    job.check("Payments reconcile", wrong == 0 if paid else None, evidence, critical=True)
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


def _measure_amounts(
    job: Job, reading: Reading, valid: Sequence[Entry], intents: dict[str, Any], refunds: dict[str, int]
) -> dict[str, dict[str, Any]]:
    """Record the sums per currency, in minor units, and return them; None where they were not measured."""
    amounts: dict[str, dict[str, Any]] = {}
    for currency, entries in in_currency(valid).items():
        there = [intents[entry.data["intent"]] for entry in entries if entry.data.get("intent") in intents]
        sums = {
            "authorized_minor": (INTENTS, sum(intent["amount_capturable"] for intent in there)),
            "captured_minor": (INTENTS, sum(intent["amount_received"] for intent in there)),
            "refunded_minor": (REFUNDS, sum(refunds[intent["id"]] for intent in there)),
        }
        unseen = sum(_may_exist_unseen(entry) for entry in entries)
        if there and unseen:
            named = ", ".join(f"{name.removesuffix('_minor')} {sum_}" for name, (_, sum_) in sums.items())
            job.note(
                f"{currency}: {unseen} payments may exist that could not be read, so the sums are not measured; the "
                f"{len(there)} that were read come to at least (in minor units): {named}."
            )
        unit = f"{currency} minor units"
        requested = sum(entry.data["amount"] for entry in entries)
        count_records(job, job.dataset("payments"), unit, {f"payments.requested_minor.{currency}": requested})
        amounts[currency] = {"requested_minor": requested}
        for name, (action, sum_) in sums.items():
            known = sum_ if there and not unseen else None
            amounts[currency][name] = reading.fact(f"payments.{name}.{currency}", known, unit, by=action)
    return amounts


def _may_exist_unseen(entry: Entry) -> bool:
    return entry.disposition is Disposition.UNKNOWN and not entry.data.get("intent")


def _check_mode(job: Job, intents: list[Any]) -> None:
    live = sum(bool(intent["livemode"]) for intent in intents)
    expected = len(intents) if job.run.mode == "live" else 0
    evidence = "there was no payment to read back"
    if intents:
        evidence = f"{live} of {len(intents)} payments were made in Stripe's live mode, in a {job.run.mode} run"
    job.check("Payments in the right mode", live == expected if intents else None, evidence, critical=True)


async def _read_intents(job: Job, stripe: Integration, paid: Sequence[Entry]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def read(entry: Entry) -> None:
        intent = await stripe.execute(INTENTS, {"payment_intent_id": entry.data["intent"]})
        found[intent["id"]] = intent

    await read_each(job, paid, read, at_once=AT_ONCE, doing="reading payments back")
    return found


async def _read_refunds(stripe: Integration, paid: Sequence[Entry]) -> dict[str, int]:
    """Return what was given back, in minor units by payment."""
    rows = {row["id"]: row for row in await stripe.execute(REFUNDS, {"limit": REFUNDS_LISTED})}
    if len(rows) == REFUNDS_LISTED:  # older ones are out of sight: ask for those that must be there
        for entry in paid:
            if entry.data.get("refunded"):
                asked = {"payment_intent_id": entry.data["intent"]}
                rows |= {row["id"]: row for row in await stripe.execute(REFUNDS, asked)}
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
