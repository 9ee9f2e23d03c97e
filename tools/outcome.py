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
    WriteStatus,
)
from newfuse.privacy import mask_text

SHOWN = 10  # exceptions a result names, so that it is not cut in the middle; the counts are complete
REASON_LENGTH = 160  # characters of one reason in a result: enough for a vendor's sentence

OPEN = frozenset({Disposition.PENDING, Disposition.FAILED, Disposition.UNKNOWN})
"""Work is left here: failed and unknown writes are tried again when a tool is called again, and the ledger makes sure
that what may have happened is not sent blindly."""
WRITTEN = frozenset({Disposition.CONFIRMED, Disposition.SKIPPED})
EXCEPTIONAL = frozenset(Disposition) - WRITTEN


def disposition_of(error: NewFuseError) -> Disposition:
    """Say what an error means for the record it is about."""
    if isinstance(error, (OutcomeUnknown, EffectUnknown)):
        return Disposition.UNKNOWN
    if isinstance(error, Declined):
        return Disposition.FAILED
    if isinstance(error, (Rejected, InvalidArguments, EffectConflict)):
        return Disposition.REJECTED
    return Disposition.FAILED


def rule_of(error: NewFuseError) -> str:
    """Return a short name of an error, for counting: the vendor's code, or our own word for its kind."""
    code = getattr(error, "code", None)
    return str(code)[:60] if code else re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def fail(entry: Entry, error: NewFuseError, *, prefix: str = "") -> None:
    """Settle a record that an error is about."""
    entry.settle(disposition_of(error), f"{prefix}{error.for_model}", rule=rule_of(error))


def hold_back(entry: Entry, error: NewFuseError) -> None:
    """Settle a record that was not sent because its vendor failed before its turn; it certainly did not happen.

    One whose fate is unknown stays so.
    """
    if entry.disposition is not Disposition.UNKNOWN:
        entry.settle(Disposition.FAILED, f"not sent: {error.for_model}", rule=rule_of(error))


def settle(entry: Entry, performed: Performed) -> None:
    """Settle a record by what became of its one write; what this run has confirmed stays confirmed."""
    if performed.key not in entry.keys:
        entry.keys = (*entry.keys, performed.key)
    if performed.error is not None:
        fail(entry, performed.error)
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
