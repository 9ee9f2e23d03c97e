"""The commands of `newfuse`, as typer sees them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newfuse import __version__
from newfuse.cli import data, doctor, effects, integrations, new, report, run, runs, sandbox, store
from newfuse.cli.optional_value import SandboxCommand

if TYPE_CHECKING:
    from newfuse.cli.fault_log import FaultLog


@dataclass(frozen=True, slots=True)
class Launch:
    """How the command line was started: the app's folder where it is known, and the log of the program's faults."""

    root: Path | None
    log: FaultLog


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich would take longer than all the rest
)
app.add_typer(new.app, name="new")
app.command("run", cls=SandboxCommand)(run.run)
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")
app.add_typer(effects.app, name="effects")
app.add_typer(store.app, name="store")
app.add_typer(integrations.app, name="integrations")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(report.app, name="report")
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"newfuse {__version__}")
        raise typer.Exit


@app.callback()
def newfuse(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Crews of agents that run a company's integrations and report only what was measured."""
