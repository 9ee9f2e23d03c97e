"""A crew whose tasks differ in length and wait for each other unevenly; its tools only wait.

        a 0.1 ── e 0.5 ──┐
          └───── c 0.1 ─ g 0.3 ──┐
        b 0.5 ───────────┼─ f 0.3 ┼─ y 0.2 ──┐
        d 0.2 ───────────┼──┘     │          ├─ end 0.1
                         └─ z 0.1 ───────────┘

Seconds of tool time; the numbers of model turns differ too. Drawn as a graph with an edge for every wait, LangGraph
would hold every task of a level until the slowest of the level before has ended.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from newfuse import Agent, Brief, Crew, Job, Procedure, Runbook, Task, ToolResult, call, runbook, tool

# Name: (seconds of each tool call, what it waits for). A task takes one model turn a tool call, and one to end.
SHAPE: dict[str, tuple[tuple[float, ...], tuple[str, ...]]] = {
    "a": ((0.1,), ()),
    "b": ((0.5,), ()),
    "c": ((0.05, 0.05), ("a",)),
    "d": ((0.05, 0.05, 0.05, 0.05), ()),
    "e": ((0.5,), ("a",)),
    "f": ((0.3,), ("b", "d")),
    "g": ((0.1, 0.1, 0.1), ("c",)),
    "z": ((0.1,), ("b", "e")),
    "y": ((0.2,), ("f", "g")),
    "end": ((0.1,), ("z", "y")),
}


@tool
async def wait(job: Job, seconds: Annotated[float, Field(ge=0, le=1)]) -> ToolResult:  # noqa: ARG001, D417 - the engine gives `job`
    """Wait as long as a vendor would take.

    Args:
        seconds: How long.

    Returns:
        Nothing but that it is done.
    """
    await asyncio.sleep(seconds)
    return ToolResult("Waited.", {})


def _procedure(seconds: tuple[float, ...]) -> Runbook:
    @runbook
    def procedure(_brief: Brief) -> Procedure:
        for one in seconds:
            yield call("wait", seconds=one)
        return "Waited."

    return procedure


_agents = {name: Agent(name=f"agent_{name}", role="Waiter", goal="Wait", tools=(wait,)) for name in SHAPE}
_tasks = [
    Task(
        name=name,
        description="Wait as the plan says.",
        expected_output="Nothing.",
        agent=_agents[name],
        context=waits,
        runbook=_procedure(seconds),
    )
    for name, (seconds, waits) in SHAPE.items()
]
crew = Crew("ragged", agents=_agents.values(), tasks=_tasks)


def least_s(latency_s: float) -> dict[str, float]:
    """Return what each task takes at least: its model turns and its waiting."""
    return {name: sum(seconds) + (len(seconds) + 1) * latency_s for name, (seconds, _) in SHAPE.items()}
