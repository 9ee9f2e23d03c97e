"""Works through many things a few at a time, and tells how far it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from newfuse.errors import NewFuseError
from newfuse.records.work import Work

T = TypeVar("T")


class Tally:
    """Counts how many records are done and tells whoever watches; each counts once, however it ended."""

    def __init__(self, job: Work, expected: int, note: str) -> None:
        """Begin with none of `expected` records done; `note` says what is done with them."""
        self._job, self._expected, self._note = job, expected, note
        self._done = 0

    def add(self, count: int = 1) -> None:
        """Count records that something has become of: done, failed, held back or left out."""
        self._done += count
        self._job.progress(self._done, self._expected, self._note)


async def each(
    things: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_once: int, tally: Tally | None = None
) -> None:
    """Call `work` with everything, at most `at_once` at a time; it starts in order and needs no memory per thing.

    Args:
        things: What to work through; a list counts as the records in it.
        work: What is done with each.
        at_once: Most at the same time.
        tally: Counts each when its work has ended, one way or another.
    """
    left = iter(things)

    async def worker() -> None:
        for thing in left:
            try:
                await work(thing)
            finally:
                if tally is not None:
                    tally.add(len(thing) if isinstance(thing, list) else 1)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())


async def read_each(
    job: Work, things: Sequence[T], read: Callable[[T], Awaitable[None]], *, at_once: int, doing: str
) -> None:
    """Read many things a few at a time; the first failure stops the rest, without tearing down its siblings.

    Args:
        job: Told how far it has come.
        things: What to read; a list counts as the records in it.
        read: Reads one.
        at_once: Most at the same time.
        doing: What is done, for whoever watches.

    Raises:
        NewFuseError: The first failure.
    """
    errors: list[NewFuseError] = []

    async def attempt(thing: T) -> None:
        if errors:
            return
        try:
            await read(thing)
        except NewFuseError as exc:
            errors.append(exc)

    expected = sum(len(thing) if isinstance(thing, list) else 1 for thing in things)
    await each(things, attempt, at_once=at_once, tally=Tally(job, expected, doing))
    if errors:
        raise errors[0]


def batches(entries: Sequence[T], size: int) -> list[list[T]]:
    """Return things in lists of at most `size`, in order."""
    return [list(entries[start : start + size]) for start in range(0, len(entries), size)]
