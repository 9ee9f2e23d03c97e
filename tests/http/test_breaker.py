"""The breaker's states, by a clock that only the test moves."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from newfuse.errors import CircuitOpen, NotFound, Unavailable
from newfuse.http import BreakerPolicy, BreakerState, RetryPolicy, calling
from newfuse.http.breaker import Breaker

ONCE = RetryPolicy(attempts=1)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def opened(changes=None):
    clock = Clock()
    breaker = Breaker(
        BreakerPolicy(failures=5, recovery_s=30),
        clock=clock,
        on_change=(lambda *change: changes.append(change)) if changes is not None else None,
    )
    for _ in range(5):
        assert breaker.enter()
        breaker.failed()
    return breaker, clock


def test_five_failures_in_a_row_open_it_and_four_do_not():
    breaker = Breaker(BreakerPolicy(failures=5), clock=Clock())
    for _ in range(4):
        breaker.failed()
    breaker.succeeded()
    for _ in range(4):
        breaker.failed()
    assert BreakerState.CLOSED is breaker.state
    breaker.failed()
    assert BreakerState.OPEN is breaker.state


def test_it_refuses_until_the_recovery_time_has_passed_then_lets_one_probe_through():
    breaker, clock = opened()
    clock.now = 29.9
    assert not breaker.enter()
    assert breaker.retry_after_s() == pytest.approx(0.1)
    clock.now = 30.0
    assert breaker.enter()
    assert BreakerState.HALF_OPEN is breaker.state
    assert not breaker.enter()


def test_a_good_probe_closes_it_and_a_bad_one_opens_it_anew():
    breaker, clock = opened()
    clock.now = 30.0
    breaker.enter()
    breaker.failed()
    assert BreakerState.OPEN is breaker.state
    clock.now = 59.0
    assert not breaker.enter()
    clock.now = 60.0
    breaker.enter()
    breaker.succeeded()
    assert BreakerState.CLOSED is breaker.state


def test_a_cancelled_probe_gives_its_place_to_the_next():
    breaker, clock = opened()
    clock.now = 30.0
    assert breaker.enter()
    breaker.abandoned()
    assert breaker.enter()


def test_stragglers_sent_before_it_opened_change_nothing():
    breaker, clock = opened()
    clock.now = 20.0
    breaker.failed()
    breaker.succeeded()
    assert BreakerState.OPEN is breaker.state
    clock.now = 30.0
    assert breaker.enter()


def test_every_change_is_told_and_a_failing_listener_stops_nothing():
    changes = []
    breaker, clock = opened(changes)
    clock.now = 30.0
    breaker.enter()
    breaker.succeeded()
    assert [("closed", "open"), ("open", "half_open"), ("half_open", "closed")] == changes
    stubborn = Breaker(BreakerPolicy(failures=1), clock=clock, on_change=lambda *_: 1 / 0)
    stubborn.failed()
    assert BreakerState.OPEN is stubborn.state


async def test_a_refused_call_is_recorded_as_not_sent(vendor):
    shop = vendor(httpx.Response(503))
    async with shop.client(retry=ONCE, breaker=BreakerPolicy(failures=2)) as api:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await api.get("/v1/x")
        with pytest.raises(CircuitOpen):
            await api.get("/v1/x")
        assert BreakerState.OPEN is api.breaker.state
        shop.answers = [httpx.Response(200, json={})]
        shop.clock.now += 30
        await api.get("/v1/x")
        assert BreakerState.CLOSED is api.breaker.state
    assert [(None, True), (None, True), ("CircuitOpen", False), (None, True)] == [
        (record.error if not record.sent else None, record.sent) for record in shop.records
    ]


async def test_a_health_call_is_sent_through_an_open_circuit_and_leaves_it_open(vendor):
    shop = vendor(httpx.Response(503))
    async with shop.client(retry=ONCE, breaker=BreakerPolicy(failures=1)) as api:
        with pytest.raises(Unavailable):
            await api.get("/v1/x")
        shop.answers = [httpx.Response(200, json={})]
        with calling(probe=True):
            await api.get("/v1/health")
        assert BreakerState.OPEN is api.breaker.state
    assert [True, True] == [record.sent for record in shop.records]


async def test_4xx_never_opens_it(vendor):
    shop = vendor(httpx.Response(404, json={"message": "no such thing"}))
    async with shop.client(retry=ONCE, breaker=BreakerPolicy(failures=2)) as api:
        for _ in range(5):
            with pytest.raises(NotFound):
                await api.get("/v1/x")
        assert BreakerState.CLOSED is api.breaker.state


async def test_only_one_of_many_waiting_calls_probes(vendor):
    shop = vendor(httpx.Response(500))
    async with shop.client(retry=ONCE, breaker=BreakerPolicy(failures=1)) as api:
        with pytest.raises(Unavailable):
            await api.get("/v1/x")
        shop.clock.now += 30
        release = asyncio.Event()

        async def slow(request):
            await release.wait()
            return httpx.Response(200, json={})

        await api.aclose()
        api._session._transport = httpx.MockTransport(slow)
        calls = [asyncio.create_task(api.get("/v1/x")) for _ in range(5)]
        done, waiting = await asyncio.wait(calls, timeout=1, return_when=asyncio.FIRST_EXCEPTION)
        while len(done) < 4:
            more, waiting = await asyncio.wait(waiting, timeout=1, return_when=asyncio.FIRST_EXCEPTION)
            done |= more
        release.set()
        assert {} == await waiting.pop()
        assert all(isinstance(call.exception(), CircuitOpen) for call in done)
