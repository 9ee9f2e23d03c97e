"""Reads JSON that anybody may have written: nested without end, it is refused like any other text that is no JSON."""

from __future__ import annotations

import json
from typing import Any, Final

# The usual limit of protobuf's parsers, and so of Google's front ends (https://protobuf.dev/programming-guides/proto-limits/).
# Nothing that the vendors document is nested a quarter as deep; what reads the value may then safely recurse.
MOST_LEVELS: Final = 100


def decode(text: bytes) -> Any:
    """Return the decoded value.

    Raises:
        ValueError: It is not JSON, not in UTF-8, -16 or -32, or nested in more than `MOST_LEVELS` levels.
    """
    too_deep = f"nested in more than {MOST_LEVELS} levels"
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(too_deep) from None
    # Counting is quick and never too low, so that few bodies are walked through.
    if text.count(b"[") + text.count(b"{") > MOST_LEVELS and _levels_exceed(value, MOST_LEVELS):
        raise ValueError(too_deep)
    return value


def _levels_exceed(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _members(one)]
        if not level:
            return False
    return True


def _members(value: dict[str, Any] | list[Any]) -> Any:
    return value.values() if isinstance(value, dict) else value
