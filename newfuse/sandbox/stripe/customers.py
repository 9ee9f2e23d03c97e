"""Customers: create, retrieve, update, delete, list, search.

https://docs.stripe.com/api/customers

Several customers may have one e-mail address, as at Stripe; the list's `email` filter is exact and
case-sensitive.
"""

from __future__ import annotations

from newfuse.sandbox.stripe import lists, parameters, payment_methods, search
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.parameters import (
    ADDRESS,
    EXPAND,
    PAGE,
    SEARCH,
    SHIPPING,
    Reader,
    Shape,
    identifier,
    integer,
    merge_metadata,
    nested,
    text,
)
from newfuse.sandbox.vendor import JSON

_FIELDS: dict[str, Reader] = {
    "address": nested(ADDRESS),
    "balance": integer(),
    "description": text(),
    "email": parameters.email(),
    "metadata": parameters.metadata,
    "name": text(256),
    "phone": text(20),
    "preferred_locales": parameters.listing(identifier),
    "shipping": nested(SHIPPING),
    "tax_exempt": parameters.choice("none", "exempt", "reverse", unset=True),
    **EXPAND,
}
# Real parameters of invoices, subscriptions and legacy sources, which nothing here could honour.
_NOT_EMULATED = frozenset(
    {
        "bank_account",
        "card",
        "cash_balance",
        "coupon",
        "default_alipay_account",
        "default_bank_account",
        "default_card",
        "default_source",
        "invoice_prefix",
        "invoice_settings",
        "next_invoice_sequence",
        "promotion_code",
        "source",
        "tax",
        "tax_id_data",
        "test_clock",
    }
)
_NO_ADDRESS = payment_methods.NO_ADDRESS


def _create(call: Call) -> JSON:
    books, given = call.books, call.parameters
    method = payment_methods.resolve(books, given["payment_method"]) if "payment_method" in given else None
    id_ = books.new_id("customer")
    customer: dict[str, JSON] = {
        "id": id_,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": books.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": books.identifiers.scramble(id_)[:8].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": books.livemode,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(customer, given)
    if method is not None:
        payment_methods.attach(books, method, id_)
    books.save(customer, "customer.created")
    return customer


def _apply(customer: dict[str, JSON], given: dict[str, JSON]) -> None:
    for name, value in given.items():
        if name == "metadata":
            customer["metadata"] = merge_metadata(customer["metadata"], value)
        elif name == "address":
            customer["address"] = None if value is None else {**_NO_ADDRESS, **value}
        elif name == "shipping" and value is not None:
            address = {**_NO_ADDRESS, **(value["address"] or {})}
            customer["shipping"] = {"phone": None, **value, "address": address}
        elif name == "tax_exempt":
            customer["tax_exempt"] = value or "none"
        elif name not in {"expand", "payment_method"}:
            customer[name] = value


def _retrieve(call: Call, customer: str) -> JSON:
    return call.books.find("customer", customer, param="id")


def _update(call: Call, customer: str) -> JSON:
    row = call.books.find("customer", customer, param="id")
    _apply(row, call.parameters)
    call.books.save(row, "customer.updated")
    return row


def _delete(call: Call, customer: str) -> JSON:
    row = call.books.find("customer", customer, param="id")
    for method in call.books.rows("payment_method").values():
        if method["customer"] == customer:
            method["customer"] = None
    call.books.remove(row, "customer.deleted")
    return {"id": customer, "object": "customer", "deleted": True}


def _list(call: Call) -> JSON:
    return lists.page(call, "customer", "/v1/customers", lists.matching(call, "email"))


def _search(call: Call) -> JSON:
    return search.page(call, "customer", "/v1/customers/search")


_ONE = "/v1/customers/{customer}"

OPERATIONS = (
    Operation("GET", "/v1/customers/search", SEARCH, _search),
    Operation(
        "GET",
        "/v1/customers",
        Shape(
            {"created": parameters.created, "email": text(512, unset=False), **PAGE},
            unsupported=frozenset({"test_clock"}),
        ),
        _list,
    ),
    Operation(
        "POST",
        "/v1/customers",
        Shape({**_FIELDS, "payment_method": identifier}, unsupported=_NOT_EMULATED),
        _create,
    ),
    Operation("GET", _ONE, Shape(EXPAND), _retrieve),
    Operation("POST", _ONE, Shape(_FIELDS, unsupported=_NOT_EMULATED), _update),
    Operation("DELETE", _ONE, Shape({}), _delete),
)
