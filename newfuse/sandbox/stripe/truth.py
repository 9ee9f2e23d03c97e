"""What really exists in the emulated account, for tests and reports to compare with."""

from __future__ import annotations

from collections.abc import Iterable

from newfuse.sandbox.stripe.books import Books
from newfuse.sandbox.vendor import JSON

_SHOWN = {
    "customer": ("email", "name", "phone", "description", "metadata", "livemode"),
    "payment_intent": (
        "status",
        "amount",
        "amount_received",
        "amount_capturable",
        "currency",
        "description",
        "metadata",
        "customer",
        "receipt_email",
    ),
    "charge": ("amount", "amount_captured", "amount_refunded", "currency", "status", "payment_intent"),
    "refund": ("amount", "currency", "status", "charge", "payment_intent", "reason", "metadata"),
}


def tell(modes: Iterable[Books], replays: int) -> dict[str, JSON]:
    """Return the objects of both modes by id, and sums of money in minor units per currency.

    `captured_minor` is what was taken, `refunded_minor` what was given back of that, and `authorized_minor`
    what is held and can still be captured.
    """
    books = list(modes)
    return {
        **{f"{kind}s": _objects(books, kind) for kind in _SHOWN},
        "captured_minor": _sums(books, "charge", "amount_captured"),
        "refunded_minor": _sums(books, "refund", "amount"),
        "authorized_minor": _sums(books, "payment_intent", "amount_capturable"),
        "idempotent_replays": replays,
    }


def _objects(books: list[Books], kind: str) -> dict[str, JSON]:
    return {id_: {name: row[name] for name in _SHOWN[kind]} for one in books for id_, row in one.rows(kind).items()}


def _sums(books: list[Books], kind: str, field: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in books:
        for row in one.rows(kind).values():
            if row[field]:
                sums[row["currency"]] = sums.get(row["currency"], 0) + row[field]
    return sums
