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
Handler = Callable[[int, FrameType | None], None]
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

    before = _install(catch)
    try:
        return await task
    except asyncio.CancelledError:
        if caught:
            raise Interrupted from None
        raise
    finally:
        if not caught:  # else the next one ends the process, whatever it is still busy with
            _restore(before)


def _leave(leaving: Callable[[], None]) -> None:
    """End the process at once, threads and all; only what `leaving` does is still done."""
    with contextlib.suppress(Exception):
        leaving()
    os._exit(ExitCode.INTERRUPTED)


@contextlib.contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise `KeyboardInterrupt` in the block; a second one ends the process at once.

    After a block that a signal has ended, further ones are ignored: the process is leaving, and they must not change
    what it leaves with.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        _install(lambda _number, _frame: _leave(lambda: None))
        raise KeyboardInterrupt

    before = _install(interrupt)
    try:
        yield
    finally:
        was_ended = signal.getsignal(signal.SIGTERM) is not interrupt  # somebody who caught one has replaced it
        _restore(dict.fromkeys(before, signal.SIG_IGN) if was_ended else before)


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _install(handler: Handler) -> dict[signal.Signals, Any]:
    """Install a handler, and return those that were there; none when signals are not ours to handle."""
    try:
        return {number: signal.signal(number, handler) for number in SIGNALS}
    except ValueError:  # not the main thread: signals are somebody else's
        return {}
