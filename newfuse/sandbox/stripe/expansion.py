"""`expand[]`: ids replaced by the objects they stand for.

https://docs.stripe.com/api/expanding_objects
"""

from __future__ import annotations

import copy

from newfuse.sandbox.stripe.books import PREFIXES, Books
from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.vendor import JSON

DEPTH_MAX = 4  # same page
EXPANDABLE: dict[str, frozenset[str]] = {
    "payment_intent": frozenset({"customer", "latest_charge", "payment_method"}),
    "charge": frozenset({"balance_transaction", "customer", "payment_intent"}),
    "refund": frozenset({"balance_transaction", "charge", "payment_intent"}),
    "payment_method": frozenset({"customer"}),
    "balance_transaction": frozenset({"source"}),
}
_KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}


def expand(books: Books, answer: JSON, paths: list[str]) -> JSON:
    """Return a copy of an answer, sharing nothing with the books, with the properties at `paths` expanded.

    Raises:
        StripeError: A path is deeper than four levels, or leads to something that cannot be expanded (400).
    """
    copied = copy.deepcopy(answer)
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEPTH_MAX:
            raise StripeError(
                f"You cannot expand more than {DEPTH_MAX} levels of a property. Property: {path}",
                param="expand",
            )
        _walk(books, copied, steps, path)
    return copied


def _walk(books: Books, row: JSON, steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    if row.get("object") in {"list", "search_result"}:
        if step != "data" or not rest:
            raise _refusal(path)
        for item in row["data"]:
            _walk(books, item, rest, path)
        return
    if step not in EXPANDABLE.get(row["object"], ()):
        raise _refusal(path)
    value = row.get(step)
    if isinstance(value, str):
        kind = _KINDS[value.split("_", 1)[0]]
        found = books.rows(kind).get(value)
        # A deleted customer stays referred to, and expands to the stub that Stripe leaves.
        row[step] = copy.deepcopy(found) if found else {"id": value, "object": kind, "deleted": True}
    if rest and row[step] is not None:
        _walk(books, row[step], rest, path)


def _refusal(path: str) -> StripeError:
    return StripeError(f"This property cannot be expanded ({path}).", param="expand")
