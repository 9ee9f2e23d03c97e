"""A store that fails or vanishes under a run: nothing more is written to a vendor, and what was is told."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crew.tiny_crew import World, only, pay, paying_crew
from newfuse import (
    ConfigurationError,
    Disposition,
    Job,
    NewFuseError,
    Procedure,
    StoreFailed,
    ToolResult,
    call,
    runbook,
    tool,
)
from newfuse.crew import crew_run
from newfuse.crew.runbook import Brief
from newfuse.effects import ledger
from newfuse.report import RunOutput
from newfuse.report.results import TaskStatus
from newfuse.store import Store
from tools import outcome

Break = Callable[[Job], Any]


async def refuse(job: Job) -> None:
    """Let every write fail from now on, as on a disk that has turned read-only."""
    await job.run.ledger.store.read(lambda connection: connection.exec_driver_sql("PRAGMA query_only = ON"))


async def delete(job: Job) -> None:
    """Remove the store's folder."""
    assert job.run.ledger.store.folder is not None
    shutil.rmtree(job.run.ledger.store.folder)


async def replace(job: Job) -> None:
    """Put a store in the place of this one that knows nothing."""
    folder = job.run.ledger.store.folder
    assert folder is not None
    shutil.rmtree(folder)
    other = Store(folder)
    await other.read(lambda _connection: None)
    await other.close()


BROKEN: dict[str, Break] = {"read-only": refuse, "deleted": delete, "replaced": replace}
SAID = {
    "read-only": "attempt to write a readonly database",
    "deleted": "was deleted, moved",
    "replaced": "was deleted, moved",
}
broken = pytest.mark.parametrize("how", BROKEN)


def breaking(how: str) -> Any:
    """A tool that breaks the store."""

    @tool
    async def break_store(job: Job) -> ToolResult:
        """Break the store."""
        await BROKEN[how](job)
        return ToolResult("broken")

    return break_store


@runbook
def pay_break_and_pay(brief: Brief) -> Procedure:
    yield call("pay", dataset="payments", at_most=1)
    yield call("break_store")
    result = yield call("pay", dataset="payments")
    return f"{result['taken']} payments were taken."


def results(output: RunOutput) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output.folder / "results.json").read_text(encoding="utf-8"))
    return found


@broken
async def test_nothing_is_paid_after_the_store_is_gone_and_the_reports_tell(how: str, world_on_disk: World):
    output = await world_on_disk.run(paying_crew(pay, breaking(how), runbook=pay_break_and_pay))
    assert [501] == world_on_disk.taken
    assert (1, "NEEDS ATTENTION") == (output.exit_code, results(output)["status"])
    done = only(output)
    assert TaskStatus.FAILED == done.status
    assert SAID[how] in str(done.error)
    assert (1, 1) == (done.effects.planned, done.effects.confirmed)
    written = results(output)
    assert written["tasks"][0]["calls"] == len(
        world_on_disk.server.sandbox.log
    )  # those that the store did not take, too
    summary = (output.folder / "INTEGRATION_SUMMARY.md").read_text(encoding="utf-8")
    assert "The run is not recorded whole" in summary
    assert SAID[how] in summary


@broken
async def test_a_store_that_fails_when_all_is_done_is_no_success_either(how: str, world_on_disk: World):
    @runbook
    def pay_and_break(brief: Brief) -> Procedure:
        result = yield call("pay", dataset="payments")
        yield call("break_store")
        return f"{result['taken']} payments were taken."

    output = await world_on_disk.run(paying_crew(pay, breaking(how), runbook=pay_and_break))
    assert [501, 702, 903] == world_on_disk.taken
    assert TaskStatus.COMPLETED == only(output).status
    assert (1, "NEEDS ATTENTION") == (output.exit_code, results(output)["status"])
    assert "The run is not recorded whole" in (output.folder / "INTEGRATION_SUMMARY.md").read_text(encoding="utf-8")


async def test_a_store_that_fails_at_the_very_last_changes_the_reports(world: World, monkeypatch: pytest.MonkeyPatch):
    real = crew_run.write_reports

    def write_and_break(record: Any, folder: Path) -> Any:
        assert isinstance(world.store, Store)
        monkeypatch.setattr(crew_run, "write_reports", real)
        world.store._engine.dispose()  # type: ignore[union-attr]  # in memory this takes the tables away
        return real(record, folder)

    monkeypatch.setattr(crew_run, "write_reports", write_and_break)
    output = await world.run(paying_crew())
    assert (1, "NEEDS ATTENTION") == (output.exit_code, results(output)["status"])
    assert output.record.store_failure is not None


