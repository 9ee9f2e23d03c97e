"""A small app of its own for the command line: two crews over the sandbox, and one that takes its time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from newfuse.sandbox import SandboxServer

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 40  # a command that hangs fails its test, not the suite

SMALL = '''
"""One agent adds people to the CRM, another sums up."""

from newfuse import Agent, Crew, Job, Task, ToolResult, call, runbook, tool
from newfuse.crew import Disposition


@tool
async def add_people(job: Job, dataset: str = "people") -> ToolResult:
    """Add people to the CRM.

    Args:
        dataset: Handle of the people.
    """
    hubspot = await job.integration("hubspot")
    people = job.dataset(dataset)
    for number, entry in enumerate(people, start=1):
        if not isinstance(entry.data, dict) or "@" not in str(entry.data.get("email")):
            entry.settle(Disposition.REJECTED, "needs an email", rule="email")
        else:
            done = await hubspot.perform(
                "create_contact", {"properties": entry.data}, reference=job.reference(entry.data["email"])
            )
            entry.keys = (done.key,)
            entry.settle(Disposition(done.status.value), str(done.error) if done.error else None)
        job.progress(number, len(people))
    job.fact("people.total", len(people), "people", kind="dataset", dataset=dataset)
    return ToolResult(f"{len(people)} people")


@tool
async def sum_up(job: Job) -> ToolResult:
    """Sum up."""
    job.fact("tasks.seen", len(job.run.outcomes), "tasks", kind="outcomes")
    return ToolResult("done")


@runbook
def add(brief):
    yield call("add_people", dataset="people")
    return "Added."


@runbook
def summary(brief):
    yield call("sum_up")
    return "Summed up."


clerk = Agent(name="clerk", role="Clerk", goal="Add people", tools=[add_people], verbose=True)
boss = Agent(name="boss", role="Boss", goal="Sum up", tools=[sum_up])
adding = Task(
    name="adding",
    description="Add the people to the CRM of {company}.",
    expected_output="Everybody is there.",
    agent=clerk,
    inputs={"company": "Example"},
    datasets=["people"],
    integrations=["hubspot"],
    runbook=add,
)
closing = Task(
    name="closing", description="Sum up.", expected_output="A sum.", agent=boss, context=[adding], runbook=summary
)
crew = Crew("small", agents=[clerk, boss], tasks=[adding, closing])
'''

SLOW = '''
"""An agent that begins a write and then waits for longer than anybody would."""

import asyncio
from pathlib import Path

from newfuse import Agent, Crew, Job, Task, ToolResult, call, runbook, tool


@tool
async def begin(job: Job) -> ToolResult:
    """Write one contact, say so, and wait."""
    hubspot = await job.integration("hubspot")
    writing = asyncio.ensure_future(
        hubspot.perform("create_contact", {"properties": {"email": "slow@example.com"}}, reference="slow")
    )
    while True:
        await asyncio.sleep(0.01)
        if writing.done() or await job.run.ledger.counts(job.run.run_id):
            break
    Path("begun").write_text("")
    await writing
    await asyncio.sleep(3600)
    return ToolResult("never")


@runbook
def slowly(brief):
    yield call("begin")
    return "Never."


clerk = Agent(name="clerk", role="Clerk", goal="Wait", tools=[begin])
waiting = Task(
    name="waiting",
    description="Wait.",
    expected_output="Nothing.",
    agent=clerk,
    integrations=["hubspot"],
    runbook=slowly,
)
crew = Crew("slow", agents=[clerk], tasks=[waiting])
'''

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of a small app: `crews/`, and data for the crew `small`."""
    crews = tmp_path / "app" / "crews"
    crews.mkdir(parents=True)
    (crews / "__init__.py").write_text("")
    (crews / "small.py").write_text(SMALL)
    (crews / "slow.py").write_text(SLOW)
    people = [{"email": f"{name}@example.com", "firstname": name.title()} for name in ("ada", "grace", "alan")]
    (tmp_path / "app" / "people.json").write_text(json.dumps({"people": people}))
    return tmp_path / "app"


def environment() -> dict[str, str]:
    """The environment of a command: newfuse comes from this checkout, as if it were installed."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


@pytest.fixture
def newfuse(app: Path) -> Command:
    """Runs `newfuse …` in the app's folder, in a process of its own."""

    def run(*arguments: str, cwd: Path = app, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "newfuse", *arguments],
            cwd=cwd,
            env={**environment(), **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=LONGEST_S,
            check=False,
        )

    return run


@pytest.fixture
def served() -> Iterator[SandboxServer]:
    """A sandbox that is served apart from the commands."""
    with SandboxServer() as server:
        yield server
