"""What the two ways of showing a run have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from time import monotonic
from types import TracebackType
from typing import Self

from newfuse.cli.printable import one_line
from newfuse.cli.task_board import TaskBoard
from newfuse.crew.job import Progress
from newfuse.crew.watch import RunStarted, Watcher
from newfuse.report.console import start_text
from newfuse.report.results import TaskOutcome
from newfuse.report.wording import moment

SYMBOLS = {"waiting": "·", "running": "▶", "completed": "✅", "failed": "❌", "skipped": "⏭"}


class RunView(Watcher, ABC):
    """Shows a run while it happens; a subclass says where. Use it as a context manager."""

    def __init__(self, *, verbose: Collection[str], clock: Callable[[], float] = monotonic) -> None:
        """Prepare to show a run.

        Args:
            verbose: Names of the agents whose tool calls are shown.
            clock: Seconds that only grow.
        """
        self.board = TaskBoard(clock)
        self.run_id: str | None = None
        self._verbose = frozenset(verbose)

    @abstractmethod
    def say(self, text: str = "", *, dim: bool = False) -> None:
        """Show lines that stay."""

    def restore(self) -> None:
        """Put the terminal back in order; called when the process is about to vanish."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""

    def run_started(self, run: RunStarted) -> None:
        """Print the banner and what the run is."""
        self.run_id = run.run_id
        self.board.begin(run)
        self.say()
        self.say(start_text(run.title))
        self.say(f"Run {run.run_id}, {_world(run.mode)}, {_model(run)}")
        for slug, url in run.elsewhere.items():
            self.say(f"{one_line(slug)} leads to {one_line(url)} (--base-url).")
        said = _repetition(run)
        if said is not None:
            self.say(said)

    def task_started(self, task: str) -> None:
        """Note that a task begins."""
        self.board.start(task)

    def tool_called(self, task: str, agent: str, tool: str) -> None:  # noqa: ARG002 - the watcher's signature
        """Show the tool calls of verbose agents."""
        if agent in self._verbose:
            self.say(f"   {one_line(agent)}: {one_line(tool)}", dim=True)

    def request_sent(self, task: str | None, integration: str) -> None:  # noqa: ARG002 - the watcher's signature
        """Count a call."""
        self.board.count_call(task)

    def progressed(self, progress: Progress) -> None:
        """Note how far a task has come."""
        self.board.advance(progress)

    def task_ended(self, outcome: TaskOutcome) -> None:
        """Note how a task ended."""
        self.board.end(outcome)


def _repetition(run: RunStarted) -> str | None:
    if run.unfinished is not None:
        which = f"{run.unfinished.id} of {moment(run.unfinished.begun_at)}"
        return f"Repetition {which} is unfinished. This run does not repeat anything; --repeat continues it."
    if run.repetition is None:
        return None
    if not run.repetition.continued:
        return f"Repetition {run.repetition.id} begins: what earlier runs did is done once more."
    which = f"{run.repetition.id} of {moment(run.repetition.begun_at)}"
    return f"Continues the unfinished repetition {which}: what it has done stays. --repeat-anew begins another."


def _world(mode: str) -> str:
    return "against the vendors themselves (live)" if mode == "live" else "against the sandbox"


def _model(run: RunStarted) -> str:
    why = f" ({one_line(run.model_why)})" if run.model_why else ""
    if run.model == "runbook":
        return f"the tasks follow their runbooks{why}"
    return f"model {one_line(run.model)}{why}"
