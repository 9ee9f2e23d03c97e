"""Payment methods: retrieve, list, attach, detach.

https://docs.stripe.com/api/payment_methods

A test id such as `pm_card_visa` becomes a payment method with an id of its own wherever it is used, as at
Stripe. Unlike at Stripe, test ids work with live keys too: nothing else could be charged here.
"""

from __future__ import annotations

import time

from newfuse.sandbox.stripe import lists, parameters
from newfuse.sandbox.stripe.books import Books
from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.stripe.instruments import TEST_METHODS, Instrument
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.parameters import EXPAND, PAGE, Shape
from newfuse.sandbox.vendor import JSON

NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}
NO_BILLING_DETAILS: JSON = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None}


def resolve(books: Books, id_: str, *, param: str = "payment_method", status: int = 400) -> dict[str, JSON]:
    """Return a payment method by its id, or a new one made from a test id.

    Raises:
        StripeError: Neither exists.
    """
    instrument = TEST_METHODS.get(id_)
    if instrument is None:
        return books.find("payment_method", id_, param=param, status=status)
    method = _build(books, instrument)
    books.instruments[method["id"]] = instrument
    books.save(method)
    return method


def attach(books: Books, method: dict[str, JSON], customer_id: str) -> None:
    """Attach a payment method to a customer.

    Raises:
        StripeError: The issuer declines the card (402), or it belongs to another customer (400).
    """
    if method["customer"] not in {None, customer_id}:
        raise StripeError(
            "The payment method you provided has already been attached to a customer.", param="payment_method"
        )
    instrument = books.instruments[method["id"]]
    if instrument.decline is not None and not instrument.attaches:
        raise instrument.decline.error()
    method["customer"] = customer_id
    books.save(method, "payment_method.attached")


def _build(books: Books, instrument: Instrument) -> dict[str, JSON]:
    method: dict[str, JSON] = {
        "id": books.new_id("payment_method"),
        "object": "payment_method",
        "billing_details": {**NO_BILLING_DETAILS, "address": dict(NO_ADDRESS)},
        "created": books.now,
        "customer": None,
        "livemode": books.livemode,
        "metadata": {},
        "type": instrument.type,
    }
    fingerprint = books.identifiers.scramble(f"fingerprint:{instrument.last4}")[:16]
    if instrument.type == "us_bank_account":
        method["us_bank_account"] = {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": fingerprint,
            "last4": instrument.last4,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": {},
        }
        return method
    method["card"] = {
        "brand": instrument.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": instrument.brand,
        "exp_month": 8,
        "exp_year": time.gmtime(books.now).tm_year + 1,
        "fingerprint": fingerprint,
        "funding": instrument.funding,
        "generated_from": None,
        "last4": instrument.last4,
        "networks": {"available": [instrument.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return method


def _retrieve(call: Call, payment_method: str) -> JSON:
    return resolve(call.books, payment_method, status=404)


def _list(call: Call) -> JSON:
    if "customer" in call.parameters:
        call.books.find("customer", call.parameters["customer"], param="customer", status=400)
    keep = lists.matching(call, "customer", "type")
    return lists.page(call, "payment_method", "/v1/payment_methods", keep)


def _list_of_customer(call: Call, customer: str) -> JSON:
    call.books.find("customer", customer, param="customer")
    wanted = lists.matching(call, "type")
    url = f"/v1/customers/{customer}/payment_methods"
    return lists.page(call, "payment_method", url, lambda row: row["customer"] == customer and wanted(row))


def _attach(call: Call, payment_method: str) -> JSON:
    customer = call.books.find("customer", call.parameters["customer"], param="customer", status=400)
    method = resolve(call.books, payment_method, status=404)
    attach(call.books, method, customer["id"])
    return method


def _detach(call: Call, payment_method: str) -> JSON:
    method = call.books.find("payment_method", payment_method, param="payment_method")
    if method["customer"] is None:
        raise StripeError("The payment method you provided is not attached to a customer so detachment is impossible.")
    method["customer"] = None
    call.books.save(method, "payment_method.detached")
    return method


_TYPE = parameters.choice("card", "us_bank_account")

OPERATIONS = (
    Operation(
        "GET",
        "/v1/payment_methods",
        Shape({"customer": parameters.identifier, "type": _TYPE, **PAGE}),
        _list,
    ),
    Operation("GET", "/v1/payment_methods/{payment_method}", Shape(EXPAND), _retrieve),
    Operation("GET", "/v1/customers/{customer}/payment_methods", Shape({"type": _TYPE, **PAGE}), _list_of_customer),
    Operation(
        "POST",
        "/v1/payment_methods/{payment_method}/attach",
        Shape({"customer": parameters.identifier, **EXPAND}, required=("customer",)),
        _attach,
    ),
    Operation("POST", "/v1/payment_methods/{payment_method}/detach", Shape(EXPAND), _detach),
)
