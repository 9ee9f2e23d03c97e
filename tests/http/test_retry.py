"""What is repeated, what never is, and what the caller is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from newfuse.errors import (
    CircuitOpen,
    Conflict,
    Declined,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
    UnreadableAnswer,
    VendorError,
)
from newfuse.http import BreakerPolicy, Fault, RetryPolicy, calling
from newfuse.http.retry import parse_retry_after

OK = httpx.Response(200, json={"id": "pi_1"})
NEVER_LEFT = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")]
MAY_HAVE_ARRIVED = [
    httpx.ReadTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.RemoteProtocolError("Server disconnected without sending a response."),
    httpx.WriteError("reset"),
    httpx.WriteTimeout("slow"),
]
KEY = "Idempotency-Key"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_read_is_repeated_after_a_passing_failure(vendor, status):
    shop = vendor(httpx.Response(status), OK)
    async with shop.client() as api:
        assert await api.get("/v1/x") == {"id": "pi_1"}
    assert [(1, status), (2, 200)] == [(record.attempt, record.status) for record in shop.records]
    assert len({record.call_id for record in shop.records}) == 1


@pytest.mark.parametrize("failure", [*NEVER_LEFT, *MAY_HAVE_ARRIVED], ids=lambda f: type(f).__name__)
async def test_a_read_is_repeated_after_a_broken_connection(vendor, failure):
    shop = vendor(failure, OK)
    async with shop.client() as api:
        assert await api.get("/v1/x") == {"id": "pi_1"}
    assert [type(failure).__name__, None] == [record.error for record in shop.records]


async def test_a_read_that_keeps_failing_is_sent_three_times_and_unavailable(vendor):
    shop = vendor(httpx.Response(500))
    async with shop.client() as api:
        with pytest.raises(Unavailable) as caught:
            await api.get("/v1/x")
    assert 3 == len(shop.requests)
    assert 500 == caught.value.status


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 422, 501, 505])
async def test_what_another_attempt_would_not_change_is_sent_once(vendor, status):
    shop = vendor(httpx.Response(status), OK)
    async with shop.client() as api:
        with pytest.raises(VendorError):
            await api.get("/v1/x")
    assert 1 == len(shop.requests)


@pytest.mark.parametrize("failure", MAY_HAVE_ARRIVED, ids=lambda f: type(f).__name__)
async def test_a_write_that_may_have_arrived_is_never_repeated_and_its_outcome_unknown(vendor, failure):
    shop = vendor(failure, OK)
    async with shop.client() as api:
        with pytest.raises(OutcomeUnknown):
            await api.post("/v1/x", json={"a": 1})
    assert 1 == len(shop.requests)
    assert [True] == [record.sent for record in shop.records]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_write_answered_by_5xx_is_never_repeated_and_its_outcome_unknown(vendor, status):
    shop = vendor(httpx.Response(status), OK)
    async with shop.client() as api:
        with pytest.raises(OutcomeUnknown) as caught:
            await api.post("/v1/x", json={"a": 1})
    assert 1 == len(shop.requests)
    assert status == caught.value.status


@pytest.mark.parametrize("failure", NEVER_LEFT, ids=lambda f: type(f).__name__)
async def test_a_write_that_never_left_is_repeated(vendor, failure):
    shop = vendor(failure, OK)
    async with shop.client() as api:
        assert await api.post("/v1/x", json={"a": 1}) == {"id": "pi_1"}
    assert [False, True] == [record.sent for record in shop.records]


@pytest.mark.parametrize("failure", NEVER_LEFT, ids=lambda f: type(f).__name__)
async def test_a_write_that_never_left_is_unavailable_and_not_unknown(vendor, failure):
    shop = vendor(failure)
    async with shop.client() as api:
        with pytest.raises(Unavailable):
            await api.post("/v1/x", json={"a": 1})
    assert [False] * 3 == [record.sent for record in shop.records]


async def test_a_write_refused_for_its_rate_is_repeated(vendor):
    shop = vendor(httpx.Response(429), OK)
    async with shop.client() as api:
        assert await api.post("/v1/x", json={"a": 1}) == {"id": "pi_1"}


async def test_a_write_refused_for_its_rate_to_the_end_is_not_unknown(vendor):
    limited = vendor(httpx.Response(429))
    async with limited.client() as api:
        with pytest.raises(RateLimited):
            await api.post("/v1/x")
    assert 3 == len(limited.requests)


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "1"}], ids=["bare", "Retry-After"])
async def test_a_503_leaves_a_write_in_doubt_whether_or_not_it_says_when_to_come_again(vendor, headers):
    shop = vendor(httpx.Response(503, headers=headers), OK)
    async with shop.client() as api:
        with pytest.raises(OutcomeUnknown):
            await api.post("/v1/x", json={"a": 1})
    assert 1 == len(shop.requests)


async def test_a_503_that_asks_for_it_is_waited_for_where_repeating_is_safe(vendor):
    shop = vendor(httpx.Response(503, headers={"Retry-After": "7"}), OK)
    async with shop.client(idempotency_header=KEY) as api:
        with calling(idempotency_key="order-7"):
            assert await api.post("/v1/x", json={"a": 1}) == {"id": "pi_1"}
    assert [7.0] == shop.clock.slept


FOREIGN = [
    httpx.Response(404, html="<html>no such backend</html>"),
    httpx.Response(400),
    httpx.Response(400, text="Bad Request"),
    httpx.Response(404, json={"message": "not the shop's form"}),
    httpx.Response(403, html="<html>blocked</html>"),
    httpx.Response(401),
    httpx.Response(408),
    httpx.Response(302, headers={"Location": "https://login.test/"}),
    httpx.Response(200, html="<html>Back soon</html>"),
    httpx.Response(200, content=b"null", headers={"Content-Type": "application/json"}),
    httpx.Response(200),
]


def own_form(status, headers, body):
    """Read the errors of a shop whose own form is {"error": {"message": …}}."""
    error = body.get("error") if isinstance(body, dict) else None
    return Fault(error["message"]) if isinstance(error, dict) else None


def named(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:20]}"


@pytest.mark.parametrize("foreign", FOREIGN, ids=named)
@pytest.mark.parametrize("before", [[], [httpx.ReadError("lost")]], ids=["at once", "after a lost reply"])
@pytest.mark.parametrize("keyed", [True, False])
async def test_who_is_not_the_vendor_settles_nothing(vendor, foreign, before, keyed):
    shop = vendor(*before, foreign)
    async with shop.client(idempotency_header=KEY, describe=own_form) as api:
        with calling(idempotency_key="order-7" if keyed else None), pytest.raises(OutcomeUnknown):
            await api.post("/v1/x", json={"a": 1})


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
async def test_a_refusal_in_the_vendors_own_form_settles_the_attempt_before_it(vendor, status):
    shop = vendor(httpx.ReadError("lost"), httpx.Response(status, json={"error": {"message": "no"}}))
    async with shop.client(idempotency_header=KEY, describe=own_form) as api:
        with calling(idempotency_key="order-7"), pytest.raises(Rejected, match="no"):
            await api.post("/v1/x", json={"a": 1})


@pytest.mark.parametrize("foreign", [one for one in FOREIGN if one.status_code not in {401, 403}], ids=named)
async def test_a_read_answered_by_somebody_else_is_unreadable_and_not_a_no(vendor, foreign):
    shop = vendor(foreign)
    async with shop.client(describe=own_form) as api:
        with pytest.raises(UnreadableAnswer):
            await api.get("/v1/x")


@pytest.mark.parametrize("failure", [*MAY_HAVE_ARRIVED, httpx.Response(500)], ids=str)
async def test_a_keyed_write_is_repeated_with_the_same_key_and_body(vendor, failure):
    shop = vendor(failure, OK)
    async with shop.client(idempotency_header=KEY) as api:
        with calling(idempotency_key="order-7"):
            assert await api.post("/v1/x", form={"amount": 2999}) == {"id": "pi_1"}
    assert ["order-7"] * 2 == [request.headers[KEY] for request in shop.requests]
    assert [b"amount=2999"] * 2 == [request.content for request in shop.requests]


@pytest.mark.parametrize("failure", [*MAY_HAVE_ARRIVED, httpx.Response(500), httpx.Response(503)], ids=str)
async def test_a_keyed_write_that_ends_without_an_answer_is_unknown(vendor, failure):
    shop = vendor(failure)
    async with shop.client(idempotency_header=KEY) as api:
        with calling(idempotency_key="order-7"), pytest.raises(OutcomeUnknown):
            await api.post("/v1/x")
    assert 3 == len(shop.requests)


@pytest.mark.parametrize(
    "then",
    [httpx.ConnectError("refused"), httpx.Response(429), httpx.Response(401), httpx.Response(403)],
    ids=str,
)
async def test_an_earlier_attempt_that_may_have_arrived_is_not_forgotten(vendor, then):
    shop = vendor(httpx.ReadTimeout("slow"), then)
    async with shop.client(idempotency_header=KEY) as api:
        with calling(idempotency_key="order-7"), pytest.raises(OutcomeUnknown):
            await api.post("/v1/x")


async def test_the_vendors_final_word_settles_an_earlier_attempt_with_the_same_key(vendor):
    shop = vendor(httpx.ReadTimeout("slow"), httpx.Response(402, json={"error": {"message": "no"}}))
    async with shop.client(idempotency_header=KEY) as api:
        with calling(idempotency_key="order-7"), pytest.raises(Declined):
            await api.post("/v1/x")


async def test_a_breaker_that_opens_between_attempts_does_not_hide_the_first(vendor):
    shop = vendor(httpx.ReadTimeout("slow"))
    async with shop.client(idempotency_header=KEY, breaker=BreakerPolicy(failures=1)) as api:
        with calling(idempotency_key="order-7"), pytest.raises(OutcomeUnknown):
            await api.post("/v1/x")
    assert 1 == len(shop.requests)
    assert [True, False] == [record.sent for record in shop.records]


async def test_a_key_is_worth_nothing_where_the_vendor_has_no_header_for_it(vendor):
    shop = vendor(httpx.ReadTimeout("slow"), OK)
    async with shop.client() as api:
        with calling(idempotency_key="order-7"), pytest.raises(OutcomeUnknown):
            await api.post("/v1/x")
    assert 1 == len(shop.requests)


async def test_a_key_goes_with_writes_alone(vendor):
    shop = vendor()
    async with shop.client(idempotency_header=KEY) as api:
        with calling(idempotency_key="order-7"):
            await api.get("/v1/x")
    assert KEY not in shop.requests[0].headers


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), httpx.Response(500)], ids=str)
async def test_a_write_whose_repetition_is_harmless_is_repeated(vendor, failure):
    by_context, by_argument = vendor(failure, OK), vendor(failure, OK)
    async with by_context.client() as api:
        with calling(repeatable=True):
            assert await api.put("/v1/x", json={}) == {"id": "pi_1"}
    async with by_argument.client() as api:
        assert await api.post("/v1/search", json={}, repeatable=True) == {"id": "pi_1"}


async def test_the_argument_overrules_the_context(vendor):
    shop = vendor(httpx.ReadTimeout("slow"), OK)
    async with shop.client() as api:
        with calling(repeatable=True), pytest.raises(OutcomeUnknown):
            await api.post("/v1/x", repeatable=False)


async def test_waits_grow_one_two_four_with_jitter_and_stay_below_their_cap(vendor):
    shop = vendor(httpx.Response(500))
    async with shop.client(retry=RetryPolicy(attempts=6, max_wait_s=5)) as api:
        with pytest.raises(Unavailable):
            await api.get("/v1/x")
    bounds = [(1, 1.5), (2, 2.5), (4, 4.5), (5, 5), (5, 5)]
    assert all(low <= wait <= high for (low, high), wait in zip(bounds, shop.clock.slept, strict=True))


async def test_no_attempt_begins_after_the_total_time(vendor):
    shop = vendor(httpx.Response(500))
    async with shop.client(retry=RetryPolicy(attempts=100, max_wait_s=10, total_s=30)) as api:
        with pytest.raises(Unavailable):
            await api.get("/v1/x")
    assert sum(shop.clock.slept) <= 30 < sum(shop.clock.slept) + 10


async def test_retry_after_in_seconds_wins_over_the_back_off(vendor):
    shop = vendor(httpx.Response(429, headers={"Retry-After": "17"}), OK)
    async with shop.client() as api:
        await api.get("/v1/x")
    assert [17.0] == shop.clock.slept


async def test_retry_after_as_a_date_counts_from_the_answers_own_date(vendor):
    now = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    dates = {"Date": format_datetime(now, usegmt=True)}
    dates["Retry-After"] = format_datetime(now + timedelta(seconds=23), usegmt=True)
    shop = vendor(httpx.Response(503, headers=dates), OK)
    async with shop.client() as api:
        await api.get("/v1/x")
    assert [23.0] == shop.clock.slept


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 37.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:48:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers, seconds):
    assert seconds == parse_retry_after(headers, now=lambda: 784_111_740.0)  # 1994-11-06 08:49:00


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_retry_after_beyond_the_cap_is_handed_to_the_caller(vendor, method):
    shop = vendor(httpx.Response(429, headers={"Retry-After": "61"}), OK)
    async with shop.client() as api:
        with pytest.raises(RateLimited) as caught:
            await api.request(method, "/v1/x")
    assert 61.0 == caught.value.retry_after_s
    assert [] == shop.clock.slept
    assert 1 == len(shop.requests)


async def test_a_conflict_is_repeated_when_the_vendors_description_says_so(vendor):
    def describe(status, headers, body):
        return Fault(body["error"]["message"], body["error"]["code"], retry=status == 409)

    busy = httpx.Response(409, json={"error": {"message": "busy", "code": "idempotency_key_in_use"}})
    passing, lasting = vendor(busy, OK), vendor(busy)
    with calling(idempotency_key="order-7"):
        async with passing.client(idempotency_header=KEY, describe=describe) as api:
            assert await api.post("/v1/x") == {"id": "pi_1"}
        async with lasting.client(idempotency_header=KEY, describe=describe) as api:
            with pytest.raises(OutcomeUnknown):  # the other request with this key is still at work
                await api.post("/v1/x")
    async with lasting.client(describe=describe) as api:
        with pytest.raises(Conflict):
            await api.get("/v1/x")


async def test_the_vendor_may_forbid_a_repetition_and_may_state_that_nothing_was_done(vendor):
    shop = vendor(httpx.Response(500))
    async with shop.client(describe=lambda *_: Fault("no", retry=False, processed=False)) as api:
        with pytest.raises(Unavailable):
            await api.post("/v1/x")
    assert 1 == len(shop.requests)


async def test_an_open_circuit_is_not_waited_for(vendor):
    shop = vendor(httpx.Response(500))
    async with shop.client(breaker=BreakerPolicy(failures=2, recovery_s=30)) as api:
        with pytest.raises(CircuitOpen):
            await api.get("/v1/x")
        slept = len(shop.clock.slept)
        with pytest.raises(CircuitOpen) as caught:
            await api.get("/v1/x")
    assert 2 == len(shop.requests)
    assert slept == len(shop.clock.slept)
    assert 0 < caught.value.retry_after_s <= 30


async def test_an_answer_that_cannot_be_read_leaves_a_write_unknown_and_a_read_repeated(vendor):
    broken = httpx.Response(200, content=b'{"id": "pi', headers={"Content-Type": "application/json"})
    write, read = vendor(broken, OK), vendor(broken, OK)
    async with write.client() as api:
        with pytest.raises(OutcomeUnknown):
            await api.post("/v1/x")
    async with read.client() as api:
        assert await api.get("/v1/x") == {"id": "pi_1"}
    assert ["UnreadableAnswer", None] == [record.error for record in read.records]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_redirect_is_not_followed_and_says_so(vendor, method):
    shop = vendor(httpx.Response(308, headers={"Location": "https://other.test/v1/x?token=s3cret-value"}), OK)
    async with shop.client() as api:
        with pytest.raises((UnreadableAnswer, OutcomeUnknown), match=r"redirects to other\.test") as caught:
            await api.request(method, "/v1/x")
    assert 1 == len(shop.requests)
    assert (method == "POST") == isinstance(caught.value, OutcomeUnknown)
    assert "s3cret" not in caught.value.for_log


async def test_a_cancellation_passes_and_is_recorded(vendor):
    started = asyncio.Event()

    async def hang(request):
        started.set()
        await asyncio.Event().wait()

    shop = vendor()
    api = shop.client()
    api._session._transport = httpx.MockTransport(hang)
    task = asyncio.create_task(api.post("/v1/x"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [("CancelledError", True)] == [(record.error, record.sent) for record in shop.records]
    await api.aclose()


async def test_a_cancellation_while_waiting_for_the_next_attempt_passes(vendor):
    shop = vendor(httpx.Response(500))
    waiting = asyncio.Event()

    async def sleep(_seconds):
        waiting.set()
        await asyncio.Event().wait()

    shop.clock.sleep = sleep
    async with shop.client() as api:
        task = asyncio.create_task(api.get("/v1/x"))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert 1 == len(shop.requests)


async def test_a_natural_write_is_repeated_and_without_an_answer_nobody_knows(vendor):
    shop = vendor(httpx.Response(500))
    async with shop.client() as api:
        with calling(repeatable=True, natural=True), pytest.raises(OutcomeUnknown):
            await api.put("/v1/things/{id}", values={"id": 1}, json={})
    assert 3 == len(shop.requests)


async def test_a_natural_write_that_never_left_did_not_happen(vendor):
    shop = vendor(httpx.ConnectError("refused"))
    async with shop.client() as api:
        with calling(repeatable=True, natural=True), pytest.raises(Unavailable):
            await api.put("/v1/things/{id}", values={"id": 1}, json={})
    assert 3 == len(shop.records)
