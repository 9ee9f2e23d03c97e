from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.spec_check import FORM, Specification, nest, read_json
from connectors.wire import Wire
from newfuse import create_integration
from newfuse.connectors.stripe import API_VERSION, Stripe, lists
from newfuse.effects import Ledger, State
from newfuse.errors import (
    AuthenticationFailed,
    Declined,
    EffectConflict,
    InvalidArguments,
    NotFound,
    OutcomeUnknown,
    Rejected,
)
from newfuse.http import CallRecord, RetryPolicy
from newfuse.integrations import WriteStatus
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer
from newfuse.sandbox.faults import Fault
from newfuse.sandbox.stripe import Stripe as StripeSandbox
from newfuse.store import Store

KEY = SANDBOX_CREDENTIALS["stripe"]["api_key"]
BALANCE = {"available": [], "pending": [], "livemode": False}  # connecting reads it
PAID = {"amount": 2999, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
HELD = {**PAID, "capture_method": "manual"}


class Killed(BaseException):
    """The process is gone: nothing after this is recorded."""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stripe, "retry", RetryPolicy(initial_s=0.0))


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
async def stripe(server: SandboxServer, ledger: Ledger, calls: list[CallRecord]) -> AsyncIterator[Stripe]:
    async with Stripe(api_key=KEY, base_url=f"{server.url}/stripe", ledger=ledger, recorder=calls.append) as connected:
        calls.clear()
        yield connected


@pytest.fixture
def truth(server: SandboxServer) -> Any:
    """Reads what really exists at a vendor: `truth("stripe")`."""
    return lambda slug: server.sandbox.truth(slug)[slug]


@pytest.fixture
def wire() -> Wire:
    return Wire(StripeSandbox())


@pytest.fixture
async def on_wire(wire: Wire, ledger: Ledger) -> AsyncIterator[Stripe]:
    async with Stripe(api_key=KEY, ledger=ledger, recorder=lambda _: None, transport=wire.transport) as connected:
        wire.requests.clear()
        yield connected


def payments(server: SandboxServer) -> dict[str, Any]:
    """Return the payments that were made since the start; the seed has one of its own."""
    found = server.sandbox.truth("stripe")["stripe"]["payment_intents"]
    return {id_: row for id_, row in found.items() if row["description"] != "Order 1001"}


# --- what is sent ----------------------------------------------------------------------------------------------------


async def test_a_payment_is_a_form_with_version_key_and_idempotency_key(on_wire: Stripe, wire: Wire):
    await on_wire.execute(
        "create_payment_intent",
        {
            "amount": 2999,
            "currency": "USD",
            "customer_email": "ada@example.com",
            "description": "Order 7 & 8",
            "metadata": {"order_id": 7},
        },
        reference="order-7",
    )
    sent = wire.last
    assert ("POST", "https://api.stripe.com/v1/payment_intents") == (sent.method, str(sent.url))
    assert "application/x-www-form-urlencoded" == sent.headers["content-type"]
    assert f"Bearer {KEY}" == sent.headers["authorization"]
    assert API_VERSION == sent.headers["stripe-version"]
    assert sent.headers["idempotency-key"].startswith("nf-")
    assert {
        "amount": "2999",
        "currency": "usd",
        "receipt_email": "ada@example.com",
        "description": "Order 7 & 8",
        "metadata": {"order_id": "7"},
        "capture_method": "automatic",
        "automatic_payment_methods": {"enabled": "true"},
    } == nest(sent.content.decode())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"enabled": "true", "allow_redirects": "never"}),
        ({"return_url": "https://example.com/back"}, {"enabled": "true"}),
        (
            {"automatic_payment_methods": {"enabled": True, "allow_redirects": "always"}},
            {"enabled": "true", "allow_redirects": "always"},
        ),
        ({"automatic_payment_methods": {"enabled": False}, "payment_method_types": ["card"]}, {"enabled": "false"}),
        ({"payment_method_types": ["card"]}, None),
    ],
)
async def test_a_confirmed_payment_allows_no_redirect_without_a_place_to_come_back_to(
    ledger: Ledger, given: dict[str, Any], expected: dict[str, str] | None
):
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        row = {**BALANCE, "id": "pi_1", "status": "succeeded", "amount": 2999, "currency": "usd", "created": 1}
        return httpx.Response(200, json=row)

    async with Stripe(
        api_key=KEY, ledger=ledger, recorder=lambda _: None, transport=httpx.MockTransport(answer)
    ) as stripe:
        await stripe.execute("create_payment_intent", {**PAID, **given})
    assert expected == nest(seen[-1].content.decode()).get("automatic_payment_methods")


