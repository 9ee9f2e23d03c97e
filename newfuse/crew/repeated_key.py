"""Keys that stand twice in one JSON object: a parser lets the last win, and a repeated amount is charged unseen."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

SHOWN_CHARS = 40  # of one key in a place
PLACE_CHARS = 200  # of a whole place
_PLAIN_KEY = re.compile(r"\w+", re.ASCII)
# Enough of JSON to follow its nesting: texts, brackets and commas. Whatever else there is stands between them.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)


class RepeatedKey(Exception):
    """An object has a key twice."""


def refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object of its pairs; the `object_pairs_hook` of `json.loads`.

    Raises:
        RepeatedKey: A key stands there twice; `place_of_repeated_key` says where.
    """
    made = dict(pairs)
    if len(made) != len(pairs):
        raise RepeatedKey
    return made


@dataclass(slots=True)
class _Level:
    """An object or a list that has begun and not ended."""

    keys: set[str] | None  # None of a list
    at: str = ""  # the key or index of the value that is being read
    index: int = 0
    awaits_key: bool = True


def place_of_repeated_key(text: str) -> tuple[int, int, str]:
    """Find the first key that stands twice in one object of a JSON text.

    Args:
        text: JSON that `refuse_repeated_keys` refused: it is well formed up to there.

    Returns:
        Line, column and place, e.g. `payments[3].amount`.
    """
    levels: list[_Level] = []
    for found in _TOKENS.finditer(text):
        token = found[0]
        level = levels[-1] if levels else None
        if token in "{[":
            levels.append(_Level(set() if token == "{" else None, at="" if token == "{" else "[0]"))
        elif token in "}]":
            levels.pop()
        elif level is None:
            continue
        elif token == ",":
            level.awaits_key = True
            level.index += 1
            if level.keys is None:
                level.at = f"[{level.index}]"
        elif level.keys is not None and level.awaits_key:
            key = json.loads(token)
            level.at, level.awaits_key = _shown(key), False
            if key in level.keys:
                line = text.count("\n", 0, found.start()) + 1
                column = found.start() - text.rfind("\n", 0, found.start())
                return line, column, _joined(levels)
            level.keys.add(key)
    raise ValueError("no key stands twice in one object")


def _shown(key: str) -> str:
    if _PLAIN_KEY.fullmatch(key) and len(key) <= SHOWN_CHARS:
        return f".{key}"
    return f"[{json.dumps(key[:SHOWN_CHARS])}{'…' if len(key) > SHOWN_CHARS else ''}]"


def _joined(levels: list[_Level]) -> str:
    place = "".join(level.at for level in levels).removeprefix(".")
    return place if len(place) <= PLACE_CHARS else f"…{place[-PLACE_CHARS:]}"
