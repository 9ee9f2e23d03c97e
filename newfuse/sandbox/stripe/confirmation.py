"""The status machine of a payment intent: confirm, capture, cancel.

requires_payment_method → requires_confirmation → requires_action | processing | requires_capture → succeeded
| canceled. https://docs.stripe.com/payments/paymentintents/lifecycle
Nobody can complete a `requires_action` here, as that happens in the customer's browser: confirm with another
payment method, or cancel.
"""

from __future__ import annotations

import copy
from typing import NoReturn

from newfuse.sandbox.stripe import charges, payment_methods
from newfuse.sandbox.stripe.balance import DAY_S
from newfuse.sandbox.stripe.books import Books
from newfuse.sandbox.stripe.currencies import spell
from newfuse.sandbox.stripe.errors import StripeError, quoted_list, unexpected_state
from newfuse.sandbox.stripe.instruments import AUTHENTICATION_REQUIRED, Decline
from newfuse.sandbox.vendor import JSON

Row = dict[str, JSON]

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)
AUTHORIZATION_DAYS = 7  # the reference's capture page: "canceled a set number of days after they are created (7 …)"
BANK_DEBIT_S = 180.0  # a choice: a few minutes, where a real ACH debit takes days and a test one less than an hour

RETURN_URL_REQUIRED = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
    "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
    "If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` "
    "to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
    "Payment Intents."
)
MISSING_METHOD = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
    "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
    "payment method or ConfirmationToken."
)
ACTION_REFUSED = (
    "This payment required an authentication action to complete, but `error_on_requires_action` was set. "
    "When you're ready, you can upgrade your integration to handle actions at "
    "https://stripe.com/docs/payments/payment-intents/upgrade-to-handle-actions."
)


def needs_return_url(automatic: JSON) -> bool:
    """Return whether `automatic_payment_methods` lets redirecting methods in and so needs a return_url."""
    return bool(automatic and automatic["enabled"] and automatic.get("allow_redirects", "always") != "never")


def use_method(books: Books, intent: Row, id_: str) -> Row:
    """Return the payment method of an id for use with an intent, without changing the intent.

    Raises:
        StripeError: It does not exist, is of a type the intent does not take, or belongs to another customer
            (400).
    """
    method = payment_methods.resolve(books, id_)
    if method["type"] not in intent["payment_method_types"]:
        raise StripeError(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent. Please "
            "attach a PaymentMethod of one of the following types: "
            f"{', '.join(intent['payment_method_types'])}.",
            code="payment_intent_incompatible_payment_method",
            param="payment_method",
        )
    owner = method["customer"]
    if owner is not None and intent["customer"] is None:
        raise StripeError(
            f"The PaymentMethod supplied ({method['id']}) belongs to the Customer {owner}. Please include "
            "the Customer in the `customer` parameter on the PaymentIntent.",
            param="payment_method",
        )
    if owner is not None and owner != intent["customer"]:
        raise StripeError(
            f"The customer does not have a payment method with the ID {method['id']}. The payment method "
            "must be attached to the customer.",
            code="resource_missing",
            param="payment_method",
        )
    return method


def check_confirmable(intent: Row, method: str | None, return_url: str | None) -> None:
    """Refuse a confirmation that the status or the parameters do not allow.

    Args:
        intent: The intent as it is.
        method: Id of the payment method it would be confirmed with, if there is any.
        return_url: Where a redirect would end, if the call says so.

    Raises:
        StripeError: `payment_intent_unexpected_state`, or a missing return_url (400).
    """
    status = intent["status"]
    if status == "succeeded":
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
            copy.deepcopy(intent),
        )
    if status not in CONFIRMABLE:
        raise unexpected_state(
            f"You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent "
            f"with one of the following statuses may be confirmed: {', '.join(CONFIRMABLE)}.",
            copy.deepcopy(intent),
        )
    if method is None:
        raise unexpected_state(MISSING_METHOD, copy.deepcopy(intent))
    if needs_return_url(intent["automatic_payment_methods"]) and not return_url:
        raise StripeError(RETURN_URL_REQUIRED)


def confirm(books: Books, intent: Row, options: Row) -> None:
    """Attempt the payment of an intent that `check_confirmable` let through.

    Args:
        books: Where the intent is kept.
        intent: A saved intent with a payment method; it is changed and saved.
        options: `return_url`, `off_session`, `error_on_requires_action`, as the call gave them.

    Raises:
        StripeError: The card was declined (402): the intent is back at requires_payment_method, and its latest
            charge is the one that failed.
    """
    method = books.rows("payment_method")[intent["payment_method"]]
    intent.update(last_payment_error=None, next_action=None)
    instrument = books.instruments[method["id"]]
    if instrument.authenticates:
        _authenticate(books, intent, method, options)
        return
    charge = charges.open_charge(books, intent, method)
    if instrument.decline is not None:
        _decline(books, intent, method, charge, instrument.decline)
    if instrument.type == "us_bank_account":
        intent.update(status="processing")
        books.save(charge, "charge.pending")
        books.save(intent, "payment_intent.processing")
        if instrument.settles:
            books.schedule(books.clock() + BANK_DEBIT_S, lambda: _settle(books, intent, charge))
        return
    charges.approve(charge)
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        payment_methods.attach(books, method, intent["customer"])
    if intent["capture_method"] == "manual":
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        books.save(charge, "charge.succeeded")
        books.save(intent, "payment_intent.amount_capturable_updated")
        books.schedule(books.clock() + AUTHORIZATION_DAYS * DAY_S, lambda: _expire(books, intent))
        return
    _receive(books, intent, charge, intent["amount"], "charge.succeeded")


