from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from crew.tiny_crew import Diary, World, calls, pay, paying, statuses, work, working_crew
from newfuse import Crew, Job, Task, ToolResult, tool
from newfuse.crew.order import predecessors
from newfuse.crew.workflow import run_workflow
from newfuse.report.results import TaskOutcome, TaskStatus

TURNS = 40  # of the event loop in which everything that can go on does: LangGraph's own steps need a few


class FakeClock:
    """Time that passes only when nobody has anything left to do at the present moment."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, id(woken), woken))
        await woken

    async def run(self, work: Awaitable[Any]) -> Any:
        doing = asyncio.ensure_future(work)
        while True:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if doing.done():
                return doing.result()
            assert self._sleepers, "nobody sleeps and nothing goes on: the workflow is stuck"
            self.now, _, woken = heapq.heappop(self._sleepers)
            woken.set_result(None)


def outcome(task: Task, status: TaskStatus = TaskStatus.COMPLETED, error: str | None = None) -> TaskOutcome:
    now = datetime.now(UTC)
    return TaskOutcome(
        name=task.name, title="", agent="", role="", status=status, started_at=now, finished_at=now, error=error
    )


async def skip(task: Task, why: str) -> TaskOutcome:
    return outcome(task, TaskStatus.SKIPPED, why)


async def times_of(tasks: Sequence[Task], seconds: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Run a workflow on a fake clock and return when each task began and ended."""
    clock = FakeClock()
    times: dict[str, tuple[float, float]] = {}

    async def run(task: Task) -> TaskOutcome:
        began = clock.now
        await clock.sleep(seconds[task.name])
        times[task.name] = (began, clock.now)
        return outcome(task)

    outcomes = await clock.run(run_workflow(tasks, run, skip))
    assert [task.name for task in tasks] == list(outcomes)
    return times


async def test_a_ragged_graph_takes_its_critical_path():
    tasks = [work("a"), work("b"), work("e", context=["a"]), work("z", context=["b", "e"])]
    times = await times_of(tasks, {"a": 1, "b": 5, "e": 5, "z": 1})
    assert times == {"a": (0, 1), "b": (0, 5), "e": (1, 6), "z": (6, 7)}


@pytest.mark.parametrize("seed", range(12))
async def test_every_task_of_any_graph_begins_when_the_last_it_waits_for_ends(seed: int):
    chance = random.Random(seed)
    names = [f"t{number}" for number in range(chance.randint(2, 14))]
    order = chance.sample(names, len(names))  # the order of adding is not the order of waiting
    seconds = {name: float(chance.randint(1, 9)) for name in names}
    waits = {name: [before for before in names[:at] if chance.random() < 0.35] for at, name in enumerate(names)}
    times = await times_of([work(name, context=waits[name]) for name in order], seconds)
    for name in names:
        begins = max((times[before][1] for before in waits[name]), default=0.0)
        assert (begins, begins + seconds[name]) == times[name]


async def test_a_task_that_is_not_asynchronous_holds_back_all_that_follow_it():
    tasks = [work("a"), work("b", is_async=False), work("c"), work("d", is_async=False), work("e")]
    times = await times_of(tasks, {"a": 9, "b": 2, "c": 3, "d": 4, "e": 1})
    assert times == {"a": (0, 9), "b": (0, 2), "c": (2, 5), "d": (2, 6), "e": (6, 7)}
    assert predecessors(tasks) == {"a": [], "b": [], "c": ["b"], "d": ["b"], "e": ["b", "d"]}


async def test_the_five_task_crew_takes_as_long_as_its_longest_chain_by_the_wall():
    tasks = [work(name) for name in "abcd"] + [work("z", context=list("abcd"))]
    seconds = {"a": 0.1, "b": 0.3, "c": 0.2, "d": 0.1, "z": 0.1}

    async def run(task: Task) -> TaskOutcome:
        await asyncio.sleep(seconds[task.name])
        return outcome(task)

    began = time.perf_counter()
    await run_workflow(tasks, run, skip)
    assert 0.39 < time.perf_counter() - began < 0.65  # one after the other would take 0.8 s


