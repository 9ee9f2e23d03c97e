"""`runReport` of the Data API, over the events that were kept.

Shapes: `RunReportRequest` and `RunReportResponse` of the discovery document, analyticsdata v1beta. Google
needs up to 48 hours before an event is in a report; here it is at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

from newfuse.sandbox.ga4.events import Event

MAX_DIMENSIONS: Final = 9
MAX_METRICS: Final = 10
MAX_DATE_RANGES: Final = 4
DEFAULT_LIMIT: Final = 10_000
MAX_LIMIT: Final = 250_000
MAX_INT64_DIGITS: Final = 19
_LIST: Final = (
    "For a list of valid dimensions and metrics, see "
    "https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema"
)


class InvalidReport(ValueError):
    """The report asked for cannot be made: 400, INVALID_ARGUMENT."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension: its name in the API and in the interface, and its value for an event."""

    name: str
    label: str
    of: Callable[[Event], str]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its value over some events, given the names of the key events."""

    name: str
    label: str
    type: str
    of: Callable[[Sequence[Event], Collection[str]], float]


Known = TypeVar("Known", Dimension, Metric)


def _day(event: Event) -> str:
    return datetime.fromtimestamp(event.at, UTC).strftime("%Y%m%d")


def _key_events(events: Sequence[Event], key_events: Collection[str]) -> float:
    return sum(event.name in key_events for event in events)


def _users(events: Sequence[Event], _: Collection[str]) -> float:
    return len({event.user for event in events})


DIMENSIONS: Final = {
    dimension.name: dimension
    for dimension in (
        Dimension("date", "Date", _day),
        Dimension("eventName", "Event name", lambda event: event.name),
        Dimension("transactionId", "Transaction ID", lambda event: str(event.params.get("transaction_id", ""))),
    )
}
METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric("activeUsers", "Active users", "TYPE_INTEGER", _users),
        Metric("conversions", "Conversions", "TYPE_FLOAT", _key_events),
        Metric("eventCount", "Event count", "TYPE_INTEGER", lambda events, _: len(events)),
        Metric("eventValue", "Event value", "TYPE_FLOAT", lambda events, _: sum(one.value for one in events)),
        Metric("keyEvents", "Key events", "TYPE_FLOAT", _key_events),
        Metric("totalUsers", "Total users", "TYPE_INTEGER", _users),
    )
}


def run_report(
    asked: Mapping[str, Any], events: Sequence[Event], key_events: Collection[str], today: date
) -> dict[str, Any]:
    """Answer a report.

    Args:
        asked: The decoded `RunReportRequest`.
        events: Every event that was kept.
        key_events: The names of those that count as key events.
        today: What `today` means in a date range; days are UTC.

    Raises:
        InvalidReport: The message is Google's way of saying what is wrong.
    """
    dimensions = _named(asked, "dimensions", DIMENSIONS, MAX_DIMENSIONS, "dimension")
    metrics = _named(asked, "metrics", METRICS, MAX_METRICS, "metric")
    if not metrics and not dimensions:
        raise InvalidReport("A report must have at least one dimension or metric.")
    for field in ("metricFilter", "cohortSpec", "comparisons", "metricAggregations"):
        if asked.get(field):
            raise InvalidReport(f"The sandbox does not know {field}.")
    ranges = _date_ranges(asked.get("dateRanges"), today)
    keep = _filter(asked.get("dimensionFilter"))
    groups: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        if not keep(event):
            continue
        day = datetime.fromtimestamp(event.at, UTC).date()
        values = tuple(dimension.of(event) for dimension in dimensions)
        for name, start, end in ranges:
            if start <= day <= end:
                key = (*values, name) if len(ranges) > 1 else values
                groups.setdefault(key, []).append(event)
    rows = [(key, [metric.of(members, key_events) for metric in metrics]) for key, members in groups.items()]
    headers = [dimension.name for dimension in dimensions] + (["dateRange"] if len(ranges) > 1 else [])
    _sort(rows, headers, [metric.name for metric in metrics], asked.get("orderBys"))
    offset, limit = _whole(asked, "offset", 0), _whole(asked, "limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidReport(f"limit must be from 1 to {MAX_LIMIT}.")
    answer: dict[str, Any] = {
        "dimensionHeaders": [{"name": name} for name in headers],
        "metricHeaders": [{"name": metric.name, "type": metric.type} for metric in metrics],
        "rows": [
            {
                "dimensionValues": [{"value": value} for value in key],
                "metricValues": [{"value": f"{value:.15g}"} for value in values],
            }
            for key, values in rows[offset : offset + limit]
        ],
        "rowCount": len(rows),
        "metadata": {"currencyCode": "USD", "timeZone": "Etc/UTC"},
        "kind": "analyticsData#runReport",
    }
    if not rows:
        # The JSON form of protocol buffers leaves out what is empty, and so does Google.
        del answer["rows"], answer["rowCount"]
    return answer


def _named(asked: Mapping[str, Any], field: str, known: Mapping[str, Known], most: int, kind: str) -> list[Known]:
    given = asked.get(field) or []
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise InvalidReport(f"Invalid value at '{field}'")
    if len(given) > most:
        raise InvalidReport(f"Requests are limited to {most} {field}.")
    names = [str(one.get("name")) for one in given]
    for name in names:
        if name not in known:
            raise InvalidReport(f"Field {name} is not a valid {kind}. {_LIST}")
    return [known[name] for name in names]


def _date_ranges(given: Any, today: date) -> list[tuple[str, date, date]]:
    if not isinstance(given, list) or not given:
        raise InvalidReport("A dateRange is required.")
    if len(given) > MAX_DATE_RANGES:
        raise InvalidReport(f"Requests are limited to {MAX_DATE_RANGES} dateRanges.")
    ranges: list[tuple[str, date, date]] = []
    for index, one in enumerate(given):
        if not isinstance(one, Mapping):
            raise InvalidReport("Invalid value at 'dateRanges'")
        start, end = _date(one.get("startDate"), today), _date(one.get("endDate"), today)
        if start > end:
            raise InvalidReport(f"startDate {start} must not be after endDate {end}.")
        ranges.append((str(one.get("name") or f"date_range_{index}"), start, end))
    return ranges


def _date(given: Any, today: date) -> date:
    text = str(given)
    if text == "today":
        return today
    if text == "yesterday":
        return today - timedelta(days=1)
    if ago := re.fullmatch(r"(\d{1,5})daysAgo", text):
        return today - timedelta(days=int(ago[1]))
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        message = f"Invalid date: {text}. Dates are YYYY-MM-DD, NdaysAgo, yesterday or today."
        raise InvalidReport(message) from None


def _filter(given: Any) -> Callable[[Event], bool]:
    """Return the test of a `FilterExpression`."""
    if given is None:
        return lambda _: True
    if not isinstance(given, Mapping) or len(given) != 1:
        raise InvalidReport("Invalid value at 'dimension_filter'")
    ((kind, inner),) = given.items()
    if kind == "notExpression":
        denied = _filter(inner)
        return lambda event: not denied(event)
    if kind in ("andGroup", "orGroup") and isinstance(inner, Mapping):
        tests = [_filter(one) for one in inner.get("expressions") or ()]
        combine = all if kind == "andGroup" else any
        return lambda event: combine(test(event) for test in tests)
    if kind == "filter" and isinstance(inner, Mapping):
        return _field_filter(inner)
    raise InvalidReport(f"The sandbox does not know the filter {kind}.")


def _field_filter(given: Mapping[str, Any]) -> Callable[[Event], bool]:
    name = str(given.get("fieldName"))
    if name not in DIMENSIONS:
        raise InvalidReport(f"Field {name} is not a valid dimension. {_LIST}")
    of = DIMENSIONS[name].of
    strings, listed = given.get("stringFilter"), given.get("inListFilter")
    if isinstance(listed, Mapping):
        fold = _fold(listed)
        values = {fold(str(value)) for value in listed.get("values") or ()}
        return lambda event: fold(of(event)) in values
    if not isinstance(strings, Mapping):
        raise InvalidReport("The sandbox knows stringFilter and inListFilter only.")
    fold = _fold(strings)
    value = fold(str(strings.get("value", "")))
    tests: dict[str, Callable[[str], bool]] = {
        "EXACT": lambda text: text == value,
        "BEGINS_WITH": lambda text: text.startswith(value),
        "ENDS_WITH": lambda text: text.endswith(value),
        "CONTAINS": lambda text: value in text,
    }
    match_type = str(strings.get("matchType", "EXACT"))
    if match_type not in tests:
        raise InvalidReport(f"The sandbox does not know the matchType {match_type}.")
    test = tests[match_type]
    return lambda event: test(fold(of(event)))


def _fold(given: Mapping[str, Any]) -> Callable[[str], str]:
    return str if given.get("caseSensitive") else str.lower


def _sort(
    rows: list[tuple[tuple[str, ...], list[float]]], dimensions: list[str], metrics: list[str], orders: Any
) -> None:
    """Sort by what is asked for; without that by the first metric, the greatest first, as Google does."""
    if metrics:
        rows.sort(key=lambda row: (-row[1][0], row[0]))
    else:
        rows.sort(key=lambda row: row[0])
    for order in reversed(orders or []):
        if not isinstance(order, Mapping):
            raise InvalidReport("Invalid value at 'order_bys'")
        metric = (order.get("metric") or {}).get("metricName")
        dimension = (order.get("dimension") or {}).get("dimensionName")
        descending = order.get("desc") is True
        if metric in metrics:
            column = metrics.index(metric)
            rows.sort(key=lambda row, column=column: row[1][column], reverse=descending)  # type: ignore[misc]
        elif dimension in dimensions:
            column = dimensions.index(dimension)
            rows.sort(key=lambda row, column=column: row[0][column], reverse=descending)  # type: ignore[misc]
        else:
            raise InvalidReport(f"OrderBy {metric or dimension} is not in the report.")


def _whole(asked: Mapping[str, Any], name: str, default: int) -> int:
    """Read an int64, which JSON carries as text or as a number."""
    value = str(asked.get(name) or default)
    if not value.isdecimal() or len(value) > MAX_INT64_DIGITS:
        raise InvalidReport(f"Invalid value at '{name}' (TYPE_INT64), {value!r}")
    return int(value)
