"""Writes the record of every request to the store while a run goes on, off the path of the calls themselves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlalchemy.dialects.sqlite import dialect

from newfuse.log import logger
from newfuse.store.database import Store
from newfuse.store.schema import calls

if TYPE_CHECKING:
    from newfuse.http.record import CallRecord

_log = logger("store")
# Compiled once and given to the driver with plain tuples: SQLAlchemy would spend more on a row than SQLite does.
_COLUMNS = [column.name for column in calls.columns if column.name != "id"]
_STARTED_AT = _COLUMNS.index("started_at")
_RECORD = str(insert(calls).values(dict.fromkeys(_COLUMNS)).compile(dialect=dialect(paramstyle="qmark")))

DELAY_S = 0.1  # what a killed process may lose; one flush of the disk (about a millisecond) for all calls of that time


class CallLog:
    """Takes call records and writes them down a moment later; `flush()` waits until they are on disk."""

    def __init__(self, store: Store) -> None:
        """Keep calls in `store`."""
        self.store = store
        self._waiting: list[CallRecord] = []
        self._writing: set[asyncio.Task[None]] = set()
        self._due: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_failing = False

    @property
    def unwritten(self) -> list[CallRecord]:
        """The calls that are not on disk yet, the oldest first; after a failed flush, all that could not be written."""
        return list(self._waiting)

    def record(self, call: CallRecord) -> None:
        """Remember one request; it is written in the background, with the others of the same moment."""
        self._waiting.append(call)
        loop = asyncio.get_running_loop()
        if self._due is None or self._loop is not loop:  # a timer of a loop that has ended never fires
            self._loop = loop
            self._due = loop.call_later(DELAY_S, self._begin_writing)

    async def flush(self) -> None:
        """Return when every call recorded so far is on disk.

        Raises:
            ConfigurationError, StoreFailed: They cannot be written; they are kept, and tried again with the next ones.
        """
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._writing:
            await asyncio.gather(*self._writing)
        await self._write_waiting()

    def _begin_writing(self) -> None:
        self._due = None
        task = asyncio.get_running_loop().create_task(self._write_in_background())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write_in_background(self) -> None:
        try:
            await self._write_waiting()
        except Exception as exc:
            if not self._is_failing:  # once, however long the store cannot be written to
                _log.warning("calls could not be written to the store; they are tried again: %s", exc)
            self._is_failing = True
        else:
            self._is_failing = False

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        rows = [_row(call) for call in batch]
        try:
            await self.store.write(lambda connection: connection.exec_driver_sql(_RECORD, rows))
        except Exception:  # not when cancelled: the store's thread goes on and writes them
            self._waiting = batch + self._waiting  # nothing measured is lost to a passing failure
            raise


def _row(call: CallRecord) -> tuple[Any, ...]:
    row = [getattr(call, name) for name in _COLUMNS]
    row[_STARTED_AT] = call.started_at.isoformat()
    return tuple(row)
