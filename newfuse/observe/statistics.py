"""Statistics of requests: counts, and times with the number of requests they were taken from."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

PERCENT = 100


def nearest_rank(ordered: Sequence[float], percent: float) -> float | None:
    """Return a percentile by nearest rank: the smallest value that at least `percent` % of the values reach up to.

    It is always one of the values measured, never one between two.

    Args:
        ordered: The values, ascending.
        percent: Above 0, up to 100.

    Returns:
        None when there are no values.
    """
    if not ordered:
        return None
    return ordered[max(1, math.ceil(len(ordered) * percent / PERCENT)) - 1]


class CallStatistics(BaseModel):
    """What became of a set of requests.

    Attributes:
        calls: Requests as sent, repetitions included; calls = ok + errors. Times are taken from these.
        ok: Answered with 2xx and readable.
        errors: Sent, and answered otherwise or not at all.
        unsent: Nothing can have reached the vendor: connection refused, quota spent, circuit open.
        retries: Requests sent that repeat an earlier one.
        mean_ms: Mean of the times from handing over to the whole answer read; None when nothing was sent.
        p50_ms: Median by nearest rank.
        p95_ms: 95th percentile by nearest rank.
        p99_ms: 99th percentile by nearest rank.
        bytes_out: Bodies sent.
        bytes_in: Bodies received, as transferred.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int = 0
    ok: int = 0
    errors: int = 0
    unsent: int = 0
    retries: int = 0
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    bytes_out: int = 0
    bytes_in: int = 0

    @property
    def attempts(self) -> int:
        """Requests sent and those that could not be: the n of the two rates."""
        return self.calls + self.unsent

    @property
    def success_percent(self) -> float | None:
        """Percent of attempts answered with 2xx; None when there were none ("no data")."""
        return None if self.attempts == 0 else self.ok * PERCENT / self.attempts

    @property
    def error_percent(self) -> float | None:
        """Percent of attempts not answered with 2xx, unreachable vendors included; None when there were none."""
        return None if self.attempts == 0 else (self.errors + self.unsent) * PERCENT / self.attempts


class EndpointStatistics(BaseModel):
    """One endpoint as it was called: method and path template, by action.

    Attributes:
        integration: Slug.
        method: HTTP method.
        template: Path template; never holds values.
        action: The integration's action, or None.
        calls: Requests as sent, repetitions included.
        ok: Answered with 2xx and readable.
        unsent: Nothing can have reached the vendor.
        retries: Requests sent that repeat an earlier one.
        statuses: How many requests were answered with each HTTP status; `no answer` counts those sent in vain.
        p95_ms: 95th percentile by nearest rank; None when nothing was sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    integration: str
    method: str
    template: str
    action: str | None
    calls: int
    ok: int
    unsent: int
    retries: int
    statuses: dict[str, int]
    p95_ms: float | None
