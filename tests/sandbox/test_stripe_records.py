"""What the emulated Stripe keeps is found again: customers, cards, lists, search, events."""

from __future__ import annotations

import re

import pytest

from sandbox.stripe_caller import START, Caller, payment


@pytest.fixture
def caller() -> Caller:
    return Caller()


# --- customers and payment methods --------------------------------------------------------------------------


def test_a_customer_is_created_changed_found_and_deleted(caller):
    form = {"email": "ada@example.com", "name": "Ada", "address": {"city": "London"}, "metadata": {"ref": "7"}}
    ada = caller.post("/v1/customers", form)
    path = f"/v1/customers/{ada['id']}"
    assert re.fullmatch(r"cus_[0-9A-Za-z]{24}", ada["id"])
    assert ("London", None) == (ada["address"]["city"], ada["address"]["line1"])
    assert "+44 1" == caller.post(path, {"phone": "+44 1"})["phone"]
    assert [ada["id"]] == [row["id"] for row in caller.get("/v1/customers", {"email": "ada@example.com"})["data"]]
    assert [] == caller.get("/v1/customers", {"email": "ADA@example.com"})["data"]
    gone = caller.send("DELETE", path)
    assert {"id": ada["id"], "object": "customer", "deleted": True} == gone.body
    assert 404 == caller.refused("GET", path)["status"]
    assert ada["id"] not in caller.stripe.truth()["customers"]


def test_two_customers_may_share_an_address(caller):
    twins = {caller.post("/v1/customers", {"email": "twin@example.com"})["id"] for _ in range(2)}
    found = caller.get("/v1/customers", {"email": "twin@example.com"})["data"]
    assert twins == {row["id"] for row in found}


def test_a_customer_needs_a_plausible_address(caller):
    assert "email_invalid" == caller.refused("POST", "/v1/customers", {"email": "not-an-address"})["code"]


def test_payment_methods_are_attached_listed_and_detached(caller):
    customer = caller.post("/v1/customers")["id"]
    card = caller.post("/v1/payment_methods/pm_card_visa/attach", {"customer": customer})
    assert (customer, "4242") == (card["customer"], card["card"]["last4"])
    assert card == caller.get(f"/v1/payment_methods/{card['id']}")
    for path in (f"/v1/payment_methods?customer={customer}", f"/v1/customers/{customer}/payment_methods"):
        assert [card["id"]] == [row["id"] for row in caller.get(path)["data"]]
    declined = caller.refused("POST", "/v1/payment_methods/pm_card_chargeDeclined/attach", {"customer": customer})
    assert (402, "card_declined") == (declined["status"], declined["code"])
    assert (
        "belongs to the Customer" in caller.refused("POST", "/v1/payment_intents", payment(500, card["id"]))["message"]
    )
    assert "succeeded" == caller.pay(500, card["id"], customer=customer)["status"]
    assert caller.post(f"/v1/payment_methods/{card['id']}/detach")["customer"] is None


def test_a_payment_method_that_does_not_exist_is_refused(caller):
    error = caller.refused("POST", "/v1/payment_intents", payment(500, "pm_card_unheard_of"))
    assert (400, "resource_missing", "payment_method") == (error["status"], error["code"], error["param"])


# --- lists, search, expansion, events -----------------------------------------------------------------------


def test_a_list_is_walked_forth_and_back_by_cursors(caller):
    made = [caller.post("/v1/customers", {"name": str(n)})["id"] for n in range(5)]
    newest_first = [*reversed(made), *[row for row in caller.stripe.truth()["customers"] if row not in made]]
    seen, cursor, pages = [], {}, 0
    while True:
        page = caller.get("/v1/customers", {"limit": 2, **cursor})
        seen += [row["id"] for row in page["data"]]
        pages += 1
        if not page["has_more"]:
            break
        cursor = {"starting_after": seen[-1]}
    assert (newest_first, 3) == (seen, pages)
    before = caller.get("/v1/customers", {"limit": 2, "ending_before": newest_first[3]})
    assert (newest_first[1:3], True) == ([row["id"] for row in before["data"]], before["has_more"])


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"limit": 0}, "parameter_invalid_integer"),
        ({"limit": 101}, "parameter_invalid_integer"),
        ({"starting_after": "cus_none"}, "resource_missing"),
        ({"starting_after": "cus_a", "ending_before": "cus_b"}, None),
        ({"offset": 1}, "parameter_unknown"),
    ],
)
def test_a_list_refuses_a_page_that_cannot_be(caller, form, code):
    assert code == caller.refused("GET", "/v1/customers", form).get("code")


