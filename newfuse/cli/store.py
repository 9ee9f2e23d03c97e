"""`newfuse store`: looks after the store itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look after the store.")


@app.callback()
def store() -> None:
    """Look after the store."""


@app.command("backup")
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file; one that is there is not overwritten.")],
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Folder of the store (default: .newfuse/ beside the app)."),
    ] = None,
) -> int:
    """Copy the store into one file, whole and consistent, also while a run goes on.

    To restore it, move newfuse.db, newfuse.db-wal and newfuse.db-shm out of the store's folder while nothing runs, and
    put the copy there as newfuse.db.
    """
    import asyncio

    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.cli.store_access import existing_store

    launched: Any = context.obj
    folder = existing_store(store, launched.root)
    asyncio.run(_back_up(folder, file))
    standard_output().say(f"The store in {folder} was copied to {file} ({file.stat().st_size:,} bytes).")
    return ExitCode.OK


async def _back_up(folder: Path, file: Path) -> None:
    from newfuse.cli.store_access import opened_store

    async with opened_store(folder) as opened:
        await opened.backup(file)
