"""The store: safe across loops and processes, and plain about what is wrong with its folder."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import stat
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from newfuse.effects.owner import Owner
from newfuse.errors import ConfigurationError, StoreFailed
from newfuse.store import Store
from newfuse.store.schema import VERSION, effects, meta


def put(name: str):
    return lambda connection: connection.execute(insert(meta).values(name=name, value="1"))


def names(connection):
    return sorted(row.name for row in connection.execute(select(meta.c.name)))


def pragma(name: str):
    return lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar()


@pytest.mark.parametrize("in_folder", [True, False])
async def test_what_was_written_is_read_again(tmp_path: Path, in_folder: bool):
    store = Store(tmp_path / "store" if in_folder else None)
    await store.write(put("a"))
    assert ["a", "version"] == await store.read(names)
    await store.close()


async def test_a_write_is_in_the_write_ahead_log_and_flushed_before_it_counts_as_done(tmp_path: Path):
    store = Store(tmp_path)
    assert "wal" == await store.read(pragma("journal_mode"))
    assert 2 == await store.read(pragma("synchronous"))  # 2 is FULL: https://sqlite.org/pragma.html#pragma_synchronous
    assert await store.read(pragma("busy_timeout")) >= 10_000
    await store.close()


async def test_a_committed_write_is_seen_by_another_connection_at_once(tmp_path: Path):
    store = Store(tmp_path)
    await store.write(put("a"))
    other = sqlite3.connect(tmp_path / "newfuse.db")
    assert [("a",), ("version",)] == other.execute("SELECT name FROM meta ORDER BY name").fetchall()
    other.close()
    await store.close()


async def held_up(store: Store, *works):
    """Ask for writes while another one is under way, so that they wait together; returns what became of each."""
    going_on = threading.Event()
    first = asyncio.ensure_future(store.write(lambda _connection: going_on.wait(5)))
    others = [asyncio.ensure_future(store.write(work)) for work in works]
    await asyncio.sleep(0)  # all of them are in the queue
    going_on.set()
    await first
    return await asyncio.gather(*others, return_exceptions=True)


async def test_writes_that_wait_together_share_a_transaction_and_each_has_its_own_result(tmp_path: Path):
    store = Store(tmp_path)
    connections = []

    def putting(name: str):
        def work(connection):
            connections.append(connection)
            put(name)(connection)
            return name

        return work

    assert ["a", "b", "c"] == await held_up(store, putting("a"), putting("b"), putting("c"))
    assert 1 == len({id(connection) for connection in connections})
    assert ["a", "b", "c", "version"] == await store.read(names)
    await store.close()


async def test_one_that_fails_takes_none_of_those_with_it_that_waited_beside_it(tmp_path: Path):
    store = Store(tmp_path)

    def half(connection):
        put("half")(connection)
        raise ValueError("a fault of this one")

    before, failure, after = await held_up(store, put("a"), half, put("b"))
    assert "a fault of this one" == str(failure)
    assert not isinstance(before, BaseException)
    assert not isinstance(after, BaseException)
    assert ["a", "b", "version"] == await store.read(names)
    await store.close()


async def test_one_whose_caller_is_gone_is_written_with_the_others(tmp_path: Path):
    store = Store(tmp_path)
    going_on = threading.Event()
    first = asyncio.ensure_future(store.write(lambda _connection: going_on.wait(5)))
    gone, other = (asyncio.ensure_future(store.write(put(name))) for name in ("a", "b"))
    await asyncio.sleep(0)
    gone.cancel()
    going_on.set()
    await asyncio.gather(first, other)
    assert gone.cancelled()
    assert ["a", "b", "version"] == await store.read(names)
    await store.close()


async def test_a_failing_write_leaves_nothing_and_shows_no_values(tmp_path: Path):
    store = Store(tmp_path)

    def half(connection):
        put("a")(connection)
        connection.execute(insert(effects), [{"key": "a value of ours"}])

    with pytest.raises(IntegrityError) as failure:
        await store.write(half)
    assert "a value of ours" not in str(failure.value)
    assert ["version"] == await store.read(names)
    await store.write(put("b"))
    assert ["b", "version"] == await store.read(names)
    await store.close()


async def test_a_read_sees_one_state_and_changes_nothing(tmp_path: Path):
    store = Store(tmp_path)
    await store.read(put("a"))
    assert ["version"] == await store.read(names)
    await store.close()


def test_one_store_serves_two_event_loops_one_after_the_other(tmp_path: Path):
    store = Store(tmp_path)
    asyncio.run(store.write(put("first")))
    asyncio.run(store.write(put("second")))
    assert ["first", "second", "version"] == asyncio.run(store.read(names))
    asyncio.run(store.close())


async def test_a_closed_store_opens_again(tmp_path: Path):
    store = Store(tmp_path)
    await store.write(put("a"))
    await store.close()
    assert ["a", "version"] == await store.read(names)
    await store.close()
    await store.close()


async def test_two_stores_on_one_folder_take_turns(tmp_path: Path):
    stores = [Store(tmp_path), Store(tmp_path)]
    await asyncio.gather(*(stores[index % 2].write(put(f"{index:02}")) for index in range(40)))
    assert [f"{index:02}" for index in range(40)] == [n for n in await stores[0].read(names) if n != "version"]
    for store in stores:
        await store.close()


async def test_a_write_in_the_queue_survives_the_cancelling_of_its_caller():
    store = Store(None)
    await store.read(names)
    released = threading.Event()
    blocking = asyncio.ensure_future(store.write(lambda connection: released.wait(5)))
    queued = asyncio.ensure_future(store.write(put("a")))
    await asyncio.sleep(0)
    queued.cancel()
    with pytest.raises(asyncio.CancelledError):
        await queued
    released.set()
    await blocking
    assert ["a", "version"] == await store.read(names)
    await store.close()


@pytest.mark.parametrize("name", ["a?b=c", "a%20b", "with space#x", "ümläut"])
async def test_any_name_of_a_folder_is_taken_as_it_is(tmp_path: Path, name: str):
    store = Store(tmp_path / name)
    await store.write(put("a"))
    await store.close()
    assert [name] == [path.name for path in tmp_path.iterdir()]  # noqa: ASYNC240
    assert (tmp_path / name / "newfuse.db").is_file()


async def test_only_a_folder_of_its_own_is_kept_out_of_repositories(tmp_path: Path):
    made, own = Store(tmp_path / "made"), Store(tmp_path)
    await made.write(put("a"))
    await own.write(put("a"))
    assert "*\n" == (tmp_path / "made" / ".gitignore").read_text(encoding="utf-8")
    assert not (tmp_path / ".gitignore").exists()
    await made.close()
    await own.close()


def a_file(folder: Path) -> Path:
    (folder / "file").write_text("mine", encoding="utf-8")
    return folder / "file"


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "store"


def no_database(folder: Path) -> Path:
    (folder / "newfuse.db").write_bytes(b"this is no database " * 300)
    return folder


def cut_off(folder: Path) -> Path:
    (folder / "newfuse.db").write_bytes(b"SQLite format 3\0\x10\x00\x02\x02" + b"\xff" * 900)
    return folder


def folder_in_place_of_the_file(folder: Path) -> Path:
    (folder / "newfuse.db").mkdir()
    return folder


def impossible_name(folder: Path) -> Path:
    return folder / "a\0b"


@pytest.mark.parametrize(
    "make", [a_file, below_a_file, no_database, cut_off, folder_in_place_of_the_file, impossible_name]
)
async def test_a_store_that_cannot_be_opened_names_the_way_out(tmp_path: Path, make):
    store = Store(make(tmp_path))
    for use in (store.write, store.read):
        with pytest.raises(ConfigurationError, match=r"The store .*cannot be .*--store or NEWFUSE_STORE"):
            await use(names)
    await store.close()


async def test_a_folder_that_may_not_be_written_to_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)  # the tests may run as root, whom no mode refuses
    with pytest.raises(ConfigurationError, match=r"cannot be made: Permission denied\. Choose another with --store"):
        await Store(tmp_path / "store").read(names)


async def test_a_store_that_turns_read_only_names_the_way_out(tmp_path: Path):
    store = Store(tmp_path)
    await store.write(put("a"))
    await store.read(lambda connection: connection.exec_driver_sql("PRAGMA query_only = ON"))
    with pytest.raises(StoreFailed, match=r"failed: .*readonly database\. .*give permission .* run the same command"):
        await store.write(put("b"))
    await store.close()


async def test_a_store_that_is_full_says_so_and_takes_writes_again_when_there_is_room(tmp_path: Path):
    store = Store(tmp_path)
    await store.read(names)

    def limit(pages: int):
        return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar()

    pages = await store.read(pragma("page_count"))
    await store.read(limit(pages))
    for _ in range(2):
        with pytest.raises(StoreFailed, match=r"failed: database or disk is full\. Make room .* run the same command"):
            await store.write(put("a" * 10_000))
    assert ["version"] == await store.read(names)
    await store.read(limit(1_000_000))
    await store.write(put("a"))
    assert ["a", "version"] == await store.read(names)
    await store.close()


async def test_a_store_that_is_damaged_in_use_does_not_ask_for_room(tmp_path: Path):
    store = Store(tmp_path)
    await store.write(put("a"))
    await store.read(lambda connection: connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all())
    await store.read(lambda connection: connection.exec_driver_sql("PRAGMA cache_size = 0"))
    with (tmp_path / "newfuse.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 100_000)
    with pytest.raises(StoreFailed, match=r"malformed\. Its file is damaged: put a backup in its place"):
        await store.read(names)
    await store.close()


async def test_a_failure_of_the_store_is_met_once_by_all_that_wait_together(tmp_path: Path):
    store = Store(tmp_path)
    asked = []

    def putting(name: str):
        def work(connection):
            asked.append(name)
            put(name * 10_000)(connection)

        return work

    pages = await store.read(pragma("page_count"))
    await store.read(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar())
    going_on = threading.Event()
    busy = asyncio.ensure_future(store.read(lambda _connection: going_on.wait(5)))
    both = [asyncio.ensure_future(store.write(putting(name))) for name in ("a", "b")]
    await asyncio.sleep(0)  # both are in the queue
    going_on.set()
    await busy
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert [StoreFailed, StoreFailed] == [type(outcome) for outcome in outcomes]
    assert ["a"] == asked  # not each of them again by itself: the next may wait for a lock, half a minute each
    await store.close()


# --- files that are taken away ------------------------------------------------------------------------------------


def delete(name: str):
    return lambda folder: (folder / name).unlink()


def move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def copy_over(folder: Path) -> None:
    """Put another file in the place of the database, as a copy does."""
    copy = folder / "copy"
    copy.write_bytes((folder / "newfuse.db").read_bytes())
    copy.replace(folder / "newfuse.db")


TAKEN = {
    "the folder is deleted": shutil.rmtree,
    "the database is deleted": delete("newfuse.db"),
    "the write-ahead log is deleted": delete("newfuse.db-wal"),
    "its index is deleted": delete("newfuse.db-shm"),
    "the folder is moved": move,
    "the database is replaced": copy_over,
}


@pytest.mark.parametrize("what", TAKEN)
async def test_a_store_taken_away_in_use_takes_no_more_writes_and_shows_what_it_has(tmp_path: Path, what: str):
    store = Store(tmp_path / "store")
    await store.write(put("a"))
    TAKEN[what](tmp_path / "store")
    asked = []
    for _ in range(2):
        with pytest.raises(StoreFailed, match=r"was deleted, moved or replaced .* Put it back"):
            await store.write(asked.append)
    assert [] == asked
    assert ["a", "version"] == await store.read(names)
    assert "was deleted" in str(store.last_failure)
    await store.close()


async def test_a_store_taken_away_during_a_write_does_not_let_anybody_rely_on_that_write(tmp_path: Path):
    store = Store(tmp_path / "store")
    await store.read(names)

    def work(connection):
        put("a")(connection)
        shutil.rmtree(tmp_path / "store")

    with pytest.raises(StoreFailed, match="was deleted"):
        await store.write(work)
    await store.close()


async def test_a_store_that_was_put_back_is_used_again(tmp_path: Path):
    store = Store(tmp_path / "store")
    await store.write(put("a"))
    move(tmp_path / "store")
    with pytest.raises(StoreFailed):
        await store.write(put("b"))
    (tmp_path / "moved").rename(tmp_path / "store")
    await store.write(put("c"))
    assert ["a", "c", "version"] == await store.read(names)
    await store.close()


# --- whose it is --------------------------------------------------------------------------------------------------


def modes(folder: Path) -> dict[str, str]:
    return {path.name: stat.filemode(path.stat().st_mode) for path in folder.iterdir() if path.name != ".gitignore"}


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
async def test_a_store_is_its_owners_alone_whatever_the_umask(tmp_path: Path, mask: int):
    store = Store(tmp_path / "store")
    before = os.umask(mask)
    try:
        await store.write(put("a"))
        owner = Owner(tmp_path / "store")
        await store.write(lambda _connection: owner.claim())
    finally:
        os.umask(before)
    files = dict.fromkeys(("newfuse.db", "newfuse.db-wal", "newfuse.db-shm"), "-rw-------")
    assert {"alive": "drwx------", **files} == modes(tmp_path / "store")
    assert {f"{owner.id}.lock": "-rw-------"} == modes(tmp_path / "store" / "alive")
    assert "drwx------" == stat.filemode((tmp_path / "store").stat().st_mode)
    owner.release()
    await store.close()


async def test_in_a_folder_of_somebodys_own_only_the_stores_files_are_closed_to_others(tmp_path: Path):
    tmp_path.chmod(0o755)  # noqa: ASYNC240
    for suffix in ("", "-wal", "-shm"):  # as a version before this one left them after a crash
        (tmp_path / f"newfuse.db{suffix}").touch(0o644)
    (tmp_path / "mine").touch(0o644)
    store = Store(tmp_path)
    await store.write(put("a"))
    assert "drwxr-xr-x" == stat.filemode(tmp_path.stat().st_mode)  # noqa: ASYNC240
    files = dict.fromkeys(("newfuse.db", "newfuse.db-wal", "newfuse.db-shm"), "-rw-------")
    assert {"mine": "-rw-r--r--", **files} == modes(tmp_path)
    await store.close()


async def test_opening_a_store_again_lets_go_of_no_lock_on_it(tmp_path: Path):
    """Closing any handle of a file drops a process's POSIX locks on it: https://sqlite.org/howtocorrupt.html, 2.2."""
    first = Store(tmp_path)
    await first.write(put("a"))
    second = Store(tmp_path)
    await second.read(names)
    # Another process would remove the log if it could lock the database: nobody seemed to use it then.
    script = f"import sqlite3; c = sqlite3.connect({str(tmp_path / 'newfuse.db')!r}); c.execute('SELECT * FROM meta')"
    await (await asyncio.create_subprocess_exec(sys.executable, "-c", f"{script}; c.close()")).wait()
    assert (tmp_path / "newfuse.db-wal").exists()
    await first.write(put("b"))
    await first.close()
    await second.close()


# --- versions -----------------------------------------------------------------------------------------------------


async def test_a_store_of_another_version_is_refused_and_left_alone(tmp_path: Path):
    database = sqlite3.connect(tmp_path / "newfuse.db")
    database.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    database.execute("INSERT INTO meta VALUES ('version', '99')")
    database.commit()
    store = Store(tmp_path)
    with pytest.raises(ConfigurationError, match=rf"has version 99, this program needs {VERSION}\. .*--store"):
        await store.write(put("a"))
    await store.close()
    assert [("meta",)] == database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    database.close()
