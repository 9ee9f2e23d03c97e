"""Who is calling and how a repetition would count, without passing it through every function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newfuse.http.record import CallRecord


@dataclass(frozen=True, slots=True)
class CallContext:
    """What the HTTP layer must know about the action it is sending for.

    Attributes:
        run_id: The run this call belongs to, or None outside of runs.
        task: Name of the task, or None.
        agent: Name of the agent, or None.
        action: Name of the integration's action, or None.
        repeatable: Repeating the request is harmless: a read, or a write that changes nothing
            the second time.
        natural: The request is a write that may be repeated; one that may have arrived without an answer is
            nevertheless reported as unknown, not as failed.
        probe: The request asks whether the vendor is there: it is sent through an open breaker too, and its outcome
            leaves the breaker as it is.
        idempotency_key: Key to send at vendors that honour one, or None.
    """

    run_id: str | None = None
    task: str | None = None
    agent: str | None = None
    action: str | None = None
    repeatable: bool = False
    probe: bool = False
    natural: bool = False
    idempotency_key: str | None = None


CALL: ContextVar[CallContext] = ContextVar("newfuse_call", default=CallContext())  # noqa: B039  (frozen)
"""The context of the call in progress; outside of every action nothing is known and nothing is repeatable."""


LISTENERS: ContextVar[tuple[Callable[[CallRecord], None], ...]] = ContextVar("newfuse_listeners", default=())
"""Told of every request as sent, beside the recorder: whoever needs the ids of the calls it makes itself."""


@contextmanager
def calling(**changes: Any) -> Iterator[CallContext]:
    """Set fields of the call context for the length of a `with` block, keeping the others.

    Args:
        **changes: Fields of `CallContext`.

    Yields:
        The context now in force.
    """
    context = replace(CALL.get(), **changes)
    token = CALL.set(context)
    try:
        yield context
    finally:
        CALL.reset(token)
