"""The one database: SQLite in a folder, driven from a thread of its own so that nothing async ever waits on a disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import DatabaseError, OperationalError

from newfuse.errors import ConfigurationError
from newfuse.log import logger
from newfuse.store import schema

FILE_NAME = "newfuse.db"
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
        self._engine: Engine | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: deque[_Write] = deque()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction that is on disk when this returns; cancelling the caller does not undo it.

        What waits while another write is on its way to the disk shares the next transaction, and the next wait for the
        disk. When one of those sharing fails, each is run again in a transaction of its own: `work` may be called
        twice, the first time to no effect on the store.

        Raises:
            ConfigurationError: The store cannot be opened or written to: no permission, a full disk.
        """
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()  # from here on nobody can cancel it
        self._waiting.append((work, done))
        self._executor().submit(self._write_waiting)
        return await asyncio.shield(asyncio.wrap_future(done))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent view of the store."""
        reading = asyncio.get_running_loop().run_in_executor(self._executor(), self._read, work)
        return await asyncio.shield(reading)  # a cancelled caller must not break off what the thread is at

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
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # take the write lock first: no upgrade can deadlock
            try:
                result = work(connection)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
            return result

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._usable(), self._open().connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return work(connection)
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as exc:
            raise ConfigurationError(
                f"The store in {self.folder} cannot be used: {exc.orig}. Make room or give permission there, "
                "or choose another folder with --store or NEWFUSE_STORE."
            ) from exc

    def _open(self) -> Engine:
        if self._engine is None:
            self._engine = _engine(self.folder)
        return self._engine

    def _dispose(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            engine.dispose()


def _engine(folder: Path | None) -> Engine:
    database = None
    if folder is not None:
        _make_folder(folder)
        database = str(folder / FILE_NAME)
    # Parameters are what was written to vendors: they belong in no error text.
    engine = create_engine(URL.create("sqlite", database=database), isolation_level="AUTOCOMMIT", hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            schema.metadata.create_all(connection)
            _check_version(connection, folder)
            connection.exec_driver_sql("COMMIT")
    except (OperationalError, DatabaseError) as exc:
        engine.dispose()
        raise ConfigurationError(
            f"The store in {folder} cannot be opened: {exc.orig}. "
            "Choose another folder with --store or NEWFUSE_STORE, or move the file away."
        ) from exc
    except ConfigurationError:
        engine.dispose()
        raise
    return engine


def _make_folder(folder: Path) -> None:
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:  # a store never belongs in a repository; a folder that was there before is somebody's own
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except (OSError, ValueError) as exc:  # ValueError: a path that no file system takes
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise ConfigurationError(
            f"The store folder {folder} cannot be made: {reason}. Choose another with --store or NEWFUSE_STORE."
        ) from exc


def _prepare(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    with contextlib.suppress(Exception):  # in memory there is no journal to choose
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an intent must survive a power cut, or a write could happen twice
    cursor.close()


def _check_version(connection: Connection, folder: Path | None) -> None:
    found = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == "version")).scalar()
    if found is None:
        connection.execute(insert(schema.meta).values(name="version", value=str(schema.VERSION)))
    elif found != str(schema.VERSION):
        raise ConfigurationError(
            f"The store in {folder} has version {found}, this program needs {schema.VERSION}. "
            "Use the program that wrote it, or choose another folder with --store."
        )
