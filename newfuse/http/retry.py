"""What may be sent again, after how long, and what a call that failed for good has to be called."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from itertools import count
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

from newfuse.errors import OutcomeUnknown, VendorError

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1
# Answers that say nothing about the next attempt; 501 and 505 would only be repeated word for word.
REPEATED_STATUSES = frozenset({500, 502, 503, 504})
# Statuses given before a request is looked at: they do not tell what became of an earlier attempt.
UNSETTLING_STATUSES = frozenset({401, 403, 407, 408, 421, 425, 429})
# Refusals that say by themselves that the request was not acted on, whoever gives them: RFC 9110, 15.5.8 and 15.5.20;
# RFC 8470, 5.2; RFC 6585, 4.
REFUSED_UNSEEN = frozenset({407, 421, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently a call is repeated.

    Attributes:
        attempts: Most requests sent for one call, the first included.
        initial_s: First wait; it doubles each time (1, 2, 4 …) and gets up to half of itself of jitter.
        max_wait_s: Longest wait of our own choosing.
        total_s: No repetition begins later than this after the first attempt.
        retry_after_cap_s: Longest `Retry-After` that is waited for; longer ones are handed to the caller.
    """

    attempts: int = 3
    initial_s: float = 1.0
    max_wait_s: float = 30.0
    total_s: float = 120.0
    retry_after_cap_s: float = 60.0


class Safety(Enum):
    """Why a request may be sent again."""

    REPEATABLE = "repeatable"
    """Repeating it is harmless."""
    NATURAL = "natural"
    """It is a write that changes nothing the second time; without an answer nobody knows about the first."""
    KEYED = "keyed"
    """It carries a key by which the vendor recognises it."""
    ONCE = "once"
    """It may not, once it may have been received."""


class Delivery(Enum):
    """What is known about a request that brought no success."""

    NOT_RECEIVED = "not_received"
    """It never left, or the vendor refused it before processing."""
    ANSWERED = "answered"
    """The vendor's final word, in its own form: it was refused."""
    UNCERTAIN = "uncertain"
    """It may have been carried out: no answer, a 5xx, or an answer that is not the vendor's."""


@dataclass(eq=False)
class Failed(Exception):
    """One attempt without success; never leaves this room.

    Attributes:
        error: What to raise if this is the last attempt and no doubt remains.
        delivery: Whether it may have been carried out.
        retry: What vendor or transport say about repeating: True, False, or None: only if that is safe.
        wait_s: Seconds to wait before the next attempt, or None for our own back-off.
    """

    error: VendorError
    delivery: Delivery
    retry: bool | None
    wait_s: float | None = None


def parse_retry_after(headers: Mapping[str, str], *, now: Callable[[], float] = time.time) -> float | None:
    """Read how long the vendor asks to wait.

    Args:
        headers: Answer headers with lower-case names.
        now: The time as an epoch, used when the answer has no `Date`.

    Returns:
        Seconds, never negative; None when the header is absent or unreadable. Both forms of RFC 9110, 10.2.3
        are read; a date counts from the answer's own `Date`, so that a wrong local clock does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        milliseconds = _seconds(headers.get("retry-after-ms", ""))  # OpenAI
        return milliseconds / 1000 if milliseconds is not None else None
    seconds = _seconds(value)
    if seconds is not None:
        return seconds
    until = _epoch(value)
    if until is None:
        return None
    since = _epoch(headers.get("date", ""))
    return max(0.0, until - (since if since is not None else now()))


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return max(0.0, seconds) if isfinite(seconds) else None


def _epoch(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class Retrier:
    """Runs the attempts of one account's calls by its policy."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self.policy = policy
        self._sleep = sleep
        self._clock = clock

    async def run(self, attempt: Callable[[int], Awaitable[T]], safety: Safety) -> T:
        """Send a request until it succeeds, is refused for good, or may not be repeated.

        Args:
            attempt: Sends once; takes the attempt's number and raises `Failed` when it brings no success.
            safety: Why the request may be repeated.

        Returns:
            What the successful attempt returned.

        Raises:
            VendorError: The last attempt's error, or `OutcomeUnknown` when a write may have been carried out.
        """
        failures: list[Failed] = []
        began = self._clock()
        try:
            return await attempt(1)
        except Failed as first:
            failures.append(first)
        if self._again(failures[0], safety):
            try:
                return await self._repeat(attempt, failures, safety, began)
            except Failed:
                pass  # the last of `failures`
        raise self._final(failures, safety) from failures[-1].__cause__

    async def _repeat(
        self, attempt: Callable[[int], Awaitable[T]], failures: list[Failed], safety: Safety, began: float
    ) -> T:
        # Only now: nearly every call succeeds at once and pays nothing for the machinery of repeating.
        from tenacity import AsyncRetrying, wait_exponential_jitter

        policy = self.policy
        numbers = count(1)

        async def step() -> T:
            number = next(numbers)
            if number == 1:
                raise failures[0]  # its outcome is known already
            try:
                return await attempt(number)
            except Failed as failed:
                failures.append(failed)
                raise

        backoff = wait_exponential_jitter(
            multiplier=policy.initial_s, max=policy.max_wait_s, jitter=policy.initial_s / 2
        )

        def wait(state: RetryCallState) -> float:
            asked = failures[-1].wait_s
            return asked if asked is not None else backoff(state)

        def stop(state: RetryCallState) -> bool:
            late = self._clock() - began + state.upcoming_sleep > policy.total_s
            return late or state.attempt_number >= policy.attempts

        def retry(state: RetryCallState) -> bool:
            # By the outcome and not by the list: a cancellation is not one of our failures.
            outcome = state.outcome
            error = outcome.exception() if outcome is not None else None
            return isinstance(error, Failed) and self._again(error, safety)

        retrying = AsyncRetrying(sleep=self._sleep, stop=stop, wait=wait, retry=retry, reraise=True)
        return await retrying(step)

    def _again(self, failed: Failed, safety: Safety) -> bool:
        if failed.wait_s is not None and failed.wait_s > self.policy.retry_after_cap_s:
            return False
        if failed.retry is not None:
            return failed.retry
        if failed.delivery is Delivery.UNCERTAIN:
            return safety is not Safety.ONCE
        return failed.delivery is Delivery.NOT_RECEIVED

    @staticmethod
    def _final(failures: list[Failed], safety: Safety) -> VendorError:
        last = failures[-1]
        error = last.error
        if safety is Safety.REPEATABLE:
            doubtful = None
        elif last.delivery is Delivery.UNCERTAIN:
            doubtful = last
        elif last.delivery is Delivery.ANSWERED and error.status not in UNSETTLING_STATUSES:
            doubtful = None
        else:
            doubtful = next((failed for failed in failures if failed.delivery is Delivery.UNCERTAIN), None)
        if doubtful is None:
            return error
        return OutcomeUnknown(
            f"{error.message}. The write may have been carried out: look before sending it again",
            integration=error.integration,
            status=error.status,
            code=error.code,
            request_id=error.request_id,
            detail=error.detail,
        )
