"""Folders and files that their owner alone can read, whatever the umask says."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_private_folder(folder: Path) -> bool:
    """Make a folder that its owner alone can enter; one that is there is somebody's own and keeps its mode.

    Folders above it are made as usual.

    Returns:
        Whether it was made.

    Raises:
        OSError: It cannot be made, or a file is in its place.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        if folder.is_dir():
            return False
        raise
    folder.chmod(FOLDER_MODE)  # the umask may have taken even the owner's rights away
    return True


def make_private(file: Path) -> None:
    """Let its owner alone read a file that is there.

    One that belongs to somebody else, or lies where files have no modes, stays as it is.
    """
    with contextlib.suppress(OSError):
        file.chmod(FILE_MODE)


def private_opener(path: str, flags: int) -> int:
    """Open a file that its owner alone can read: the `opener` of `open()`."""
    handle = os.open(path, flags, FILE_MODE)
    make_private(Path(path))
    return handle