async def test_the_effect_keys_of_test_and_live_mode_never_mix():
    accounts = [Stripe(api_key=key).account() for key in ("sk_test_1", "rk_test_1", "sk_live_1", "rk_live_1", "other")]
    assert ["test", "test", "live", "live", "live"] == accounts
    assert "shop/test" == Stripe(api_key="sk_test_1", account="shop").account()


async def test_many_payments_at_once_stay_below_the_limit_of_one_operation(ledger: Ledger):
    calls: list[CallRecord] = []
    with SandboxServer() as server:  # by the real clock: what is tested is a rate
        stripe = Stripe(
            api_key="sk_live_sandbox", base_url=f"{server.url}/stripe", ledger=ledger, recorder=calls.append
        )
        async with stripe:
            orders = (stripe.perform("create_payment_intent", PAID, reference=str(number)) for number in range(40))
            done = await asyncio.gather(*orders)
    assert {WriteStatus.CONFIRMED} == {one.status for one in done}
    assert {200} == {call.status for call in calls}


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 29.99},
        {"amount": "2999"},
        {"amount": True},
        {"currency": "dollar"},
        {"currency": "€"},
        {"metadata": {"a[b]": "c"}},
        {"metadata": {"a": "x" * 501}},
        {"capture_method": "later"},
        {"customer_mail": "ada@example.com"},
    ],
)
async def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(
    on_wire: Stripe, wire: Wire, wrong: dict[str, Any]
):
    with pytest.raises(InvalidArguments):
        await on_wire.execute("create_payment_intent", {**PAID, **wrong})
    assert [] == wire.requests


# --- what comes back -------------------------------------------------------------------------------------------------


async def test_a_payment_is_taken_and_shown(stripe: Stripe, server: SandboxServer):
    paid = await stripe.execute("create_payment_intent", {**PAID, "description": "A book"})
    assert ("succeeded", 2999, 2999, "usd") == (paid.status, paid.amount, paid["amount_received"], paid.currency)
    assert [paid.id] == list(payments(server))
    assert paid == await stripe.execute("get_payment_intent", {"payment_intent_id": paid.id})
    assert paid in await stripe.execute("list_payment_intents", {"limit": 5})


async def test_a_created_payment_can_be_confirmed_later(stripe: Stripe):
    made = await stripe.execute(
        "create_payment_intent", {"amount": 500, "currency": "eur", "payment_method_types": ["card"]}
    )
    assert "requires_payment_method" == made.status
    done = await stripe.execute(
        "confirm_payment_intent", {"payment_intent_id": made.id, "payment_method": "pm_card_visa"}
    )
    assert ("succeeded", 500) == (done.status, done.amount_received)


async def test_money_is_held_and_captured_in_part(stripe: Stripe, truth: Any):
    held = await stripe.execute("create_payment_intent", HELD)
    assert ("requires_capture", 2999, 0) == (held.status, held.amount_capturable, held.amount_received)
    assert {"usd": 2999} == truth("stripe")["authorized_minor"]
    taken = await stripe.execute("capture_payment", {"payment_intent_id": held.id, "amount_to_capture": 1000})
    assert ("succeeded", 1000) == (taken.status, taken.amount_received)
    assert {} == truth("stripe")["authorized_minor"]


async def test_a_held_payment_is_cancelled_and_the_hold_released(stripe: Stripe, truth: Any):
    held = await stripe.execute("create_payment_intent", HELD)
    gone = await stripe.execute(
        "cancel_payment_intent", {"payment_intent_id": held.id, "cancellation_reason": "abandoned"}
    )
    assert ("canceled", "abandoned") == (gone.status, gone.cancellation_reason)
    assert {} == truth("stripe")["authorized_minor"]


async def test_a_payment_is_refunded_in_parts_and_never_beyond_what_is_left(stripe: Stripe, truth: Any):
    paid = await stripe.execute("create_payment_intent", PAID)
    part = await stripe.execute(
        "refund_payment", {"payment_intent_id": paid.id, "amount": 999, "reason": "requested_by_customer"}
    )
    assert ("succeeded", 999, paid.id) == (part.status, part.amount, part.payment_intent)
    rest = await stripe.execute("refund_payment", {"payment_intent_id": paid.id})
    assert 2000 == rest.amount
    with pytest.raises(Rejected) as refused:
        await stripe.execute("refund_payment", {"payment_intent_id": paid.id})
    assert "charge_already_refunded" == refused.value.code
    assert {"usd": 2999} == truth("stripe")["refunded_minor"]
    assert [rest, part] == await stripe.execute("list_refunds", {"payment_intent_id": paid.id})
    assert part == await stripe.execute("get_refund", {"refund_id": part.id})


