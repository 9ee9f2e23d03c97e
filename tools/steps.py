"""Records that take several writes: what became of each step, and of the record by all of them together."""

from __future__ import annotations

from typing import Any

from newfuse import Disposition, Entry, NewFuseError, Performed, WriteStatus
from tools.outcome import NOT_SENT, disposition_of, failure_of, reason_of, rule_of

_DONE = {WriteStatus.CONFIRMED.value, WriteStatus.SKIPPED.value}

BEFORE = {
    "capture": "held, but not captured: ",
    "refund": "paid, but not refunded: ",
    "content": "a draft was created, but has no content: ",
    "schedule": "prepared, but not scheduled: ",
}
"""What is already true of a record when a later step of it fails."""


def is_done(entry: Entry, step: str) -> bool:
    """Say whether a step of a record is confirmed, by this run or an earlier one."""
    return _of(entry).get(step, {}).get("status") in _DONE


def status(entry: Entry, step: str) -> str | None:
    """Return what became of a step: confirmed, skipped, failed or unknown; None when it was not tried."""
    noted: str | None = _of(entry).get(step, {}).get("status")
    return noted


def note(entry: Entry, step: str, performed: Performed) -> None:
    """Keep what became of one step of a record, and settle the record."""
    if performed.key and performed.key not in entry.keys:
        entry.keys = (*entry.keys, performed.key)
    if performed.status is WriteStatus.SKIPPED and status(entry, step) == WriteStatus.CONFIRMED.value:
        return  # this run has done it
    error = failure_of(performed)
    failure = _failure(step, error) if error is not None else {}
    _of(entry)[step] = {"status": performed.status.value, **failure}
    account(entry)


def fail(entry: Entry, step: str, error: NewFuseError, *, prefix: str = "", sent: bool = True) -> None:
    """Keep that a step failed before its write was recorded, and settle the record; unknown stays unknown.

    Args:
        entry: The record.
        step: The step that failed.
        error: Why.
        prefix: Words before the error's own.
        sent: False where the step was not sent, because of what became of another write: then it is not unknown.
    """
    if _of(entry).get(step, {}).get("disposition") == Disposition.UNKNOWN.value:
        return
    if is_done(entry, step):
        prefix = f"{prefix}it is done, but could not be read back: "
    _of(entry)[step] = {"status": WriteStatus.FAILED.value, **_failure(step, error, prefix, sent=sent)}
    account(entry)


def hold_back(entry: Entry, step: str, error: NewFuseError) -> None:
    """Keep that a step was not sent because its vendor failed before its turn, and settle the record."""
    fail(entry, step, error, prefix=NOT_SENT, sent=False)


def refuse(entry: Entry, step: str, rule: str, reason: str, disposition: Disposition) -> None:
    """Keep that a step is not taken for a reason of ours, and settle the record."""
    noted = {"disposition": disposition.value, "reason": f"{BEFORE.get(step, '')}{reason}", "rule": rule}
    _of(entry)[step] = {"status": WriteStatus.FAILED.value, **noted}
    account(entry)


def clear(entry: Entry, step: str) -> None:
    """Forget a step that had been refused and is in order now, and settle the record."""
    if _of(entry).pop(step, None) is not None:
        account(entry)


def account(entry: Entry) -> None:
    """Settle a record by its steps: one that is unknown or failed speaks for it, else one that this run confirmed."""
    steps = list(_of(entry).values())
    failed = [step for step in steps if "disposition" in step]
    unknown = [step for step in failed if step["disposition"] == Disposition.UNKNOWN.value]
    if failed:
        speaker = (unknown or failed)[0]
        entry.settle(Disposition(speaker["disposition"]), speaker["reason"], rule=speaker["rule"])
    elif any(step["status"] == WriteStatus.CONFIRMED.value for step in steps):
        entry.settle(Disposition.CONFIRMED)
    elif steps:
        entry.settle(Disposition.SKIPPED, "an earlier run has done the same", rule="already_done")


def _failure(step: str, error: NewFuseError, prefix: str = "", *, sent: bool = True) -> dict[str, str]:
    disposition = disposition_of(error, sent=sent)
    if step in BEFORE and disposition is Disposition.REJECTED:
        disposition = Disposition.FAILED  # the record was written; what was refused is a later step of it
    reason = f"{BEFORE.get(step, '')}{prefix}{reason_of(error)}"
    return {"disposition": disposition.value, "reason": reason, "rule": rule_of(error)}


def _of(entry: Entry) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = entry.data["steps"]
    return found
