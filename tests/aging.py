"""Lets time pass for the ledger: a look-up's "not there" is believed of an attempt that is some minutes old."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from newfuse.store import Store
from newfuse.store.schema import effects


def _begun_at(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


async def age_effects(store: Store, minutes: float) -> None:
    """Let every effect of an open store have been begun so long ago."""
    begun_at = _begun_at(minutes)
    await store.write(lambda connection: connection.execute(update(effects).values(created_at=begun_at)))


def age_effects_in(folder: Path, minutes: float) -> None:
    """Let every effect of the store in a folder have been begun so long ago; no process may be at work on it."""
    with closing(sqlite3.connect(folder / "newfuse.db")) as database, database:
        database.execute("UPDATE effects SET created_at = ?", (_begun_at(minutes),))
