"""The eight alerts: thresholds as values, evaluated on what was measured; what was not measured says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from newfuse.observe.statistics import PERCENT, CallStatistics


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    WARNING = "warning"


class AlertState(StrEnum):
    """What an evaluation came to."""

    FIRING = "firing"
    OK = "ok"
    NOT_MEASURED = "not measured"


class AlertThresholds(BaseModel):
    """When alerts fire; the defaults are the ones the project was specified with.

    Attributes:
        critical_response_ms: 95th percentile of a service's response times above which it is critical.
        warning_response_ms: The same, for a warning.
        critical_error_percent: Error rate of a service above which it is critical.
        warning_error_percent: The same, for a warning.
        payment_failures: Failed or unsettled money effects above which it is critical; 0 means any.
        sync_delay_s: Seconds since the last synchronization above which it is critical.
        deliverability_percent: Share of sent e-mails delivered below which it is a warning.
        analytics_gap: Events missing between validated, sent and seen above which it is a warning; 0 means any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    critical_response_ms: float = 5000.0
    warning_response_ms: float = 2000.0
    critical_error_percent: float = 5.0
    warning_error_percent: float = 2.0
    payment_failures: int = 0
    sync_delay_s: float = 3600.0
    deliverability_percent: float = 95.0
    analytics_gap: int = 0


