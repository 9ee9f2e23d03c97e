"""What happens in a run while it happens, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from newfuse.crew.job import Progress
from newfuse.log import logger
from newfuse.report.results import Repetition, TaskOutcome

_log = logger("crew")


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run has begun: the crew's title, its identity, model and tasks (name, title, agent).

    `repetition` is the one it works on; `unfinished` one that it leaves alone, because it was not told to repeat.
    `elsewhere` says where single integrations lead instead of the run's world, by slug.
    """

    run_id: str
    mode: str
    model: str
    model_why: str
    tasks: list[tuple[str, str, str]]
    records: dict[str, int]
    repetition: Repetition | None = None
    unfinished: Repetition | None = None
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    title: str = "Crew"


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


class Harmless(Watcher):
    """Passes everything on to a watcher that may break: what shows a run never stops its work.

    A watcher that broke (a closed pipe, say) is told nothing more.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher: Watcher | None = watcher

    def run_started(self, run: RunStarted) -> None:
        """Pass it on."""
        self._tell(lambda watcher: watcher.run_started(run))

    def task_started(self, task: str) -> None:
        """Pass it on."""
        self._tell(lambda watcher: watcher.task_started(task))

    def tool_called(self, task: str, agent: str, tool: str) -> None:
        """Pass it on."""
        self._tell(lambda watcher: watcher.tool_called(task, agent, tool))

    def request_sent(self, task: str | None, integration: str) -> None:
        """Pass it on."""
        self._tell(lambda watcher: watcher.request_sent(task, integration))

    def progressed(self, progress: Progress) -> None:
        """Pass it on."""
        self._tell(lambda watcher: watcher.progressed(progress))

    def task_ended(self, outcome: TaskOutcome) -> None:
        """Pass it on."""
        self._tell(lambda watcher: watcher.task_ended(outcome))

    def reporting(self) -> None:
        """Pass it on."""
        self._tell(lambda watcher: watcher.reporting())

    def _tell(self, told: Callable[[Watcher], None]) -> None:
        if self._watcher is None:
            return
        try:
            told(self._watcher)
        except Exception:
            self._watcher = None
            _log.exception("the view of the run broke; the run goes on without it")
