"""`newfuse effects`: the writes that the store knows, and what a person knows of those in doubt."""

from __future__ import annotations

import json as json_library
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from newfuse.effects.decision import RecordedEffect

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Look at external writes, and settle those in doubt."
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="Folder of the store (default: .newfuse/ beside the app).")
]
KEY_SHOWN = 12  # digits: enough to name an effect among millions


@app.command("list")
def list_(
    context: typer.Context,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Only those of which nobody knows whether they happened.")
    ] = False,
    json: Json = False,
    store: StoreFolder = None,
) -> int:
    """List external writes, the latest first."""
    import asyncio

    from newfuse.cli.columns import columns
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.cli.store_access import existing_store

    launched: Any = context.obj
    folder = existing_store(store, launched.root)
    found = asyncio.run(_listed(folder, only_unknown=unknown))
    screen = standard_output()
    if json:
        screen.say_json(json_library.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
    elif not found:
        screen.say(f"No {'write in doubt' if unknown else 'external write'} is recorded in {folder}.")
    else:
        heading = ("KEY", "WRITE", "REFERENCE", "STATE", "SINCE", "RUN", "WHY")
        rows = [
            (
                one.key[:KEY_SHOWN],
                f"{one.integration}.{one.action}",
                one.reference,
                one.state,
                f"{one.created_at[:19].replace('T', ' ')} UTC",
                one.run_id,
                one.error,
            )
            for one in found
        ]
        screen.say(columns(heading, rows))
    return ExitCode.OK


@app.command("settle")
def settle(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of the write, or how it begins.")],
    happened: Annotated[
        bool | None,
        typer.Option("--happened/--did-not", help="Whether it happened; one that did not may be sent again."),
    ] = None,
    json: Json = False,
    store: StoreFolder = None,
) -> int:
    """Say whether a write in doubt happened, where the program cannot find out."""
    import asyncio

    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.cli.store_access import existing_store
    from newfuse.errors import InvalidArguments

    if happened is None:
        raise InvalidArguments("effects settle", [("--happened/--did-not", "say which of the two")])
    launched: Any = context.obj
    one = asyncio.run(_decided(existing_store(store, launched.root), key, happened))
    screen = standard_output()
    if json:
        screen.say_json(json_library.dumps(asdict(one), indent=2, ensure_ascii=False))
    else:
        what = "is recorded as done and will not be sent again" if happened else "may be sent again by the next run"
        screen.say(f"{one.integration}.{one.action} {one.reference!r} {what}.")
    return ExitCode.OK


async def _listed(folder: Path, *, only_unknown: bool) -> list[RecordedEffect]:
    from newfuse.cli.store_access import opened_store
    from newfuse.effects.decision import list_effects

    async with opened_store(folder) as store:
        return await list_effects(store, only_unknown=only_unknown)


async def _decided(folder: Path, key: str, happened: bool) -> RecordedEffect:
    from newfuse.cli.store_access import opened_store
    from newfuse.effects.decision import decide

    async with opened_store(folder) as store:
        return await decide(store, key, happened=happened)
