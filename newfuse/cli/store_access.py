"""Opens the store for a command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from newfuse.config import store_folder
from newfuse.errors import ConfigurationError
from newfuse.store import Store
from newfuse.store.files import FILE_NAME


@asynccontextmanager
async def opened_store(folder: Path) -> AsyncIterator[Store]:
    """Yield the store in a folder, and close it afterwards; it is made where there is none."""
    store = Store(folder)
    try:
        yield store
    finally:
        await store.close()


def chosen_folder(option: Path | None, root: Path | None) -> Path:
    """Return the folder of the store: `--store`, `NEWFUSE_STORE`, or `.newfuse/` beside the app."""
    return option or store_folder(root)


def is_store(folder: Path) -> bool:
    """Say whether a store lies in the folder; looking makes none."""
    return (folder / FILE_NAME).is_file()


def existing_store(option: Path | None, root: Path | None) -> Path:
    """Return the folder of a store that is there.

    Raises:
        ConfigurationError: There is none; names the folder and the way out.
    """
    folder = chosen_folder(option, root)
    if not is_store(folder):
        raise ConfigurationError(
            f"There is no store in {folder}: nothing was run with it. Name the one to look into with --store."
        )
    return folder
