"""Works through many things a few at a time, and stops asking a vendor that has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from newfuse import (
    CircuitOpen,
    IntegrationDisabled,
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
            self._in_a_row += 1
            self.closed = self.closed or self._in_a_row >= FAILURES_IN_A_ROW
        else:
            self.passed()


async def each(things: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_once: int) -> None:
    """Call `work` with everything, at most `at_once` at a time; it starts in order and needs no memory per thing."""
    left = iter(things)

    async def worker() -> None:
        for thing in left:
            await work(thing)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
