"""Removes the contents of old effects from the ledger: what was sent, and what the vendor answered.

Both are people's data, and neither is needed to keep a write from happening twice: key, fingerprint and state stay. Of
an answer the vendor's id stays, by which it can be read back. What is in doubt keeps everything: what was sent settles
it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from newfuse.effects import rows
from newfuse.effects.intent import State, digest
from newfuse.store import Store
from newfuse.types import JSON

AT_ONCE = 500  # effects a transaction: a few milliseconds, in which others wait for their turn
LONGEST_S = 0.5  # of the start of a run; what is left is the next one's
LONGEST_ID = 255  # characters, as long as an id of Stripe's may become: https://docs.stripe.com/upgrades
MARK = "newfuse:pruned"

_FIND = (
    "SELECT rowid, reference, response FROM effects WHERE arguments IS NOT NULL AND settled_at < ? "
    "AND state IN (?, ?) ORDER BY settled_at LIMIT ?"
)
# No arguments is what tells a pruned effect: those of others are JSON, if only `null`.
_PRUNE = "UPDATE effects SET arguments = NULL, error = NULL, reference = ?, response = ? WHERE rowid = ?"

_SECURE = {0: "OFF", 1: "ON", 2: "FAST"}  # https://sqlite.org/pragma.html#pragma_secure_delete


async def prune(store: Store, keep: timedelta, *, clock: Callable[[], float] = time.monotonic) -> int:
    """Remove the contents of effects that were settled longer ago than `keep`.

    It takes half a second at most; what is left is removed the next time.

    Returns:
        How many were pruned.

    Raises:
        StoreFailed: The store cannot be written to.
    """
    before = (datetime.now(UTC) - keep).isoformat()
    until = clock() + LONGEST_S
    pruned = 0
    while True:
        some = await store.write(partial(_prune, before=before))
        pruned += some
        if some < AT_ONCE or clock() >= until:
            return pruned


def is_pruned(response: JSON) -> bool:
    """Say whether a recorded answer, or each of a list of answers, is what pruning has left of it."""
    if isinstance(response, list):
        return bool(response) and all(is_pruned(one) for one in response)
    return isinstance(response, dict) and MARK in response


def _prune(connection: Connection, *, before: str) -> int:
    settled = (State.CONFIRMED.value, State.FAILED.value)
    found = connection.exec_driver_sql(_FIND, (before, *settled, AT_ONCE)).all()
    if not found:
        return 0
    # Without this the removed text stays in the file until its place is needed.
    usual: int = connection.exec_driver_sql("PRAGMA secure_delete").scalar_one()
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    left = [(f"pruned:{digest(row.reference)}", rows.encode(_left_of(row.response)), row.rowid) for row in found]
    connection.exec_driver_sql(_PRUNE, left)
    connection.exec_driver_sql(f"PRAGMA secure_delete = {_SECURE[usual]}")
    return len(found)


def _left_of(kept: str | None) -> JSON:
    response = rows.decode(kept)
    return [_mark(one) for one in response] if isinstance(response, list) and response else _mark(response)


def _mark(answer: JSON) -> JSON:
    found = answer.get("id") if isinstance(answer, dict) else None
    is_id = isinstance(found, int | str) and not isinstance(found, bool) and len(str(found)) <= LONGEST_ID
    return {MARK: True, "id": found} if is_id else {MARK: True}
