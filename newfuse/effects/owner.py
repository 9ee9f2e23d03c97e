"""Tells whether the process that recorded an intent, or began a run, still lives.

A lock file is held as long as the process runs; the kernel lets go of it however the process ends, so no heartbeat and
no clock can be wrong about it.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from filelock import FileLock, Timeout

from newfuse.private_files import FILE_MODE, make_private_folder

FOLDER = "alive"
SUFFIX = ".lock"

_in_memory: set[str] = set()
"""Owners of this process whose store is in memory: no other process can see their intents, no file has to tell."""


class Owner:
    """This process, as the ledger knows it."""

    def __init__(self, store_folder: Path | None) -> None:
        """Name this process; the lock is taken when it begins a run, or at its first intent.

        Args:
            store_folder: Folder of the store, or None when it is in memory and no other process can see it.
        """
        self.id = uuid.uuid4().hex
        self._folder = store_folder / FOLDER if store_folder is not None else None
        self._lock: FileLock | None = None

    def claim(self) -> None:
        """Hold this process's lock, and clear away those of processes that are gone; nothing when it is held already.

        Called within a write transaction: taking turns there, no two processes create, probe and remove at once.
        """
        if self._folder is None:
            _in_memory.add(self.id)
            return
        if self._lock is not None:
            if self._path(self.id).exists():
                return
            self._lock.release()  # somebody has removed the file: to others this process would seem to be gone
        make_private_folder(self._folder)
        self._lock = FileLock(self._path(self.id), thread_local=False, mode=FILE_MODE)
        self._lock.acquire(timeout=0)
        for path in self._folder.glob(f"*{SUFFIX}"):
            self.is_alive(path.stem)

    def release(self) -> None:
        """Let go of the lock; intents left open are then known to be nobody's."""
        _in_memory.discard(self.id)
        if self._lock is not None and self._folder is not None:
            lock, self._lock = self._lock, None
            lock.release()
            self._path(self.id).unlink(missing_ok=True)

    def is_alive(self, owner: str) -> bool:
        """Say whether the process of that id still runs; called within a write transaction, like `claim`."""
        if owner == self.id or owner in _in_memory:
            return True
        if self._folder is None or not self._path(owner).exists():
            return False
        probe = FileLock(self._path(owner), thread_local=False)
        try:
            probe.acquire(timeout=0)
        except Timeout:
            return True
        probe.release()
        self._path(owner).unlink(missing_ok=True)
        return False

    def _path(self, owner: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{Path(owner).name}{SUFFIX}"
