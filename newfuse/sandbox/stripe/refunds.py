"""Refunds: create, retrieve, update, list.

https://docs.stripe.com/api/refunds

Every refund succeeds at once, as a card's does in test mode; the balance may become negative, as at Stripe.
"""

from __future__ import annotations

from newfuse.sandbox.stripe import balance, lists, parameters
from newfuse.sandbox.stripe.currencies import spell
from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.parameters import EXPAND, PAGE, Shape, identifier, integer, merge_metadata
from newfuse.sandbox.vendor import JSON

Row = dict[str, JSON]


def _check_create(call: Call) -> None:
    if "charge" not in call.parameters and "payment_intent" not in call.parameters:
        raise StripeError(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )


def _charge(call: Call) -> Row:
    """Return the charge to refund, by its own id or by its payment intent's."""
    books, given = call.books, call.parameters
    charge = books.find("charge", given["charge"], param="id") if "charge" in given else None
    if "payment_intent" in given:
        intent = books.find("payment_intent", given["payment_intent"], param="payment_intent")
        latest = books.rows("charge").get(intent["latest_charge"] or "")
        if charge is not None and charge is not latest:
            raise StripeError(f"Charge {charge['id']} does not belong to PaymentIntent {intent['id']}.", param="charge")
        charge = latest
    if charge is None or charge["status"] != "succeeded" or not charge["captured"]:
        owner = given.get("payment_intent") or (charge and charge["payment_intent"])
        raise StripeError(f"This PaymentIntent ({owner}) does not have a successful charge to refund.")
    return charge


def _create(call: Call) -> JSON:
    books, given = call.books, call.parameters
    charge = _charge(call)
    remaining = charge["amount"] - charge["amount_refunded"]
    if remaining <= 0:
        raise StripeError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = given.get("amount", remaining)
    if amount > remaining:  # Stripe sends no code with this one
        raise StripeError(
            f"Refund amount ({spell(amount, charge['currency'])}) is greater than unrefunded amount on "
            f"charge ({spell(remaining, charge['currency'])})",
            param="amount",
        )
    id_ = books.new_id("refund")
    refund: Row = {
        "id": id_,
        "object": "refund",
        "amount": amount,
        "balance_transaction": balance.book_refund(books, id_, charge, amount),
        "charge": charge["id"],
        "created": books.now,
        "currency": charge["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": merge_metadata({}, given.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    if charge["payment_method_details"]["type"] != "card":
        refund["destination_details"] = {"type": "us_bank_transfer", "us_bank_transfer": {}}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    books.save(refund, "refund.created")
    books.save(charge, "charge.refunded")
    return refund


def _retrieve(call: Call, refund: str) -> JSON:
    return call.books.find("refund", refund, param="id")


def _update(call: Call, refund: str) -> JSON:
    row = call.books.find("refund", refund, param="id")
    if "metadata" in call.parameters:
        row["metadata"] = merge_metadata(row["metadata"], call.parameters["metadata"])
        call.books.save(row, "refund.updated")
    return row


def _list(call: Call) -> JSON:
    return lists.page(call, "refund", "/v1/refunds", lists.matching(call, "charge", "payment_intent"))


OPERATIONS = (
    Operation(
        "GET",
        "/v1/refunds",
        Shape({"charge": identifier, "created": parameters.created, "payment_intent": identifier, **PAGE}),
        _list,
    ),
    Operation(
        "POST",
        "/v1/refunds",
        Shape(
            {
                "amount": integer(1),
                "charge": identifier,
                "metadata": parameters.metadata,
                "payment_intent": identifier,
                "reason": parameters.choice("duplicate", "fraudulent", "requested_by_customer"),
                **EXPAND,
            },
            unsupported=frozenset(
                {
                    "currency",
                    "customer",
                    "instructions_email",
                    "origin",
                    "refund_application_fee",
                    "reverse_transfer",
                }
            ),
        ),
        _create,
        _check_create,
    ),
    Operation("GET", "/v1/refunds/{refund}", Shape(EXPAND), _retrieve),
    Operation("POST", "/v1/refunds/{refund}", Shape({"metadata": parameters.metadata, **EXPAND}), _update),
)
