"""`newfuse report`: the reports of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from newfuse.report.results import RunResult

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check the reports of a run.")


@app.callback()
def report() -> None:
    """Check the reports of a run."""


@app.command("verify")
def verify(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder.")],
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the store (default: .newfuse/ beside the app).")
    ] = None,
) -> int:
    """Compare a run's reports with its results.json, and that with the recorded calls and effects.

    Exit code: 0 when everything agrees, 1 when something does not.
    """
    import asyncio

    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.cli.store_access import existing_store
    from newfuse.errors import ConfigurationError

    if not folder.is_dir():
        raise ConfigurationError(f"There is no folder {folder}. Give a run's folder, e.g. one below reports/.")
    launched: Any = context.obj
    problems = asyncio.run(_problems(folder, existing_store(store, launched.root)))
    screen = standard_output()
    for problem in problems:
        screen.say(f"❌ {problem}")
    if problems:
        screen.say(f"{folder}: {len(problems)} disagreement{'' if len(problems) == 1 else 's'}.")
        return ExitCode.NEEDS_ATTENTION
    screen.say(f"✅ {folder}: the reports, results.json and the recorded calls and effects agree.")
    return ExitCode.OK


async def _problems(folder: Path, store_folder: Path) -> list[str]:
    from newfuse.cli.store_access import opened_store
    from newfuse.errors import ConfigurationError
    from newfuse.observe.run_history import find_runs
    from newfuse.report.verify import verify as compare

    result = _result(folder)
    async with opened_store(store_folder) as store:
        if result is not None and result.run_id not in {run.run_id for run in await find_runs(store, result.run_id)}:
            raise ConfigurationError(
                f"The store in {store_folder} knows no run {result.run_id}. "
                "Name the one it was recorded in with --store."
            )
        return await compare(folder, store)


def _result(folder: Path) -> RunResult | None:
    """Return what results.json holds; None when it cannot be read, which the comparison says better."""
    from newfuse.report.results import RunResult

    try:
        return RunResult.model_validate_json((folder / "results.json").read_bytes())
    except (OSError, ValueError):
        return None