async def test_a_declined_card_is_an_error_with_the_banks_code_and_moves_no_money(
    stripe: Stripe, truth: Any, ledger: Ledger
):
    before = truth("stripe")["captured_minor"]
    broke = {**PAID, "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"}
    with pytest.raises(Declined) as declined:
        await stripe.execute("create_payment_intent", broke, reference="order-9")
    assert (402, "insufficient_funds") == (declined.value.status, declined.value.code)
    assert "insufficient funds" in declined.value.for_model
    assert before == truth("stripe")["captured_minor"]
    performed = await stripe.perform("create_payment_intent", PAID, reference="order-9")
    assert WriteStatus.CONFIRMED == performed.status  # a decline is final for one attempt, not for the order


async def test_customers_are_created_changed_and_found(stripe: Stripe, clock: Any):
    ada = await stripe.execute(
        "create_customer", {"email": "ada@example.com", "name": "Ada", "metadata": {"crm": "12345"}}
    )
    changed = await stripe.execute("update_customer", {"customer_id": ada.id, "phone": "+44 20 7946 0000"})
    assert ("Ada", "+44 20 7946 0000") == (changed.name, changed.phone)
    assert changed == await stripe.execute("get_customer", {"customer_id": ada.id})
    assert [changed] == await stripe.execute("list_customers", {"email": "ada@example.com"})
    clock.at += 61  # "searchable in less than a minute": docs.stripe.com/search
    assert [changed] == await stripe.execute("search_customers", {"query": "metadata['crm']:'12345'"})


async def test_the_seeded_payment_is_found_by_search_and_by_customer(stripe: Stripe):
    [found] = await stripe.execute("search_payment_intents", {"query": "metadata['order_id']:'1001'"})
    assert [found] == await stripe.execute("list_payment_intents", {"customer": found.customer})
    assert [] == await stripe.execute("list_payment_intents", {"created": {"gt": found.created.isoformat()}})
    assert [found] == await stripe.execute("list_payment_intents", {"created": {"gte": int(found.created.timestamp())}})


async def test_a_deleted_customer_is_said_to_be_deleted(ledger: Ledger):
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**BALANCE, "id": "cus_1", "object": "customer", "deleted": True})

    async with Stripe(
        api_key=KEY, ledger=ledger, recorder=lambda _: None, transport=httpx.MockTransport(answer)
    ) as stripe:
        gone = await stripe.execute("get_customer", {"customer_id": "cus_1"})
    assert (True, None) == (gone.deleted, gone.email)


async def test_the_balance_is_told_per_currency(stripe: Stripe):
    balance = await stripe.execute("get_balance")
    assert [("usd", 4999)] == [(funds.currency, funds.amount) for funds in balance.available]


async def test_lists_are_read_over_pages_up_to_the_limit(
    stripe: Stripe, calls: list[CallRecord], monkeypatch: pytest.MonkeyPatch
):
    for number in range(4):
        await stripe.execute("create_customer", {"name": f"Number {number}"})
    calls.clear()
    monkeypatch.setattr(lists, "PAGE_SIZE", 2)
    everyone = await stripe.execute("list_customers", {"limit": 100})
    assert ["Number 3", "Number 2", "Number 1", "Number 0", "Jane Smith"] == [one.name for one in everyone]
    assert 3 == len(calls)
    assert everyone[:3] == await stripe.execute("list_customers", {"limit": 3})


async def test_what_is_not_there_is_not_found(stripe: Stripe):
    with pytest.raises(NotFound):
        await stripe.execute("get_payment_intent", {"payment_intent_id": "pi_nothing"})
    with pytest.raises(NotFound):
        await stripe.execute("get_customer", {"customer_id": "../v1/balance"})


# --- once ------------------------------------------------------------------------------------------------------------


async def test_the_same_reference_sends_one_request_and_returns_the_same_result(
    stripe: Stripe, server: SandboxServer, calls: list[CallRecord]
):
    first = await stripe.execute("create_payment_intent", PAID, reference="order-1")
    second = await stripe.execute("create_payment_intent", PAID, reference="order-1")
    assert first == second
    assert type(first) is type(second)
    assert ["POST"] == [call.method for call in calls]
    assert [first.id] == list(payments(server))


