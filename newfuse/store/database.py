"""The one database: SQLite in a folder, driven from a thread of its own so that nothing async ever waits on a disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import DatabaseError, OperationalError

from newfuse.errors import ConfigurationError
from newfuse.store import schema

FILE_NAME = "newfuse.db"
BUSY_TIMEOUT_MS = 30_000  # two runs on one store take turns at writing; a turn is milliseconds

T = TypeVar("T")


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

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction that is on disk when this returns; cancelling the caller does not undo it.

        Raises:
            ConfigurationError: The store cannot be opened or written to: no permission, a full disk.
        """
        return await self._submit(self._write, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent view of the store."""
        return await self._submit(self._read, work)

    async def close(self) -> None:
        """Finish what was begun and release the files; the store opens again on next use."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.get_running_loop().run_in_executor(thread, self._dispose)
            thread.shutdown()

    async def _submit(self, how: Callable[[Callable[[Connection], T]], T], work: Callable[[Connection], T]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="newfuse-store")
        running = asyncio.get_running_loop().run_in_executor(self._thread, how, work)
        return await asyncio.shield(running)  # a cancelled caller must not take back what waits in the thread's queue

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
    engine = create_engine(
        URL.create("sqlite", database=database), isolation_level="AUTOCOMMIT", hide_parameters=True
    )
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
