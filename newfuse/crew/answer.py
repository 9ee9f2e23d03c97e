"""A tool's answer over records: a sentence, counts, and the first exceptions by place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from newfuse.crew.tool import ToolResult
from newfuse.errors import NewFuseError
from newfuse.privacy import mask_text
from newfuse.records import EXCEPTIONAL, Disposition, Entry, cut

SHOWN = 10  # exceptions a result names, so that it is not cut in the middle; the counts are complete


def answer(
    sentence: str, data: dict[str, Any], entries: Sequence[Entry] = (), *, down: NewFuseError | None = None
) -> ToolResult:
    """Make a tool's result: the sentence and the data for a model, the data for a program.

    Args:
        sentence: What happened, with its counts.
        data: Handles and counts; no records.
        entries: Records whose exceptions are named: the first, and how many more there are.
        down: What a step returned because its vendor failed; everything has been counted, so it is raised now.

    Raises:
        NewFuseError: `down`.
    """
    if down is not None:
        raise down
    named = {**data, "exceptions": _exceptions(entries)} if entries else data
    more = sum(map(_is_exception, entries)) - SHOWN
    if more > 0:
        named["more_exceptions"] = more
    return ToolResult(f"{sentence}\n{json.dumps(named, ensure_ascii=False, default=str)}", named)


def _exceptions(entries: Iterable[Entry]) -> list[dict[str, Any]]:
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
