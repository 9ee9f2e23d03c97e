"""Circuit breaker: stops asking a vendor that keeps failing, and tries again with one call.

Written here because the kept libraries (purgatory 3, pybreaker) read the clock themselves and purgatory lets
any number of calls through while half open, where one probe is wanted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from newfuse.log import logger

_log = logger("http.breaker")

# A breaker that waits for a running probe has no time to name; callers are asked to look again after this.
PROBE_RETRY_S = 1.0


class BreakerState(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    """Calls go through."""
    OPEN = "open"
    """Calls are refused until the recovery time has passed."""
    HALF_OPEN = "half_open"
    """One probe is under way or may start; the others are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to stop asking and when to try again.

    Attributes:
        failures: Consecutive failures (5xx, connection errors, timeouts) that open the circuit.
        recovery_s: Seconds an open circuit refuses calls before it lets one probe through.
    """

    # More than one logical call's three attempts, so that a single unlucky call cannot open it.
    failures: int = 5
    recovery_s: float = 30.0


BreakerChange = Callable[[BreakerState, BreakerState], None]
"""Told the former and the new state; what it raises is logged and ignored."""


class Breaker:
    """The state of one account's circuit. Not thread-safe: it belongs to the loop that makes the calls."""

    def __init__(
        self,
        policy: BreakerPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_change: BreakerChange | None = None,
    ) -> None:
        self.policy = policy
        self.state = BreakerState.CLOSED
        self.failures = 0
        self._clock = clock
        self._on_change = on_change
        self._opened_at = 0.0
        self._probing = False

    def retry_after_s(self) -> float | None:
        """Return None when a call may go through, otherwise the seconds until asking again."""
        if self.state is BreakerState.CLOSED:
            return None
        if self.state is BreakerState.HALF_OPEN:
            return PROBE_RETRY_S if self._probing else None
        remaining = self._opened_at + self.policy.recovery_s - self._clock()
        return remaining if remaining > 0 else None

    def enter(self) -> bool:
        """Claim the right to send one request.

        Returns:
            Whether it may be sent. After True exactly one of `succeeded`, `failed` or `abandoned` must
            follow.
        """
        if self.state is BreakerState.CLOSED:
            return True
        if self.retry_after_s() is not None:
            return False
        self._move(BreakerState.HALF_OPEN)
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The vendor answered (4xx included: it is alive)."""
        if self.state is BreakerState.OPEN:
            return  # a straggler sent before the circuit opened
        self.failures = 0
        self._probing = False
        self._move(BreakerState.CLOSED)

    def failed(self) -> None:
        """The vendor answered 5xx, could not be reached, or did not answer in time."""
        if self.state is BreakerState.OPEN:
            return
        self.failures += 1
        if self.state is BreakerState.HALF_OPEN or self.failures >= self.policy.failures:
            self._probing = False
            self._opened_at = self._clock()
            self._move(BreakerState.OPEN)

    def abandoned(self) -> None:
        """The request ended without saying anything about the vendor, e.g. it was cancelled."""
        self._probing = False

    def _move(self, state: BreakerState) -> None:
        if state is self.state:
            return
        former, self.state = self.state, state
        if self._on_change is not None:
            try:
                self._on_change(former, state)
            except Exception:
                _log.exception("the breaker's listener failed")
