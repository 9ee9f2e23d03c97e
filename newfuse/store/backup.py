"""Copies a store whole into one file, while others write to it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection

from newfuse.errors import ConfigurationError
from newfuse.private_files import make_private


def back_up(connection: Connection, file: Path) -> None:
    """Copy the database as it is at one moment into a new file that its owner alone can read.

    The file is put in place when it is whole and was found sound.

    Args:
        connection: To the store.
        file: Where to; never one that is there.

    Raises:
        ConfigurationError: There is a file of that name, or it cannot be written.
    """
    _refuse_existing(file)
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except (OSError, ValueError) as exc:  # ValueError: a name that no file system takes
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise _impossible(file, str(reason)) from exc
    copy = Path(name)
    try:
        os.close(handle)
        make_private(copy)
        _copy(cast("sqlite3.Connection", connection.connection.driver_connection), copy)
        _refuse_existing(file)
        copy.rename(file)
    except sqlite3.Error as exc:
        raise _impossible(file, str(exc)) from exc
    except OSError as exc:
        raise _impossible(file, str(exc.strerror)) from exc
    finally:
        with contextlib.suppress(FileNotFoundError):
            copy.unlink()


def _copy(source: sqlite3.Connection, to: Path) -> None:
    target = sqlite3.connect(to)
    try:
        source.backup(target)
        found: Any = target.execute("PRAGMA quick_check(1)").fetchone()[0]
    finally:
        target.close()
    if found != "ok":
        raise sqlite3.DatabaseError(f"the store is damaged: {found}")


def _refuse_existing(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise ConfigurationError(f"There is a file {file} already, and a backup overwrites nothing. Name a new one.")


def _impossible(file: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"The store cannot be copied to {file}: {reason}. Name another place.")
