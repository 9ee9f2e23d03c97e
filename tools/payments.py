"""The payment specialist's tools: validate, process, capture, refund, reconcile."""

from __future__ import annotations

from collections import Counter
from typing import Any

from newfuse import Dataset, Disposition, Entry, Integration, Job, NewFuseError, Tool, ToolResult, tool
from tools import payment_records as payments
from tools import steps
from tools.connection import connect
from tools.flow import Gate, Tally, each
from tools.outcome import OPEN, answer, failure_of, percent
from tools.payment_processing import AT_ONCE, Processing
from tools.read_back import answer_of
from tools.reconciliation import reconcile
from tools.records import note_extra, require_taken, take, unread, whole

ROOT = "payments"
SUCCESS_RATE = "payments that succeeded or are held, of those that were fit to be sent; earlier runs' included"


@tool
async def validate_payments(job: Job, dataset: str = ROOT) -> ToolResult:
    """Check payments before they are processed; nothing is sent.

    The amount must be a positive whole number of minor units, the currency one that Stripe charges in, the address
    valid. Card data, ambiguous twins without references and contradicting references are rejected by name.

    Args:
        dataset: Handle of the payments.

    Returns:
        The handle of the valid payments, how many are valid and rejected, and the rejected ones by place.
    """
    records = take(job, dataset, ROOT)
    await _check(job, records)
    valid = job.derive(records, "valid", _valid(records))
    data = {"handle": valid.name, "total": len(records), "valid": len(valid), "rejected": len(records) - len(valid)}
    return answer(f"{len(valid)} of {len(records)} payments are valid.", data, records.entries)


@tool
async def process_payments(job: Job, dataset: str = ROOT) -> ToolResult:
    """Charge the payments, or hold those with manual capture, each once; the customer is found by address or created.

    In a sandbox run a test card pays where the record names no payment method. In a live run such a payment is only
    created and waits for the customer's payment method. Payments that were not validated yet are so first.

    Args:
        dataset: Handle of the payments.

    Returns:
        How many succeeded, are held, wait for the customer, were declined, failed or are unknown, and the exceptions.

    Raises:
        VendorError: Stripe could not be reached or did not let us in; what was not sent is failed by name.
    """
    records = take(job, dataset, ROOT)
    await _check(job, records)
    work = [entry for entry in _valid(records) if _to_create(entry)]
    gate = Gate()
    try:
        if work:
            stripe = await connect(job, "stripe", work)
            await Processing(job, stripe, gate).run(work)
    finally:
        counts = _count(job, records)
        payments.note_done_before(job, records)
    if gate.error is not None:
        raise gate.error
    sentence = (
        f"{counts['succeeded']} payments succeeded, {counts['authorized']} are held, "
        f"{counts['awaiting_customer']} wait for the customer, {counts['declined']} were declined."
    )
    return answer(sentence, {"handle": records.name, **counts}, records.entries)


@tool
async def capture_payments(job: Job, dataset: str = ROOT) -> ToolResult:
    """Capture the payments of this dataset that are authorized and held, each once and in full.

    Args:
        dataset: Handle of the payments, after they were processed.

    Returns:
        How many were held, captured now and captured by an earlier run, and the exceptions.

    Raises:
        VendorError: Stripe could not be reached or did not let us in.
    """
    records = take(job, dataset, ROOT)
    require_taken(job, records, "process_payments")
    held = [entry for entry in _paid(records) if entry.data["status"] == "requires_capture"]
    work = [entry for entry in held if not steps.is_done(entry, "capture")]

    async def capture(stripe: Integration, entry: Entry) -> None:
        performed = await stripe.perform(
            "capture_payment", {"payment_intent_id": entry.data["intent"]}, reference=job.reference(entry.reference)
        )
        steps.note(entry, "capture", performed)
        error = failure_of(performed)
        if error is not None:
            raise error
        payments.keep(entry, await answer_of(performed, stripe, "get_payment_intent", "payment_intent_id"))

    try:
        await _step(job, "capture", work, capture)
    finally:
        done = Counter(steps.status(entry, "capture") for entry in _paid(records))
        source: dict[str, Any] = {"kind": "effects", "integration": "stripe", "action": "capture_payment"}
        job.fact("payments.captures_confirmed", done["confirmed"], "payments", **source)
        job.fact("payments.captures_failed", done["failed"] + done["unknown"], "payments", **source)
        _count(job, records)
    data = {"handle": records.name, "held": len(held), "captured": done["confirmed"], "skipped": done["skipped"]}
    sentence = f"{len(held)} payments were held; {done['confirmed']} captured, {done['skipped']} by an earlier run."
    return answer(sentence, data, records.entries)


