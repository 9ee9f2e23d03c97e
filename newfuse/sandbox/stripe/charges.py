"""Charges: each attempt to take money. Made by payment intents only.

https://docs.stripe.com/api/charges
"""

from __future__ import annotations

import copy

from newfuse.sandbox.stripe import balance, lists, parameters, search
from newfuse.sandbox.stripe.books import Books
from newfuse.sandbox.stripe.instruments import Decline
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.parameters import EXPAND, PAGE, SEARCH, Shape, merge_metadata
from newfuse.sandbox.vendor import JSON

Row = dict[str, JSON]


def open_charge(books: Books, intent: Row, method: Row) -> Row:
    """Make the charge of an attempt, with no money moved yet; the caller says how it went and saves it."""
    charge: Row = {
        "id": books.new_id("charge"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": copy.deepcopy(method["billing_details"]),
        "calculated_statement_descriptor": intent["statement_descriptor"],
        "captured": False,
        "created": books.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": books.livemode,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(intent, method),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": copy.deepcopy(intent["shipping"]),
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "pending",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }
    intent["latest_charge"] = charge["id"]
    return charge


def approve(charge: Row) -> None:
    """Mark a charge as authorized: the money is held, not yet captured."""
    charge.update(status="succeeded", paid=True, outcome=_outcome("authorized", "approved_by_network", None))


def refuse(charge: Row, decline: Decline) -> None:
    """Mark a charge as declined."""
    type_, network = (
        ("blocked", "not_sent_to_network") if decline.blocked else ("issuer_declined", "declined_by_network")
    )
    charge.update(
        status="failed",
        outcome=_outcome(type_, network, decline.decline_code),
        failure_code=decline.code,
        failure_message=decline.message,
    )


def capture(books: Books, charge: Row, amount_minor: int) -> None:
    """Take an authorized amount, whole or in part; what is left of the authorization is given back."""
    instrument = books.instruments[charge["payment_method"]]
    charge.update(
        captured=True,
        amount_captured=amount_minor,
        # "Any additional amount is automatically refunded", and shows here though no refund object is made.
        amount_refunded=charge["amount"] - amount_minor,
        balance_transaction=balance.book_charge(books, charge, amount_minor, at_once=instrument.bypasses_pending),
    )


def release(books: Books, charge: Row) -> None:
    """Give an authorization back: the charge reads as refunded, though no money had been taken."""
    charge.update(amount_refunded=charge["amount"], refunded=True)
    books.save(charge, "charge.refunded")


def _outcome(type_: str, network_status: str, reason: str | None) -> Row:
    messages = {
        "authorized": "Payment complete.",
        "blocked": "Stripe blocked this payment as too risky.",
        "issuer_declined": "The bank did not return any further details with this decline.",
    }
    return {
        "network_status": network_status,
        "reason": reason,
        "risk_level": "highest" if type_ == "blocked" else "normal",
        "seller_message": messages[type_],
        "type": type_,
    }


def _details(intent: Row, method: Row) -> Row:
    if method["type"] == "us_bank_account":
        account = method["us_bank_account"]
        shown = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
        return {"type": "us_bank_account", "us_bank_account": {name: account[name] for name in shown}}
    card = method["card"]
    kept = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    return {
        "type": "card",
        "card": {
            **{name: copy.deepcopy(card[name]) for name in kept},
            "amount_authorized": intent["amount"],
            "installments": None,
            "mandate": None,
            "network": card["brand"],
            "three_d_secure": None,
            "wallet": None,
        },
    }


def _retrieve(call: Call, charge: str) -> JSON:
    return call.books.find("charge", charge, param="id")


def _update(call: Call, charge: str) -> JSON:
    row = call.books.find("charge", charge, param="id")
    changes = {name: value for name, value in call.parameters.items() if name not in {"expand", "metadata"}}
    if "metadata" in call.parameters:
        changes["metadata"] = merge_metadata(row["metadata"], call.parameters["metadata"])
    row.update(changes)
    call.books.save(row, "charge.updated")
    return row


def _list(call: Call) -> JSON:
    return lists.page(call, "charge", "/v1/charges", lists.matching(call, "customer", "payment_intent"))


def _search(call: Call) -> JSON:
    return search.page(call, "charge", "/v1/charges/search")


OPERATIONS = (
    Operation("GET", "/v1/charges/search", SEARCH, _search),
    Operation(
        "GET",
        "/v1/charges",
        Shape(
            {
                "created": parameters.created,
                "customer": parameters.identifier,
                "payment_intent": parameters.identifier,
                **PAGE,
            },
            unsupported=frozenset({"transfer_group"}),
        ),
        _list,
    ),
    Operation("GET", "/v1/charges/{charge}", Shape(EXPAND), _retrieve),
    Operation(
        "POST",
        "/v1/charges/{charge}",
        Shape(
            {
                "description": parameters.text(),
                "metadata": parameters.metadata,
                "receipt_email": parameters.email(),
                **EXPAND,
            },
            unsupported=frozenset({"customer", "fraud_details", "shipping", "transfer_group"}),
        ),
        _update,
    ),
)
