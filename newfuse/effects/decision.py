"""What only a person can decide: whether a write that nobody can tell of has happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, select, update

from newfuse.effects.intent import State
from newfuse.effects.owner import Owner
from newfuse.errors import InvalidArguments
from newfuse.store import Store
from newfuse.store.schema import effects

IN_DOUBT = (State.UNKNOWN.value, State.INTENT.value)
SHORTEST_KEY = 6  # characters by which an effect may be named: fewer fit too many


@dataclass(frozen=True, slots=True)
class RecordedEffect:
    """One write as the ledger keeps it; times are ISO 8601 in UTC.

    Attributes:
        key: The ledger's key.
        environment: `live`, or which sandbox.
        integration: Slug.
        action: Name of the action.
        reference: The record's own reference.
        kind: write, money or destructive.
        state: intent, confirmed, failed or unknown.
        run_id: The run that last worked on it, or None.
        task: Its task, or None.
        created_at: When its attempt was begun.
        settled_at: When its outcome was recorded, or None.
        error: Why it is not confirmed, or None.
    """

    key: str
    environment: str
    integration: str
    action: str
    reference: str
    kind: str
    state: str
    run_id: str | None
    task: str | None
    created_at: str
    settled_at: str | None
    error: str | None


async def list_effects(store: Store, *, only_unknown: bool = False) -> list[RecordedEffect]:
    """Return the writes that the store knows, the latest first.

    Args:
        store: The store.
        only_unknown: Only those of which nobody knows whether they happened, a dead process's intents among them.
    """
    owner = Owner(store.folder)

    def read(connection: Connection) -> list[RecordedEffect]:
        query = select(effects).order_by(effects.c.created_at.desc(), effects.c.key)
        if only_unknown:
            query = query.where(effects.c.state.in_(IN_DOUBT))
        rows = connection.execute(query).mappings()
        names = RecordedEffect.__dataclass_fields__
        return [
            RecordedEffect(**{name: row[name] for name in names})
            for row in rows
            if not (only_unknown and row["state"] == State.INTENT and owner.is_alive(row["owner"]))
        ]

    return await store.read(read)


async def decide(store: Store, key: str, *, happened: bool) -> RecordedEffect:
    """Record what a person knows of a write in doubt.

    What has happened is not sent again. What has not is sent by the next run that asks for it, under the key it had: if
    the person was wrong, a vendor that remembers keys still recognises it.

    Args:
        store: The store.
        key: The ledger's key, or how it begins.
        happened: Whether it happened.

    Returns:
        The effect as it stands now.

    Raises:
        InvalidArguments: No effect, or several, have such a key; or it is not in doubt; or a process is at it.
    """
    return await store.write(partial(_decide, owner=Owner(store.folder), key=key, happened=happened))


def _decide(connection: Connection, *, owner: Owner, key: str, happened: bool) -> RecordedEffect:
    def refuse(problem: str) -> InvalidArguments:
        return InvalidArguments("the effect cannot be settled", [("key", problem)])

    if len(key) < SHORTEST_KEY:
        raise refuse(f"give at least {SHORTEST_KEY} characters; `newfuse effects list --unknown` shows it")
    found = connection.execute(select(effects).where(effects.c.key.startswith(key, autoescape=True))).mappings().all()
    if len(found) != 1:
        raise refuse(f"{len(found) or 'no'} effects have a key that begins so; `newfuse effects list` shows them")
    row = dict(found[0])
    if row["state"] not in IN_DOUBT:
        raise refuse(f"it is not in doubt: it is {row['state']}")
    if row["state"] == State.INTENT and owner.is_alive(row["owner"]):
        raise refuse("a process that is running is at it; let it end first")
    changes = {
        "state": (State.CONFIRMED if happened else State.FAILED).value,
        "error": f"decided by a person: it {'happened' if happened else 'did not happen'}",
        "settled_at": datetime.now(UTC).isoformat(),
    }
    connection.execute(update(effects).where(effects.c.key == row["key"]).values(changes))
    return RecordedEffect(**{name: (row | changes)[name] for name in RecordedEffect.__dataclass_fields__})