@tool
async def refund_payments(job: Job, dataset: str = ROOT) -> ToolResult:
    """Give back the payments of this dataset whose records ask for a refund (they alone say how much), each once.

    Args:
        dataset: Handle of the payments, after they were processed and captured.

    Returns:
        How many refunds were requested, given now and given by an earlier run, and the exceptions.

    Raises:
        VendorError: Stripe could not be reached or did not let us in.
    """
    records = take(job, dataset, ROOT)
    require_taken(job, records, "process_payments")
    requested = [entry for entry in _valid(records) if entry.data["refund"] is not None]
    work = [
        entry for entry in requested if entry.data.get("status") == "succeeded" and not steps.is_done(entry, "refund")
    ]
    payments.require_captured(requested)
    for entry in requested:
        if entry.data.get("intent") and entry.data["status"] != "succeeded":
            status = entry.data["status"]
            job.note(f"{entry.place}: a refund was asked for, but the payment is {status}: none was given.")

    async def refund(stripe: Integration, entry: Entry) -> None:
        asked = {"payment_intent_id": entry.data["intent"]}
        if entry.data["refund"] is not True:
            asked["amount"] = entry.data["refund"]
        performed = await stripe.perform("refund_payment", asked, reference=job.reference(entry.reference))
        steps.note(entry, "refund", performed)
        error = failure_of(performed)
        if error is not None:
            raise error
        entry.data["refunded"] = (await answer_of(performed, stripe, "get_refund", "refund_id"))["amount"]

    try:
        await _step(job, "refund", work, refund)
    finally:
        done = Counter(steps.status(entry, "refund") for entry in requested)
        source: dict[str, Any] = {"kind": "effects", "integration": "stripe", "action": "refund_payment"}
        job.fact("payments.refunds_requested", len(requested), "refunds", kind="dataset", dataset=records.name)
        job.fact("payments.refunds_confirmed", done["confirmed"], "refunds", **source)
        job.fact("payments.refunds_failed", done["failed"] + done["unknown"], "refunds", **source)
        _count(job, records)
    given, skipped = done["confirmed"], done["skipped"]
    data = {"handle": records.name, "requested": len(requested), "refunded": given, "skipped": skipped}
    sentence = f"{len(requested)} refunds were asked for; {given} given, {skipped} by an earlier run."
    return answer(sentence, data, records.entries)


@tool
async def reconcile_payments(job: Job, dataset: str = ROOT) -> ToolResult:
    """Read every payment of the dataset back from Stripe and compare amounts, currencies and statuses, to the cent.

    Also runs the security checks: no card data in the records, and payments in the mode of this run only.

    Args:
        dataset: Handle of the payments, after they were processed, captured and refunded.

    Returns:
        Per currency what was requested, is held, was captured and refunded, in minor units; the differences; and each
        check with whether it passed.

    Raises:
        VendorError: Stripe could not be reached.
    """
    records = take(job, dataset, ROOT)
    await _check(job, records)
    everything = whole(job, records)
    removed = sum(entry.rule == "card_data" for entry in everything)
    evidence = f"{len(everything)} records searched for card numbers and security codes; {removed} refused and removed"
    job.check("No card data in records", removed == 0 if len(everything) else None, evidence)
    paid = _paid(records)
    if not paid:
        require_taken(job, records, "process_payments")
    stripe = await connect(job, "stripe", ()) if paid else None
    found = await reconcile(job, stripe, _valid(records), paid)
    sentence = "No payment was read back: there is none to compare."
    if paid:
        agree = f"{found['matched']} of {found['payments']} payments agree with Stripe"
        sentence = f"{agree}; {found['mismatched']} differ."
    found["checks"] = {check.name: check.passed for check in job.checks}
    return answer(sentence, {"handle": records.name, **found})


