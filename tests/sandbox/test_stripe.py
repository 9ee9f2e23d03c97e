"""Stripe's front door as emulated: keys, forms, parameters, limits, faults, seed and truth."""

from __future__ import annotations

import base64
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newfuse.sandbox.stripe import Stripe
from newfuse.sandbox.stripe.form import decode
from sandbox.stripe_caller import KEY, START, Caller, flatten

DAY_S = 86_400


@pytest.fixture
def caller() -> Caller:
    return Caller()


# --- the door -----------------------------------------------------------------------------------------------


def test_a_request_without_a_key_is_refused_with_stripes_words(caller):
    error = caller.refused("GET", "/v1/customers", key=None)
    assert (401, "invalid_request_error") == (error["status"], error["type"])
    assert error["message"].startswith("You did not provide an API key. You need to provide your API key")


@pytest.mark.parametrize("key", ["sk_test_invalid_key_0001", "sk_test_revoked_key_0001", "pk_test_0123456789", "hello"])
def test_a_wrong_key_is_refused_and_masked(caller, key):
    error = caller.refused("GET", "/v1/customers", key=key)
    assert 401 == error["status"]
    assert re.match(r"Invalid API Key provided: (sk_test_|pk_|hel)\*+", error["message"])
    assert key not in error["message"]


def test_an_expired_key_says_so(caller):
    assert "api_key_expired" == caller.refused("GET", "/v1/customers", key="sk_test_expired_0001")["code"]


def test_a_key_may_come_as_the_user_of_basic_auth_with_an_empty_password(caller):
    def basic(pair: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    assert "list" == caller.get("/v1/customers", headers=basic(f"{KEY}:"))["object"]
    assert 401 == caller.refused("GET", "/v1/customers", headers=basic(f"{KEY}:secret"))["status"]


def test_the_key_decides_the_mode_and_the_modes_share_nothing(caller):
    live = caller.post("/v1/customers", {"name": "Live"}, key="sk_live_0123456789")
    assert live["livemode"] is True
    assert [live["id"]] == [row["id"] for row in caller.get("/v1/customers", key="rk_live_0123456789")["data"]]
    error = caller.refused("GET", f"/v1/customers/{live['id']}")
    assert (404, "resource_missing") == (error["status"], error["code"])
    assert "other mode" in error["message"]


def test_every_answer_has_a_request_id_and_a_version(caller):
    answers = [
        caller.send("GET", "/v1/balance"),
        caller.send("GET", "/v1/nothing"),
        caller.send("GET", "/v1/balance", key=None),
        caller.stripe.failure(500),
        caller.stripe.too_many_requests(0),
    ]
    ids = {answer.headers["Request-Id"] for answer in answers}
    assert len(answers) == len(ids)
    assert all(re.fullmatch(r"req_[0-9A-Za-z]{24}", id_) for id_ in ids)
    assert all(answer.headers["Stripe-Version"] == "2023-08-16" for answer in answers)
    asked = caller.send("GET", "/v1/balance", headers={"stripe-version": "2024-06-20"})
    assert "2024-06-20" == asked.headers["Stripe-Version"]


def test_an_unknown_path_is_named_with_its_method(caller):
    error = caller.refused("GET", "/v1/nothing")
    assert (404, "invalid_request_error") == (error["status"], error["type"])
    assert error["message"].startswith("Unrecognized request URL (GET: /v1/nothing).")


def test_a_json_body_is_refused_as_stripe_does(caller):
    error = caller.refused(
        "POST", "/v1/customers", headers={"content-type": "application/json"}, body=b'{"name": "Ada"}'
    )
    assert (400, "invalid_request_error") == (error["status"], error["type"])
    assert "check that your POST content type is application/x-www-form-urlencoded" in error["message"]


def test_a_body_that_is_not_utf8_is_refused(caller):
    assert 400 == caller.refused("POST", "/v1/customers", body=b"name=\xff\xfe")["status"]


def test_an_error_points_at_its_log_and_its_documentation(caller):
    answer = caller.send("POST", "/v1/payment_intents", {"currency": "usd"})
    error = answer.body["error"]
    assert f"https://dashboard.stripe.com/test/logs/{answer.headers['Request-Id']}" in error["request_log_url"]
    assert "https://stripe.com/docs/error-codes/parameter-missing" == error["doc_url"]


# --- form encoding ------------------------------------------------------------------------------------------


def test_a_form_is_nested_by_its_brackets():
    pairs = [("a[b][c]", "1"), ("a[b][d]", "2"), ("e[]", "3"), ("e[]", "4"), ("f[0][g]", "5"), ("h", "6")]
    assert {"a": {"b": {"c": "1", "d": "2"}}, "e": ["3", "4"], "f": {"0": {"g": "5"}}, "h": "6"} == decode(pairs)


def test_a_list_of_objects_begins_a_new_one_when_a_name_repeats():
    assert {"a": [{"x": "1", "y": "2"}, {"x": "3"}]} == decode([("a[][x]", "1"), ("a[][y]", "2"), ("a[][x]", "3")])


def test_a_name_that_is_both_a_value_and_nested_is_refused(caller):
    assert 400 == caller.refused("POST", "/v1/customers", [("address", "x"), ("address[city]", "y")])["status"]


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.dictionaries(st.text("xyz", min_size=1), st.text())))
def test_what_a_client_nests_comes_out_as_it_went_in(value):
    nested = {name: inner for name, inner in value.items() if inner}
    assert nested == decode(flatten(nested))


