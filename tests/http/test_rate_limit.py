"""The quota: bucket, vendor's headers, simultaneous requests, sharing; time passes on a loop of its own making."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import httpx
import pytest

from newfuse.errors import RateLimited
from newfuse.http import RateHeaders, RateLimit, RetryPolicy, SharedQuota, calling
from newfuse.http.rate_limit import PLACE_POLL_S, UNSAID_HOLD_S, HeldTooLong, RateGate, Turn
from newfuse.store.quota import KeptInMemory, Quota

HUBSPOT = RateHeaders(
    limit="X-HubSpot-RateLimit-Max",
    remaining="X-HubSpot-RateLimit-Remaining",
    interval="X-HubSpot-RateLimit-Interval-Milliseconds",
    unit="milliseconds",
)


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting costs nothing: its clock jumps to the next timer."""

    def __init__(self) -> None:
        self.passed = 0.0
        super().__init__(selectors.SelectSelector())
        select = self._selector.select

        def jump(timeout: float | None = None) -> Any:
            # Never standing still: a timer due one rounding error from now would come round for ever.
            self.passed += max(timeout or 0.0, 1e-6)
            return select(0 if timeout is not None else None)

        self._selector.select = jump

    def time(self) -> float:
        return self.passed


def on_fast_loop(main: Callable[[], Coroutine[Any, Any, None]]) -> float:
    """Run a coroutine; return the seconds it would have taken."""
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        runner.run(main())
        return runner.get_loop().time()


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def gate_for(limit: RateLimit | None, wall_clock=lambda: 0.0, shared: SharedQuota | None = None) -> RateGate:
    return RateGate(limit, shared=shared, clock=loop_time, wall_clock=wall_clock)


async def pass_gate(gate: RateGate) -> float:
    waited = await gate.acquire()
    gate.release()
    return waited


def test_a_burst_goes_at_once_and_the_rest_at_the_rate():
    async def main():
        gate = gate_for(RateLimit(calls=10, per_s=1, burst=5))
        for _ in range(5):
            assert 0.0 == await pass_gate(gate)
        waited = [await pass_gate(gate) for _ in range(20)]
        assert all(wait == pytest.approx(0.1, abs=0.02) for wait in waited)

    assert on_fast_loop(main) == pytest.approx(2.0, abs=0.05)


def test_without_a_burst_the_whole_window_may_go_at_once():
    async def main():
        gate = gate_for(RateLimit(calls=190, per_s=10))
        await asyncio.gather(*(pass_gate(gate) for _ in range(190)))
        assert asyncio.get_running_loop().time() == pytest.approx(0, abs=0.001)
        await pass_gate(gate)

    assert on_fast_loop(main) == pytest.approx(10 / 190, abs=0.02)


@pytest.mark.parametrize(
    ("headers", "answer", "held_s"),
    [
        (RateHeaders(remaining="rem", reset="res"), {"rem": "0", "res": "7"}, 7),
        (RateHeaders(remaining="rem", reset="res", unit="milliseconds"), {"rem": "0", "res": "7000"}, 7),
        (RateHeaders(remaining="rem", reset="res", unit="epoch_seconds"), {"rem": "0", "res": "1007"}, 7),
        (RateHeaders(remaining="rem", reset="res"), {"rem": "1", "res": "7"}, 0),
        (RateHeaders(remaining="rem", reset="res"), {"rem": "0", "res": "nan"}, 0),
        (RateHeaders(remaining="rem", reset="res"), {"rem": "none", "res": "7"}, 0),
        (RateHeaders(remaining="rem", reset="res"), {}, 0),
        (RateHeaders(remaining="rem", reset="res"), {"rem": "0", "res": "-7"}, 0),
        (HUBSPOT, dict.fromkeys(("X-HubSpot-RateLimit-Remaining",), "0"), 0),
    ],
)
def test_nothing_remaining_holds_everything_until_the_reset(headers, answer, held_s):
    async def main():
        gate = gate_for(RateLimit(calls=1e6, headers=headers), wall_clock=lambda: 1000.0)
        await pass_gate(gate)
        gate.observe(httpx.Headers(answer))
        await asyncio.gather(*(pass_gate(gate) for _ in range(5)))

    assert on_fast_loop(main) == pytest.approx(held_s, abs=0.01)