async def _step(job: Job, step: str, work: list[Entry], do: Any) -> None:
    """Do one step of payments that are there; failures are kept with each, and a vendor that is down is raised."""
    if not work:
        return
    gate, tally = Gate(), Tally(job, len(work), f"payments to {step}")
    try:
        stripe = await job.integration("stripe")
    except NewFuseError as exc:
        for entry in work:
            steps.fail(entry, step, exc)
        tally.add(len(work))
        raise

    async def one(entry: Entry) -> None:
        if gate.closed and gate.error is not None:
            steps.hold_back(entry, step, gate.error)
            return
        try:
            await do(stripe, entry)
        except NewFuseError as exc:
            gate.note(exc)
            if steps.status(entry, step) is None:
                steps.fail(entry, step, exc)
        else:
            gate.passed()

    await each(work, one, at_once=AT_ONCE, tally=tally)
    if gate.error is not None:
        raise gate.error


async def _check(job: Job, records: Dataset) -> None:
    extra: Counter[str] = Counter()
    async for entry in unread(job, records, "validating payments"):
        payments.check(entry, extra)
    note_extra(job, ROOT, extra)
    payments.refuse_ambiguous(whole(job, records).entries)
    _count_records(job, records)


def _count_records(job: Job, records: Dataset) -> None:
    everything = whole(job, records)
    states = Counter(_standing(entry) for entry in everything)
    source = {"kind": "dataset", "dataset": everything.name}
    job.fact("payments.records", len(everything), "records", **source)
    job.fact("payments.records_valid", states["valid"], "records", **source)
    job.fact("payments.records_invalid", states["invalid"], "records", **source)


def _standing(entry: Entry) -> str:
    if entry.disposition is Disposition.REJECTED:
        return "invalid"
    if entry.disposition is Disposition.DUPLICATE:
        return "duplicate"
    return "valid" if entry.reference else "unread"


def _valid(records: Dataset) -> list[Entry]:
    return [entry for entry in records if _standing(entry) == "valid"]


def _paid(records: Dataset) -> list[Entry]:
    return [entry for entry in _valid(records) if entry.data.get("intent")]


def _to_create(entry: Entry) -> bool:
    """Say whether a payment is still to be sent; one that Stripe refused is tried again by the next run alone."""
    return entry.disposition in OPEN and not steps.is_done(entry, "create") and not entry.data.get("refused")


def _count(job: Job, records: Dataset) -> dict[str, Any]:
    """Count how far the payments have come, and record it as facts of the whole dataset."""
    _count_records(job, records)
    everything = whole(job, records)
    valid = _valid(everything)
    statuses = Counter(entry.data.get("status") for entry in valid)
    states = everything.counts()
    declined = sum(bool(entry.data.get("declined")) for entry in valid)
    taken, held = statuses["succeeded"], statuses["requires_capture"]
    counts = {
        "succeeded": taken,
        "authorized": held,
        "awaiting_customer": statuses["requires_payment_method"] + statuses["requires_action"],
        "processing": statuses["processing"],
        "declined": declined,
        "failed": states["failed"],
        "unknown": states["unknown"],
        "skipped": states["skipped"],
        "rejected": states["rejected"],
        "duplicate": states["duplicate"],
    }
    effects = {"kind": "effects", "integration": "stripe", "action": "create_payment_intent"}
    accounts = {"kind": "dataset", "dataset": everything.name}
    for name, count in counts.items():
        job.fact(f"payments.{name}", count, "payments", **(accounts if name in states else effects))
    # While one is in doubt, nobody knows the share.
    rate = percent(taken + held, len(valid)) if not states["unknown"] else None
    about = {"kind": "derived", "dataset": everything.name, "formula": SUCCESS_RATE}
    job.fact("payments.success_rate", rate, "%", **about)
    return counts


TOOLS: list[Tool] = [validate_payments, process_payments, capture_payments, refund_payments, reconcile_payments]
