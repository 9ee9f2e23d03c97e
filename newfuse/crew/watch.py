"""What happens in a run while it happens, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass

from newfuse.crew.job import Progress
from newfuse.report.results import TaskOutcome


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run has begun: its identity, model and tasks (name, title, agent)."""

    run_id: str
    mode: str
    model: str
    model_why: str
    tasks: list[tuple[str, str, str]]
    records: dict[str, int]


class Watcher:
    """Told what happens in a run; a subclass shows what it likes. Called from the run's event loop: never block."""

    def run_started(self, run: RunStarted) -> None:
        """The run has begun."""

    def task_started(self, task: str) -> None:
        """A task has what it waited for and begins."""

    def tool_called(self, task: str, agent: str, tool: str) -> None:
        """An agent calls a tool."""

    def request_sent(self, task: str | None, integration: str) -> None:
        """A request went out to a vendor."""

    def progressed(self, progress: Progress) -> None:
        """A task has got further with its records."""

    def task_ended(self, outcome: TaskOutcome) -> None:
        """A task has ended, one way or another."""

    def reporting(self) -> None:
        """All tasks have ended; the reports are being written."""
