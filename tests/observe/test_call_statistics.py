from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from newfuse.observe import (
    calls_by_task,
    endpoint_statistics,
    nearest_rank,
    run_statistics,
    tls_versions,
    window_statistics,
)
from newfuse.store import Store
from newfuse.store.schema import calls, runs

NOON = datetime(2025, 3, 5, 12, 0, 0, tzinfo=UTC)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "call_id": "c", "attempt": 1, "run_id": "r1", "task": "sync", "agent": None, "integration": "hubspot",
        "action": "find", "method": "GET", "host": "h", "template": "/a", "status": 200, "error": None, "sent": True,
        "started_at": NOON.isoformat(), "latency_ms": 10.0, "waited_ms": 0.0, "bytes_out": 5, "bytes_in": 7,
        "request_id": None, "tls": None, **changes,
    }  # fmt: skip


async def fill(store: Store, *rows: dict[str, Any]) -> None:
    await store.write(lambda connection: connection.execute(insert(calls), list(rows)))


async def test_every_request_is_counted_once_and_as_what_it_was(store: Store):
    await fill(
        store,
        row(latency_ms=10.0),
        row(attempt=1, status=500, error="Unavailable", latency_ms=30.0),
        row(attempt=2, status=204, latency_ms=20.0),
        row(status=None, error="ReadTimeout", latency_ms=40.0),
        row(status=200, error="UndecodableError", latency_ms=50.0),
        row(sent=False, status=None, error="ConnectError", latency_ms=999.0, attempt=2),
        row(run_id="another", latency_ms=5000.0),
    )
    found = (await run_statistics(store, "r1"))["hubspot"]
    assert (5, 2, 3, 1, 1) == (found.calls, found.ok, found.errors, found.unsent, found.retries)
    assert (30.0, 30.0, 50.0, 50.0) == (found.mean_ms, found.p50_ms, found.p95_ms, found.p99_ms)
    assert (25, 35) == (found.bytes_out, found.bytes_in)
    assert (100 * 2 / 6, 100 * 4 / 6) == (found.success_percent, found.error_percent)


async def test_a_vendor_that_cannot_be_reached_has_an_error_rate_but_no_times(store: Store):
    await fill(store, row(sent=False, status=None, error="ConnectError"))
    found = (await run_statistics(store, "r1"))["hubspot"]
    assert (0, 1, 100.0, None) == (found.calls, found.attempts, found.error_percent, found.p95_ms)


async def test_an_integration_that_was_not_called_has_no_data(store: Store):
    assert {} == await run_statistics(store, "r1")
    assert {} == await window_statistics(store, NOON)


async def test_calls_are_told_apart_by_task(store: Store):
    await fill(store, row(), row(task="pay"), row(task=None), row(task="pay"))
    found = await calls_by_task(store, "r1")
    assert {"": 1, "pay": 2, "sync": 1} == {task: one.calls for task, one in found.items()}


async def test_the_window_takes_all_runs_from_its_first_moment_to_its_last(store: Store):
    day = timedelta(hours=24)
    await fill(
        store,
        row(started_at=(NOON - day - timedelta(microseconds=1)).isoformat()),
        row(started_at=(NOON - day).isoformat(), run_id="r2"),
        row(started_at=(NOON - timedelta(seconds=0.5)).isoformat(), run_id=None),
        row(started_at=NOON.isoformat()),
        row(started_at=(NOON + timedelta(microseconds=1)).isoformat()),
    )
    assert 3 == (await window_statistics(store, NOON - day, NOON))["hubspot"].calls
    assert 4 == (await window_statistics(store, NOON - day))["hubspot"].calls


async def test_the_window_of_one_mode_leaves_the_other_and_calls_outside_of_runs_out(store: Store):
    await fill(store, row(), row(run_id="live-run"), row(run_id=None))
    about = {"crew": "c", "environment": "e", "model": "m", "started_at": NOON.isoformat(), "status": "RUNNING"}
    modes = {"r1": "sandbox", "live-run": "live"}
    rows = [{"run_id": run_id, "mode": mode, **about} for run_id, mode in modes.items()]
    await store.write(lambda connection: connection.execute(insert(runs), rows))
    assert 1 == (await window_statistics(store, NOON, mode="live"))["hubspot"].calls
    assert 3 == (await window_statistics(store, NOON))["hubspot"].calls


async def test_endpoints_are_listed_by_task_with_their_answers(store: Store):
    await fill(
        store,
        row(),
        row(status=404, error="NotFound"),
        row(status=None, error="ReadTimeout"),
        row(sent=False, status=None, error="ConnectError"),
        row(method="POST", attempt=2, latency_ms=70.0),
        row(task="pay", template="/b"),
    )
    found = await endpoint_statistics(store, "r1")
    first, second = found["sync"]
    assert ("GET", "/a", 3, 1, 1) == (first.method, first.template, first.calls, first.ok, first.unsent)
    assert {"200": 1, "404": 1, "no answer": 1} == first.statuses
    assert ("POST", 1, 70.0) == (second.method, second.retries, second.p95_ms)
    assert ["/b"] == [one.template for one in found["pay"]]


async def test_tls_versions_are_the_ones_negotiated_by_host(store: Store):
    await fill(
        store,
        row(host="a", tls="TLSv1.3"),
        row(host="a", tls="TLSv1.2"),
        row(host="b"),
        row(host="c", status=None, error="ConnectError", sent=False),
    )
    assert {"a": ["TLSv1.2", "TLSv1.3"], "b": []} == await tls_versions(store, "r1")


@pytest.mark.parametrize(
    ("count", "percent", "expected"), [(1, 99, 1), (20, 95, 19), (21, 95, 20), (100, 99, 99), (2, 50, 1), (3, 50, 2)]
)
def test_a_percentile_is_the_nearest_rank(count: int, percent: float, expected: int):
    assert expected == nearest_rank(range(1, count + 1), percent)


def test_a_percentile_of_nothing_is_none():
    assert nearest_rank([], 95) is None


def test_enough_values_reach_up_to_a_percentile():
    chance = random.Random(7)
    for _ in range(200):
        values = sorted(chance.random() for _ in range(chance.randint(1, 40)))
        percent = chance.choice([50, 95, 99])
        found = nearest_rank(values, percent)
        assert found in values
        assert sum(value <= found for value in values) * 100 >= percent * len(values)
        assert sum(value < found for value in values) * 100 < percent * len(values)