def test_an_interval_counts_from_the_answer_that_began_the_window():
    def answer(remaining):
        return httpx.Headers(
            {
                "X-HubSpot-RateLimit-Max": "1000000",
                "X-HubSpot-RateLimit-Remaining": str(remaining),
                "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            }
        )

    async def main():
        gate = gate_for(RateLimit(calls=100_000, headers=HUBSPOT))
        gate.observe(answer(5))
        await asyncio.sleep(4)
        gate.observe(answer(0))
        assert gate.held_for_s() == pytest.approx(6)
        await pass_gate(gate)

    assert on_fast_loop(main) == pytest.approx(10, abs=0.01)


def test_a_lower_vendor_limit_slows_us_down_and_a_higher_one_does_not_speed_us_up():
    async def main():
        gate = gate_for(RateLimit(calls=100, per_s=1, burst=1, headers=HUBSPOT))
        headers = {"X-HubSpot-RateLimit-Interval-Milliseconds": "1000", "X-HubSpot-RateLimit-Max": "10"}
        await pass_gate(gate)
        gate.observe(httpx.Headers(headers))
        assert 10.0 == gate.rate_per_s
        gate.observe(httpx.Headers(headers | {"X-HubSpot-RateLimit-Max": "500"}))
        assert 10.0 == gate.rate_per_s
        for _ in range(11):
            await pass_gate(gate)

    assert on_fast_loop(main) == pytest.approx(1.0, abs=0.05)


def test_no_more_than_the_limit_are_under_way_at_once():
    async def main():
        gate = gate_for(RateLimit(calls=1e6, concurrency=10))
        under_way = most = 0

        async def call():
            nonlocal under_way, most
            await gate.acquire()
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1)
            under_way -= 1
            gate.release()

        await asyncio.gather(*(call() for _ in range(35)))
        assert 10 == most

    assert on_fast_loop(main) == pytest.approx(4, abs=0.01)


def test_a_cancelled_wait_gives_its_place_back():
    async def main():
        gate = gate_for(RateLimit(calls=1e6, concurrency=1))
        gate.hold(5)
        waiting = asyncio.create_task(gate.acquire())
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(5)
        assert 0.0 == await pass_gate(gate)

    on_fast_loop(main)


def test_a_gate_serves_another_loop_after_the_first():
    times = []
    gate = RateGate(RateLimit(calls=2, per_s=1, concurrency=1), clock=lambda: times[-1].time())  # noqa: PLW0108

    async def main():
        times.append(asyncio.get_running_loop())
        await asyncio.gather(*(pass_gate(gate) for _ in range(4)))

    assert on_fast_loop(main) == pytest.approx(1, abs=0.05)
    assert on_fast_loop(main) == pytest.approx(1, abs=0.05)


async def test_a_retry_after_holds_the_other_calls_of_the_account_too(vendor):
    shop = vendor(httpx.Response(429, headers={"Retry-After": "8"}), httpx.Response(200, json={}))
    async with shop.client(retry=RetryPolicy(attempts=1)) as api:
        with pytest.raises(RateLimited):
            await api.get("/v1/x")
        await api.get("/v1/y")
    assert [8.0] == shop.clock.slept
    assert 8000.0 == shop.records[-1].waited_ms


async def test_a_429_that_names_no_time_holds_the_other_calls_of_the_account_for_a_moment(vendor):
    shop = vendor(httpx.Response(429), httpx.Response(200, json={}))
    async with shop.client(retry=RetryPolicy(attempts=1)) as api:
        with pytest.raises(RateLimited):
            await api.get("/v1/x")
        await api.get("/v1/y")
    assert [UNSAID_HOLD_S] == shop.clock.slept


async def test_a_quota_spent_for_longer_than_a_minute_is_told_and_not_waited_for(vendor):
    headers = RateHeaders(remaining="x-rate-limit-remaining", reset="x-rate-limit-reset", unit="epoch_seconds")
    spent = httpx.Response(200, json={}, headers={"x-rate-limit-remaining": "0", "x-rate-limit-reset": "1900"})
    shop = vendor(spent)
    limit = RateLimit(calls=1e6, headers=headers)
    async with shop.client(rate_limit=limit, wall_clock=lambda: 1000.0) as api:
        await api.get("/v1/x")
        with pytest.raises(RateLimited) as caught:
            await api.get("/v1/x")
    assert 900.0 == caught.value.retry_after_s
    assert [True, False] == [record.sent for record in shop.records]
    assert [] == shop.clock.slept


# --- shared with others ---------------------------------------------------------------------------------------------


def sharing(kept: KeptInMemory) -> Quota:
    """Share what is kept, as others of this process or another do."""
    return Quota(kept, clock=loop_time, wall_clock=loop_time)


STRIPE = RateLimit(calls=25, burst=5)


@pytest.mark.parametrize("gates", [1, 2, 4])
def test_gates_that_share_a_quota_take_as_long_as_one_that_has_it_alone(gates):
    async def main():
        kept = KeptInMemory()
        shared = [gate_for(STRIPE, shared=sharing(kept)) for _ in range(gates)]
        await asyncio.gather(*(pass_gate(shared[number % gates]) for number in range(100)))

    async def alone():
        gate = gate_for(STRIPE)
        await asyncio.gather(*(pass_gate(gate) for _ in range(100)))

    assert on_fast_loop(main) == pytest.approx(on_fast_loop(alone), abs=0.05)