async def test_a_failed_task_neither_cancels_nor_hides_its_siblings():
    clock = FakeClock()
    tasks = [
        work("broken"),
        work("slow"),
        work("after", context=["broken"]),
        work("skipped", context=["broken"], skip_if_context_failed=True),
        work("also_skipped", context=["skipped"], skip_if_context_failed=True),
        work("unconcerned", context=["slow"], skip_if_context_failed=True),
    ]

    async def run(task: Task) -> TaskOutcome:
        await clock.sleep(5 if task.name == "slow" else 1)
        return outcome(task, TaskStatus.FAILED if task.name == "broken" else TaskStatus.COMPLETED)

    outcomes = await clock.run(run_workflow(tasks, run, skip))
    assert {name: str(one.status) for name, one in outcomes.items()} == {
        "broken": "failed",
        "slow": "completed",
        "after": "completed",
        "skipped": "skipped",
        "also_skipped": "skipped",
        "unconcerned": "completed",
    }
    assert "not started: broken did not complete" == outcomes["skipped"].error


@tool
async def wait_for_ever(job: Job) -> ToolResult:
    """Wait until cancelled."""
    job.progress(0, 1)
    await asyncio.Event().wait()
    return ToolResult("never")


@tool
async def fail(job: Job) -> ToolResult:
    """Break."""
    raise ZeroDivisionError("1/0")


@tool
async def succeed(job: Job) -> ToolResult:
    """Do nothing."""
    return ToolResult("done")


async def test_tasks_of_a_crew_begin_in_the_order_their_context_allows(world: World):
    diary = Diary()
    crew = working_crew(
        [fail, succeed],
        work("first", calls("succeed")),
        work("broken", calls("fail"), context=["first"]),
        work("last", calls("succeed"), context=["broken"]),
        work("left_out", calls("succeed"), context=["broken"], skip_if_context_failed=True),
    )
    output = await world.run(crew, {}, watcher=diary)
    assert diary.lines[:4] == ["first begins", "first completed", "broken begins", "broken failed"]
    assert sorted(diary.lines[4:]) == ["last begins", "last completed", "left_out skipped"]
    assert statuses(output)["left_out"] == TaskStatus.SKIPPED
    assert (1, 4, 2, 1) == (
        output.exit_code,
        output.result.total_tasks,
        output.result.completed_tasks,
        output.result.failed_tasks,
    )
    kept = {row["name"]: row["status"] for row in await world.task_rows()}
    assert kept == {"first": "completed", "broken": "failed", "last": "completed", "left_out": "skipped"}
    assert all((output.folder / f"{task.report}").is_file() for task in output.result.tasks)


async def test_a_broken_sibling_leaves_real_payments_alone(world: World):
    crew = Crew("tiny", agents=working_crew([fail, pay]).agents.values())
    crew.add_task(work("broken", calls("fail")))
    crew.add_task(paying(agent="worker"))
    output = await world.run(crew)
    assert statuses(output) == {"broken": TaskStatus.FAILED, "paying": TaskStatus.COMPLETED}
    assert world.taken == [501, 702, 903]


async def test_a_cancelled_run_is_marked_as_interrupted_and_the_cancellation_passes(world: World):
    waiting = asyncio.Event()
    after = work("after", calls(), context=["endless"])
    crew = working_crew([wait_for_ever], work("endless", calls("wait_for_ever")), after)

    class Waiting(Diary):
        def progressed(self, progress: object) -> None:
            waiting.set()

    running = asyncio.create_task(world.run(crew, {}, watcher=Waiting()))
    await asyncio.wait_for(waiting.wait(), 4)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    [row] = await world.rows()
    assert row["status"] == "INTERRUPTED"
    assert row["finished_at"] is not None
    assert await world.task_rows() == []


async def test_a_run_that_ends_has_its_verdict_in_the_store(world: World):
    output = await world.run(working_crew([succeed], work("one", calls("succeed"))), {})
    [row] = await world.rows()
    assert (output.result.run_id, "SUCCESS") == (row["run_id"], row["status"])
    assert row["folder"] == str(output.folder.resolve())
