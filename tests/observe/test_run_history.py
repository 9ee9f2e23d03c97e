"""Runs in the store: one whose process is gone is interrupted, wherever its status is shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from newfuse.effects.owner import Owner
from newfuse.observe.run_history import find_runs, list_runs, run_detail
from newfuse.store import Store
from newfuse.store.schema import runs

HOLD = """
import sys
from pathlib import Path
from newfuse.effects.owner import Owner

owner = Owner(Path(sys.argv[1]))
owner.claim()
print(owner.id, flush=True)
sys.stdin.read()
"""


def run_row(run_id: str, status: str, owner: str | None) -> dict[str, Any]:
    started = {"started_at": "2026-01-02T03:04:05+00:00", "folder": "reports"}
    about = {"crew": "crew", "mode": "sandbox", "environment": "sandbox", "model": "runbook"}
    return {"run_id": run_id, "status": status, "owner": owner, "finished_at": None, **about, **started}


async def begin(store: Store, *rows: dict[str, Any]) -> None:
    await store.write(lambda connection: connection.execute(insert(runs), rows))


async def kept(store: Store) -> dict[str, str]:
    found = await store.read(lambda connection: connection.execute(select(runs.c.run_id, runs.c.status)).all())
    return {row.run_id: row.status for row in found}


async def shown(store: Store) -> dict[str, str]:
    return {run.run_id: run.status for run in await list_runs(store)}


async def test_a_run_whose_process_was_killed_is_interrupted_and_one_that_goes_on_is_not(tmp_path: Path):
    process = subprocess.Popen(  # noqa: ASYNC220 - it is done with at once
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    other = process.stdout.readline().strip()
    store, own = Store(tmp_path), Owner(tmp_path)
    await store.write(lambda _connection: own.claim())
    await begin(store, run_row("mine", "RUNNING", own.id), run_row("other", "RUNNING", other))
    await begin(store, run_row("ended", "SUCCESS", other), run_row("nobodys", "RUNNING", None))
    assert {"mine": "RUNNING", "other": "RUNNING", "ended": "SUCCESS", "nobodys": "INTERRUPTED"} == await shown(store)
    process.kill()
    process.communicate()
    [found] = await find_runs(store, "oth")
    assert ("INTERRUPTED", None) == (found.status, found.finished_at)
    assert "INTERRUPTED" == (await run_detail(store, found)).status
    expected = {"mine": "RUNNING", "other": "INTERRUPTED", "ended": "SUCCESS", "nobodys": "INTERRUPTED"}
    assert expected == await shown(store) == await kept(store)
    own.release()
    assert "INTERRUPTED" == (await shown(store))["mine"]
    await store.close()


async def test_in_memory_a_run_goes_on_until_its_owner_lets_go(store: Store):
    owner = Owner(None)
    owner.claim()
    await begin(store, run_row("one", "RUNNING", owner.id))
    assert {"one": "RUNNING"} == await shown(store)
    owner.release()
    assert {"one": "INTERRUPTED"} == await shown(store)


async def test_listing_runs_that_have_ended_writes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch):
    await begin(store, run_row("one", "SUCCESS", "gone"), run_row("two", "INTERRUPTED", "gone"))
    monkeypatch.setattr(store, "write", None)
    assert {"one": "SUCCESS", "two": "INTERRUPTED"} == await shown(store)
