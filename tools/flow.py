"""Works through many things a few at a time, tells how far it has come, and stops asking a vendor that has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from newfuse import (
    CircuitOpen,
    EffectError,
    IntegrationDisabled,
    InvalidArguments,
    Job,
    NewFuseError,
    NotConnected,
    OutcomeUnknown,
    ReconnectNeeded,
    RetryLater,
    StoreFailed,
)

T = TypeVar("T")

FAILURES_IN_A_ROW = 3
"""Each has already been tried three times by the engine, so nine answers in a row were failures: the vendor is down."""

_HOPELESS = (ReconnectNeeded, CircuitOpen, NotConnected, IntegrationDisabled, StoreFailed)


class Gate:
    """Remembers the failures of a vendor, or of the store, and closes when there is no use in asking it further.

    Attributes:
        error: The failure to report at the end, or None when the vendor answered every request.
    """

    def __init__(self) -> None:
        """Begin open."""
        self.error: NewFuseError | None = None
        self.closed = False
        self._in_a_row = 0

    def passed(self) -> None:
        """Note that the vendor answered."""
        self._in_a_row = 0

    def note(self, error: NewFuseError) -> None:
        """Note how a request failed; a refusal of one record's contents is an answer, not a failure."""
        if isinstance(error, _HOPELESS):
            self.error = self.error or error
            self.closed = True
        elif isinstance(error, RetryLater | OutcomeUnknown):  # a 5xx to a write, or no answer to it, leaves it unknown
            self.error = self.error or error
            self._count()
        elif not isinstance(error, EffectError | InvalidArguments):  # a word of our own: the vendor was not asked
            self.passed()

    def insist(self, error: NewFuseError) -> None:
        """Note a failure that the tool must end with, whatever the vendor answers to the rest."""
        self.error = self.error or error
        self._count()

    def _count(self) -> None:
        self._in_a_row += 1
        self.closed = self.closed or self._in_a_row >= FAILURES_IN_A_ROW


class Tally:
    """Counts how many records are done and tells whoever watches; each counts once, however it ended."""

    def __init__(self, job: Job, expected: int, note: str) -> None:
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
