"""Shows a run on a terminal as a table that keeps itself up to date."""

from __future__ import annotations

from collections.abc import Callable, Collection
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from newfuse.cli.duration import duration
from newfuse.cli.printable import one_line, printable
from newfuse.cli.run_view import SYMBOLS, RunView
from newfuse.cli.screen import Screen, silence
from newfuse.cli.task_board import RUNNING, WAITING, TaskLine
from newfuse.crew.watch import RunStarted

REFRESHES_PER_S = 4  # smooth to the eye; drawing costs the run next to nothing
SHOW_CURSOR = "\x1b[?25h"
COLOURS = {WAITING: "dim", RUNNING: "cyan", "completed": "green", "failed": "red", "skipped": "yellow"}


class _Terminal(Console):
    """A console that goes quiet, instead of ending the process, when its terminal is gone."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        silence(self.file)  # type: ignore[arg-type]  # rich says IO[str]; it is the stream it was given


class LiveView(RunView):
    """Keeps a table of the tasks at the foot of the terminal; other lines scroll above it."""

    def __init__(self, screen: Screen, *, verbose: Collection[str], clock: Callable[[], float] = monotonic) -> None:
        """Draw on the terminal of `screen`; see `RunView`."""
        super().__init__(verbose=verbose, clock=clock)
        self._console = _Terminal(file=screen.stream, markup=False, highlight=False, emoji=False, force_terminal=True)
        self._live: Live | None = None

    def say(self, text: str = "", *, dim: bool = False) -> None:
        """Print lines above the table."""
        # As Text, so that brackets in a vendor's words are no markup.
        self._console.print(Text(printable(text), style="dim" if dim else ""), soft_wrap=True)

    def run_started(self, run: RunStarted) -> None:
        """Print what the run is, and begin the table."""
        super().run_started(run)
        self._live = Live(
            console=self._console,
            get_renderable=self.table,
            refresh_per_second=REFRESHES_PER_S,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def reporting(self) -> None:
        """Leave the table as it stands: nothing more will change."""
        self._stop()

    def restore(self) -> None:
        """Show the cursor again."""
        self._console.file.write(SHOW_CURSOR)
        self._console.file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the table, whatever happened."""
        self._stop()

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def table(self) -> Table:
        """Draw the tasks as they stand now."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("", "Task", "Agent", "State"):
            table.add_column(heading, no_wrap=True, overflow="ellipsis")
        for heading in ("Calls", "Records", "Time"):
            table.add_column(heading, no_wrap=True, justify="right")
        now = self.board.clock()
        for line in list(self.board.tasks.values()):
            table.add_row(*_cells(line, now))
        return table


def _cells(line: TaskLine, now: float) -> list[Text]:
    records = f"{line.done:,}/{line.expected:,}" if line.expected else ""
    time = duration(line.elapsed_s(now)) if line.began is not None else ""
    texts = (SYMBOLS.get(line.state, "?"), line.title, line.agent, line.state, f"{line.calls:,}", records, time)
    return [Text(one_line(text), style=COLOURS.get(line.state, "")) for text in texts]
