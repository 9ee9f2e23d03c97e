"""The file in which the processes of this machine share one account's quota.

It is locked for some microseconds while its few bytes are read and written. The kernel lets go of a lock however the
process that has it ends.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import lock_descriptor, unlock_descriptor

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
STALE_S: Final = 24 * 3600.0  # nobody called that account for a day: most are sandboxes that are no more
# The lock is had for some microseconds at a time, so another try or two finds it free.
LOCK_TRIES: Final = 5
LOCK_PAUSE_S: Final = 0.000_05

_OPENING: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_RECORD_AT: Final = 8  # Windows locks the first byte, and nobody else can read it then
_RECORD: Final = struct.Struct("<3dI")  # the moments, and their checksum
_CHECKED: Final = 3 * 8  # bytes


@dataclass(slots=True)
class Moments:
    """What is shared, in seconds of the monotonic clock.

    Attributes:
        boot: How far the wall clock was ahead when they were written.
        due: When all calls booked so far are paid for, at the rate (the theoretical arrival time of GCRA,
            https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
        held_until: Nothing is sent before.
    """

    boot: float = 0.0
    due: float = 0.0
    held_until: float = 0.0


class QuotaFile:
    """Moments in a file of their own, and places that are files to be locked.

    Each object locks for itself, so that two of one process share like two processes.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """Name the file; nothing is touched yet.

        Args:
            folder: Made on first use, within a folder that is there.
            key: Name of the file, unlike that of any other account.
        """
        self._folder = folder
        self._key = key
        self._file: int | None = None
        self._process = 0
        self._places: dict[int, int] = {}  # descriptors of the places' files
        self._entered: list[int] = []

    @contextmanager
    def locked(self) -> Iterator[Moments | None]:
        """Hand out the moments, for changing, to one at a time; None when another has them now.

        Raises:
            OSError: The file cannot be used.
        """
        file = self._locked_file()
        if file is None:
            yield None
            return
        try:
            before = _read(file)
            moments = Moments(*before)
            yield moments
            after = (moments.boot, moments.due, moments.held_until)
            if after != before:
                _write(file, after)
        finally:
            unlock_descriptor(file)

    def enter(self, places: int) -> bool:
        """Take one of so many places, which others may hold too; False when all are taken.

        Raises:
            OSError: A place's file cannot be used.
        """
        self._open()
        for number in range(places):
            if number in self._entered:
                continue
            file = self._places.get(number)
            if file is None:
                file = self._places[number] = self._opened(f"{self._key}-{number}")
            if lock_descriptor(file, blocking=False):
                self._entered.append(number)
                return True
        return False

    def leave(self) -> None:
        """Give back a place, if any is held."""
        if self._entered:
            unlock_descriptor(self._places[self._entered.pop()])

    def close(self) -> None:
        """Close the files, which gives back what is locked."""
        files = [*self._places.values(), *([self._file] if self._file is not None else [])]
        self._file = None
        self._places.clear()
        self._entered.clear()
        for file in files:
            with suppress(OSError):
                os.close(file)

    def _locked_file(self) -> int | None:
        for _ in range(LOCK_TRIES):
            file = self._open()
            if not lock_descriptor(file, blocking=False):
                time.sleep(LOCK_PAUSE_S)
                continue
            if os.fstat(file).st_nlink:
                return file
            self.close()  # it was deleted meanwhile: what lies at its place now is what is shared
        return None

    def _open(self) -> int:
        if self._file is not None and self._process != os.getpid():
            self.close()  # a fork shares its parent's locks, which then keep neither of them out
        if self._file is None:
            self._folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            self._clear_away()
            self._file = self._opened(self._key)
            self._process = os.getpid()
        return self._file

    def _opened(self, name: str) -> int:
        return os.open(self._folder / name, _OPENING, FILE_MODE)

    def _clear_away(self) -> None:
        """Delete the files of accounts that are not used any more."""
        too_old = time.time() - STALE_S
        with suppress(OSError):  # another process does the same, or Windows has one open
            for path in self._folder.iterdir():
                if "-" not in path.name and path.name != self._key and path.stat().st_mtime < too_old:
                    for part in [path, *self._folder.glob(f"{path.name}-*")]:
                        part.unlink(missing_ok=True)


def _read(file: int) -> tuple[float, float, float]:
    os.lseek(file, _RECORD_AT, os.SEEK_SET)
    record = os.read(file, _RECORD.size)
    if len(record) != _RECORD.size or zlib.crc32(record[:_CHECKED]) != _RECORD.unpack(record)[3]:
        return 0.0, 0.0, 0.0  # new, or no longer what was written
    boot, due, held_until, _ = _RECORD.unpack(record)
    return boot, due, held_until


def _write(file: int, moments: tuple[float, float, float]) -> None:
    record = _RECORD.pack(*moments, 0)
    record = record[:_CHECKED] + zlib.crc32(record[:_CHECKED]).to_bytes(4, "little")
    os.lseek(file, _RECORD_AT, os.SEEK_SET)
    os.write(file, record)
