"""Money at the emulated Stripe moves as Stripe documents: payments, refunds, balance."""

from __future__ import annotations

import pytest

from sandbox.stripe_caller import Caller, payment

DAY_S = 86_400


@pytest.fixture
def caller() -> Caller:
    return Caller()


# --- payment intents ----------------------------------------------------------------------------------------


def test_a_payment_goes_from_creation_over_confirmation_to_success(caller):
    intent = caller.post("/v1/payment_intents", {"amount": 2000, "currency": "USD", "payment_method_types": ["card"]})
    assert ("requires_payment_method", "usd") == (intent["status"], intent["currency"])
    path = f"/v1/payment_intents/{intent['id']}"
    assert "requires_confirmation" == caller.post(path, {"payment_method": "pm_card_mastercard"})["status"]
    done = caller.post(f"{path}/confirm")
    assert ("succeeded", 2000, 0) == (done["status"], done["amount_received"], done["amount_capturable"])
    assert done == caller.get(path)
    charge = caller.get(f"/v1/charges/{done['latest_charge']}")
    assert (2000, 2000, 0) == (charge["amount"], charge["amount_captured"], charge["amount_refunded"])
    assert (True, True, "succeeded", "authorized") == (
        charge["captured"],
        charge["paid"],
        charge["status"],
        charge["outcome"]["type"],
    )
    assert "4444" == charge["payment_method_details"]["card"]["last4"]
    assert charge["balance_transaction"].startswith("txn_")


def test_a_manual_payment_is_held_then_captured_in_part_and_the_rest_released(caller):
    held = caller.pay(5000, capture_method="manual")
    assert ("requires_capture", 5000, 0) == (held["status"], held["amount_capturable"], held["amount_received"])
    assert {"usd": 5000} == caller.stripe.truth()["authorized_minor"]
    path = f"/v1/payment_intents/{held['id']}/capture"
    assert "amount_too_large" == caller.refused("POST", path, {"amount_to_capture": 5001})["code"]
    taken = caller.post(path, {"amount_to_capture": 3000})
    assert ("succeeded", 3000, 0) == (taken["status"], taken["amount_received"], taken["amount_capturable"])
    charge = caller.get(f"/v1/charges/{taken['latest_charge']}")
    assert (3000, 2000, False) == (charge["amount_captured"], charge["amount_refunded"], charge["refunded"])
    truth = caller.stripe.truth()
    assert ({"usd": 4999 + 3000}, {}, {}) == (
        truth["captured_minor"],
        truth["refunded_minor"],
        truth["authorized_minor"],
    )
    again = caller.refused("POST", path)
    assert "payment_intent_unexpected_state" == again["code"]
    assert "already been captured" in again["message"]
    assert "succeeded" == again["payment_intent"]["status"]


def test_only_what_is_held_can_be_captured(caller):
    intent = caller.post("/v1/payment_intents", {"amount": 2000, "currency": "usd"})
    error = caller.refused("POST", f"/v1/payment_intents/{intent['id']}/capture")
    assert (400, "payment_intent_unexpected_state") == (error["status"], error["code"])
    assert "has a status of requires_payment_method" in error["message"]


def test_canceling_releases_what_was_held(caller):
    held = caller.pay(5000, capture_method="manual")
    path = f"/v1/payment_intents/{held['id']}"
    gone = caller.post(f"{path}/cancel", {"cancellation_reason": "duplicate"})
    assert ("canceled", "duplicate", 0) == (gone["status"], gone["cancellation_reason"], gone["amount_capturable"])
    assert gone["canceled_at"] == int(caller.clock())
    charge = caller.get(f"/v1/charges/{held['latest_charge']}")
    assert (False, True) == (charge["captured"], charge["refunded"])
    assert {} == caller.stripe.truth()["authorized_minor"]
    for verb in ("cancel", "confirm", "capture"):
        assert "payment_intent_unexpected_state" == caller.refused("POST", f"{path}/{verb}")["code"]


def test_a_succeeded_payment_cannot_be_canceled_or_changed_in_amount(caller):
    path = f"/v1/payment_intents/{caller.pay()['id']}"
    assert "status of succeeded" in caller.refused("POST", f"{path}/cancel")["message"]
    assert "payment_intent_unexpected_state" == caller.refused("POST", path, {"amount": 100})["code"]
    assert "later" == caller.post(path, {"description": "later"})["description"]


