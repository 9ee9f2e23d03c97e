"""Stripe's request limits: token buckets for the account and for each endpoint.

https://docs.stripe.com/rate-limits
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

TEST_PER_S = 25.0
LIVE_PER_S = 100.0
ENDPOINT_PER_S = 25.0
SEARCH_PER_S = 20.0


@dataclass(slots=True)
class Bucket:
    """Tokens that refill steadily; it holds one second's worth, so that much may come at once."""

    per_s: float
    tokens: float
    at: float

    def refill(self, now: float) -> bool:
        """Return whether a token is there."""
        self.tokens = min(self.per_s, self.tokens + max(0.0, now - self.at) * self.per_s)
        self.at = now
        return self.tokens >= 1.0


class RateLimits:
    """Counts requests per mode, and per mode and endpoint."""

    def __init__(self, now: Callable[[], float], per_s: float | None) -> None:
        """Start with full buckets.

        Args:
            now: The clock, in epoch seconds.
            per_s: Replaces every limit; `math.inf` for none. None for Stripe's own.
        """
        self._now = now
        self._per_s = per_s
        self._buckets: dict[tuple[bool, str], Bucket] = {}

    def refusal(self, *, livemode: bool, endpoint: str) -> str | None:
        """Take one request into account, and return Stripe's reason when it is one too many, else None."""
        if self._per_s == math.inf:
            return None
        global_per_s = self._per_s or (LIVE_PER_S if livemode else TEST_PER_S)
        endpoint_per_s = self._per_s or (SEARCH_PER_S if endpoint.endswith("/search") else ENDPOINT_PER_S)
        whole = self._bucket(livemode, "", global_per_s)
        part = self._bucket(livemode, endpoint, endpoint_per_s)
        now = self._now()
        # Both are refilled before either is charged: a refused request costs nothing.
        whole_free, part_free = whole.refill(now), part.refill(now)
        if not whole_free:
            return "global-rate"
        if not part_free:
            return "endpoint-rate"
        whole.tokens -= 1.0
        part.tokens -= 1.0
        return None

    def _bucket(self, livemode: bool, endpoint: str, per_s: float) -> Bucket:
        return self._buckets.setdefault((livemode, endpoint), Bucket(per_s, per_s, self._now()))
