"""Runs asynchronous work that Ctrl-C and SIGTERM end in order: what was begun is settled before the process leaves."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

from newfuse.cli.exit_code import ExitCode

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The work was ended by a signal, and has put its things in order.

    No `Exception`: nothing that turns failures into data may take it for one.
    """


def run_interruptibly(
    work: Coroutine[Any, Any, T], *, interrupted: Callable[[], None], leaving: Callable[[], None] = lambda: None
) -> T:
    """Run asynchronous work to its end.

    The first SIGINT or SIGTERM cancels it: it settles the writes that were begun and closes its store. The second ends
    the process at once.

    Args:
        work: What to run.
        interrupted: Called at the first signal.
        leaving: Called at the second, before the process is gone.

    Raises:
        Interrupted: A signal ended it.
    """
    import asyncio  # costs as much as the rest of `--help`

    return asyncio.run(_supervise(work, interrupted, leaving))


async def _supervise(work: Coroutine[Any, Any, T], interrupted: Callable[[], None], leaving: Callable[[], None]) -> T:
    import asyncio

    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    caught = False

    def end() -> None:
        interrupted()
        task.cancel()

    def catch(_number: int, _frame: FrameType | None) -> None:
        nonlocal caught
        if caught:
            _leave(leaving)
        caught = True
        loop.call_soon_threadsafe(end)

    with _handling(catch):
        try:
            return await task
        except asyncio.CancelledError:
            if caught:
                raise Interrupted from None
            raise


def _leave(leaving: Callable[[], None]) -> None:
    """End the process at once, threads and all; only what `leaving` does is still done."""
    with contextlib.suppress(Exception):
        leaving()
    os._exit(ExitCode.INTERRUPTED)


@contextlib.contextmanager
def _handling(catch: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    try:
        before = {number: signal.signal(number, catch) for number in SIGNALS}
    except ValueError:  # not the main thread: signals are somebody else's
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, also while nothing asynchronous runs."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
