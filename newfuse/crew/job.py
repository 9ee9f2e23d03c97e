"""A job: one task of one run, as its tools see it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from newfuse.crew.dataset import Dataset, Datasets, Entry
from newfuse.errors import ConfigurationError, InvalidArguments, NewFuseError
from newfuse.report.facts import Fact, FactBook
from newfuse.types import JSON

if TYPE_CHECKING:
    from newfuse.effects import Ledger
    from newfuse.integrations import Integration, IntegrationRegistry
    from newfuse.report.results import TaskOutcome
    from newfuse.store import CallLog


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task has come: records done of those expected."""

    task: str
    done: int
    expected: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check; see `Job.check`."""

    name: str
    passed: bool | None
    evidence: str
    critical: bool = False


@dataclass(slots=True)
class RunContext:
    """What the tasks of one run share.

    Attributes:
        run_id: Identifier of the run.
        mode: `sandbox` or `live`.
        folder: The run's folder; tools read and write files nowhere else.
        datasets: The records, by handle.
        registry: The integrations of the run.
        ledger: Where writes are recorded.
        call_log: Where requests are recorded.
        facts: What was measured.
        repetition: Id of the repetition the run works on, or None when it repeats nothing.
        outcomes: Outcomes of the tasks that have ended, by name.
        values: What tasks with an output type handed on, by name.
        inputs: Values given to the run by name.
        on_progress: Told how far tasks have come.
        on_tool: Told task, agent and name of every tool called.
    """

    run_id: str
    mode: str
    folder: Path
    datasets: Datasets
    registry: IntegrationRegistry
    ledger: Ledger
    call_log: CallLog
    facts: FactBook
    repetition: str | None = None
    outcomes: dict[str, TaskOutcome] = field(default_factory=dict)
    values: dict[str, BaseModel] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    on_progress: Callable[[Progress], None] = lambda _progress: None
    on_tool: Callable[[str, str, str], None] = lambda _task, _agent, _tool: None
    connecting: dict[str, asyncio.Lock] = field(default_factory=dict)


class Job:
    """One task of one run: its data, its integrations, and where to put what was measured."""

    def __init__(self, run: RunContext, task: str, agent: str) -> None:
        self.run = run
        self.task = task
        self.agent = agent
        self.checks: list[Check] = []
        self.notes: list[str] = []
        self.tables: dict[str, list[dict[str, JSON]]] = {}
        self.tool_calls = 0
        self.shown_chars: Counter[str] = Counter()
        """Characters of what a vendor holds that a tool has shown in this task, by the tool's name: for its limit."""
        self._tool_errors: dict[str, NewFuseError] = {}

    # --- tools, as the engine follows them ----------------------------------------------------------------------

    def tool_started(self, name: str) -> None:
        """Note that a tool was called."""
        self.tool_calls += 1
        self.run.on_tool(self.task, self.agent, name)

    def tool_failed(self, name: str, error: NewFuseError) -> None:
        """Note that a tool failed; it stands until the same tool succeeds."""
        self._tool_errors[name] = error

    def tool_succeeded(self, name: str) -> None:
        """Note that a tool succeeded: an earlier failure of it is mended."""
        self._tool_errors.pop(name, None)

    def start_over(self) -> None:
        """Forget the failures of tools: another performer does the whole task from its beginning."""
        self._tool_errors.clear()

    def open_errors(self) -> list[NewFuseError]:
        """Return the failures of tools that were not mended by a later success; wrong arguments are none."""
        return [error for error in self._tool_errors.values() if not isinstance(error, InvalidArguments)]

    # --- data ---------------------------------------------------------------------------------------------------

    def dataset(self, name: str) -> Dataset:
        """Return a dataset by its handle.

        Raises:
            InvalidArguments: There is none; the message lists the handles there are.
        """
        return self.run.datasets.get(name)

    def derive(self, source: Dataset, suffix: str, entries: list[Entry]) -> Dataset:
        """Make a dataset of some of another's entries, with the handle `{source}.{suffix}`."""
        return self.run.datasets.add(Dataset(f"{source.name}.{suffix}", entries, derived_from=source.name))

    def reference(self, own: str) -> str:
        """Return the reference a write is known by.

        A repetition gives every reference its own mark, so that what earlier runs confirmed is done again, once, and is
        seen in the ledger as a deliberate repeat.
        """
        return f"{own}#repeat:{self.run.repetition}" if self.run.repetition is not None else own

    # --- integrations -------------------------------------------------------------------------------------------

    async def integration(self, id: str) -> Integration:  # noqa: A002 - the registry's word for it
        """Return an integration, connected.

        Raises:
            ConfigurationError: The run has no such integration.
            VendorError: It cannot be connected.
        """
        integration = self.run.registry.get_integration(id)
        if integration is None:
            raise ConfigurationError(f"This run has no integration {id!r}.")
        async with self.run.connecting.setdefault(id, asyncio.Lock()):
            if not integration.is_connected:
                await integration.connect()
        return integration

    # --- what was measured --------------------------------------------------------------------------------------

    def fact(self, name: str, value: JSON, unit: str, **source: JSON) -> Fact:
        """Record a measured value; None means that it could not be measured.

        Args:
            name: Dotted name, e.g. `crm.contacts_created`.
            value: The value.
            unit: What is counted.
            **source: Where it was taken from, e.g. `kind="effects", integration="hubspot", action="upsert_contacts"`.

        Raises:
            PydanticSerializationError: The value is none that JSON can hold.
        """
        return self.run.facts.add(self.task, name, _json(value), unit, _json(source))

    def check(self, name: str, passed: bool | None, evidence: str, *, critical: bool = False) -> None:
        """Record what a check came to; one of the same name replaces the earlier.

        Args:
            name: What was checked.
            passed: Whether it is as it should be; None where nothing could be read or compared: not checked.
            evidence: What was looked at and found, in a sentence.
            critical: Whether its failing alone makes the run need attention, as payments that do not reconcile do.
        """
        others = [check for check in self.checks if check.name != name]
        self.checks = [*others, Check(name, passed, evidence, critical)]

    def table(self, title: str, rows: list[dict[str, JSON]]) -> None:
        """Put a small table into the task's report; one of the same title replaces the earlier.

        Raises:
            PydanticSerializationError: A value is none that JSON can hold.
        """
        self.tables[title] = _json(rows)

    def note(self, text: str) -> None:
        """Put a sentence into the task's report, once."""
        if text not in self.notes:
            self.notes.append(text)

    def progress(self, done: int, expected: int, note: str = "") -> None:
        """Tell whoever watches how many records are done."""
        self.run.on_progress(Progress(self.task, done, expected, note))

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)


def _json(value: JSON) -> JSON:
    """Return a value as JSON holds it, refused here, in the tool, rather than when the reports are written.

    What is no number becomes None: not measured.
    """
    return to_jsonable_python(value, inf_nan_mode="null")
