"""Idempotency keys behave as docs.stripe.com/api/idempotent_requests says."""

from __future__ import annotations

import pytest

from sandbox.stripe_caller import Caller, payment

PATH = "/v1/payment_intents"


@pytest.fixture
def caller() -> Caller:
    return Caller()


def test_the_same_request_with_the_same_key_happens_once(caller):
    first = caller.send("POST", PATH, payment(), idempotency_key="k-1")
    again = caller.send("POST", PATH, payment(), idempotency_key="k-1")
    assert (200, first.body) == (again.status, again.body)
    assert "Idempotent-Replayed" not in first.headers
    assert ("true", "k-1", first.headers["Request-Id"]) == (
        again.headers["Idempotent-Replayed"],
        again.headers["Idempotency-Key"],
        again.headers["Original-Request"],
    )
    assert first.headers["Request-Id"] != again.headers["Request-Id"]
    truth = caller.stripe.truth()
    assert (2, 1, {"usd": 4999 + 2000}) == (
        len(truth["payment_intents"]),
        truth["idempotent_replays"],
        truth["captured_minor"],
    )


def test_the_answer_is_the_first_one_even_when_the_object_has_changed(caller):
    intent = caller.post(PATH, payment(capture_method="manual"), idempotency_key="k-1")
    caller.post(f"{PATH}/{intent['id']}/capture", idempotency_key="k-2")
    again = caller.post(PATH, payment(capture_method="manual"), idempotency_key="k-1")
    assert "requires_capture" == again["status"]
    assert "succeeded" == caller.get(f"{PATH}/{intent['id']}")["status"]


def test_the_order_of_parameters_does_not_matter(caller):
    caller.post("/v1/customers", [("name", "Ada"), ("email", "a@b.example")], idempotency_key="k")
    again = caller.send("POST", "/v1/customers", [("email", "a@b.example"), ("name", "Ada")], idempotency_key="k")
    assert "true" == again.headers["Idempotent-Replayed"]


def test_other_parameters_under_the_same_key_are_an_error(caller):
    caller.post(PATH, payment(2000), idempotency_key="k-1")
    error = caller.refused("POST", PATH, payment(2001), idempotency_key="k-1")
    assert (400, "idempotency_error") == (error["status"], error["type"])
    assert (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a "
        "key other than 'k-1' if you meant to execute a different request."
    ) == error["message"]
    assert 2 == len(caller.stripe.truth()["payment_intents"])


def test_another_path_under_the_same_key_is_an_error(caller):
    caller.post("/v1/customers", {"description": "x"}, idempotency_key="k-1")
    error = caller.refused("POST", PATH, payment(), idempotency_key="k-1")
    assert (400, "idempotency_error") == (error["status"], error["type"])
    assert "('/v1/payment_intents' vs '/v1/customers')" in error["message"]


def test_a_decline_is_kept_and_answered_again(caller):
    form = payment(method="pm_card_chargeDeclined")
    first = caller.send("POST", PATH, form, idempotency_key="k-1")
    again = caller.send("POST", PATH, form, idempotency_key="k-1")
    assert (402, first.body, "true") == (again.status, again.body, again.headers["Idempotent-Replayed"])
    assert 2 == len(caller.stripe.truth()["charges"])


def test_a_refusal_for_the_state_of_things_is_kept(caller):
    intent = caller.post(PATH, {"amount": 500, "currency": "usd", "payment_method_types": ["card"]})
    capture = f"{PATH}/{intent['id']}/capture"
    assert 400 == caller.refused("POST", capture, idempotency_key="k-1")["status"]
    held = {"payment_method": "pm_card_visa", "capture_method": "manual"}
    assert "requires_capture" == caller.post(f"{PATH}/{intent['id']}/confirm", held)["status"]
    assert "payment_intent_unexpected_state" == caller.refused("POST", capture, idempotency_key="k-1")["code"]
    assert "succeeded" == caller.post(capture, idempotency_key="k-2")["status"]


def test_a_validation_failure_is_not_kept_so_the_key_can_be_used_again(caller):
    wrong = caller.send("POST", PATH, payment(10), idempotency_key="k-1")
    assert (400, "k-1") == (wrong.status, wrong.headers["Idempotency-Key"])
    assert "succeeded" == caller.post(PATH, payment(2000), idempotency_key="k-1")["status"]


def test_neither_a_refused_key_nor_a_limit_is_kept():
    caller = Caller(pace_s=0, rate_limit_per_s=1)
    assert 401 == caller.refused("POST", PATH, payment(), key=None, idempotency_key="k-1")["status"]
    caller.get("/v1/balance")
    assert 429 == caller.refused("POST", PATH, payment(), idempotency_key="k-1")["status"]
    caller.clock.pass_s(1)
    answer = caller.send("POST", PATH, payment(), idempotency_key="k-1")
    assert (200, False) == (answer.status, "Idempotent-Replayed" in answer.headers)


def test_a_key_is_forgotten_after_24_hours(caller):
    first = caller.post(PATH, payment(), idempotency_key="k-1")
    caller.clock.pass_s(24 * 3600 - 2)
    assert first["id"] == caller.post(PATH, payment(), idempotency_key="k-1")["id"]
    caller.clock.pass_s(2)
    assert first["id"] != caller.post(PATH, payment(), idempotency_key="k-1")["id"]


def test_a_key_belongs_to_its_mode(caller):
    caller.post("/v1/customers", {"name": "Ada"}, idempotency_key="k-1")
    live = caller.send("POST", "/v1/customers", {"name": "Ada"}, idempotency_key="k-1", key="sk_live_0123456789")
    assert "Idempotent-Replayed" not in live.headers
    other = caller.send("POST", "/v1/customers", {"name": "Ada"}, idempotency_key="k-1", key="rk_test_0123456789")
    assert "true" == other.headers["Idempotent-Replayed"]


def test_a_key_may_have_255_characters_and_no_more(caller):
    assert caller.post("/v1/customers", idempotency_key="k" * 255)["object"] == "customer"
    assert 400 == caller.refused("POST", "/v1/customers", idempotency_key="k" * 256)["status"]


def test_a_key_means_nothing_to_a_read(caller):
    first = caller.send("GET", "/v1/balance", idempotency_key="k-1")
    assert "Idempotency-Key" not in first.headers
    assert "Idempotent-Replayed" not in caller.send("GET", "/v1/balance", idempotency_key="k-1").headers


def test_a_refund_under_one_key_is_paid_once(caller):
    intent = caller.pay(2000)
    form = {"payment_intent": intent["id"], "amount": 500}
    ids = {caller.post("/v1/refunds", form, idempotency_key="r-1")["id"] for _ in range(3)}
    assert 1 == len(ids)
    assert {"usd": 500} == caller.stripe.truth()["refunded_minor"]
