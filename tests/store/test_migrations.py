"""A store of an earlier version becomes one of this version where it lies, with all that it knows."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from newfuse.effects import Intent, Ledger, Scope, State, Verdict
from newfuse.errors import ConfigurationError
from newfuse.observe.run_history import list_runs
from newfuse.store import Store
from newfuse.store.migrations import STEPS
from newfuse.store.schema import VERSION, effects
from newfuse.types import Effect, Once

VERSION_1 = (Path(__file__).parent / "version_1.sql").read_text(encoding="utf-8")
STARTED = "2026-01-02T03:04:05+00:00"
PAYMENT = Intent(Scope("live", "default", "shop", "pay"), "order 7", {"amount": 5}, Effect.MONEY, Once.KEY)


@pytest.fixture
def old(tmp_path: Path) -> sqlite3.Connection:
    """A store of version 1, left behind by a process that was killed in its second run."""
    database = sqlite3.connect(tmp_path / "newfuse.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(VERSION_1)
    for run, status in (("one", "SUCCESS"), ("two", "RUNNING"), ("three", "RUNNING")):
        row = (run, "crew", "live", "live", "runbook", STARTED, None, status, "reports")
        database.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    names = ("live", "default", "shop", "pay", "order 7", PAYMENT.fingerprint, "money", "key", "confirmed", 1)
    contents = ('{"amount":5}', '{"id":"p1"}', None, STARTED, STARTED)
    row = (PAYMENT.key, *names, "process", "two", "task", "agent", *contents)
    database.execute(f"INSERT INTO effects VALUES ({', '.join('?' * len(row))})", row)
    database.commit()
    return database


def tables(database: sqlite3.Connection) -> dict[str, Any]:
    """The columns of every table, and the indexes as they were asked for."""
    found: dict[str, Any] = {}
    for name, kind, text in database.execute("SELECT name, type, sql FROM sqlite_master ORDER BY name").fetchall():
        asked = " ".join(text.split()) if kind == "index" and text else None
        found[name] = database.execute(f"PRAGMA table_info({name})").fetchall() if kind == "table" else asked
    return found


async def test_a_migrated_store_has_the_tables_of_a_new_one(tmp_path: Path, old: sqlite3.Connection):
    old.close()
    for folder in (tmp_path, tmp_path / "new"):
        store = Store(folder)
        await store.read(lambda _connection: None)
        await store.close()
    migrated, new = (sqlite3.connect(folder / "newfuse.db") for folder in (tmp_path, tmp_path / "new"))
    assert tables(new) == tables(migrated)
    assert [(str(VERSION),)] == migrated.execute("SELECT value FROM meta WHERE name = 'version'").fetchall()
    migrated.close()
    new.close()


async def test_a_migrated_store_keeps_what_it_knows(tmp_path: Path, old: sqlite3.Connection):
    old.close()
    ledger = Ledger(Store(tmp_path))
    [standing] = await ledger.begin([PAYMENT])
    assert (Verdict.DONE, {"id": "p1"}, "two") == (standing.verdict, standing.response, standing.by_run)
    assert {PAYMENT.key: State.CONFIRMED} == await ledger.states([PAYMENT.key])
    assert 1 == len(await ledger.store.read(lambda connection: connection.execute(select(effects)).all()))
    await ledger.store.close()


async def test_runs_that_version_1_left_running_are_interrupted_unless_their_process_lives(
    tmp_path: Path, old: sqlite3.Connection
):
    store = Store(tmp_path)
    owner = Ledger(store).owner
    old.execute("UPDATE effects SET owner = ?", [owner.id])
    old.commit()
    old.close()
    owner.claim()
    statuses = {run.run_id: run.status for run in await list_runs(store)}
    assert {"one": "SUCCESS", "two": "RUNNING", "three": "INTERRUPTED"} == statuses
    owner.release()
    assert {"INTERRUPTED"} == {run.status for run in await list_runs(store) if run.run_id != "one"}
    await store.close()


async def test_two_programs_that_open_an_old_store_migrate_it_once_while_the_old_one_goes_on(
    tmp_path: Path, old: sqlite3.Connection
):
    stores = [Store(tmp_path), Store(tmp_path)]
    for store in stores:
        await store.read(lambda _connection: None)
    old.execute("INSERT INTO meta VALUES ('a', 'b')")
    old.commit()
    old.close()
    for store in stores:
        await store.close()


async def test_a_migration_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, old: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    before = tables(old)
    monkeypatch.setitem(STEPS, 1, (*STEPS[1], "no statement"))
    store = Store(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        await store.read(lambda _connection: None)
    await store.close()
    assert before == tables(old)
    old.close()


def test_there_is_a_step_from_every_version_before_this_one():
    assert list(range(1, VERSION)) == sorted(STEPS)