async def test_the_same_reference_for_another_amount_is_refused(stripe: Stripe, server: SandboxServer):
    await stripe.execute("create_payment_intent", PAID, reference="order-1")
    with pytest.raises(EffectConflict):
        await stripe.execute("create_payment_intent", {**PAID, "amount": 5000}, reference="order-1")
    assert [2999] == [row["amount"] for row in payments(server).values()]


async def test_without_a_reference_every_call_is_a_payment_of_its_own(stripe: Stripe, server: SandboxServer):
    for _ in range(2):
        await stripe.execute("create_payment_intent", PAID)
    assert 2 == len(payments(server))


async def test_a_second_process_on_the_same_store_sends_nothing(server: SandboxServer, tmp_path: Path):
    results = []
    for _ in range(2):
        ledger = Ledger(Store(tmp_path))
        async with Stripe(
            api_key=KEY, base_url=f"{server.url}/stripe", ledger=ledger, recorder=lambda _: None
        ) as stripe:
            results.append(await stripe.execute("create_payment_intent", PAID, reference="order-1"))
        ledger.owner.release()
        await ledger.store.close()
    assert results[0] == results[1]
    assert 1 == len(payments(server))
    assert 1 == sum(entry.method == "POST" for entry in server.sandbox.log)


async def test_a_payment_whose_process_was_killed_is_asked_for_again_under_the_same_key(
    server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    killed = Ledger(Store(tmp_path))

    async def die(_outcomes: Any) -> None:
        raise Killed

    monkeypatch.setattr(killed, "settle", die)
    stripe = Stripe(api_key=KEY, base_url=f"{server.url}/stripe", ledger=killed, recorder=lambda _: None)
    async with stripe:
        with pytest.raises(Killed):
            await stripe.execute("create_payment_intent", PAID, reference="order-1")
    killed.owner.release()  # as the kernel does for a process that is gone
    await killed.store.close()

    heir = Ledger(Store(tmp_path))
    stripe = Stripe(api_key=KEY, base_url=f"{server.url}/stripe", ledger=heir, recorder=lambda _: None)
    async with stripe:
        performed = await stripe.perform("create_payment_intent", PAID, reference="order-1")
    assert {performed.key: State.CONFIRMED} == await heir.states([performed.key])
    heir.owner.release()
    await heir.store.close()

    keys = [entry.idempotency_key for entry in server.sandbox.log if entry.method == "POST"]
    assert 2 == len(keys)
    assert 1 == len(set(keys))
    assert WriteStatus.CONFIRMED == performed.status
    assert [performed.value.id] == list(payments(server))
    assert 1 == server.sandbox.truth("stripe")["stripe"]["idempotent_replays"]


async def test_a_lost_answer_costs_one_payment_and_not_two(
    stripe: Stripe, server: SandboxServer, calls: list[CallRecord], truth: Any
):
    before = truth("stripe")["captured_minor"]["usd"]
    lost = {"slug": "stripe", "kind": "commit_then_drop", "method": "POST", "count": 1}
    server.sandbox.faults.add(Fault.parse(lost, ["stripe"]))
    paid = await stripe.execute("create_payment_intent", PAID, reference="order-1")
    assert [None, 200] == [call.status for call in calls]
    assert [paid.id] == list(payments(server))
    assert 2999 == truth("stripe")["captured_minor"]["usd"] - before
    assert 1 == truth("stripe")["idempotent_replays"]


async def test_an_answer_that_stays_away_leaves_it_unknown_until_a_later_run_settles_it(
    stripe: Stripe, server: SandboxServer
):
    lost = {"slug": "stripe", "kind": "commit_then_drop", "method": "POST"}
    server.sandbox.faults.add(Fault.parse(lost, ["stripe"]))
    performed = await stripe.perform("create_payment_intent", PAID, reference="order-1")
    assert WriteStatus.UNKNOWN == performed.status
    assert isinstance(performed.error, OutcomeUnknown)
    server.sandbox.faults.clear()
    settled = await stripe.perform("create_payment_intent", PAID, reference="order-1")
    assert WriteStatus.CONFIRMED == settled.status
    assert [settled.value.id] == list(payments(server))


@pytest.mark.parametrize(
    ("action", "arguments"), [("capture_payment", {"amount_to_capture": 1500}), ("cancel_payment_intent", {})]
)
async def test_a_lost_answer_to_capture_or_cancel_is_replayed(
    stripe: Stripe, server: SandboxServer, action: str, arguments: dict[str, Any]
):
    held = await stripe.execute("create_payment_intent", HELD)
    lost = {"slug": "stripe", "kind": "commit_then_drop", "method": "POST", "count": 1}
    server.sandbox.faults.add(Fault.parse(lost, ["stripe"]))
    performed = await stripe.perform(action, {"payment_intent_id": held.id, **arguments}, reference="order-1")
    assert WriteStatus.CONFIRMED == performed.status


async def test_a_lost_answer_to_a_refund_refunds_once(stripe: Stripe, server: SandboxServer, truth: Any):
    paid = await stripe.execute("create_payment_intent", PAID)
    lost = {"slug": "stripe", "kind": "commit_then_drop", "path": "/v1/refunds", "count": 1}
    server.sandbox.faults.add(Fault.parse(lost, ["stripe"]))
    await stripe.execute("refund_payment", {"payment_intent_id": paid.id, "amount": 100}, reference="refund-1")
    assert {"usd": 100} == truth("stripe")["refunded_minor"]


# --- failures --------------------------------------------------------------------------------------------------------


async def test_a_wrong_key_is_refused_without_showing_it(server: SandboxServer, ledger: Ledger):
    secret = "sk_test_invalid0123456789"
    stripe = Stripe(api_key=secret, base_url=f"{server.url}/stripe", ledger=ledger, recorder=lambda _: None)
    with pytest.raises(AuthenticationFailed) as refused:
        await stripe.connect()
    assert 401 == refused.value.status
    shown = f"{refused.value!r} {refused.value.for_log} {refused.value.detail} {stripe!r} {stripe.config!r}"
    assert secret not in shown
    assert secret[8:] not in shown


async def test_client_secrets_stay_out_of_results_errors_and_the_ledger(
    stripe: Stripe, ledger: Ledger, wire: Wire, on_wire: Stripe
):
    paid = await on_wire.execute("create_payment_intent", PAID, reference="order-1")
    assert b"client_secret" in await _body_of(wire)
    assert "_secret_" not in paid.model_dump_json()
    broke = {**PAID, "payment_method": "pm_card_visa_chargeDeclined"}
    with pytest.raises(Declined) as declined:
        await on_wire.execute("create_payment_intent", broke, reference="order-2")
    assert "_secret_" not in f"{declined.value!r} {declined.value.for_log} {declined.value.detail}"
    stored = await ledger.store.read(
        lambda connection: str(connection.exec_driver_sql("SELECT * FROM effects").fetchall())
    )
    assert paid.id in stored
    assert "_secret_" not in stored
    assert KEY not in stored


async def _body_of(wire: Wire) -> bytes:
    request = wire.requests[0]
    answer = await wire.transport.handle_async_request(request)
    return answer.content


@pytest.mark.parametrize(
    ("status", "error", "headers", "attempts"),
    [
        (409, {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "at it"}, {}, 3),
        (400, {"type": "idempotency_error", "message": "Keys for idempotent requests ..."}, {}, 1),
        (409, {"type": "invalid_request_error", "code": "lock_timeout", "message": "busy"}, {}, 1),
        (409, {"type": "api_error", "message": "busy"}, {"Stripe-Should-Retry": "true"}, 3),
        (500, {"type": "api_error", "message": "no use"}, {"Stripe-Should-Retry": "false"}, 1),
    ],
)
async def test_what_stripe_says_about_repeating_is_done(
    ledger: Ledger, status: int, error: dict[str, str], headers: dict[str, str], attempts: int
):
    keys: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=BALANCE)
        keys.append(request.headers.get("idempotency-key"))
        return httpx.Response(status, json={"error": error}, headers=headers)

    async with Stripe(
        api_key=KEY, ledger=ledger, recorder=lambda _: None, transport=httpx.MockTransport(answer)
    ) as stripe:
        performed = await stripe.perform("create_payment_intent", PAID, reference="order-1")
    assert attempts == len(keys)
    assert 1 == len(set(keys))
    assert performed.status in {WriteStatus.FAILED, WriteStatus.UNKNOWN}
    assert error["message"] in performed.error.for_model