def test_what_is_held_for_a_week_is_canceled_by_itself(caller):
    held = caller.pay(5000, capture_method="manual")
    caller.clock.pass_s(7 * DAY_S)
    gone = caller.get(f"/v1/payment_intents/{held['id']}")
    assert ("canceled", "automatic") == (gone["status"], gone["cancellation_reason"])


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
        ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
def test_a_declined_card_leaves_the_payment_open_with_its_error(caller, method, code, decline_code):
    error = caller.refused("POST", "/v1/payment_intents", payment(2000, method))
    assert (402, "card_error", code, decline_code) == (
        error["status"],
        error["type"],
        error["code"],
        error["decline_code"],
    )
    intent = caller.get(f"/v1/payment_intents/{error['payment_intent']['id']}")
    assert error["payment_intent"] == intent
    assert ("requires_payment_method", None) == (intent["status"], intent["payment_method"])
    assert code == intent["last_payment_error"]["code"]
    charge = caller.get(f"/v1/charges/{intent['latest_charge']}")
    assert ("failed", False, 0, code) == (
        charge["status"],
        charge["paid"],
        charge["amount_captured"],
        charge["failure_code"],
    )
    paid = caller.post(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": "pm_card_visa"})
    assert ("succeeded", None) == (paid["status"], paid["last_payment_error"])
    assert 2 == len(caller.get("/v1/charges", {"payment_intent": intent["id"]})["data"])


def test_a_card_that_needs_authentication_waits_for_the_customer(caller):
    waiting = caller.pay(method="pm_card_authenticationRequired")
    assert ("requires_action", "use_stripe_sdk") == (waiting["status"], waiting["next_action"]["type"])
    redirected = caller.pay(method="pm_card_threeDSecure2Required", return_url="https://example.com/back")
    assert "https://example.com/back" == redirected["next_action"]["redirect_to_url"]["return_url"]
    other = {"payment_method": "pm_card_visa"}
    assert "succeeded" == caller.post(f"/v1/payment_intents/{waiting['id']}/confirm", other)["status"]


def test_nobody_there_to_authenticate_is_a_decline(caller):
    for option in ({"off_session": True}, {"error_on_requires_action": True}):
        error = caller.refused("POST", "/v1/payment_intents", payment(2000, "pm_card_authenticationRequired", **option))
        assert (402, "authentication_required") == (error["status"], error["code"])
        assert "requires_payment_method" == error["payment_intent"]["status"]


def test_a_bank_debit_is_processing_until_it_settles(caller):
    debit = caller.pay(method="pm_usBankAccount_success", payment_method_types=["us_bank_account"])
    stuck = caller.pay(method="pm_usBankAccount_processing", payment_method_types=["us_bank_account"])
    assert ("processing", "processing") == (debit["status"], stuck["status"])
    assert {"usd": 4999} == caller.stripe.truth()["captured_minor"]
    caller.clock.pass_s(600)
    assert "succeeded" == caller.get(f"/v1/payment_intents/{debit['id']}")["status"]
    assert "processing" == caller.get(f"/v1/payment_intents/{stuck['id']}")["status"]
    assert {"usd": 4999 + 2000} == caller.stripe.truth()["captured_minor"]


def test_automatic_payment_methods_need_a_return_url_unless_redirects_are_refused(caller):
    form = payment()
    del form["payment_method_types"]
    automatic = {**form, "automatic_payment_methods": {"enabled": True}}
    for refused in (form, automatic):
        assert "you must provide a `return_url`" in caller.refused("POST", "/v1/payment_intents", refused)["message"]
    assert 1 == len(caller.stripe.truth()["payment_intents"])
    never = {**form, "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
    assert "succeeded" == caller.post("/v1/payment_intents", never)["status"]
    assert "succeeded" == caller.post("/v1/payment_intents", {**automatic, "return_url": "https://a.example"})["status"]
    older = caller.post("/v1/payment_intents", form, headers={"stripe-version": "2022-11-15"})
    assert ("succeeded", None) == (older["status"], older["automatic_payment_methods"])


def test_a_later_confirmation_needs_the_return_url_too(caller):
    intent = caller.post("/v1/payment_intents", {"amount": 500, "currency": "usd"})
    path = f"/v1/payment_intents/{intent['id']}/confirm"
    card = {"payment_method": "pm_card_visa"}
    assert "`return_url`" in caller.refused("POST", path, card)["message"]
    assert "missing a payment method" in caller.refused("POST", path)["message"]
    assert intent == caller.get(f"/v1/payment_intents/{intent['id']}")
    assert "succeeded" == caller.post(path, {**card, "return_url": "https://a.example"})["status"]


def test_an_update_that_is_refused_changes_nothing(caller):
    intent = caller.post("/v1/payment_intents", {"amount": 500, "currency": "usd"})
    path = f"/v1/payment_intents/{intent['id']}"
    assert 400 == caller.refused("POST", path, {"amount": 900, "payment_method": "pm_none"})["status"]
    assert "amount_too_small" == caller.refused("POST", path, {"currency": "dkk", "amount": 60})["code"]
    assert intent == caller.get(path)


# --- refunds and balance ------------------------------------------------------------------------------------


def test_refunds_add_up_to_what_was_captured_and_no_further(caller):
    intent = caller.pay(2000)
    first = caller.post("/v1/refunds", {"payment_intent": intent["id"], "amount": 500, "reason": "duplicate"})
    assert ("succeeded", 500, intent["latest_charge"]) == (first["status"], first["amount"], first["charge"])
    too_much = caller.refused("POST", "/v1/refunds", {"charge": intent["latest_charge"], "amount": 1600})
    assert "Refund amount ($16.00) is greater than unrefunded amount on charge ($15.00)" == too_much["message"]
    assert (400, "amount") == (too_much["status"], too_much["param"])
    rest = caller.post("/v1/refunds", {"payment_intent": intent["id"]})
    assert 1500 == rest["amount"]
    error = caller.refused("POST", "/v1/refunds", {"payment_intent": intent["id"]})
    assert (400, "charge_already_refunded") == (error["status"], error["code"])
    charge = caller.get(f"/v1/charges/{intent['latest_charge']}")
    assert (2000, True) == (charge["amount_refunded"], charge["refunded"])
    listed = caller.get("/v1/refunds", {"payment_intent": intent["id"]})["data"]
    assert [rest["id"], first["id"]] == [row["id"] for row in listed]
    assert rest == caller.get(f"/v1/refunds/{rest['id']}")
    assert {"usd": 2000} == caller.stripe.truth()["refunded_minor"]


def test_a_partly_captured_payment_refunds_only_what_was_taken(caller):
    held = caller.pay(5000, capture_method="manual")
    caller.post(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": 3000})
    assert 3000 == caller.post("/v1/refunds", {"payment_intent": held["id"]})["amount"]
    assert {"usd": 3000} == caller.stripe.truth()["refunded_minor"]


@pytest.mark.parametrize("more", [{"capture_method": "manual"}, {"confirm": False}])
def test_what_was_not_captured_cannot_be_refunded(caller, more):
    intent = caller.pay(**more)
    error = caller.refused("POST", "/v1/refunds", {"payment_intent": intent["id"]})
    assert 400 == error["status"]
    assert "does not have a successful charge to refund" in error["message"]


def test_a_refund_must_name_a_charge_that_exists(caller):
    assert "parameter_missing" == caller.refused("POST", "/v1/refunds", {"amount": 100})["code"]
    assert "resource_missing" == caller.refused("POST", "/v1/refunds", {"charge": "ch_none"})["code"]
    assert 404 == caller.refused("GET", "/v1/refunds/re_none")["status"]


def balances(caller: Caller) -> dict[str, dict[str, int]]:
    body = caller.get("/v1/balance")
    return {side: {row["currency"]: row["amount"] for row in body[side]} for side in ("available", "pending")}


def test_the_balance_follows_captures_and_refunds_and_becomes_available_by_the_clock(caller):
    assert {"available": {"usd": 4999}, "pending": {"usd": 0}} == balances(caller)
    intent = caller.pay(2000)
    caller.pay(900, currency="eur")
    caller.pay(7000, capture_method="manual")
    assert {"available": {"usd": 4999, "eur": 0}, "pending": {"usd": 2000, "eur": 900}} == balances(caller)
    caller.post("/v1/refunds", {"payment_intent": intent["id"], "amount": 300})
    assert 1700 == balances(caller)["pending"]["usd"]
    caller.clock.pass_s(2 * DAY_S)
    assert {"available": {"usd": 6699, "eur": 900}, "pending": {"usd": 0, "eur": 0}} == balances(caller)
    caller.pay(100, "pm_card_bypassPending")
    assert 6799 == balances(caller)["available"]["usd"]
    total = sum(row["net"] for row in caller.get("/v1/balance_transactions", {"currency": "usd"})["data"])
    assert 6799 == total
