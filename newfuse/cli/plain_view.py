"""Shows a run as plain lines, for logs and pipes: they grow with the run's steps, not with its data."""

from __future__ import annotations

from collections.abc import Callable, Collection
from time import monotonic

from newfuse.cli.printable import one_line
from newfuse.cli.run_view import SYMBOLS, RunView
from newfuse.cli.screen import Screen
from newfuse.cli.task_board import TaskLine
from newfuse.crew.job import Progress
from newfuse.report.results import TaskOutcome

STEP_PERCENT = 10  # a task with any number of records says so at most this often …
STEP_S = 5.0  # … or, where that takes long, this often: a log that stands still looks like a program that does


class PlainView(RunView):
    """Prints a line when a task starts, at every step of its progress, and when it ends."""

    def __init__(self, screen: Screen, *, verbose: Collection[str], clock: Callable[[], float] = monotonic) -> None:
        """Print to `screen`; see `RunView`."""
        super().__init__(verbose=verbose, clock=clock)
        self._screen = screen
        self._said: dict[str, tuple[float, float]] = {}  # by task: percent and time of the last line

    def say(self, text: str = "", *, dim: bool = False) -> None:
        """Print lines."""
        (self._screen.murmur if dim else self._screen.say)(text)

    def task_started(self, task: str) -> None:
        """Say that a task begins."""
        line = self.board.start(task)
        self._said[task] = (0.0, self.board.clock())
        self.say(f"{SYMBOLS['running']} {_name(line)} started")

    def progressed(self, progress: Progress) -> None:
        """Say how far a task has come, if it has come further by a step."""
        line = self.board.advance(progress)
        if line.expected <= 0 or line.done >= line.expected:  # its end says so
            return
        percent, now = line.done * 100 / line.expected, self.board.clock()
        last_percent, last_at = self._said.get(progress.task, (0.0, now))
        # Less than before: another tool of the task has begun over its own records.
        if percent - last_percent >= STEP_PERCENT or now - last_at >= STEP_S:
            note = f" – {one_line(progress.note)}" if progress.note else ""
            self.say(f"  {one_line(line.title)}: {line.measured(now)}{note}")
            self._said[progress.task] = (percent, now)
        elif percent < last_percent:
            self._said[progress.task] = (percent, last_at)

    def task_ended(self, outcome: TaskOutcome) -> None:
        """Say how a task ended, with what it took."""
        line = self.board.end(outcome)
        error = f": {one_line(line.error)}" if line.error else ""
        symbol = SYMBOLS.get(line.state, "?")
        self.say(f"{symbol} {_name(line)} {line.state}, {line.measured(self.board.clock())}{error}")


def _name(line: TaskLine) -> str:
    return f"{one_line(line.title)} ({one_line(line.agent)})"
