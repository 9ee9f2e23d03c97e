"""Puts a file in its place: whole or not at all, whatever lies there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from newfuse.private_files import make_private


def place(path: Path, fill: Callable[[TextIO], object]) -> str | None:
    """Write a text file, UTF-8, by a rename; what cannot be replaced in its place is put aside.

    A lone surrogate from a vendor's broken answer cannot be written as UTF-8; it becomes a question mark.

    Args:
        path: The file; its folder is made when missing.
        fill: Writes the text into the open file it is given.

    Returns:
        The name of what had to be put aside, or None.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(path, fill)
    except (IsADirectoryError, PermissionError):  # a folder lies there, or what Windows does not let us replace
        if not os.path.lexists(path):
            raise
        aside = _free_place(path)
        path.rename(aside)
        _write(path, fill)
        return aside.name
    return None


def place_text(path: Path, text: str) -> str | None:
    """Write a text as a file; see `place`."""
    return place(path, lambda file: file.write(text))


def _free_place(path: Path) -> Path:
    """Return a name beside a file that nothing has yet."""
    number = 1
    while os.path.lexists(free := path.with_name(f"{path.name}.put-aside-{number}")):
        number += 1
    return free


def _write(path: Path, fill: Callable[[TextIO], object]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            fill(file)
        make_private(Path(temporary))  # mkstemp asks for the same, and the umask may take it away
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