async def test_a_key_used_for_another_request_is_a_rejection_that_names_it(stripe: Stripe, ledger: Ledger):
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=BALANCE)
        return httpx.Response(400, json={"error": {"type": "idempotency_error", "message": "used for another"}})

    async with Stripe(
        api_key=KEY, ledger=ledger, recorder=lambda _: None, transport=httpx.MockTransport(answer)
    ) as other:
        with pytest.raises(Rejected) as refused:
            await other.execute("create_payment_intent", PAID)
    assert "idempotency_error" == refused.value.code


def test_it_is_made_by_its_slug():
    stripe = create_integration("stripe", api_key=KEY)
    assert ("Stripe", "ecommerce") == (stripe.get_metadata()["name"], stripe.get_metadata()["type"])
    assert {"create_payment_intent", "capture_payment", "refund_payment", "get_customer"} <= set(stripe.specs)


# --- against the vendor's specification ------------------------------------------------------------------------------


async def test_every_request_fits_the_vendors_specification(specs: Path, on_wire: Stripe, wire: Wire):
    described = Specification(read_json(specs / "stripe.json"))
    assert API_VERSION == described.document["info"]["version"]
    tried: set[str] = set()

    async def do(action: str, params: dict[str, Any]) -> Any:
        tried.add(action)
        return await on_wire.execute(action, params)

    ada = await do(
        "create_customer",
        {"email": "ada@example.com", "name": "Ada", "phone": "1", "description": "d", "metadata": {"a": "b"}},
    )
    await do("update_customer", {"customer_id": ada.id, "name": "", "metadata": {"a": ""}})
    await do("get_customer", {"customer_id": ada.id})
    await do("list_customers", {"email": "ada@example.com", "created": {"gte": 1}, "limit": 3})
    await do("search_customers", {"query": "name:'Ada'"})
    held = await do(
        "create_payment_intent",
        {
            **HELD,
            "customer": ada.id,
            "customer_email": "ada@example.com",
            "description": "d",
            "metadata": {"order_id": 7},
            "return_url": "https://example.com",
            "off_session": True,
        },
    )
    await do("get_payment_intent", {"payment_intent_id": held.id})
    await do("capture_payment", {"payment_intent_id": held.id, "amount_to_capture": 1000})
    await do(
        "refund_payment",
        {"payment_intent_id": held.id, "amount": 10, "reason": "duplicate", "metadata": {"a": "b"}},
    )
    [refund] = await do("list_refunds", {"payment_intent_id": held.id, "created": {"lt": 2**31}})
    await do("get_refund", {"refund_id": refund.id})
    later = await do("create_payment_intent", {"amount": 500, "currency": "eur", "payment_method_types": ["card"]})
    await do("confirm_payment_intent", {"payment_intent_id": later.id, "payment_method": "pm_card_visa"})
    spare = await do("create_payment_intent", {"amount": 500, "currency": "eur"})
    await do("cancel_payment_intent", {"payment_intent_id": spare.id, "cancellation_reason": "duplicate"})
    await do("list_payment_intents", {"customer": ada.id, "created": {"gt": 1, "lte": 2**31}})
    await do("search_payment_intents", {"query": "status:'succeeded'", "limit": 5})
    await do("get_balance", {})
    assert [] == [problem for sent in wire.requests for problem in described.of(sent)]
    assert set(on_wire.specs) == tried


