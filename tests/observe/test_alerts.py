from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from newfuse.observe import (
    Alert,
    AlertState,
    AlertThresholds,
    CallStatistics,
    Deliverability,
    EventCounts,
    MoneyOutcome,
    Severity,
    evaluate,
)

NOW = datetime(2025, 3, 5, 12, 0, 0, tzinfo=UTC)
NAMES = [
    ("API response time (p95)", "critical"),
    ("Error rate of any service", "critical"),
    ("Payment processing failures", "critical"),
    ("Data synchronization delay", "critical"),
    ("API response time (p95)", "warning"),
    ("Error rate of any service", "warning"),
    ("Email deliverability", "warning"),
    ("Analytics data gaps", "warning"),
]


def alerts(**given: Any) -> list[Alert]:
    return evaluate(
        **{"statistics": {}, "window": "last 24 h", "since": NOW - timedelta(hours=24), "now": NOW, **given}
    )


def one(name: str, severity: str, **given: Any) -> Alert:
    return next(alert for alert in alerts(**given) if (alert.name, alert.severity) == (name, severity))


def calls(p95: float | None = 10.0, *, ok: int = 100, errors: int = 0, unsent: int = 0) -> CallStatistics:
    return CallStatistics(calls=ok + errors, ok=ok, errors=errors, unsent=unsent, p95_ms=p95)


def test_there_are_eight_and_without_measurements_none_is_ok_or_firing():
    found = alerts()
    assert NAMES == [(alert.name, alert.severity) for alert in found]
    assert {AlertState.NOT_MEASURED} == {alert.state for alert in found}
    assert {None} == {alert.value for alert in found}


@pytest.mark.parametrize(
    ("p95", "critical", "warning"), [(2000.0, "ok", "ok"), (2000.1, "ok", "firing"), (5000.1, "firing", "firing")]
)
def test_response_times_fire_above_their_thresholds(p95: float, critical: str, warning: str):
    given = {"statistics": {"a": calls(5.0), "b": calls(p95)}}
    found = [one("API response time (p95)", severity, **given) for severity in ("critical", "warning")]
    assert [critical, warning] == [alert.state for alert in found]
    assert [(p95, ["b"], 100)] * 2 == [(alert.value, alert.about, alert.n) for alert in found]


def test_error_rates_are_judged_by_service_and_the_worst_is_named_first():
    statistics = {"a": calls(ok=97, errors=3), "b": calls(ok=90, errors=10), "c": calls(ok=100)}
    critical = one("Error rate of any service", "critical", statistics=statistics)
    warning = one("Error rate of any service", "warning", statistics=statistics)
    assert (AlertState.FIRING, 10.0, ["b"]) == (critical.state, critical.value, critical.about)
    assert (AlertState.FIRING, ["b", "a"]) == (warning.state, warning.about)


def test_a_rate_at_the_threshold_does_not_fire():
    statistics = {"a": calls(ok=95, errors=5)}
    assert AlertState.OK is one("Error rate of any service", "critical", statistics=statistics).state


def test_an_unreachable_service_fires_its_error_rate():
    found = one("Error rate of any service", "critical", statistics={"a": calls(None, ok=0, unsent=3)})
    assert (AlertState.FIRING, 100.0, 3) == (found.state, found.value, found.n)


@pytest.mark.parametrize(
    ("money", "state", "value"),
    [
        (MoneyOutcome(0, 0, 0), "not measured", None),
        (MoneyOutcome(4, 0, 0), "ok", 0),
        (MoneyOutcome(4, 1, 0), "firing", 1),
        (MoneyOutcome(4, 1, 2), "firing", 3),
    ],
)
def test_any_payment_that_failed_or_is_unsettled_fires(money: MoneyOutcome, state: str, value: int | None):
    found = one("Payment processing failures", "critical", money=money)
    assert (state, value, money.n) == (found.state, found.value, found.n)


@pytest.mark.parametrize(("ago_s", "state"), [(3600, "ok"), (3601, "firing"), (-5, "ok")])
def test_a_synchronization_longer_ago_than_an_hour_fires(ago_s: int, state: str):
    at = NOW - timedelta(seconds=ago_s)
    found = one("Data synchronization delay", "critical", last_sync_at=at)
    assert (state, max(0, ago_s), at) == (found.state, found.value, found.since)


@pytest.mark.parametrize(
    ("sent", "delivered", "state"), [(0, 0, "not measured"), (100, 95, "ok"), (1000, 949, "firing"), (1, 0, "firing")]
)
def test_deliverability_fires_below_its_threshold(sent: int, delivered: int, state: str):
    assert state == one("Email deliverability", "warning", email=Deliverability(sent, delivered)).state


@pytest.mark.parametrize(
    ("events", "state", "value"),
    [
        (EventCounts(0, 0), "not measured", None),
        (EventCounts(5, 5), "ok", 0),
        (EventCounts(5, 4), "firing", 1),
        (EventCounts(5, 5, 3), "firing", 2),
        (EventCounts(5, 4, 4), "firing", 1),
        (EventCounts(5, 5, 9), "ok", 0),
    ],
)
def test_events_lost_on_the_way_fire(events: EventCounts, state: str, value: int | None):
    found = one("Analytics data gaps", "warning", events=events)
    assert (state, value) == (found.state, found.value)


def test_thresholds_are_the_users_to_choose():
    thresholds = AlertThresholds(critical_response_ms=1.0, payment_failures=2)
    found = alerts(statistics={"a": calls(10.0)}, money=MoneyOutcome(4, 2, 0), thresholds=thresholds)
    states = {(alert.name, alert.severity): alert.state for alert in found}
    assert AlertState.FIRING is states["API response time (p95)", Severity.CRITICAL]
    assert AlertState.OK is states["Payment processing failures", Severity.CRITICAL]
