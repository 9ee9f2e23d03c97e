"""When somebody should look: the rules every crew has, those a crew declares, and the eight of the API integration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from crews.api_integration import crew
from newfuse.observe import (
    DEFAULT_ALERTS,
    SERVICE_ALERTS,
    Alert,
    AlertRule,
    AlertState,
    CallStatistics,
    FactAge,
    FactCounts,
    MoneyOutcome,
    Observed,
    Reading,
    Severity,
    evaluate,
)

NOW = datetime.fromisoformat("2025-03-05T12:00:00+00:00")
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


def observed(**given: Any) -> Observed:
    return Observed(
        **{"statistics": {}, "window": "last 24 h", "since": NOW - timedelta(hours=24), "now": NOW, **given}
    )


def one(name: str, severity: str = "warning", **given: Any) -> Alert:
    found = evaluate(crew.alerts, observed(**given))
    return next(alert for alert in found if (alert.name, alert.severity) == (name, severity))


def judged(rule: AlertRule, **given: Any) -> Alert:
    [alert] = evaluate([rule], observed(**given))
    return alert


def calls(p95: float | None = 10.0, *, ok: int = 100, errors: int = 0, unsent: int = 0) -> CallStatistics:
    return CallStatistics(calls=ok + errors, ok=ok, errors=errors, unsent=unsent, p95_ms=p95)


def test_the_api_integration_has_eight_and_without_measurements_none_is_ok_or_firing():
    found = evaluate(crew.alerts, observed())
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
    found = one("Data synchronization delay", "critical", facts={"crm.last_sync_at": at.isoformat()})
    assert (state, max(0, ago_s), at, 1) == (found.state, found.value, found.since, found.n)


@pytest.mark.parametrize(
    ("sent", "bounces", "state"),
    [(0, 0, "not measured"), (None, 0, "not measured"), (100, 5, "ok"), (1000, 51, "firing"), (1, 1, "firing")],
)
def test_deliverability_fires_below_its_threshold(sent: int | None, bounces: int, state: str):
    found = one("Email deliverability", facts={"email.emails_sent": sent, "email.bounces": bounces})
    assert (state, sent or 0) == (found.state, found.n)


@pytest.mark.parametrize(
    ("valid", "sent", "seen", "skipped", "state", "value"),
    [
        (0, 0, None, None, "not measured", None),
        (5, None, 5, None, "not measured", None),
        (5, 5, None, None, "ok", 0),
        (5, 4, None, None, "firing", 1),
        (5, 5, 3, None, "firing", 2),
        (5, 4, 4, None, "firing", 1),
        (5, 5, 9, None, "ok", 0),
        (5, 3, 3, 2, "ok", 0),
        (5, 0, None, 5, "not measured", None),
    ],
)
def test_events_lost_on_the_way_fire(
    valid: int, sent: int | None, seen: int | None, skipped: int | None, state: str, value: int | None
):
    counts = {"valid": valid, "sent": sent, "seen": seen, "skipped": skipped}
    facts = {f"analytics.events_{name}": count for name, count in counts.items() if count is not None}
    found = one("Analytics data gaps", facts=facts)
    assert (state, value) == (found.state, found.value)
    assert (
        "this run, read back" if seen is not None and sent is not None else "this run, not read back"
    ) == found.window


# --- rules of a crew's own --------------------------------------------------------------------------------------------


def test_a_crew_that_declares_nothing_is_watched_by_its_services_and_its_money():
    found = evaluate(DEFAULT_ALERTS, observed(statistics={"a": calls()}, money=MoneyOutcome(2, 0, 1)))
    assert {"API response time (p95)", "Error rate of any service", "Writes that move money"} == {
        alert.name for alert in found
    }
    assert {"Writes that move money"} == {alert.name for alert in found if alert.state is AlertState.FIRING}


def total(counts: Mapping[str, int]) -> Reading:
    return Reading(sum(counts.values()), counts["crates.stored"])


BROKEN = AlertRule(
    name="Broken crates",
    severity=Severity.WARNING,
    watches=FactCounts(("crates.stored",), lambda counts: Reading(1 / 0, counts["crates.stored"])),
    threshold=0,
    unit="crates",
)


@pytest.mark.parametrize("value", [True, "7", 7.5, None, [7]])
def test_a_fact_that_is_no_whole_number_measures_nothing(value: Any):
    rule = AlertRule(
        name="Crates",
        severity=Severity.WARNING,
        watches=FactCounts(("crates.stored",), total),
        threshold=1,
        unit="crates",
    )
    assert AlertState.NOT_MEASURED is judged(rule, facts={"crates.stored": value}).state
    assert AlertState.FIRING is judged(rule, facts={"crates.stored": 2}).state


@pytest.mark.parametrize("value", ["yesterday", "2025-03-05", 12, None])
def test_a_fact_that_is_no_moment_has_no_age(value: Any):
    rule = AlertRule(
        name="Stocktaking", severity=Severity.CRITICAL, watches=FactAge("stock.taken_at"), threshold=60, unit="s"
    )
    assert AlertState.NOT_MEASURED is judged(rule, facts={"stock.taken_at": value}).state


def test_a_rule_that_breaks_is_not_measured_and_takes_no_other_with_it():
    found = evaluate([BROKEN, *SERVICE_ALERTS], observed(facts={"crates.stored": 1}, statistics={"a": calls()}))
    broken = next(alert for alert in found if alert.name == "Broken crates")
    assert (AlertState.NOT_MEASURED, "could not be evaluated (ZeroDivisionError)") == (broken.state, broken.window)
    assert [AlertState.OK] * 4 == [alert.state for alert in found if alert is not broken]


def test_a_value_taken_from_too_few_is_not_measured():
    rule = AlertRule(
        name="Crates",
        severity=Severity.WARNING,
        watches=FactCounts(("crates.stored",), total),
        threshold=1,
        unit="crates",
        least_n=10,
    )
    few, enough = (judged(rule, facts={"crates.stored": count}) for count in (9, 10))
    assert (AlertState.NOT_MEASURED, None, 9) == (few.state, few.value, few.n)
    assert (AlertState.FIRING, 10.0) == (enough.state, enough.value)


def test_a_service_with_too_few_requests_does_not_speak_for_the_others():
    [rule] = [one for one in SERVICE_ALERTS if one.unit == "%" and one.severity is Severity.CRITICAL]
    rule = AlertRule(**{name: getattr(rule, name) for name in rule.__slots__} | {"least_n": 20})
    statistics = {"rare": calls(ok=1, errors=1), "busy": calls(ok=98, errors=2)}
    found = judged(rule, statistics=statistics)
    assert (AlertState.OK, 2.0, 100, ["busy"]) == (found.state, found.value, found.n, found.about)
