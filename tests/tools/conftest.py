"""A run of the app's tools against the sandbox over real HTTP, without an agent around them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from newfuse import Dataset, Datasets, Entry, IntegrationRegistry, Job, RunContext, ToolResult, create_integration
from newfuse.crew.tool import Tool
from newfuse.effects import Ledger
from newfuse.http.context import calling
from newfuse.http.retry import RetryPolicy
from newfuse.report.facts import FactBook
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer
from newfuse.sandbox.faults import Fault
from newfuse.store import CallLog, Store

ROOTS = ("customers", "payments", "email_campaigns", "analytics_events")
QUICK = RetryPolicy(initial_s=0.001, max_wait_s=0.002)  # as often as in earnest, without the pauses
SAMPLE = Path(__file__).parents[2] / "data" / "integration_test_data.json"


@dataclass
class Bench:
    """One run: its job, and the sandbox behind it. `again` is another run on the same ledger and the same sandbox."""

    server: SandboxServer
    store: Store
    folder: Path
    job: Job
    siblings: list[Bench] = field(default_factory=list)

    async def call(self, tool: Tool, **arguments: Any) -> ToolResult:
        checked = tool.signature.arguments.model_validate(arguments)
        given = {name: getattr(checked, name) for name in type(checked).model_fields}
        with calling(run_id=self.job.run.run_id, task=self.job.task, agent=self.job.agent):
            return await tool.run(self.job, **given)

    def fact(self, name: str) -> Any:
        found = self.job.run.facts.get(name)
        assert found is not None, f"{name} was not measured; there are {[fact.name for fact in self.job.run.facts]}"
        return found.value

    def entries(self, root: str) -> list[Entry]:
        return self.job.dataset(root).entries

    def dispositions(self, root: str) -> list[str]:
        return [entry.disposition.value for entry in self.entries(root)]

    def truth(self, slug: str) -> dict[str, Any]:
        found: dict[str, Any] = self.server.sandbox.truth(slug)[slug]
        return found

    def fault(self, slug: str, kind: Any, **about: Any) -> None:
        self.server.sandbox.faults.add(Fault.parse({"slug": slug, "kind": kind, **about}, self.server.sandbox.vendors))

    def calls(self, slug: str) -> int:
        return sum(entry.slug == slug for entry in self.server.sandbox.log)

    def again(self, rows: dict[str, list[Any]] | None = None, *, repeat: bool = False) -> Bench:
        given = rows if rows is not None else sample()
        bench = _bench(self.server, self.store, self.folder, given, f"run{len(self.siblings) + 2}", repeat=repeat)
        self.siblings.append(bench)
        return bench

    async def close(self) -> None:
        for bench in self.siblings:
            await bench.close()
        await self.job.run.registry.disconnect_all()


def sample() -> dict[str, list[Any]]:
    """The sample job's data."""
    found: dict[str, list[Any]] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return found


def _bench(
    server: SandboxServer, store: Store, folder: Path, rows: dict[str, list[Any]], run_id: str, *, repeat: bool = False
) -> Bench:
    datasets = Datasets()
    for name in ROOTS:
        datasets.add(Dataset.from_rows(name, rows.get(name, [])))
    ledger, calls, registry = Ledger(store), CallLog(store), IntegrationRegistry()
    for slug, credentials in SANDBOX_CREDENTIALS.items():
        integration = create_integration(
            slug, base_url=f"{server.url}/{slug}", ledger=ledger, recorder=calls.record, **credentials
        )
        vars(integration).update(retry=QUICK, quota=lambda: None)
        registry.register_integration(integration)
    run = RunContext(
        run_id=run_id,
        mode="sandbox",
        folder=folder,
        datasets=datasets,
        registry=registry,
        ledger=ledger,
        call_log=calls,
        facts=FactBook(),
        repetition=run_id if repeat else None,
    )
    return Bench(server, store, folder, Job(run, "task", "agent"))


class Clock:
    """The sandbox's time: the real one, and what a test has let pass."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.passed_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[SandboxServer]:
    """A sandbox of its own, without the vendors' rate limits."""
    with SandboxServer(rate_limits=False, now=clock) as running:
        yield running


@pytest.fixture
async def bench(server: SandboxServer, tmp_path: Path) -> AsyncIterator[Callable[..., Bench]]:
    """Makes a run on given rows; the sample's when none are given."""
    made: list[Bench] = []

    def make(**rows: list[Any]) -> Bench:
        one = _bench(server, Store(None), tmp_path, rows or sample(), "run1")
        made.append(one)
        return one

    yield make
    for one in made:
        await one.close()
        await asyncio.sleep(0)
