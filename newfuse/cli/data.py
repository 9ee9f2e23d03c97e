"""`newfuse data`: what a crew's input file holds."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from newfuse.cli.app_root import DEFAULT_CREW

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at what the input file of a crew holds.")


@app.callback()
def data() -> None:
    """Look at what the input file of a crew holds."""


@app.command("describe")
def describe(
    context: typer.Context,
    crew: Annotated[str, typer.Argument(metavar="CREW", help="A module of the app's crews/.")] = DEFAULT_CREW,
) -> int:
    """Print the fields of every dataset of a crew, with their bounds and an example, in markdown."""
    from newfuse.cli.app_root import find_root, load_crew
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.records.describe import described
    from newfuse.records.intake import KINDS

    launched: Any = context.obj
    found = load_crew(find_root(launched.root), crew)
    screen = standard_output()
    said = [
        described(dataset, KINDS[dataset]) if dataset in KINDS else f"## {dataset}\n\nIts fields are not declared.\n"
        for dataset in found.datasets
    ]
    screen.say("\n".join(said).removesuffix("\n") or f"The crew {crew} takes no records.")
    return ExitCode.OK
