"""The files of a store: private, and watched, so that one taken away under a run is noticed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from newfuse.errors import ConfigurationError
from newfuse.private_files import FILE_MODE, make_private, make_private_folder

FILE_NAME = "newfuse.db"
SUFFIXES = ("", "-wal", "-shm")
"""What SQLite keeps beside each other; a commit lies in the write-ahead log at first, so that file counts as much."""


class StoreFiles:
    """The database in one folder, with its write-ahead log and its index."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is touched yet."""
        self.folder = folder
        self.database = folder / FILE_NAME
        self._paths = [f"{self.database}{suffix}" for suffix in SUFFIXES]
        self._opened: list[tuple[int, int] | None] = []

    def make(self) -> None:
        """Make what is missing, and let only the owner read it.

        Raises:
            ConfigurationError: The folder or the file cannot be made; names the way out.
        """
        try:
            if make_private_folder(self.folder):  # a store never belongs in a repository
                (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
            # Never one that is there: closing it would let go of the locks that this process holds on it
            # (https://sqlite.org/howtocorrupt.html, 2.2).
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.database, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE))
        except (OSError, ValueError) as exc:  # ValueError: a path that no file system takes
            reason = exc.strerror if isinstance(exc, OSError) else str(exc)
            raise ConfigurationError(
                f"The store folder {self.folder} cannot be made: {reason}. "
                "Choose another with --store or NEWFUSE_STORE."
            ) from exc
        for path in self._paths:  # SQLite gives the other two the mode of the first
            make_private(Path(path))

    def note_opened(self) -> None:
        """Remember which files were opened."""
        self._opened = [_identity(path) for path in self._paths]

    def are_those_opened(self) -> bool:
        """Say whether the files that were opened still lie at their places."""
        # A file that was not there at first was none of the store's.
        return all(
            _identity(path) == opened
            for path, opened in zip(self._paths, self._opened, strict=True)
            if opened is not None
        )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - twice for every commit: a Path costs as much as the call
    except OSError:
        return None
    return found.st_dev, found.st_ino