def test_a_list_is_filtered_by_creation_and_customer(caller):
    customer = caller.post("/v1/customers")["id"]
    mine = caller.pay(customer=customer)
    caller.pay()
    assert [mine["id"]] == [row["id"] for row in caller.get("/v1/payment_intents", {"customer": customer})["data"]]
    old = caller.get("/v1/payment_intents", {"created": {"lt": int(START)}})["data"]
    assert ["Order 1001"] == [row["description"] for row in old]
    assert 2 == len(caller.get("/v1/payment_intents", {"created": {"gte": int(START)}})["data"])


def found(caller: Caller, kind: str, query: str) -> list[str]:
    return [row["id"] for row in caller.get(f"/v1/{kind}/search", {"query": query})["data"]]


def test_search_finds_a_payment_only_after_its_lag(caller):
    intent = caller.pay(metadata={"order_id": "A-1"})
    query = "metadata['order_id']:'A-1'"
    assert [] == found(caller, "payment_intents", query)
    caller.clock.pass_s(60)
    assert [intent["id"]] == found(caller, "payment_intents", query)
    caller.post(f"/v1/payment_intents/{intent['id']}", {"metadata": {"order_id": "A-2"}})
    assert [intent["id"]] == found(caller, "payment_intents", query)
    caller.clock.pass_s(60)
    assert [] == found(caller, "payment_intents", query)


def test_search_understands_its_query_language(caller):
    jane = next(iter(caller.stripe.truth()["customers"]))
    for query in (
        'email:"JANE.SMITH@example.com"',
        "name~'ane sm'",
        "name:'Jane Smith' AND email~'example'",
        "name:'Nobody' OR email:'jane.smith@example.com'",
        f"created<{int(START)}",
        "-name:'Nobody' -metadata['x']:'1'",
        "metadata['x']:null",
    ):
        assert [jane] == found(caller, "customers", query), query
    for query in ("name:'Nobody'", "-email~'jane'", "-metadata['x']:null", "name:'Nobody' name~'Jane'"):
        assert [] == found(caller, "customers", query), query
    assert 1 == len(found(caller, "payment_intents", "status:'succeeded' amount>=4999 currency:'usd'"))
    assert 1 == len(found(caller, "charges", "refunded:'false' AND amount=4999"))


@pytest.mark.parametrize(
    "query",
    ["name", "colour:'red'", "name:'a' AND name:'b' OR name:'c'", "name~'ab'", "created>'x'", "name>'a'", "name:'a"],
)
def test_search_refuses_what_is_not_in_its_language(caller, query):
    error = caller.refused("GET", "/v1/customers/search", {"query": query})
    assert (400, "query") == (error["status"], error["param"])


def test_search_pages_by_a_cursor(caller):
    for n in range(3):
        caller.post("/v1/customers", {"name": f"Many {n}"})
    caller.clock.pass_s(60)
    first = caller.get("/v1/customers/search", {"query": "name~'many'", "limit": 2})
    rest = caller.get("/v1/customers/search", {"query": "name~'many'", "limit": 2, "page": first["next_page"]})
    assert ["Many 2", "Many 1", "Many 0"] == [row["name"] for row in first["data"] + rest["data"]]
    assert (True, False, None) == (first["has_more"], rest["has_more"], rest["next_page"])
    assert 400 == caller.refused("GET", "/v1/customers/search", {"query": "name~'many'", "page": "!"})["status"]


def test_a_deleted_customer_leaves_the_search(caller):
    jane = next(iter(caller.stripe.truth()["customers"]))
    caller.send("DELETE", f"/v1/customers/{jane}")
    caller.clock.pass_s(60)
    assert [] == found(caller, "customers", "email:'jane.smith@example.com'")


def test_ids_are_expanded_on_demand(caller):
    intent = caller.pay(expand=["latest_charge.balance_transaction", "payment_method"])
    assert (2000, "visa") == (
        intent["latest_charge"]["balance_transaction"]["net"],
        intent["payment_method"]["card"]["brand"],
    )
    listed = caller.get("/v1/payment_intents", {"expand": ["data.customer"], "limit": 5})["data"]
    assert "jane.smith@example.com" == listed[-1]["customer"]["email"]
    error = caller.refused("GET", f"/v1/payment_intents/{intent['id']}", {"expand": ["amount"]})
    assert "This property cannot be expanded (amount)." == error["message"]


def test_events_tell_what_happened_newest_first(caller):
    intent = caller.pay()
    events = caller.get("/v1/events", {"type": "payment_intent.*", "limit": 2})["data"]
    assert ["payment_intent.succeeded", "payment_intent.created"] == [event["type"] for event in events]
    assert ["succeeded", "requires_confirmation"] == [event["data"]["object"]["status"] for event in events]
    assert intent["id"] == caller.get(f"/v1/events/{events[0]['id']}")["data"]["object"]["id"]


def test_the_account_can_take_payments(caller):
    account = caller.get("/v1/account")
    assert (True, "usd", "US") == (account["charges_enabled"], account["default_currency"], account["country"])
