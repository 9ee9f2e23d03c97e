"""The LangGraph workflow of a crew.

All task nodes start in one superstep and each waits for its own inputs. Edges drawn from task to task would make every
task of a superstep wait for the slowest of the one before: with a(0.1 s)→e(0.5 s), b(0.5 s) and {b,e}→z(0.1 s) they
took 1.11 s where the critical path is 0.70 s. A node that raised would cancel its siblings, so a task's failure is its
outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from newfuse.crew.order import predecessors
from newfuse.crew.task import Task
from newfuse.report.results import TaskOutcome, TaskStatus

RunTask = Callable[[Task], Awaitable[TaskOutcome]]
Skip = Callable[[Task, str], Awaitable[TaskOutcome]]


def _merge(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return {**left, **right}


class CrewState(TypedDict):
    """The workflow's state: the outcome of every task that has ended, by name, as JSON."""

    outcomes: Annotated[dict[str, Any], _merge]


async def run_workflow(tasks: Sequence[Task], run_task: RunTask, skip: Skip) -> dict[str, TaskOutcome]:
    """Run all tasks, each as soon as what it waits for has ended.

    Args:
        tasks: The crew's tasks; their waits have no cycle.
        run_task: Does one task; never raises for a task's failure.
        skip: Makes the outcome of a task that is not started, given why.

    Returns:
        The outcome of every task, in the order of `tasks`.
    """
    waits = predecessors(tasks)
    loop = asyncio.get_running_loop()
    ended: dict[str, asyncio.Future[TaskOutcome]] = {task.name: loop.create_future() for task in tasks}

    def node(task: Task) -> Any:
        async def run(_state: CrewState) -> dict[str, Any]:
            before: Mapping[str, TaskOutcome] = {name: await ended[name] for name in waits[task.name]}
            missing = [name for name in task.context_names if before[name].status is not TaskStatus.COMPLETED]
            if missing and task.skip_if_context_failed:
                outcome = await skip(task, f"not started: {', '.join(missing)} did not complete")
            else:
                outcome = await run_task(task)
            ended[task.name].set_result(outcome)
            return {"outcomes": {task.name: outcome.model_dump(mode="json")}}

        return run

    graph = StateGraph(CrewState)
    for task in tasks:
        graph.add_node(task.name, node(task))
        graph.add_edge(START, task.name)
        graph.add_edge(task.name, END)
    try:
        await graph.compile(name="crew").ainvoke({"outcomes": {}})
    finally:
        for future in ended.values():
            future.cancel()
    return {task.name: ended[task.name].result() for task in tasks}
