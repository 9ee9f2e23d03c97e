"""Keeps one account below its vendor's quota: token bucket, vendor's rate headers, simultaneous requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

ResetUnit = Literal["seconds", "milliseconds", "epoch_seconds"]

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]

# httpx's own pool holds 100 connections; queueing in front of it keeps its timeout for connecting alone.
MAX_CONCURRENCY = 100
# Longer than this nobody wants to be held without a word (X's windows last 15 minutes, Zapier's an hour).
MAX_HOLD_S = 60.0
# Below this share of the configured rate the vendor's own figure is taken: smaller differences are rounding.
ADAPT_BELOW = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class RateHeaders:
    """Names of the headers in which a vendor tells the state of the quota.

    Attributes:
        limit: Calls allowed in one window.
        remaining: Calls left in the window.
        reset: When the window ends: seconds or milliseconds from now, or an epoch time, by `unit`.
        interval: Length of the window (HubSpot), in `unit`; used where there is no `reset`.
        unit: Unit of `reset` and `interval`.
    """

    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    interval: str | None = None
    unit: ResetUnit = "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How fast one account may be called.

    Attributes:
        calls: Calls allowed in `per_s` seconds.
        per_s: Length of the window in seconds.
        burst: Calls that may go out at once; all of `calls` when not given.
        concurrency: Most requests under way at the same time; 100 when not given.
        headers: The vendor's rate headers, if it sends any.
    """

    calls: float
    per_s: float = 1.0
    burst: int | None = None
    concurrency: int | None = None
    headers: RateHeaders | None = None


class RateGate:
    """The state of one account's quota. Every request passes `acquire` before and `release` after it."""

    def __init__(
        self,
        limit: RateLimit | None,
        *,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
    ) -> None:
        self.limit = limit
        self.rate_per_s = limit.calls / limit.per_s if limit is not None else None
        self._sleep = sleep
        self._clock = clock
        self._wall_clock = wall_clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENCY)
        self._bucket: AsyncLimiter | None = None
        self._held_until = 0.0
        self._remaining: float | None = None
        self._window_began = 0.0

    @property
    def concurrency(self) -> int:
        """Most requests under way at the same time."""
        return (self.limit.concurrency if self.limit else None) or MAX_CONCURRENCY

    def held_for_s(self) -> float:
        """Seconds the vendor wants us to hold back, 0.0 when it does not."""
        return max(0.0, self._held_until - self._clock())

    async def acquire(self) -> float:
        """Wait for a place, the vendor's leave and a token.

        Returns:
            Seconds waited.
        """
        self._bind(asyncio.get_running_loop())
        if not self._semaphore.locked() and self._held_until == 0.0 and self._bucket is None:
            await self._semaphore.acquire()
            return 0.0
        began = self._clock()
        await self._semaphore.acquire()
        try:
            while self._held_until:
                until = self._held_until
                if (wait_s := until - self._clock()) > 0:
                    await self._sleep(wait_s)
                if self._held_until == until:
                    self._held_until = 0.0
            if self._bucket is not None:
                await self._bucket.acquire()
        except BaseException:
            self._semaphore.release()
            raise
        return max(0.0, self._clock() - began)

    def release(self) -> None:
        """Give back the place taken by `acquire`."""
        self._semaphore.release()

    def hold(self, seconds: float) -> None:
        """Send nothing for so long (a 429's `Retry-After`); a longer hold already in force stays."""
        if seconds > 0:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Learn from the rate headers of an answer: hold when nothing remains, slow down to a lower limit.

        Args:
            headers: The answer's headers, looked up without regard to case.
        """
        names = self.limit.headers if self.limit is not None else None
        if names is None:
            return
        now = self._clock()
        remaining = _number(headers, names.remaining)
        if remaining is not None and (self._remaining is None or remaining > self._remaining):
            self._window_began = now
        self._remaining = remaining
        window_s = self._in_seconds(_number(headers, names.interval), names.unit)
        if remaining is not None and remaining <= 0:
            reset_s = self._until_reset(_number(headers, names.reset), names.unit)
            if reset_s is None and window_s is not None:
                reset_s = self._window_began + window_s - now
            if reset_s is not None:
                self.hold(reset_s)
        limit = _number(headers, names.limit)
        if limit is not None and limit > 0 and window_s:
            self._adapt(limit / window_s)

    def _adapt(self, vendor_rate_per_s: float) -> None:
        if self.rate_per_s is not None and vendor_rate_per_s < self.rate_per_s * ADAPT_BELOW:
            self.rate_per_s = vendor_rate_per_s
            self._bucket = self._new_bucket()

    def _until_reset(self, value: float | None, unit: ResetUnit) -> float | None:
        if value is None or unit != "epoch_seconds":
            return self._in_seconds(value, unit)
        return value - self._wall_clock()

    @staticmethod
    def _in_seconds(value: float | None, unit: ResetUnit) -> float | None:
        return value / 1000 if value is not None and unit == "milliseconds" else value

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        # Both the bucket and a contended semaphore belong to the loop they first waited on.
        if self._loop is loop:
            return
        self._loop = loop
        self._semaphore = asyncio.Semaphore(self.concurrency)
        self._bucket = self._new_bucket()

    def _new_bucket(self) -> AsyncLimiter | None:
        if self.limit is None or self.rate_per_s is None:
            return None
        from aiolimiter import AsyncLimiter

        size = max(1.0, float(self.limit.burst or self.limit.calls))
        return AsyncLimiter(size, size / self.rate_per_s)


def _number(headers: Mapping[str, str], name: str | None) -> float | None:
    text = headers.get(name) if name is not None else None
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None
