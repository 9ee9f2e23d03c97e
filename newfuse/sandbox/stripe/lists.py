"""Cursor pagination of lists, newest first.

https://docs.stripe.com/api/pagination
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.stripe.operations import Call
from newfuse.sandbox.vendor import JSON

DEFAULT_LIMIT = 10
Row = dict[str, JSON]


def page(call: Call, kind: str, url: str, keep: Callable[[Row], bool] = lambda _: True) -> JSON:
    """Return one page of a kind, filtered by `keep` and by the call's `created`.

    Raises:
        StripeError: Both cursors are given, or one names an object that does not exist (400).
    """
    parameters = call.parameters
    after, before = parameters.get("starting_after"), parameters.get("ending_before")
    if after and before:
        raise StripeError("You can only specify one of these parameters: starting_after, ending_before.")
    rows = call.books.rows(kind)
    for param, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor:
            call.books.find(kind, cursor, param=param, status=400)
    limit = parameters.get("limit", DEFAULT_LIMIT)
    wanted = created_filter(parameters.get("created", {}))
    # Before a cursor means newer than it, nearest first: the same walk, in the order of creation, turned
    # round.
    walk: Iterable[Row] = rows.values() if before else reversed(rows.values())
    if cursor := after or before:
        walk = _behind(walk, cursor)
    found = list(islice((row for row in walk if wanted(row) and keep(row)), limit + 1))
    data = found[:limit]
    if before:
        data.reverse()
    return {"object": "list", "url": url, "has_more": len(found) > limit, "data": data}


def created_filter(bounds: dict[str, int]) -> Callable[[Row], bool]:
    """Return whether a row's `created` lies within gt, gte, lt and lte."""

    def within(row: Row) -> bool:
        at: int = row["created"]
        return (
            at > bounds.get("gt", -1)
            and at >= bounds.get("gte", 0)
            and at < bounds.get("lt", at + 1)
            and at <= bounds.get("lte", at)
        )

    return within


def matching(call: Call, *names: str) -> Callable[[Row], bool]:
    """Return whether a row equals the call in those of the named parameters that were given."""
    given = {name: call.parameters[name] for name in names if name in call.parameters}
    return lambda row: all(row.get(name) == value for name, value in given.items())


def _behind(walk: Iterable[Row], cursor: str) -> Iterable[Row]:
    rows = iter(walk)
    for row in rows:
        if row["id"] == cursor:
            break
    return rows
