"""The one database: SQLite in a folder, driven from a thread of its own so that nothing async ever waits on a disk."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError

from newfuse.errors import ConfigurationError, StoreFailed
from newfuse.log import logger
from newfuse.store.backup import back_up
from newfuse.store.files import StoreFiles
from newfuse.store.migrations import bring_up_to_date

PRIMARY = 0xFF  # the bits of a result code that say what failed; the others say where: https://sqlite.org/rescode.html
BUSY_TIMEOUT_MS = 30_000  # two runs on one store take turns at writing; a turn is milliseconds

T = TypeVar("T")

_Write = tuple[Callable[[Connection], Any], Future[Any]]
_log = logger("store")


class Store:
    """Runs, calls and effects, kept in `FOLDER/newfuse.db`.

    Safe to use from any event loop and by several processes at once. Opened on first use.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Choose the folder; nothing is touched yet.

        Args:
            folder: Where the database lies; None keeps it in memory, for tests and throw-away runs.
        """
        self.folder = folder
        self.last_failure: StoreFailed | None = None
        """The latest failure in use, or None; another one is another object."""
        self._files = StoreFiles(folder) if folder is not None else None
        self._engine: Engine | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: deque[_Write] = deque()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction that is on disk when this returns; cancelling the caller does not undo it.

        What waits while another write is on its way to the disk shares the next transaction, and the next wait for the
        disk. When one of those sharing fails, each is run again in a transaction of its own: `work` may be called
        twice, the first time to no effect on the store.

        Raises:
            ConfigurationError: The store cannot be opened.
            StoreFailed: It failed after it had been opened: a full disk, or its files were taken away. Nothing that
                follows may rest on this write.
        """
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()  # from here on nobody can cancel it
        self._waiting.append((work, done))
        self._executor().submit(self._write_waiting)
        return await asyncio.shield(asyncio.wrap_future(done))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent view of the store.

        What was read is what this store has written, also when its files were taken away meanwhile.

        Raises:
            ConfigurationError: The store cannot be opened.
            StoreFailed: It failed after it had been opened.
        """
        reading = asyncio.get_running_loop().run_in_executor(self._executor(), self._read, work)
        return await asyncio.shield(reading)  # a cancelled caller must not break off what the thread is at

    async def backup(self, file: Path) -> None:
        """Copy the whole store, as it is at one moment, into a new file; runs may go on meanwhile.

        Raises:
            ConfigurationError: There is a file of that name, or it cannot be written; nothing is left of it.
        """
        await self.read(lambda connection: back_up(connection, file))

    async def close(self) -> None:
        """Finish what was begun and release the files; the store opens again on next use."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.get_running_loop().run_in_executor(thread, self._dispose)
            thread.shutdown()

    def _executor(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="newfuse-store")
        return self._thread

    def _write_waiting(self) -> None:
        """Write what waits, in one transaction if that goes well; nothing when an earlier turn has written it."""
        shared: list[_Write] = []
        while self._waiting:
            shared.append(self._waiting.popleft())
        if len(shared) > 1:
            try:
                results = self._write(lambda connection: [work(connection) for work, _ in shared])
            except StoreFailed as exc:  # the same would happen to each: a lock is waited for once, not many times
                for _, done in shared:
                    done.set_exception(exc)
                return
            except BaseException:  # whoever it is that fails: the others must not
                _log.debug("writes that shared a transaction are made one by one")
            else:
                for (_, done), result in zip(shared, results, strict=True):
                    done.set_result(result)
                return
        for work, done in shared:
            try:
                result = self._write(work)
            except BaseException as exc:
                done.set_exception(exc)
            else:
                done.set_result(result)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._usable(), self._open().connect() as connection:
            self._require_files()  # before anything is written into a file that is nobody's
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # take the write lock first: no upgrade can deadlock
            try:
                result = work(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                with contextlib.suppress(DatabaseError):  # a full disk has ended the transaction by itself
                    connection.exec_driver_sql("ROLLBACK")
                raise
            self._require_files()  # before anybody relies on what was written
            return result

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._usable(), self._open().connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return work(connection)
            finally:
                with contextlib.suppress(DatabaseError):
                    connection.exec_driver_sql("ROLLBACK")

    def _require_files(self) -> None:
        if self._files is None or self._files.are_those_opened():
            return
        raise StoreFailed(
            f"The store {self._files.database} was deleted, moved or replaced while it was in use, so nothing more "
            "is written to any vendor. Put it back, from where it went or from a backup, before the next run: without "
            "it a run does not know what was written already, and would write it again."
        )

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except StoreFailed as exc:
            self.last_failure = exc
            raise
        except DatabaseError as exc:
            if not (isinstance(exc, OperationalError | InternalError) or type(exc) is DatabaseError):
                raise  # a fault of the work: its values do not fit
            self.last_failure = StoreFailed(f"The store in {self.folder} failed: {exc.orig}. {_way_out(exc)}")
            raise self.last_failure from exc

    def _open(self) -> Engine:
        if self._engine is None:
            if self._files is not None:
                self._files.make()
            self._engine = _engine(self._files)
            if self._files is not None:
                self._files.note_opened()
        return self._engine

    def _dispose(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            engine.dispose()


def _way_out(error: DatabaseError) -> str:
    code = getattr(error.orig, "sqlite_errorcode", 0) & PRIMARY
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return (
            "Its file is damaged: put a backup in its place, and compare what was written since then with the "
            "vendors before anything is run again."
        )
    return (
        "Make room or give permission there, then run the same command again: what was begun is settled before "
        "anything is sent."
    )


def _engine(files: StoreFiles | None) -> Engine:
    database, place = (str(files.database), str(files.folder)) if files is not None else (None, "memory")
    # Parameters are what was written to vendors: they belong in no error text.
    engine = create_engine(URL.create("sqlite", database=database), isolation_level="AUTOCOMMIT", hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            bring_up_to_date(connection, place)
            connection.exec_driver_sql("COMMIT")
    except DatabaseError as exc:
        engine.dispose()
        raise ConfigurationError(
            f"The store in {place} cannot be opened: {exc.orig}. Choose another folder with --store or NEWFUSE_STORE, "
            "or move the file away; a new store knows nothing of what was written with this one."
        ) from exc
    except ConfigurationError:
        engine.dispose()
        raise
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    with contextlib.suppress(Exception):  # in memory there is no journal to choose
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an intent must survive a power cut, or a write could happen twice
    cursor.close()