@given(st.lists(st.tuples(st.text("ab[]0", max_size=8), st.text(max_size=3)), max_size=6))
def test_no_form_breaks_the_account(pairs):
    response = Caller(rate_limit_per_s=math.inf).send("POST", "/v1/customers", pairs)
    assert response.status in {200, 400}


# --- parameters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "code", "param", "message"),
    [
        ({"currency": "usd"}, "parameter_missing", "amount", "Missing required param: amount."),
        ({"amount": 100}, "parameter_missing", "currency", "Missing required param: currency."),
        ({"amount": "29.99", "currency": "usd"}, "parameter_invalid_integer", "amount", "Invalid integer: 29.99"),
        (
            {"amount": -5, "currency": "usd"},
            "parameter_invalid_integer",
            "amount",
            "This value must be greater than or equal to 1.",
        ),
        ({"amount": 49, "currency": "usd"}, "amount_too_small", "amount", "Amount must be at least $0.50 usd"),
        ({"amount": 49, "currency": "jpy"}, "amount_too_small", "amount", "Amount must be at least ¥50 jpy"),
        (
            {"amount": 100_000_000, "currency": "usd"},
            "amount_too_large",
            "amount",
            "Amount must be no more than $999,999.99",
        ),
        (
            {"amount": 100, "currency": "usd", "foo": 1},
            "parameter_unknown",
            "foo",
            "Received unknown parameter: foo",
        ),
        (
            {"amount": 100, "currency": "usd", "automatic_payment_methods": {"enabled": True, "on": 1}},
            "parameter_unknown",
            "automatic_payment_methods[on]",
            "Received unknown parameter: automatic_payment_methods[on]",
        ),
        (
            {"amount": 100, "currency": "usd", "receipt_email": "nobody"},
            "email_invalid",
            "receipt_email",
            "Invalid email address: nobody",
        ),
        (
            {"amount": 100, "currency": "usd", "customer": "cus_none"},
            "resource_missing",
            "customer",
            "No such customer: 'cus_none'",
        ),
        (
            {"amount": 100, "currency": "usd", "capture_method": "later"},
            None,
            "capture_method",
            "Invalid capture_method: must be one of automatic, automatic_async, or manual",
        ),
    ],
)
def test_a_malformed_payment_is_refused_by_name(caller, form, code, param, message):
    error = caller.refused("POST", "/v1/payment_intents", form)
    assert (400, "invalid_request_error") == (error["status"], error["type"])
    assert (code, param, message) == (error.get("code"), error["param"], error["message"])
    assert 1 == len(caller.stripe.truth()["payment_intents"])


def test_an_unknown_currency_is_answered_with_those_there_are(caller):
    error = caller.refused("POST", "/v1/payment_intents", {"amount": 100, "currency": "XYZ"})
    assert error["message"].startswith("Invalid currency: xyz. Stripe currently supports these currencies: usd, aed,")


def test_a_huge_field_is_refused_and_not_sent_back(caller):
    error = caller.refused("POST", "/v1/customers", {"name": "x" * 3_000_000})
    assert "must be at most 256 characters" in error["message"]
    assert len(error["message"]) < 200


def test_a_parameter_that_cannot_be_honoured_is_refused_plainly(caller):
    form = {"amount": 100, "currency": "usd", "transfer_data": {"destination": "acct_1"}}
    assert "does not emulate" in caller.refused("POST", "/v1/payment_intents", form)["message"]


def test_metadata_is_merged_and_an_empty_value_removes_its_key(caller):
    customer = caller.post("/v1/customers", {"metadata": {"a": "1", "b": "2"}})
    path = f"/v1/customers/{customer['id']}"
    assert {"b": "2", "c": "3"} == caller.post(path, {"metadata": {"a": "", "c": "3"}})["metadata"]
    assert {} == caller.post(path, {"metadata": ""})["metadata"]
    too_long = {"metadata": {"k": "v" * 501}}
    assert "up to 500 characters" in caller.refused("POST", path, too_long)["message"]
    too_many = {"metadata": {f"k{n}": "v" for n in range(51)}}
    assert "up to 50 metadata keys" in caller.refused("POST", path, too_many)["message"]


