"""A crew of one payer over the sandbox's Stripe, and what really happened there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from newfuse import Agent, Crew, Disposition, Job, Procedure, Task, Tool, ToolResult, call, runbook, tool
from newfuse.crew.runbook import Brief, Runbook
from newfuse.crew.watch import Watcher
from newfuse.environment import Environment
from newfuse.report import RunOutput
from newfuse.report.results import Performance, TaskOutcome, TaskStatus
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer
from newfuse.store import Store
from newfuse.store.schema import runs
from newfuse.store.schema import tasks as task_rows

PAYMENTS = [{"amount": 501, "ref": "a"}, {"amount": 702, "ref": "b"}, {"amount": 903, "ref": "c"}]
AMOUNTS = [501, 702, 903]


@tool
async def pay(job: Job, dataset: str, at_most: int = 1000) -> ToolResult:
    """Take the payments of a dataset.

    Args:
        dataset: Handle of the payments.
        at_most: Most payments to take now.

    Returns:
        How many were taken.
    """
    stripe = await job.integration("stripe")
    taken = 0
    for entry in job.dataset(dataset).pending()[:at_most]:
        performed = await stripe.perform(
            "create_payment_intent",
            {"amount": entry.data["amount"], "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"},
            reference=job.reference(entry.data["ref"]),
        )
        entry.keys = (performed.key,)
        entry.settle(Disposition(performed.status.value), str(performed.error) if performed.error else None)
        if performed.error is not None:
            raise performed.error
        taken += 1
    job.fact("payments.taken", taken, "payments", kind="effects", integration="stripe")
    return ToolResult(f"{taken} payments taken.", {"taken": taken, "handle": dataset})


@tool
async def look_up(job: Job, intent: str) -> ToolResult:
    """Look up one payment.

    Args:
        intent: Id of the payment intent.
    """
    stripe = await job.integration("stripe")
    found = await stripe.execute("get_payment_intent", {"payment_intent_id": intent})
    return ToolResult(found["status"])


@runbook
def pay_all(brief: Brief) -> Procedure:
    result = yield call("pay", dataset="payments")
    return f"{result['taken']} payments were taken."


def payer(*tools: Tool, **settings: Any) -> Agent:
    options: dict[str, Any] = {
        "name": "payer",
        "role": "Payer",
        "goal": "Take payments",
        "tools": tools or (pay, look_up),
    }
    return Agent(**options | settings)


def paying(**settings: Any) -> Task:
    """The task of taking all payments."""
    options: dict[str, Any] = {
        "name": "paying",
        "description": "Take all payments.",
        "expected_output": "All payments are taken.",
        "agent": "payer",
        "datasets": ["payments"],
        "integrations": ["stripe"],
        "required_facts": ["payments.taken"],
        "runbook": pay_all,
    }
    return Task(**options | settings)


def paying_crew(*tools: Tool, agent: dict[str, Any] | None = None, **task: Any) -> Crew:
    return Crew("tiny", agents=[payer(*tools, **agent or {})], tasks=[paying(**task)])


def working_crew(tools: Sequence[Tool], *tasks: Task) -> Crew:
    """A crew of one worker without data."""
    return Crew("tiny", agents=[Agent(name="worker", role="Worker", goal="Work", tools=tools)], tasks=tasks)


def work(name: str, runbook: Runbook | None = None, **settings: Any) -> Task:
    """A task without data."""
    options: dict[str, Any] = {"description": "Do it.", "expected_output": "Done.", "agent": "worker"}
    return Task(name=name, runbook=runbook, **options | settings)


def calls(*names: str, **arguments: Any) -> Runbook:
    """A runbook that calls tools one after the other."""

    @runbook
    def procedure(brief: Brief) -> Procedure:
        for name in names:
            yield call(name, **arguments)
        return "Done."

    return procedure


@dataclass
class World:
    """The sandbox, a store and a folder for reports."""

    server: SandboxServer
    folder: Path
    store: Store | Path
    seeded: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.server.sandbox.reset()
        self.seeded = set(self._intents())

    @property
    def environment(self) -> Environment:
        settings = {
            slug: {"base_url": f"{self.server.url}/{slug}", **credentials}
            for slug, credentials in SANDBOX_CREDENTIALS.items()
        }
        return Environment(mode="sandbox", name=f"sandbox:{self.server.sandbox.instance_id}", settings=settings)

    @property
    def taken(self) -> list[int]:
        """Amounts of the payments that really exist, the seeded ones left out."""
        return sorted(intent["amount"] for name, intent in self._intents().items() if name not in self.seeded)

    async def run(self, crew: Crew, data: dict[str, Any] | None = None, **options: Any) -> RunOutput:
        given = {"payments": PAYMENTS} if data is None else data
        settings: dict[str, Any] = {"environment": self.environment, "out": self.folder, "store": self.store}
        return await crew.arun(given, **settings | options)

    async def rows(self) -> list[dict[str, Any]]:
        """The runs as the store holds them."""
        return await self._read(lambda connection: [row._asdict() for row in connection.execute(select(runs))])

    async def task_rows(self) -> list[dict[str, Any]]:
        return await self._read(lambda connection: [row._asdict() for row in connection.execute(select(task_rows))])

    async def _read(self, read: Callable[[Any], Any]) -> Any:
        store = self.store if isinstance(self.store, Store) else Store(self.store)
        try:
            return await store.read(read)
        finally:
            if store is not self.store:
                await store.close()

    def _intents(self) -> dict[str, Any]:
        intents: dict[str, Any] = self.server.sandbox.truth("stripe")["stripe"]["payment_intents"]
        return intents


class Diary(Watcher):
    """Writes down what begins and ends, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def task_started(self, task: str) -> None:
        self.lines.append(f"{task} begins")

    def task_ended(self, outcome: TaskOutcome) -> None:
        self.lines.append(f"{outcome.name} {outcome.status}")


def only(output: RunOutput) -> TaskOutcome:
    """The outcome of a run of one task."""
    [outcome] = output.record.outcomes
    return outcome


def statuses(output: RunOutput) -> dict[str, TaskStatus]:
    return {outcome.name: outcome.status for outcome in output.record.outcomes}


def who(outcome: TaskOutcome) -> list[str]:
    """Who performed, without the address of a model's server."""
    return [performance.by.partition(" at ")[0] for performance in outcome.performances]


def endings(outcome: TaskOutcome) -> list[str]:
    return [performance.ended for performance in outcome.performances]


def spent(performances: Sequence[Performance]) -> list[tuple[int, int, int]]:
    return [(one.model_calls, one.input_tokens, one.output_tokens) for one in performances]
