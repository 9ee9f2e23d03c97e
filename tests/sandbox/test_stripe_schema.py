"""The emulator's objects have the shape that Stripe's own OpenAPI description gives them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from newfuse.sandbox.stripe.api import OPERATIONS
from sandbox.stripe_caller import Caller, payment
from sandbox.stripe_schema import load, problems


@pytest.fixture(scope="module")
def definitions(specs: Path) -> dict[str, Any]:
    return load(specs)


@pytest.fixture
def caller() -> Caller:
    return Caller()


def check(definitions: dict[str, Any], value: Any) -> None:
    assert [] == problems(definitions, value["object"], value)


def test_payment_intents_in_every_status(caller, definitions):
    bank = {"payment_method_types": ["us_bank_account"]}
    shipping = {"name": "Ada", "address": {"city": "London", "line1": "1 High St"}}
    open_ = caller.post("/v1/payment_intents", {"amount": 500, "currency": "usd", "shipping": shipping})
    intents = [
        open_,
        caller.pay(confirm=False),
        caller.pay(method="pm_card_authenticationRequired"),
        caller.pay(method="pm_card_authenticationRequired", return_url="https://a.example"),
        caller.pay(method="pm_usBankAccount_success", **bank),
        caller.pay(capture_method="manual", receipt_email="a@b.example", metadata={"k": "v"}),
        caller.pay(expand=["latest_charge", "payment_method"]),
        caller.post(f"/v1/payment_intents/{open_['id']}/cancel"),
    ]
    statuses = {intent["status"] for intent in intents}
    assert 7 == len(statuses)
    for intent in intents:
        check(definitions, intent)


def test_charges_succeeded_held_pending_and_failed(caller, definitions):
    caller.pay()
    caller.pay(capture_method="manual")
    caller.pay(method="pm_usBankAccount_success", payment_method_types=["us_bank_account"])
    caller.send("POST", "/v1/payment_intents", payment(method="pm_card_chargeDeclined"))
    charges = caller.get("/v1/charges")["data"]
    assert {"succeeded", "pending", "failed"} == {charge["status"] for charge in charges}
    for charge in charges:
        check(definitions, charge)


def test_refunds_customers_payment_methods_and_events(caller, definitions):
    customer = caller.post("/v1/customers", {"email": "a@b.example", "address": {"city": "Oslo"}})
    card = caller.post("/v1/payment_methods/pm_card_visa/attach", {"customer": customer["id"]})
    bank = caller.get("/v1/payment_methods/pm_usBankAccount_success")
    intent = caller.pay()
    refund = caller.post("/v1/refunds", {"payment_intent": intent["id"], "metadata": {"a": "b"}})
    for value in (customer, card, bank, refund, *caller.get("/v1/events", {"limit": 100})["data"]):
        check(definitions, value)
    deleted = caller.send("DELETE", f"/v1/customers/{customer['id']}").body
    assert [] == problems(definitions, "deleted_customer", deleted)


def test_the_balance_its_transactions_and_the_account(caller, definitions):
    caller.pay(900, currency="eur")
    check(definitions, caller.get("/v1/balance"))
    check(definitions, caller.get("/v1/account"))
    for transaction in caller.get("/v1/balance_transactions")["data"]:
        check(definitions, transaction)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"amount": 10, "currency": "usd"}, 400),
        (payment(method="pm_card_chargeDeclined"), 402),
        (payment(method="pm_card_authenticationRequired", off_session=True), 402),
    ],
)
def test_errors(caller, definitions, form, status):
    answer = caller.send("POST", "/v1/payment_intents", form)
    assert status == answer.status
    assert [] == problems(definitions, "error", answer.body)


@pytest.mark.parametrize("status", [401, 402, 403, 404, 409, 429, 500, 503])
def test_injected_errors(caller, definitions, status):
    assert [] == problems(definitions, "error", caller.stripe.failure(status).body)


def test_lists_and_search_results_name_what_the_description_requires(caller, specs, definitions):
    caller.pay()
    for path in ("payment_intents", "charges", "customers", "refunds", "events", "balance_transactions"):
        listed = caller.get(f"/v1/{path}")
        assert {"object": "list", "url": f"/v1/{path}", "has_more": False} == {
            name: value for name, value in listed.items() if name != "data"
        }
    found = caller.get("/v1/customers/search", {"query": "name~'jane'"})
    assert {"object", "url", "has_more", "next_page", "data"} == set(found)
    for row in found["data"]:
        check(definitions, row)


def test_a_wrong_object_is_noticed(caller, definitions):
    intent = caller.pay()
    assert problems(definitions, "payment_intent", {**intent, "status": "paid"})
    assert problems(definitions, "payment_intent", {**intent, "amount": None})
    del intent["id"]
    assert problems(definitions, "payment_intent", intent)


def test_no_parameter_that_stripe_has_is_called_unknown(specs):
    paths = json.loads((specs / "stripe.json").read_text(encoding="utf-8"))["paths"]
    by_template = {re.sub(r"{\w+}", "{}", path): methods for path, methods in paths.items()}
    unknown = []
    for operation in OPERATIONS:
        template = re.sub(r"{\w+}", "{}", operation.template)
        if template == "/v1/account":
            continue  # the reduced description leaves accounts out
        described = by_template[template][operation.method.lower()]
        names = {parameter["name"] for parameter in described.get("parameters", ()) if parameter["in"] == "query"}
        for content in described.get("requestBody", {}).get("content", {}).values():
            names |= content["schema"].get("properties", {}).keys()
        missing = names - operation.shape.fields.keys() - operation.shape.unsupported
        unknown += [f"{operation.method} {operation.template}: {name}" for name in sorted(missing)]
    assert [] == unknown
