"""What is known of each task while a run goes on; both views show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from newfuse.cli.duration import duration
from newfuse.crew.job import Progress
from newfuse.crew.watch import RunStarted
from newfuse.report.results import TaskOutcome

WAITING, RUNNING = "waiting", "running"


@dataclass(slots=True)
class TaskLine:
    """One task: how it stands.

    Attributes:
        name: Its name.
        title: Its heading.
        agent: Who does it.
        state: `waiting`, `running`, or how it ended.
        calls: Requests sent to vendors, retries included.
        done: Records something has become of.
        expected: Records it is about.
        error: Why it did not complete, or None.
    """

    name: str
    title: str
    agent: str
    state: str = WAITING
    calls: int = 0
    done: int = 0
    expected: int = 0
    error: str | None = None
    began: float | None = None
    ended: float | None = None

    def elapsed_s(self, now: float) -> float:
        """Return how long it has been running, or ran."""
        if self.began is None:
            return 0.0
        return (self.ended if self.ended is not None else now) - self.began

    @property
    def records(self) -> str:
        """Records done of those expected, or nothing where it has none."""
        return f"{self.done:,} of {self.expected:,} records" if self.expected else ""

    def measured(self, now: float) -> str:
        """Return calls, records and time in one phrase."""
        calls = f"{self.calls:,} call{'' if self.calls == 1 else 's'}"
        return ", ".join(part for part in (calls, self.records, duration(self.elapsed_s(now))) if part)


@dataclass(slots=True)
class TaskBoard:
    """The tasks of a run, in the order of the crew."""

    clock: Callable[[], float] = monotonic
    tasks: dict[str, TaskLine] = field(default_factory=dict)

    def begin(self, run: RunStarted) -> None:
        """Put up the tasks."""
        self.tasks = {name: TaskLine(name, title, agent) for name, title, agent in run.tasks}

    def start(self, task: str) -> TaskLine:
        """Note that a task begins."""
        line = self.tasks[task]
        line.state, line.began = RUNNING, self.clock()
        return line

    def count_call(self, task: str | None) -> None:
        """Note that a request went out; one of no task is no task's."""
        if task in self.tasks:
            self.tasks[task].calls += 1

    def advance(self, progress: Progress) -> TaskLine:
        """Note how far a task has come."""
        line = self.tasks[progress.task]
        line.done, line.expected = progress.done, progress.expected
        return line

    def end(self, outcome: TaskOutcome) -> TaskLine:
        """Note how a task ended; its records are those of the data it was given."""
        line = self.tasks[outcome.name]
        line.state, line.ended = outcome.status.value, self.clock()
        line.error = outcome.error
        if outcome.datasets:
            line.expected = sum(account.total for account in outcome.datasets)
            line.done = line.expected - sum(account.counts.get("pending", 0) for account in outcome.datasets)
        return line
