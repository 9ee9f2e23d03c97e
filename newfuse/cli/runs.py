"""`newfuse runs`: what the store remembers of runs."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from newfuse.observe.run_history import RunDetail, RunSummary

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at earlier runs.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="Folder of the store (default: .newfuse/ beside the app).")
]
ENDED_EARLY = "ended before it had a result; running the same command again does what is left."


@app.command("list")
def list_(context: typer.Context, json: Json = False, store: StoreFolder = None) -> int:
    """List the runs the store knows, the latest first."""
    import asyncio

    from newfuse.cli.columns import columns
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.cli.store_access import chosen_folder, is_store
    from newfuse.observe.run_history import INTERRUPTED

    launched: Any = context.obj
    folder = chosen_folder(store, launched.root)
    found = asyncio.run(_summaries(folder)) if is_store(folder) else []
    screen = standard_output()
    if json:
        screen.say_json(json_library.dumps([run.model_dump() for run in found], indent=2, ensure_ascii=False))
    elif not found:
        screen.say(f"No run is recorded in {folder}.")
    else:
        heading = ("RUN", "CREW", "MODE", "MODEL", "STARTED", "STATUS", "CALLS")
        rows = [
            (run.run_id, run.crew, run.mode, run.model, _moment(run.started_at), run.status, run.calls) for run in found
        ]
        screen.say(columns(heading, rows))
        if any(run.status == INTERRUPTED for run in found):
            screen.say(f"\n{INTERRUPTED}: {ENDED_EARLY}")
    return ExitCode.OK


@app.command("show")
def show(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or how it begins.")],
    json: Json = False,
    store: StoreFolder = None,
) -> int:
    """Show one run: its tasks, calls and effects."""
    import asyncio

    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.cli.store_access import existing_store

    launched: Any = context.obj
    detail = asyncio.run(_detail(existing_store(store, launched.root), run))
    screen = standard_output()
    if json:
        screen.say_json(detail.model_dump_json(indent=2))
    else:
        screen.say(_text(detail))
    return ExitCode.OK


async def _summaries(folder: Path) -> list[RunSummary]:
    from newfuse.cli.store_access import opened_store
    from newfuse.observe.run_history import list_runs

    async with opened_store(folder) as store:
        return await list_runs(store)


async def _detail(folder: Path, run: str) -> RunDetail:
    from newfuse.cli.store_access import opened_store
    from newfuse.errors import ConfigurationError
    from newfuse.observe.run_history import find_runs, run_detail

    async with opened_store(folder) as store:
        found = await find_runs(store, run)
        if not found:
            raise ConfigurationError(f"No run {run!r} is recorded in {folder}; `newfuse runs list` shows what is.")
        if len(found) > 1:
            ids = ", ".join(one.run_id for one in found)
            raise ConfigurationError(f"Several runs begin with {run!r}: {ids}.")
        return await run_detail(store, found[0])


def _text(run: RunDetail) -> str:
    from newfuse.cli.columns import columns
    from newfuse.cli.printable import one_line

    facts = [
        ("Run", run.run_id),
        ("Crew", run.crew),
        ("Mode", f"{run.mode} ({run.environment})"),
        ("Model", run.model),
        ("Started", _moment(run.started_at)),
        ("Finished", _moment(run.finished_at)),
        ("Status", run.status),
        ("Reports", run.folder),
    ]
    blocks = ["\n".join(f"{name + ':':<10}{one_line(value or '–')}" for name, value in facts)]
    if run.tasks:
        task_names = ("TASK", "AGENT", "STATUS", "CALLS", "WRITES")
        blocks.append(
            columns(task_names, [(one.name, one.agent, one.status, one.calls, _writes(one)) for one in run.tasks])
        )
        blocks += [f"{one.name}: {one_line(one.error)}" for one in run.tasks if one.error]
    if run.integrations:
        heading = ("INTEGRATION", "CALLS", "OK", "ERRORS", "RETRIES", "UNSENT", "P50 MS", "P95 MS")
        rows = [
            (slug, one.calls, one.ok, one.errors, one.retries, one.unsent, _number(one.p50_ms), _number(one.p95_ms))
            for slug, one in run.integrations.items()
        ]
        blocks.append(columns(heading, rows))
    return "\n\n".join(blocks)


def _writes(task: Any) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(task.effects.items())) or "none"


def _moment(text: str | None) -> str | None:
    """Return an ISO time to the second, in UTC as it was recorded."""
    return None if text is None else f"{text[:19].replace('T', ' ')} UTC"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
