"""The payment specialist's tools: validate, process, capture, refund, reconcile."""

from __future__ import annotations

from collections import Counter
from typing import Any

from newfuse import (
    Dataset,
    Declined,
    Disposition,
    Entry,
    Integration,
    Job,
    Rejected,
    Tool,
    ToolResult,
    answer,
    tool,
    write_each,
)
from newfuse.records import OPEN, count_records, count_step, derive, require_taken, take, take_in, whole
from tools import payment_records as payments
from tools.payment_records import CAPTURE, CREATE, REFUND
from tools.reconciliation import reconcile

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
    customers = payments.customers(job)

    async def ask(stripe: Integration, entry: Entry) -> dict[str, Any]:
        customer = await customers.of(stripe, entry.data["customer_email"], entry)
        return payments.terms(job, entry, customer["id"])

    def keep(entry: Entry, intent: Any) -> None:
        if not CAPTURE.is_done(entry):
            payments.keep(entry, intent)
            payments.note_what_is_missing(job, entry)

    down = await write_each(job, CREATE, filter(_to_create, _valid(records)), ask, keep=keep)
    customers.measure("stripe", "payments.customers_created", "customers")
    counts = _count(job, records)
    payments.note_done_before(job, records)
    sentence = (
        f"{counts['succeeded']} payments succeeded, {counts['authorized']} are held, "
        f"{counts['awaiting_customer']} wait for the customer, {counts['declined']} were declined."
    )
    return answer(sentence, {"handle": records.name, **counts}, records.entries, down=down)


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
    down = await write_each(
        job, CAPTURE, held, lambda _, entry: {"payment_intent_id": entry.data["intent"]}, keep=payments.keep
    )
    done = count_step(job, CAPTURE, _paid(records), "payments.captures")
    _count(job, records)
    data = {"handle": records.name, "held": len(held), "captured": done.confirmed, "skipped": done.skipped}
    sentence = f"{len(held)} payments were held; {done.confirmed} captured, {done.skipped} by an earlier run."
    return answer(sentence, data, records.entries, down=down)


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
    payments.require_captured(requested)
    for entry in requested:
        if entry.data.get("intent") and entry.data["status"] != "succeeded":
            status = entry.data["status"]
            job.note(f"{entry.place}: a refund was asked for, but the payment is {status}: none was given.")

    def ask(_: Integration, entry: Entry) -> dict[str, Any]:
        amount = {} if entry.data["refund"] is True else {"amount": entry.data["refund"]}
        return {"payment_intent_id": entry.data["intent"], **amount}

    def keep(entry: Entry, refund: Any) -> None:
        entry.data["refunded"] = refund["amount"]

    taken = [entry for entry in requested if entry.data.get("status") == "succeeded"]
    down = await write_each(job, REFUND, taken, ask, keep=keep)
    done = count_step(job, REFUND, requested, "payments.refunds")
    count_records(job, records, "refunds", {"payments.refunds_requested": len(requested)})
    _count(job, records)
    data = {
        "handle": records.name,
        "requested": len(requested),
        "refunded": done.confirmed,
        "skipped": done.skipped,
    }
    sentence = f"{len(requested)} refunds were asked for; {done.confirmed} given, {done.skipped} by an earlier run."
    return answer(sentence, data, records.entries, down=down)


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
    stripe = await job.integration("stripe") if paid else None
    found = await reconcile(job, stripe, _valid(records), paid)
    sentence = "No payment was read back: there is none to compare."
    if paid:
        agree = f"{found['matched']} of {found['payments']} payments agree with Stripe"
        sentence = f"{agree}; {found['mismatched']} differ."
    found["checks"] = {check.name: check.passed for check in job.checks}
    return answer(sentence, {"handle": records.name, **found})


async def _check(job: Job, records: Dataset) -> None:
    await take_in(job, records, ROOT, payments.check, "validating payments")
    payments.refuse_ambiguous(whole(job, records).entries)
    _count_records(job, records)


def _count_records(job: Job, records: Dataset) -> None:
    everything = whole(job, records)
    states = Counter(_standing(entry) for entry in everything)
    counts = {
        "payments.records": len(everything),
        "payments.records_valid": states["valid"],
        "payments.records_invalid": states["invalid"],
    }
    count_records(job, everything, "records", counts)


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
    created = CREATE.of(entry)
    return entry.disposition in OPEN and (created is None or not created.failed_by(Rejected))


def _count(job: Job, records: Dataset) -> dict[str, Any]:
    """Count how far the payments have come, and record it as facts of the whole dataset."""
    _count_records(job, records)
    everything = whole(job, records)
    valid = _valid(everything)
    statuses = Counter(entry.data.get("status") for entry in valid)
    states = everything.counts()
    declined = sum(created is not None and created.failed_by(Declined) for created in map(CREATE.of, valid))
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
    facts = {f"payments.{name}": count for name, count in counts.items()}
    count_records(job, everything, "payments", facts, integration="stripe")
    count_step(job, CREATE, valid, "payments.created")
    derive(
        job,
        "payments.success_rate",
        "%",
        "100 * (taken + held) / valid",
        inputs={"taken": "payments.succeeded", "held": "payments.authorized", "valid": "payments.records_valid"},
        says=SUCCESS_RATE,
        unless="payments.unknown",  # while one is in doubt, nobody knows the share
    )
    return counts


TOOLS: list[Tool] = [validate_payments, process_payments, capture_payments, refund_payments, reconcile_payments]