@pytest.mark.parametrize(
    ("path", "query", "form", "complaint"),
    [
        ("/v1/payment_intent", "", "", "no such operation"),
        ("/v1/payment_intents", "", "amount=1", "'currency' is a required property"),
        ("/v1/payment_intents", "", "amount=1&currency=usd&capture=manual", "capture"),
        ("/v1/payment_intents", "", "amount=1.5&currency=usd", "is not of type 'integer'"),
        ("/v1/payment_intents", "", "amount=1&currency=usd&capture_method=later", "is not one of"),
        ("/v1/payment_intents", "limit=1", "amount=1&currency=usd", "query parameter limit is unknown"),
    ],
)
def test_the_check_against_the_specification_finds_mistakes(
    specs: Path, path: str, query: str, form: str, complaint: str
):
    described = Specification(read_json(specs / "stripe.json"))
    assert complaint in " ".join(described.problems("POST", path, query, form.encode(), FORM))


def test_the_records_read_the_vendors_own_examples(specs: Path):
    from newfuse.connectors.stripe.records import Balance, Customer, PaymentIntent, Refund

    examples = read_json(specs / "stripe-fixtures.json")["resources"]
    kinds = {"payment_intent": PaymentIntent, "refund": Refund, "customer": Customer, "balance": Balance}
    for name, kind in kinds.items():
        record = kind.model_validate(examples[name])
        assert record == kind.model_validate(record.model_dump(mode="json"))
        assert "secret" not in record.model_dump_json()