async def test_a_payment_whose_outcome_could_not_be_recorded_is_unknown_and_settled_by_the_next_run(
    world_on_disk: World, monkeypatch: pytest.MonkeyPatch
):
    def fail(*given: Any, **named: Any) -> None:
        raise StoreFailed("the disk is full")

    @tool
    async def pay_on(job: Job, dataset: str) -> ToolResult:
        """Take payments, as tools do: a failure is the record's.

        Args:
            dataset: Handle of the payments.
        """
        stripe = await job.integration("stripe")
        for entry in job.dataset(dataset).pending():
            asked = {"amount": entry.data["amount"], "currency": "usd", "confirm": True}
            try:
                performed = await stripe.perform(
                    "create_payment_intent", {**asked, "payment_method": "pm_card_visa"}, reference=entry.data["ref"]
                )
            except NewFuseError as exc:
                outcome.fail(entry, exc)
            else:
                entry.keys = (performed.key,)
                entry.settle(Disposition(performed.status.value))
        job.fact("payments.taken", 1, "payments", kind="effects")
        return ToolResult("paid")

    @runbook
    def procedure(brief: Brief) -> Procedure:
        yield call("pay_on", dataset="payments")
        return "Done."

    crew = paying_crew(pay_on, runbook=procedure)
    with monkeypatch.context() as patched:
        patched.setattr(ledger.rows, "settle", fail)
        first = await world_on_disk.run(crew)
    assert {"unknown": 3} == {name: count for name, count in only(first).datasets[0].counts.items() if count}
    assert 3 == only(first).effects.unknown
    second = await world_on_disk.run(crew)
    assert {"confirmed": 3} == {name: count for name, count in only(second).datasets[0].counts.items() if count}
    assert [501, 702, 903] == world_on_disk.taken


async def test_a_run_that_cannot_be_recorded_is_not_started_and_leaves_nothing(
    world_on_disk: World, monkeypatch: pytest.MonkeyPatch
):
    await world_on_disk.run(paying_crew())
    before = len(world_on_disk.server.sandbox.log)
    store = Store(world_on_disk.store)  # type: ignore[arg-type]
    await store.read(lambda connection: connection.exec_driver_sql("PRAGMA query_only = ON"))
    reports = sorted(world_on_disk.folder.iterdir())
    with pytest.raises(ConfigurationError, match=r"cannot be recorded, so it was not started\. .*readonly"):
        await world_on_disk.run(paying_crew(), store=store)
    await store.close()
    assert reports == sorted(world_on_disk.folder.iterdir())
    assert before == len(world_on_disk.server.sandbox.log)


async def test_a_cancelled_run_stays_cancelled_when_its_store_has_failed(world_on_disk: World):
    @tool
    async def break_and_wait(job: Job) -> ToolResult:
        """Break the store and wait."""
        await delete(job)
        broken.set()
        await asyncio.Event().wait()
        return ToolResult("never")

    @runbook
    def procedure(brief: Brief) -> Procedure:
        yield call("break_and_wait")
        return "Done."

    broken = asyncio.Event()
    running = asyncio.ensure_future(world_on_disk.run(paying_crew(break_and_wait, runbook=procedure)))
    await broken.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("mask", [0, 0o777])
async def test_what_a_run_leaves_is_its_owners_alone(mask: int, world_on_disk: World, monkeypatch: pytest.MonkeyPatch):
    world_on_disk.folder.mkdir()
    before = os.umask(mask)
    try:
        output = await world_on_disk.run(paying_crew())
    finally:
        os.umask(before)
    assert isinstance(world_on_disk.store, Path)
    modes = {path.name: stat.filemode(path.stat().st_mode) for path in [output.folder, world_on_disk.store]}
    assert {"drwx------"} == set(modes.values())
    files = [*output.folder.iterdir(), *world_on_disk.store.glob("newfuse*")]
    assert {"-rw-------"} == {stat.filemode(path.stat().st_mode) for path in files}
