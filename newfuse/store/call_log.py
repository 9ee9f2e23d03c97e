"""Writes the record of every request to the store, in batches, off the path of the calls themselves."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from newfuse.log import logger
from newfuse.store.database import Store
from newfuse.store.schema import calls

if TYPE_CHECKING:
    from newfuse.http.record import CallRecord

_log = logger("store")
BATCH = 200  # rows a transaction: one disk flush for many calls, little lost in a crash


class CallLog:
    """Collects call records; `flush()` puts them on disk."""

    def __init__(self, store: Store) -> None:
        """Keep calls in `store`."""
        self.store = store
        self._waiting: list[CallRecord] = []
        self._writing: set[asyncio.Task[None]] = set()

    def record(self, call: CallRecord) -> None:
        """Remember one request; every so many, they are written in the background."""
        self._waiting.append(call)
        if len(self._waiting) >= BATCH:
            task = asyncio.get_running_loop().create_task(self._write_in_background())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def flush(self) -> None:
        """Return when every call recorded so far is on disk."""
        if self._writing:
            await asyncio.gather(*self._writing)
        await self._write_waiting()

    async def _write_in_background(self) -> None:
        try:
            await self._write_waiting()
        except Exception:
            _log.exception("calls could not be written to the store; they are tried again")

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        rows = [_row(call) for call in batch]
        try:
            await self.store.write(lambda connection: connection.execute(insert(calls), rows))
        except Exception:  # not when cancelled: the store's thread goes on and writes them
            self._waiting = batch + self._waiting  # nothing measured is lost to a passing failure
            raise


def _row(call: CallRecord) -> dict[str, Any]:
    row = asdict(call)
    row["started_at"] = call.started_at.isoformat()
    return row
