"""Failures are data: whatever breaks inside a task, the task fails by name and the run goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from crew.tiny_crew import (
    World,
    calls,
    endings,
    only,
    pay,
    paying_crew,
    statuses,
    work,
    working_crew,
)
from newfuse import (
    ConfigurationError,
    Disposition,
    InvalidArguments,
    Job,
    NewFuseError,
    Procedure,
    ToolFailed,
    ToolResult,
    Unavailable,
    call,
    runbook,
    tool,
)
from newfuse.crew.runbook import Brief
from newfuse.crew.watch import Watcher
from newfuse.report.results import TaskStatus
from newfuse.sandbox.faults import Fault

RAISED: dict[str, BaseException] = {}


@tool
async def raise_it(job: Job, name: str = "it") -> ToolResult:
    """Raise what the test put there.

    Args:
        name: Which.
    """
    raise RAISED[name]


@tool
async def succeed(job: Job) -> ToolResult:
    """Do nothing."""
    return ToolResult("done", {"answer": 42})


BROKEN: list[BaseException] = [
    ZeroDivisionError("division by zero"),
    RuntimeError("sk_live_abcdefgh12345678"),
    StopIteration("stop"),
    StopAsyncIteration(),
    RecursionError(),
    MemoryError(),
    TimeoutError(),
    ExceptionGroup("several", [ValueError("one")]),
    asyncio.CancelledError("nobody asked for it"),
    SystemExit(3),
    ConfigurationError("no such file"),
    InvalidArguments("call", [("field", "is wrong")]),
    Unavailable("the server is on fire", integration="stripe", status=503),
    KeyError(),
]


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
async def test_whatever_a_tool_raises_fails_its_task_and_no_other(
    error: BaseException, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(RAISED, "it", error)
    crew = working_crew([raise_it, succeed], work("broken", calls("raise_it")), work("sound", calls("succeed")))
    output = await world.run(crew, {})
    broken, sound = output.record.outcomes
    assert (TaskStatus.FAILED, TaskStatus.COMPLETED) == (broken.status, sound.status)
    assert broken.error
    assert "sk_live" not in broken.model_dump_json()
    written = (output.folder / "broken_report.md").read_text(encoding="utf-8")
    assert "sk_live" not in written


def raises(error: BaseException) -> Any:
    @runbook
    def procedure(brief: Brief) -> Procedure:
        yield call("succeed")
        raise error

    return procedure


@pytest.mark.parametrize(
    "error",
    [ValueError("bad"), StopIteration("stop"), asyncio.CancelledError(), RecursionError(), KeyError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_runbook_raises_fails_its_task_and_no_other(error: BaseException, world: World):
    crew = working_crew([succeed], work("broken", raises(error)), work("sound", calls("succeed")))
    output = await world.run(crew, {})
    assert statuses(output) == {"broken": TaskStatus.FAILED, "sound": TaskStatus.COMPLETED}
    assert output.record.outcomes[0].error.startswith("runbook failed: ")


async def test_a_runbook_that_breaks_off_after_its_records_are_done_has_not_done_its_task(world: World):
    @runbook
    def breaks_late(brief: Brief) -> Procedure:
        yield call("pay", dataset="payments")
        raise ValueError("before anything was reconciled")

    outcome = only(await world.run(paying_crew(runbook=breaks_late)))
    assert TaskStatus.FAILED == outcome.status
    assert "before anything was reconciled" in str(outcome.error)
    assert outcome.effects.confirmed == 3


@pytest.mark.parametrize("wish", ["pay", None, [call("succeed"), "pay"]])
async def test_a_runbook_that_yields_no_call_is_told_so(wish: Any, world: World):
    @runbook
    def strange(brief: Brief) -> Procedure:
        yield wish
        return "Done."

    outcome = only(await world.run(working_crew([succeed], work("strange", strange)), {}))
    assert TaskStatus.FAILED == outcome.status
    assert "A runbook yields call(…) or a list of them" in str(outcome.error)


async def test_a_function_that_is_no_generator_is_no_procedure(world: World):
    outcome = only(await world.run(working_crew([succeed], work("plain", runbook(lambda brief: "Done."))), {}))  # type: ignore[arg-type,return-value]
    assert TaskStatus.FAILED == outcome.status


async def test_a_runbook_without_end_is_stopped_and_named(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("newfuse.crew.task_run.RUNBOOK_LIMIT", 5)

    @runbook
    def endless(brief: Brief) -> Procedure:
        while True:
            yield call("succeed")

    outcome = only(await world.run(working_crew([succeed], work("endless", endless)), {}))
    assert TaskStatus.FAILED == outcome.status
    assert endings(outcome) == ["stopped: it had used its 5 model calls"]
    assert outcome.performances[0].tool_calls == 5


async def test_a_task_without_a_runbook_needs_a_model_and_says_so(world: World):
    crew = working_crew([succeed], work("first", calls("succeed")), work("free", context=["first"]))
    with pytest.raises(ConfigurationError, match=r"free has no runbook .* Name one with --model or NEWFUSE_MODEL"):
        await world.run(crew, {})
    assert (False, []) == (world.folder.exists(), await world.rows())  # found before anything is begun


async def test_a_failure_that_the_procedure_catches_and_mends_is_mended(world: World, monkeypatch: pytest.MonkeyPatch):
    tries: list[int] = []

    @tool
    async def flaky(job: Job) -> ToolResult:
        """Fail once."""
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable("try again", integration="stripe", status=503)
        return ToolResult("done")

    @runbook
    def again(brief: Brief) -> Procedure:
        try:
            yield call("flaky")
        except ToolFailed:
            yield call("flaky")
        return "Done at the second try."

    outcome = only(await world.run(working_crew([flaky], work("mended", again)), {}))
    assert (TaskStatus.COMPLETED, "Done at the second try.") == (outcome.status, outcome.prose)


@tool
async def strange_account(job: Job, kind: str) -> ToolResult:
    """Leave something in the account that no report can hold.

    Args:
        kind: Which.
    """
    if kind == "table":
        job.table("Odd", [{"value": object()}])
    elif kind == "fact":
        job.fact("odd.fact", object(), "things")
    elif kind == "check":
        job.check("odd", True, None)  # type: ignore[arg-type]
    elif kind == "rule":
        for entry in job.dataset("payments"):
            entry.settle(Disposition.REJECTED, "odd", rule=7)  # type: ignore[arg-type]
    elif kind == "nan":
        job.fact("odd.rate", float("nan"), "%")
    return ToolResult("done")


@pytest.mark.parametrize("kind", ["table", "fact", "check", "rule"])
async def test_an_account_that_cannot_be_written_down_fails_its_task_and_no_other(kind: str, world: World):
    crew = working_crew(
        [strange_account, succeed],
        work("strange", calls("strange_account", kind=kind), datasets=["payments"]),
        work("sound", calls("succeed")),
    )
    output = await world.run(crew)
    assert statuses(output) == {"strange": TaskStatus.FAILED, "sound": TaskStatus.COMPLETED}
    assert (output.folder / "results.json").is_file()


async def test_what_is_no_number_was_not_measured(world: World):
    output = await world.run(working_crew([strange_account], work("nan", calls("strange_account", kind="nan"))), {})
    [fact] = output.result.facts
    assert fact.value is None
    assert "NaN" not in (output.folder / "results.json").read_text(encoding="utf-8")


async def test_a_view_that_breaks_stops_no_work(world: World):
    told: list[str] = []

    class Broken(Watcher):
        def run_started(self, run: object) -> None:
            told.append("run_started")

        def tool_called(self, task: str, agent: str, tool: str) -> None:
            told.append("tool_called")
            raise BrokenPipeError

        def task_ended(self, outcome: object) -> None:
            told.append("task_ended")

    output = await world.run(paying_crew(), watcher=Broken())
    assert TaskStatus.COMPLETED == only(output).status
    assert told == ["run_started", "tool_called"]


async def test_reports_that_cannot_be_written_are_said_with_what_the_run_came_to(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("newfuse.crew.crew_run.write_reports", refuse)
    with pytest.raises(NewFuseError, match=r"No space left .* The run has ended: 1 of 1 tasks .* 3 writes conf"):
        await world.run(paying_crew())
    [row] = await world.rows()
    assert row["status"] == "NEEDS ATTENTION"
    assert world.taken == [501, 702, 903]


@tool
async def block(job: Job) -> ToolResult:
    """Put a folder where the run will write its results."""
    (job.run.folder / "results.json" / "inner").mkdir(parents=True)
    return ToolResult("done", {})


@pytest.mark.parametrize("movable", [True, False])
async def test_a_folder_in_the_place_of_the_results_costs_a_run_none_of_its_other_reports(
    world: World, movable: bool, monkeypatch: pytest.MonkeyPatch
):
    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    @runbook
    def procedure(_brief: Brief) -> Procedure:
        yield call("pay", dataset="payments")
        yield call("block")
        return "Done."

    if not movable:
        monkeypatch.setattr(Path, "rename", refuse)
    output = await world.run(paying_crew(pay, block, runbook=procedure))
    [row] = await world.rows()
    assert [501, 702, 903] == world.taken
    reports = ["paying_report.md", "integration_health_dashboard.md", "INTEGRATION_SUMMARY.md"]
    assert [*reports, *(["results.json"] if movable else [])] == [path.name for path in output.files]
    assert all(path.is_file() for path in output.files)
    verdict = ("SUCCESS", 0) if movable else ("NEEDS ATTENTION", 1)
    assert verdict == (row["status"], output.exit_code)
    assert [("results.json", movable)] == [(one.file, one.written) for one in output.result.obstacles]


async def test_a_vendor_that_fails_is_named_and_its_task_alone_is_failed(world: World):
    world.server.sandbox.faults.add(Fault(slug="stripe", kind="status", status=401))
    crew = paying_crew()
    crew.add_agent(working_crew([succeed]).agents["worker"])
    crew.add_task(work("sound", calls("succeed")))
    output = await world.run(crew)
    assert statuses(output) == {"paying": TaskStatus.FAILED, "sound": TaskStatus.COMPLETED}
    assert output.record.outcomes[0].error.startswith("stripe (HTTP 401)")
    assert (1, []) == (output.exit_code, world.taken)


@tool
async def find_a_mismatch(job: Job) -> ToolResult:
    """Compare, and find that it does not agree."""
    job.check("Payments reconcile", passed=False, evidence="1 of 3 differs", critical=True)
    return ToolResult("1 of 3 differs.", {})


async def test_payments_that_do_not_reconcile_need_attention_though_every_task_completed(world: World):
    @runbook
    def procedure(_brief: Brief) -> Procedure:
        yield call("pay", dataset="payments")
        yield call("find_a_mismatch")
        return "Done."

    output = await world.run(paying_crew(pay, find_a_mismatch, runbook=procedure))
    assert {"paying": TaskStatus.COMPLETED} == statuses(output)
    assert 1 == output.exit_code
