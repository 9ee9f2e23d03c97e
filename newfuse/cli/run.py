"""`newfuse run`: runs a crew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from newfuse.cli.app_root import DEFAULT_CREW, DEFAULT_DATA


def run(
    context: typer.Context,
    crew: Annotated[str, typer.Argument(metavar="CREW", help="A module of the app's crews/.")] = DEFAULT_CREW,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help=f"JSON file with the records (default: data/CREW.json, else {DEFAULT_DATA})."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder is made.")] = Path("reports"),
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="runbook, openai:NAME, anthropic:NAME, NAME@URL or a server's URL."),
    ] = None,
    sandbox: Annotated[
        str | None,
        typer.Option(metavar="[URL]", help="Work against the sandbox at URL, or an embedded one (the default)."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Work against the vendors themselves.")] = False,
    base_urls: Annotated[
        list[str] | None,
        typer.Option("--base-url", metavar="ID=URL", help="Point one integration elsewhere, e.g. at a mock of it."),
    ] = None,
    repeat: Annotated[
        bool,
        typer.Option(
            "--repeat", help="Do again what earlier runs confirmed; a repetition that is unfinished is continued."
        ),
    ] = False,
    repeat_anew: Annotated[
        bool, typer.Option("--repeat-anew", help="Begin another repetition even where one is unfinished.")
    ] = False,
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the store (default: .newfuse/ beside the app).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print results.json on stdout, progress on stderr.")] = False,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="NAME=VALUE", help="A value for the tasks' descriptions.")
    ] = None,
) -> int:
    """Run a crew and write its reports.

    Exit code: 0 when every task completed and all money moved as asked, 1 when somebody should look (the reasons stand
    beside the status), 2 when an option, a file or a setting is wrong, 130 when interrupted.
    """
    from newfuse.cli.crew_launch import CrewLaunch, launch

    launched: Any = context.obj
    return launch(
        CrewLaunch(
            crew=crew,
            root=launched.root,
            data=data,
            out=out,
            model=model,
            sandbox=sandbox,
            live=live,
            base_urls=base_urls or [],
            repeat=repeat,
            repeat_anew=repeat_anew,
            store=store,
            json=json,
            inputs=inputs or [],
        ),
        launched.log,
    )