def capture(books: Books, intent: Row, amount_minor: int | None) -> None:
    """Take what was authorized, or a part of it; the rest is released.

    Raises:
        StripeError: Nothing is authorized, or less than asked for (400).
    """
    status = intent["status"]
    if status == "succeeded":
        raise unexpected_state(
            "This PaymentIntent could not be captured because it has already been captured.",
            copy.deepcopy(intent),
        )
    if status != "requires_capture":
        raise unexpected_state(
            f"This PaymentIntent could not be captured because it has a status of {status}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
            copy.deepcopy(intent),
        )
    capturable = intent["amount_capturable"]
    amount = capturable if amount_minor is None else amount_minor
    if amount > capturable:  # wording [unverified]; the code is in Stripe's list
        raise StripeError(
            f"The requested capture amount ({spell(amount, intent['currency'])}) is greater than the amount "
            f"you can capture for this PaymentIntent ({spell(capturable, intent['currency'])}).",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charge = books.rows("charge")[intent["latest_charge"]]
    _receive(books, intent, charge, amount, "charge.captured")


def cancel(books: Books, intent: Row, reason: str | None) -> None:
    """Cancel a payment intent, and release what it had authorized.

    Raises:
        StripeError: It has succeeded or is canceled already (400).
    """
    status = intent["status"]
    if status not in CANCELABLE:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {status}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
            copy.deepcopy(intent),
        )
    charge = books.rows("charge").get(intent["latest_charge"] or "")
    if status == "requires_capture" and charge is not None:
        charges.release(books, charge)
    if status == "processing" and charge is not None:
        charge.update(status="failed", failure_message="The payment was canceled.")
        books.save(charge, "charge.failed")
    intent.update(
        status="canceled",
        amount_capturable=0,
        canceled_at=books.now,
        cancellation_reason=reason,
        next_action=None,
    )
    books.save(intent, "payment_intent.canceled")


def check_updatable(intent: Row, name: str) -> None:
    """Refuse a change of amount, currency, payment method or the like once money is on its way.

    Raises:
        StripeError: The status is past that (400).
    """
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(
            f"This PaymentIntent's {name} could not be updated because it has a status of "
            f"{intent['status']}. You may only update the {name} of a PaymentIntent with one of the "
            f"following statuses: {quoted_list(CONFIRMABLE)}.",
            copy.deepcopy(intent),
        )


def _receive(books: Books, intent: Row, charge: Row, amount_minor: int, event: str) -> None:
    charges.capture(books, charge, amount_minor)
    intent.update(status="succeeded", amount_received=amount_minor, amount_capturable=0)
    books.save(charge, event)
    books.save(intent, "payment_intent.succeeded")


def _settle(books: Books, intent: Row, charge: Row) -> None:
    if intent["status"] == "processing":
        charges.approve(charge)
        _receive(books, intent, charge, intent["amount"], "charge.succeeded")


def _expire(books: Books, intent: Row) -> None:
    if intent["status"] == "requires_capture":
        cancel(books, intent, "automatic")


def _authenticate(books: Books, intent: Row, method: Row, options: Row) -> None:
    """Ask for the customer's action, or decline where nobody is there to act."""
    if options.get("off_session"):
        _decline(books, intent, method, charges.open_charge(books, intent, method), AUTHENTICATION_REQUIRED)
    if options.get("error_on_requires_action"):
        refusal = Decline("authentication_required", "authentication_required", ACTION_REFUSED)
        _fail(books, intent, method, None, refusal)
    if options.get("return_url"):
        action = {
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": options["return_url"],
                "url": f"https://hooks.stripe.com/3d_secure_2/hosted?payment_intent={intent['id']}",
            },
        }
    else:
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    intent.update(status="requires_action", next_action=action)
    books.save(intent, "payment_intent.requires_action")


def _decline(books: Books, intent: Row, method: Row, charge: Row, decline: Decline) -> NoReturn:
    charges.refuse(charge, decline)
    books.save(charge, "charge.failed")
    _fail(books, intent, method, charge, decline)


def _fail(books: Books, intent: Row, method: Row, charge: Row | None, decline: Decline) -> NoReturn:
    """Return the intent to where another payment method can be tried, and raise the card error."""
    members: Row = {"payment_method": copy.deepcopy(method)}
    if charge is not None:
        members["charge"] = charge["id"]
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=decline.error(**members).body,
    )
    books.save(intent, "payment_intent.payment_failed")
    raise decline.error(**members, payment_intent=copy.deepcopy(intent))
