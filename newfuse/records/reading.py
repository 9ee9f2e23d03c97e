"""Readings: a number that a vendor told, with the calls in which it told it; without such a call there is no number."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import Any, Self

from newfuse.http import LISTENERS, CallRecord
from newfuse.records.work import Work
from newfuse.types import JSON

CALLS_NAMED = 20
"""Calls that a fact names by their ids. Some thousand payments are some thousand calls: the others are counted."""
ERROR_STATUS = 400  # RFC 9110, 15: from here on an answer says no


class Reading:
    """Reads of one vendor, opened around the calls that make them.

    ```python
    async with job.reading("stripe", "get_payment_intent") as reading:
        intents = [await stripe.execute("get_payment_intent", asked) for asked in wanted]
    reading.fact("payments.read_back", len(intents), "payments")
    ```

    Attributes:
        broken: Whether an error has ended it: then nothing that it read is whole, and nothing is measured.
    """

    def __init__(self, job: Work, integration: str, *actions: str) -> None:
        """Wait for the calls.

        Args:
            job: The task's job.
            integration: The vendor.
            actions: The actions that read.
        """
        self._job, self._integration, self._actions = job, integration, actions
        self._calls: dict[str, dict[str, None]] = {action: {} for action in actions}
        self._token: Token[Any] | None = None
        self.broken = False

    async def __aenter__(self) -> Self:
        """Take note of calls from here on."""
        self._token = LISTENERS.set((*LISTENERS.get(), self._hear))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take note of no more calls."""
        assert self._token is not None
        LISTENERS.reset(self._token)
        self.broken = error is not None

    def _hear(self, call: CallRecord) -> None:
        answered = call.status is not None and call.status < ERROR_STATUS and call.error is None
        if answered and call.integration == self._integration and call.action in self._calls:
            self._calls[call.action][call.call_id] = None

    def made(self, *actions: str) -> bool:
        """Tell whether each of these actions, or of all, was answered at least once."""
        return not self.broken and all(self._calls[action] for action in actions or self._actions)

    def fact(self, name: str, value: JSON, unit: str, *, by: str | None = None, **about: JSON) -> JSON:
        """Record a value that the calls told, and return it; None, not measured, where they were not answered.

        Args:
            name: Dotted name, e.g. `payments.read_back`.
            value: The value.
            unit: What is counted.
            by: The action that told it, where the reading has several.
            **about: More that is worth keeping beside the source.
        """
        action = by if by is not None else self._actions[0]
        ids = list(self._calls[action])
        told = value if self.made(action) else None
        source: dict[str, Any] = {"kind": "vendor", "integration": self._integration, "action": action, **about}
        self._job.fact(name, told, unit, **source, calls=len(ids), call_ids=ids[:CALLS_NAMED])
        return told
