"""What became of records: dispositions from what the engine says of a write, and the words a model is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from newfuse import (
    Declined,
    Disposition,
    EffectConflict,
    EffectUnknown,
    Entry,
    InvalidArguments,
    NewFuseError,
    OutcomeUnknown,
    Performed,
    Rejected,
    ToolResult,
    VendorError,
    WriteStatus,
)
from newfuse.privacy import mask_text

SHOWN = 10  # exceptions a result names, so that it is not cut in the middle; the counts are complete
NOT_SENT = "not sent in this run: "
REASON_LENGTH = 160  # characters of one reason in a result: enough for a vendor's sentence

OPEN = frozenset({Disposition.PENDING, Disposition.FAILED, Disposition.UNKNOWN})
"""Work is left here: failed and unknown writes are tried again when a tool is called again, and the ledger makes sure
that what may have happened is not sent blindly."""
WRITTEN = frozenset({Disposition.CONFIRMED, Disposition.SKIPPED})
EXCEPTIONAL = frozenset(Disposition) - WRITTEN


def disposition_of(error: NewFuseError, *, sent: bool = True) -> Disposition:
    """Say what an error means for the record it is about.

    Rejected is what was found unfit here, before anything was sent. A vendor that refuses a record has failed to do
    what was asked: whether the record is to blame, its words say.

    Args:
        error: What went wrong.
        sent: Whether it is the error of the record's own write; where the record was not sent, because of what became
            of another write, it certainly did not happen.
    """
    if isinstance(error, (OutcomeUnknown, EffectUnknown)):
        return Disposition.UNKNOWN if sent else Disposition.FAILED
    if isinstance(error, (InvalidArguments, EffectConflict)):
        return Disposition.REJECTED
    return Disposition.FAILED


def reason_of(error: NewFuseError) -> str:
    """Return an error in words for people; a vendor's refusal says that it is one."""
    if isinstance(error, Rejected) and not isinstance(error, Declined):
        return f"the vendor refused it: {error.for_model}"
    return error.for_model


def failure_of(performed: Performed) -> NewFuseError | None:
    """Return why a write is not done; None when it is.

    The status counts, not the kind of the last answer: after a refusal that does not settle an earlier attempt the
    write is unknown, and so is its error.
    """
    error = performed.error
    if performed.status is not WriteStatus.UNKNOWN or isinstance(error, (OutcomeUnknown, EffectUnknown)):
        return error
    if isinstance(error, VendorError):
        about = {"status": error.status, "code": error.code, "request_id": error.request_id, "detail": error.detail}
        unknown = OutcomeUnknown(error.message, integration=error.integration, **about)
        unknown.for_model, unknown.for_log = error.for_model, error.for_log  # with the advice that was added
        return unknown
    return EffectUnknown(error.for_model if error is not None else "nobody can tell whether it happened")


def rule_of(error: NewFuseError) -> str:
    """Return a short name of an error, for counting: the vendor's code, or our own word for its kind."""
    code = getattr(error, "code", None)
    return str(code)[:60] if code else re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def fail(entry: Entry, error: NewFuseError, *, prefix: str = "", sent: bool = True) -> None:
    """Settle a record that an error is about; see `disposition_of`. One in doubt that was not sent stays in doubt."""
    if not sent and entry.disposition is Disposition.UNKNOWN:
        return
    entry.settle(disposition_of(error, sent=sent), f"{prefix}{reason_of(error)}", rule=rule_of(error))


def hold_back(entry: Entry, error: NewFuseError) -> None:
    """Settle a record that was not sent because its vendor failed before its turn."""
    fail(entry, error, prefix=NOT_SENT, sent=False)


def settle(entry: Entry, performed: Performed) -> None:
    """Settle a record by what became of its one write; what this run has confirmed stays confirmed."""
    if performed.key not in entry.keys:
        entry.keys = (*entry.keys, performed.key)
    error = failure_of(performed)
    if error is not None:
        fail(entry, error)
    elif performed.status is WriteStatus.CONFIRMED:
        entry.settle(Disposition.CONFIRMED)
    elif entry.disposition is not Disposition.CONFIRMED:
        entry.settle(Disposition.SKIPPED, "an earlier run has written the same", rule="already_done")


def exceptions(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return the first records that were not simply written, each with its place, rule and shortened reason."""
    return [
        {
            "place": entry.place,
            "disposition": entry.disposition.value,
            "rule": entry.rule,
            "reason": cut(mask_text(entry.reason or "")),  # before it is cut: half an address is not known as one
        }
        for entry in islice(filter(_is_exception, entries), SHOWN)
    ]


def _is_exception(entry: Entry) -> bool:
    return entry.disposition in EXCEPTIONAL and (entry.disposition is not Disposition.PENDING or bool(entry.reason))


def cut(text: str, length: int = REASON_LENGTH) -> str:
    """Return a text of at most `length` characters that can be written anywhere, and say so when something was cut."""
    text = text.encode("utf-8", "replace").decode()  # JSON may hold halves of surrogate pairs, which no file takes
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


def percent(part: int, whole: int) -> float | None:
    """Return a share in percent with one decimal, or None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def answer(sentence: str, data: dict[str, Any], entries: Sequence[Entry] = ()) -> ToolResult:
    """Make a tool's result: the sentence and the data for a model, the data for a program.

    Args:
        sentence: What happened, with its counts.
        data: Handles and counts; no records.
        entries: Records whose exceptions are named: the first, and how many more there are.
    """
    named = {**data, "exceptions": exceptions(entries)} if entries else data
    more = sum(map(_is_exception, entries)) - SHOWN
    if more > 0:
        named["more_exceptions"] = more
    return ToolResult(f"{sentence}\n{json.dumps(named, ensure_ascii=False, default=str)}", named)