class Alert(BaseModel):
    """One alert, evaluated.

    Attributes:
        name: What is watched, e.g. `API response time`.
        severity: How soon somebody should look when it fires.
        threshold: The value beyond which it fires.
        unit: Unit of `threshold` and `value`.
        value: What was measured, the worst service's where it is evaluated for each; None when nothing was.
        state: `firing`, `ok` or `not measured`.
        n: How many requests, effects, e-mails or events the value was taken from.
        window: What was looked at, in words.
        since: Where that begins, or the time it counts from; None where it has no beginning.
        about: The services that fire it, worst first, or the worst one; empty where it is about none in particular.
        below: Whether it fires below the threshold instead of above it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    severity: Severity
    threshold: float
    unit: str
    value: float | None
    state: AlertState
    n: int
    window: str
    since: datetime | None = None
    about: list[str] = []
    below: bool = False


@dataclass(frozen=True, slots=True)
class MoneyOutcome:
    """Effects that move money, in one run: how many, how many failed, how many are unsettled."""

    n: int
    failed: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Deliverability:
    """What the e-mail vendor's reports say: e-mails sent and delivered."""

    sent: int
    delivered: int


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Analytics events: found valid, accepted by the vendor, and seen when read back (None: not read back)."""

    validated: int
    sent: int
    seen: int | None = None

    @property
    def gap(self) -> int:
        """Events that got lost on the way."""
        lost = max(0, self.validated - self.sent)
        return lost if self.seen is None else lost + max(0, self.sent - self.seen)


def evaluate(
    *,
    statistics: Mapping[str, CallStatistics],
    window: str,
    since: datetime,
    now: datetime,
    money: MoneyOutcome | None = None,
    last_sync_at: datetime | None = None,
    email: Deliverability | None = None,
    events: EventCounts | None = None,
    thresholds: AlertThresholds | None = None,
) -> list[Alert]:
    """Evaluate the eight alerts; critical ones first.

    Response times are judged by the 95th percentile of each service over the window, error rates by each service's
    failed share of all attempts, unreachable vendors included.

    Args:
        statistics: By service, over the window.
        window: The window in words, e.g. `last 24 h`.
        since: Beginning of the window.
        now: When this is evaluated.
        money: Money effects of the run; None or none at all is "not measured".
        last_sync_at: When customer records were last written or found up to date; None is "not measured".
        email: From the e-mail vendor's reports; None or nothing sent is "not measured".
        events: Analytics events of the run; None or none at all is "not measured".
        thresholds: The specified ones when not given.
    """
    limit = thresholds or AlertThresholds()
    judge = _Judge(statistics, window, since)
    critical, warning = Severity.CRITICAL, Severity.WARNING
    return [
        judge.response_time(critical, limit.critical_response_ms),
        judge.error_rate(critical, limit.critical_error_percent),
        _payment_failures(money, limit.payment_failures),
        _sync_delay(last_sync_at, now, limit.sync_delay_s),
        judge.response_time(warning, limit.warning_response_ms),
        judge.error_rate(warning, limit.warning_error_percent),
        _deliverability(email, limit.deliverability_percent),
        _analytics_gap(events, limit.analytics_gap),
    ]


@dataclass(frozen=True, slots=True)
class _Judge:
    statistics: Mapping[str, CallStatistics]
    window: str
    since: datetime

    def response_time(self, severity: Severity, threshold: float) -> Alert:
        found = {slug: (one.p95_ms, one.calls) for slug, one in self.statistics.items()}
        return self._worst("API response time (p95)", severity, threshold, "ms", found)

    def error_rate(self, severity: Severity, threshold: float) -> Alert:
        found = {slug: (one.error_percent, one.attempts) for slug, one in self.statistics.items()}
        return self._worst("Error rate of any service", severity, threshold, "%", found)

    def _worst(
        self,
        name: str,
        severity: Severity,
        threshold: float,
        unit: str,
        found: Mapping[str, tuple[float | None, int]],
    ) -> Alert:
        measured = [(value, n, slug) for slug, (value, n) in found.items() if value is not None]
        measured.sort(key=lambda one: (-one[0], one[2]))
        value, n, worst = measured[0] if measured else (None, 0, None)
        beyond = [slug for one, _, slug in measured if one > threshold]
        return Alert(
            name=name,
            severity=severity,
            threshold=threshold,
            unit=unit,
            value=value,
            state=_state(value is not None, firing=bool(beyond)),
            n=n,
            window=self.window,
            since=self.since,
            about=beyond or ([worst] if worst is not None else []),
        )


def _state(measured: bool, *, firing: bool) -> AlertState:
    if not measured:
        return AlertState.NOT_MEASURED
    return AlertState.FIRING if firing else AlertState.OK


def _payment_failures(money: MoneyOutcome | None, threshold: int) -> Alert:
    measured = money is not None and money.n > 0
    value = money.failed + money.unknown if money is not None and measured else None
    return Alert(
        name="Payment processing failures",
        severity=Severity.CRITICAL,
        threshold=threshold,
        unit="payments failed or unsettled",
        value=value,
        state=_state(measured, firing=value is not None and value > threshold),
        n=money.n if money is not None else 0,
        window="this run",
    )


def _sync_delay(last_sync_at: datetime | None, now: datetime, threshold: float) -> Alert:
    value = None if last_sync_at is None else max(0.0, (now - last_sync_at).total_seconds())
    return Alert(
        name="Data synchronization delay",
        severity=Severity.CRITICAL,
        threshold=threshold,
        unit="s",
        value=value,
        state=_state(value is not None, firing=value is not None and value > threshold),
        n=0 if value is None else 1,
        window="last synchronization to the end of the run",
        since=last_sync_at,
    )


def _deliverability(email: Deliverability | None, threshold: float) -> Alert:
    value = email.delivered * PERCENT / email.sent if email is not None and email.sent > 0 else None
    return Alert(
        name="Email deliverability",
        severity=Severity.WARNING,
        threshold=threshold,
        unit="%",
        value=value,
        state=_state(value is not None, firing=value is not None and value < threshold),
        n=email.sent if email is not None else 0,
        window="this run",
        below=True,
    )


def _analytics_gap(events: EventCounts | None, threshold: int) -> Alert:
    measured = events is not None and events.validated + events.sent > 0
    value = events.gap if events is not None and measured else None
    read_back = events is not None and events.seen is not None
    return Alert(
        name="Analytics data gaps",
        severity=Severity.WARNING,
        threshold=threshold,
        unit="events missing",
        value=value,
        state=_state(measured, firing=value is not None and value > threshold),
        n=max(events.validated, events.sent) if events is not None else 0,
        window="this run, read back" if read_back else "this run, not read back",
    )
