"""Keeps one account below its vendor's quota: token bucket, vendor's rate headers, simultaneous requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

ResetUnit = Literal["seconds", "milliseconds", "epoch_seconds"]

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]

# httpx's own pool holds 100 connections; queueing in front of it keeps its timeout for connecting alone.
MAX_CONCURRENCY = 100
# Longer than this nobody wants to be held without a word (X's windows last 15 minutes, Zapier's an hour).
MAX_HOLD_S = 60.0
# How long to hold back after a 429 that does not say (Stripe's, Mailchimp's): as long as the refused call itself waits
# before it is repeated. Two programs of one Stripe account that share no store were refused 56 of 332 calls when each
# only repeated what was refused, and could not finish; holding back like this, 11 of 337, and both finished.
UNSAID_HOLD_S = 1.0
# How often a place is asked for that other processes have taken: a tenth of a quick answer of a vendor.
PLACE_POLL_S = 0.01
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


class Turn(NamedTuple):
    """What a shared quota says to one who wants to call.

    Attributes:
        wait_s: Seconds to wait.
        held_s: Seconds for which the vendor wants nothing to be sent.
        is_booked: Whether the call may be made after `wait_s`; else it is to be asked again then.
    """

    wait_s: float = 0.0
    held_s: float = 0.0
    is_booked: bool = True


class SharedQuota(Protocol):
    """An account's quota that others use too, of this process or another; it never waits and never fails."""

    def book(self, interval_s: float, burst: float) -> Turn:
        """Book the next call, where two come `interval_s` apart (0: at any time) and `burst` may come at once."""

    def hold(self, seconds: float) -> None:
        """Let nobody send anything for so long."""

    def enter(self, places: int) -> bool:
        """Take one of so many places; False when all are taken."""

    def leave(self) -> None:
        """Give back the place taken by `enter`."""

    def close(self) -> None:
        """Let go of what is open; it opens again on next use."""


class HeldTooLong(Exception):
    """The vendor wants nothing to be sent for longer than anybody is to be kept waiting.

    Attributes:
        held_s: For how many seconds.
    """

    def __init__(self, held_s: float) -> None:
        super().__init__(f"held for another {held_s:.0f} s")
        self.held_s = held_s


class RateGate:
    """The state of one account's quota. Every request passes `acquire` before and `release` after it.

    What is shared with others is asked for last, and the gate's own limit stays in force beside it: alone, it changes
    nothing.
    """

    def __init__(
        self,
        limit: RateLimit | None,
        *,
        shared: SharedQuota | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
    ) -> None:
        self.limit = limit
        self.rate_per_s = limit.calls / limit.per_s if limit is not None else None
        self._shared = shared
        self._sleep = sleep
        self._clock = clock
        self._wall_clock = wall_clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENCY)
        self._turns = asyncio.Lock()
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

        Raises:
            HeldTooLong: The vendor's leave is longer off than anybody is to be kept waiting.
        """
        self._bind(asyncio.get_running_loop())
        is_free = not self._semaphore.locked() and self._held_until == 0.0
        if is_free and self._bucket is None and self._shared is None:
            await self._semaphore.acquire()
            return 0.0
        began = self._clock()
        await self._semaphore.acquire()
        try:
            await self._wait_out_hold()
            if self._bucket is not None:
                await self._bucket.acquire()
            if self._shared is not None:
                async with self._turns:  # one at a time: nobody books before it can go
                    await self._enter(self._shared)
        except BaseException:
            self._semaphore.release()
            raise
        return max(0.0, self._clock() - began)

    async def _wait_out_hold(self) -> None:
        while self._held_until:
            until = self._held_until
            if (wait_s := until - self._clock()) > 0:
                if wait_s > MAX_HOLD_S:
                    raise HeldTooLong(wait_s)
                await self._sleep(wait_s)
            if self._held_until == until:
                self._held_until = 0.0

    async def _enter(self, shared: SharedQuota) -> None:
        """Take a place among all who share it, and a turn."""
        places = self.limit.concurrency if self.limit is not None else None
        while places is not None and not shared.enter(places):
            await self._sleep(PLACE_POLL_S)
        try:
            await self._take_turn(shared)
        except BaseException:
            if places is not None:
                shared.leave()
            raise

    async def _take_turn(self, shared: SharedQuota) -> None:
        interval_s = 1 / self.rate_per_s if self.rate_per_s is not None else 0.0
        while True:
            turn = shared.book(interval_s, self._burst())
            if turn.held_s > 0:
                self._hold_here(turn.held_s)
                await self._wait_out_hold()
            if turn.wait_s > 0:
                await self._sleep(turn.wait_s)
            if turn.is_booked:
                return

    def release(self) -> None:
        """Give back the place taken by `acquire`."""
        if self._shared is not None and self.limit is not None and self.limit.concurrency is not None:
            self._shared.leave()
        self._semaphore.release()

    def hold(self, seconds: float) -> None:
        """Send nothing for so long (a 429's `Retry-After`); a longer hold already in force stays."""
        if seconds > 0:
            self._hold_here(seconds)
            if self._shared is not None:
                self._shared.hold(seconds)

    def _hold_here(self, seconds: float) -> None:
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
        # The bucket, and a lock or semaphore that was waited for, belong to the loop they first waited on.
        if self._loop is loop:
            return
        self._loop = loop
        self._semaphore = asyncio.Semaphore(self.concurrency)
        self._turns = asyncio.Lock()
        self._bucket = self._new_bucket()

    def _burst(self) -> float:
        return max(1.0, float(self.limit.burst or self.limit.calls)) if self.limit is not None else 1.0

    def _new_bucket(self) -> AsyncLimiter | None:
        if self.limit is None or self.rate_per_s is None:
            return None
        from aiolimiter import AsyncLimiter

        size = self._burst()
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
