"""Alert rules: what is watched, from where on it matters, and what to read for it.

A rule is declared by whoever owns what it reads. The engine's own read what every run has: the requests to its services
and the writes that move money. A crew's own read its facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from newfuse.log import logger
from newfuse.observe.alerts import Alert, AlertState, Severity
from newfuse.observe.statistics import CallStatistics
from newfuse.types import JSON

THIS_RUN = "this run"

_log = logger("alerts")


@dataclass(frozen=True, slots=True)
class MoneyOutcome:
    """Effects that move money, in one run: how many, how many failed, how many are unsettled."""

    n: int = 0
    failed: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the rules of a run are judged by.

    Attributes:
        statistics: Of the requests since `since`, by service.
        window: That window in words, e.g. `last 24 h`.
        since: Its beginning.
        now: Its end.
        money: The run's effects that move money.
        facts: The run's facts: values by name.
    """

    statistics: Mapping[str, CallStatistics]
    window: str
    since: datetime
    now: datetime
    money: MoneyOutcome = MoneyOutcome()
    facts: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceReading:
    """The value of one service, and how many requests it was taken from."""

    slug: str
    value: float
    n: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule found.

    Attributes:
        value: What was measured; None when nothing was.
        n: How many requests, effects or records it was taken from.
        window: What was looked at, in words.
        since: Where that begins, or the time it counts from.
        by_service: Where the rule holds for each service: their values, the worst first. `value` is left to them.
    """

    value: float | None
    n: int = 0
    window: str = THIS_RUN
    since: datetime | None = None
    by_service: Sequence[ServiceReading] = ()


class Watched(Protocol):
    """Something a rule can watch."""

    def read(self, observed: Observed) -> Reading:
        """Return what there is to see."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """When somebody should look.

    Attributes:
        name: What is watched, e.g. `Error rate of any service`.
        severity: How soon somebody should look when it fires.
        watches: What is read: `ServiceCalls`, `MoneyFailures`, `FactAge` or `FactCounts`.
        threshold: The value beyond which it fires; at the value it does not.
        unit: Unit of the threshold and of what is read.
        below: Whether it fires below the threshold instead of above it.
        least_n: Of how many requests, effects or records the value must be taken; of fewer it counts as not measured.
    """

    name: str
    severity: Severity
    watches: Watched
    threshold: float
    unit: str
    below: bool = False
    least_n: int = 1


@dataclass(frozen=True, slots=True)
class ServiceCalls:
    """Watches the requests to each service over the window; the worst service speaks.

    `p95_ms` is the 95th percentile of its response times, `error_percent` the failed share of its attempts,
    unreachable vendors included.
    """

    measure: Literal["p95_ms", "error_percent"]

    def read(self, observed: Observed) -> Reading:
        """Return the value of each service, the highest first."""
        found: list[ServiceReading] = []
        for slug, one in observed.statistics.items():
            value, n = (one.p95_ms, one.calls) if self.measure == "p95_ms" else (one.error_percent, one.attempts)
            if value is not None:
                found.append(ServiceReading(slug, value, n))
        found.sort(key=lambda one: (-one.value, one.slug))
        return Reading(None, 0, observed.window, observed.since, found)


@dataclass(frozen=True, slots=True)
class MoneyFailures:
    """Watches the run's writes that move money: how many failed or are unsettled."""

    def read(self, observed: Observed) -> Reading:
        """Count them; a run that moved no money has nothing to judge."""
        money = observed.money
        return Reading(money.failed + money.unknown, money.n) if money.n else Reading(None)


@dataclass(frozen=True, slots=True)
class FactAge:
    """Watches how long before the end of the run a fact's time lies, in seconds.

    Attributes:
        fact: Name of a fact whose value is a time, in ISO 8601.
        window: What is looked at, in words.
    """

    fact: str
    window: str = THIS_RUN

    def read(self, observed: Observed) -> Reading:
        """Return its age; a fact that is missing or no time has none."""
        at = _time(observed.facts.get(self.fact))
        if at is None:
            return Reading(None, window=self.window)
        return Reading(max(0.0, (observed.now - at).total_seconds()), 1, self.window, at)


