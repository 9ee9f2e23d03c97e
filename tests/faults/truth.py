"""What a write changed at the vendors, told so that two writes of one kind read alike.

Nothing here knows a vendor: a truth is JSON, and the log says what was accepted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from newfuse.sandbox import Sandbox

TOKEN = re.compile(r"zz\d{6}")  # what one attempt's records are named by
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d[0-9:.]*(?:Z|[+-]\d\d:\d\d)?")
FIELD = re.compile(r"[a-z_]+")
EPOCH = 1_000_000_000  # numbers from here on are times; no amount of ours is as great

Changes = dict[tuple[str, ...], float]
"""How often what changed: numbers by their place, and what was added, removed or altered, with its contents."""


class Told:
    """Reads a sandbox; what was there from the start is told from what came later by the names in it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.first = frozenset(_words(sandbox.truth()))

    def look(self) -> dict[str, Any]:
        """Return what there is now: the truth, and how many requests that may write were accepted."""
        accepted = Counter(
            f"{entry.slug} {entry.method} {entry.template}"
            for entry in self._sandbox.log
            if entry.method not in {"GET", "HEAD"} and entry.status is not None and entry.status < 300
        )
        truth = json.loads(json.dumps(self._sandbox.truth()))  # as it is told over HTTP, and not changed afterwards
        return {"truth": truth, "accepted": dict(accepted), "ids": frozenset(_ids(truth)) - self.first}

    def changes(self, before: dict[str, Any], after: dict[str, Any]) -> Changes:
        """Say what became different between two looks."""
        ids = before["ids"] | after["ids"]
        return total(
            change
            for what in ("truth", "accepted")
            for change in _changes(before[what], after[what], (what,), lambda text: _plain(text, ids, self.first))
        )


def total(parts: Iterable[tuple[tuple[str, ...], float]]) -> Changes:
    """Add up what changed, and leave out what comes to nothing."""
    found: Changes = {}
    for what, count in parts:
        found[what] = found.get(what, 0) + count
    return {what: count for what, count in found.items() if count}


def added(*parts: Changes) -> Changes:
    """Return several changes one after the other as one."""
    return total(item for part in parts for item in part.items())


def of_number(changes: Changes) -> set[tuple[str, ...]]:
    """Return the places of the numbers in what changed."""
    return {what for what in changes if what[0] == "#"}


def described(changes: Changes) -> str:
    """Put what changed into words, for a failing test."""
    return "; ".join(f"{count:+g} × {' '.join(what)}" for what, count in sorted(changes.items())) or "nothing"


def _changes(before: Any, after: Any, path: tuple[str, ...], plain: Any) -> Iterator[tuple[tuple[str, ...], float]]:
    if before == after:
        return
    place = "/".join(path)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {*before, *after}:
            below = (*path, plain(str(key)))
            if key in before and key in after:
                yield from _changes(before[key], after[key], below, plain)
            elif _is_number(before.get(key, after.get(key))):
                yield ("#", "/".join(below)), after.get(key, 0) - before.get(key, 0)
            else:
                sign, value = ("+", after[key]) if key in after else ("-", before[key])
                yield (sign, "/".join(below), _text(value, plain)), 1
    elif isinstance(before, list) and isinstance(after, list):
        former, latter = (Counter(_text(one, plain) for one in listed) for listed in (before, after))
        yield from ((("+", place, text), count) for text, count in (latter - former).items())
        yield from ((("-", place, text), count) for text, count in (former - latter).items())
    elif _is_number(before) and _is_number(after):
        yield ("#", place), after - before
    else:
        former, latter = _text(before, plain), _text(after, plain)
        if former != latter:
            yield ("~", place, f"{former} → {latter}"), 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any, plain: Any) -> str:
    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                f"{index}:{plain(str(key))}": "<id>" if key == "id" else walk(one)
                for index, (key, one) in enumerate(value.items())
            }
        if isinstance(value, list):
            return [walk(one) for one in value]
        if isinstance(value, str):
            return plain(value)
        return "<time>" if _is_number(value) and value >= EPOCH else value

    return json.dumps(walk(value), sort_keys=True)


def _plain(text: str, ids: frozenset[str], first: frozenset[str]) -> str:
    if text in ids:
        return "<id>"
    if text in first:
        return text
    return TIME.sub("<time>", TOKEN.sub("<own>", text))


def _ids(value: Any) -> Iterator[str]:
    """Return the keys that are no names of fields."""
    if isinstance(value, Mapping):
        yield from (key for key in value if not FIELD.fullmatch(key))
        for one in value.values():
            yield from _ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from _ids(one)


def _words(value: Any) -> Iterator[str]:
    """Return every key and every text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from _words(one)
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)