# --- limits, faults, seed, truth ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "allowed", "reason"), [(KEY, 25, "global-rate"), ("sk_live_0123456789", 25, "endpoint-rate")]
)
def test_a_burst_on_one_endpoint_meets_stripes_own_limit(key, allowed, reason):
    caller = Caller(pace_s=0)
    answers = [caller.send("GET", "/v1/balance", key=key) for _ in range(allowed + 1)]
    assert [200] * allowed + [429] == [answer.status for answer in answers]
    assert ("invalid_request_error", "rate_limit") == (
        answers[-1].body["error"]["type"],
        answers[-1].body["error"]["code"],
    )
    assert reason == answers[-1].headers["Stripe-Rate-Limited-Reason"]
    assert "Retry-After" not in answers[-1].headers
    caller.clock.pass_s(0.2)
    after = [caller.send("GET", "/v1/balance", key=key).status for _ in range(6)]
    assert [200] * 5 + [429] == after


def test_live_mode_allows_a_hundred_a_second_over_all_endpoints():
    caller = Caller(pace_s=0)
    paths = ["/v1/balance", "/v1/customers", "/v1/charges", "/v1/refunds", "/v1/events"]
    answers = [caller.send("GET", paths[n % 5], key="sk_live_0123456789") for n in range(101)]
    assert [200] * 100 + [429] == [answer.status for answer in answers]
    assert "global-rate" == answers[-1].headers["Stripe-Rate-Limited-Reason"]


def test_search_has_a_limit_of_its_own():
    caller = Caller(pace_s=0)
    answers = [caller.send("GET", "/v1/customers/search", {"query": "name:'a'"}).status for _ in range(21)]
    assert [200] * 20 + [429] == answers


@pytest.mark.parametrize(("per_s", "answered"), [(3, 3), (math.inf, 60)])
def test_the_limit_can_be_set(per_s, answered):
    caller = Caller(pace_s=0, rate_limit_per_s=per_s)
    assert answered == [caller.send("GET", "/v1/balance").status for _ in range(60)].count(200)


@pytest.mark.parametrize(
    ("status", "type_", "code"),
    [
        (401, "invalid_request_error", None),
        (402, "card_error", "card_declined"),
        (403, "invalid_request_error", None),
        (404, "invalid_request_error", "resource_missing"),
        (409, "idempotency_error", "idempotency_key_in_use"),
        (429, "invalid_request_error", "rate_limit"),
        (500, "api_error", None),
        (503, "api_error", None),
    ],
)
def test_an_injected_failure_has_stripes_shape(caller, status, type_, code):
    answer = caller.stripe.failure(status)
    assert (status, type_, code) == (answer.status, answer.body["error"]["type"], answer.body["error"].get("code"))
    assert answer.body["error"]["message"]


def test_an_injected_limit_may_say_how_long(caller):
    assert "2" == caller.stripe.too_many_requests(2.0).headers["Retry-After"]


def test_the_seed_is_one_customer_and_one_captured_payment_of_an_earlier_day(caller):
    truth = caller.stripe.truth()
    (customer_id, customer), (intent,) = next(iter(truth["customers"].items())), truth["payment_intents"].values()
    assert "jane.smith@example.com" == customer["email"]
    assert ("succeeded", 4999, 4999, 0, "usd", customer_id) == (
        intent["status"],
        intent["amount"],
        intent["amount_received"],
        intent["amount_capturable"],
        intent["currency"],
        intent["customer"],
    )
    assert 1 == len(truth["customers"]) == len(truth["charges"])
    assert ({}, {"usd": 4999}, {}, {}, 0) == (
        truth["refunds"],
        truth["captured_minor"],
        truth["refunded_minor"],
        truth["authorized_minor"],
        truth["idempotent_replays"],
    )
    assert caller.get("/v1/payment_intents")["data"][0]["created"] < START - 6 * DAY_S


def test_ids_repeat_with_the_seed_and_differ_without():
    first, again, other = (Caller(seed=seed).pay() for seed in (1, 1, 2))
    assert first == again
    assert first["id"] != other["id"]
    assert re.fullmatch(r"pi_[0-9A-Za-z]{24}", first["id"])


def test_truth_and_answers_are_copies(caller):
    customer = caller.post("/v1/customers", {"metadata": {"a": "1"}})
    customer["metadata"]["a"] = "2"
    truth = caller.stripe.truth()
    truth["customers"].clear()
    assert {"a": "1"} == caller.stripe.truth()["customers"][customer["id"]]["metadata"]


def test_the_vendor_is_called_stripe():
    assert "stripe" == Stripe.slug