def test_a_gate_gets_its_share_while_another_has_many_waiting():
    async def main():
        kept = KeptInMemory()
        busy, other = (gate_for(STRIPE, shared=sharing(kept)) for _ in range(2))
        many = asyncio.gather(*(pass_gate(busy) for _ in range(100)))
        await asyncio.sleep(1)
        assert max([await pass_gate(other) for _ in range(10)]) <= 3 / 25
        await many

    on_fast_loop(main)


def test_what_the_vendor_told_one_gate_holds_the_others():
    async def main():
        kept = KeptInMemory()
        told, other = gate_for(STRIPE, shared=sharing(kept)), gate_for(None, shared=sharing(kept))
        assert 0.0 == await pass_gate(other)
        told.hold(8)
        assert 8.0 == pytest.approx(await pass_gate(other), abs=0.01)
        assert 0.0 == told.held_for_s()

    on_fast_loop(main)


def test_a_hold_of_another_gate_that_is_too_long_is_told_and_not_waited_for():
    async def main():
        kept = KeptInMemory()
        told, other = (gate_for(RateLimit(calls=10, concurrency=1), shared=sharing(kept)) for _ in range(2))
        told.hold(3600)
        with pytest.raises(HeldTooLong) as caught:
            await other.acquire()
        assert 3600 == pytest.approx(caught.value.held_s)
        await asyncio.sleep(3600)
        await asyncio.gather(pass_gate(told), pass_gate(other))  # both places were given back

    assert on_fast_loop(main) == pytest.approx(3600, abs=0.1)


def test_those_who_wait_are_told_of_a_long_hold_too():
    async def main():
        gate = gate_for(RateLimit(calls=1e6, concurrency=1))
        await gate.acquire()
        waiting = asyncio.create_task(gate.acquire())
        await asyncio.sleep(0)
        gate.hold(3600)
        gate.release()
        with pytest.raises(HeldTooLong):
            await waiting

    assert on_fast_loop(main) == pytest.approx(0, abs=0.01)


def test_no_more_than_the_limit_are_under_way_at_all_gates_together():
    async def main():
        kept = KeptInMemory()
        limit = RateLimit(calls=1e6, concurrency=10)
        gates = [gate_for(limit, shared=sharing(kept)) for _ in range(3)]
        under_way = most = 0

        async def call(gate: RateGate):
            nonlocal under_way, most
            await gate.acquire()
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1)
            under_way -= 1
            gate.release()

        await asyncio.gather(*(call(gates[number % 3]) for number in range(40)))
        assert 10 == most

    assert on_fast_loop(main) == pytest.approx(4, abs=5 * PLACE_POLL_S)


def test_a_cancelled_wait_for_a_turn_gives_the_shared_place_back():
    async def main():
        kept = KeptInMemory()
        limit = RateLimit(calls=1, per_s=10, burst=1, concurrency=1)
        one, other = (gate_for(limit, shared=sharing(kept)) for _ in range(2))
        await pass_gate(one)
        waiting = asyncio.create_task(other.acquire())
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await pass_gate(one)

    assert on_fast_loop(main) == pytest.approx(20, abs=0.1)  # the turn it had booked passed unused


def test_a_quota_that_another_has_just_now_is_asked_again():
    class Busy(Quota):
        answers: ClassVar[list[Turn]] = [Turn(wait_s=0.005, is_booked=False)] * 3

        def book(self, interval_s: float, burst: float) -> Turn:
            return self.answers.pop() if self.answers else super().book(interval_s, burst)

    async def main():
        await pass_gate(gate_for(STRIPE, shared=Busy(KeptInMemory(), clock=loop_time, wall_clock=loop_time)))

    assert on_fast_loop(main) == pytest.approx(0.015, abs=0.001)


async def test_a_hold_of_another_process_is_the_vendors_rate_limit_to_the_caller(vendor):
    shop = vendor()
    kept = KeptInMemory()
    quota, other = (Quota(kept, clock=shop.clock, wall_clock=shop.clock) for _ in range(2))
    async with shop.client(shared_quota=quota) as api:
        other.hold(900)
        with pytest.raises(RateLimited, match="spent for another 900 s") as caught:
            await api.post("/v1/x")
        with calling(probe=True), pytest.raises(RateLimited):
            await api.get("/v1/x")
    assert 900.0 == caught.value.retry_after_s
    assert [] == shop.requests
    assert [] == shop.clock.slept