@dataclass(frozen=True, slots=True)
class FactCounts:
    """Watches a value computed from facts that are whole numbers.

    Attributes:
        facts: Names of the facts it needs; where one is missing, nothing was measured.
        value: Computes the reading from the facts by name, those of `also` among them that there are.
        also: Names of facts it uses where they were measured.
        window: What is looked at, in words, where nothing was measured.
    """

    facts: Sequence[str]
    value: Callable[[Mapping[str, int]], Reading]
    also: Sequence[str] = ()
    window: str = THIS_RUN

    def read(self, observed: Observed) -> Reading:
        """Return what is computed of the facts."""
        found = {name: observed.facts.get(name) for name in (*self.facts, *self.also)}
        counts = {name: value for name, value in found.items() if type(value) is int}  # True is none
        if not counts.keys() >= set(self.facts):
            return Reading(None, window=self.window)
        return self.value(counts)


def _time(value: JSON) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _of_services(
    name: str, measure: Literal["p95_ms", "error_percent"], unit: str, *, critical: float, warning: float
) -> tuple[AlertRule, AlertRule]:
    watched = ServiceCalls(measure)
    return (
        AlertRule(name=name, severity=Severity.CRITICAL, watches=watched, threshold=critical, unit=unit),
        AlertRule(name=name, severity=Severity.WARNING, watches=watched, threshold=warning, unit=unit),
    )


SERVICE_ALERTS = (  # with the thresholds the project was specified with
    *_of_services("API response time (p95)", "p95_ms", "ms", critical=5000.0, warning=2000.0),
    *_of_services("Error rate of any service", "error_percent", "%", critical=5.0, warning=2.0),
)
"""What is watched of every service a crew calls."""

DEFAULT_ALERTS = (
    *SERVICE_ALERTS,
    AlertRule(
        name="Writes that move money",
        severity=Severity.CRITICAL,
        watches=MoneyFailures(),
        threshold=0,
        unit="writes failed or unsettled",
    ),
)
"""What is watched in a crew that declares no rules of its own."""


def evaluate(rules: Sequence[AlertRule], observed: Observed) -> list[Alert]:
    """Evaluate alert rules, the critical ones first, otherwise in their order; what was not measured says so."""
    ordered = sorted(rules, key=lambda rule: list(Severity).index(rule.severity))
    return [_alert(rule, _read(rule, observed)) for rule in ordered]


def _read(rule: AlertRule, observed: Observed) -> Reading:
    """Read what a rule watches; one that breaks takes no report with it."""
    try:
        return rule.watches.read(observed)
    except Exception as exc:
        _log.exception("the alert %r cannot be evaluated", rule.name)
        return Reading(None, window=f"could not be evaluated ({type(exc).__name__})")


def _alert(rule: AlertRule, found: Reading) -> Alert:
    services = [one for one in found.by_service if one.n >= rule.least_n]
    firing = [one for one in services if _is_beyond(rule, one.value)]
    value = found.value if found.n >= rule.least_n else None
    n = found.n
    if services:
        value, n = services[0].value, services[0].n
    if value is None:
        state = AlertState.NOT_MEASURED
    else:
        state = AlertState.FIRING if firing or _is_beyond(rule, value) else AlertState.OK
    return Alert(
        name=rule.name,
        severity=rule.severity,
        threshold=rule.threshold,
        unit=rule.unit,
        value=value,
        state=state,
        n=n,
        window=found.window,
        since=found.since,
        about=[one.slug for one in firing or services[:1]],
        below=rule.below,
    )


def _is_beyond(rule: AlertRule, value: float) -> bool:
    return value < rule.threshold if rule.below else value > rule.threshold
