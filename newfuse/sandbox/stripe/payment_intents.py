"""Payment intents: create, retrieve, update, list, search, confirm, capture, cancel.

https://docs.stripe.com/api/payment_intents
"""

from __future__ import annotations

from newfuse.sandbox.stripe import confirmation, lists, parameters, search
from newfuse.sandbox.stripe.currencies import check_charge_amount
from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.parameters import (
    EXPAND,
    PAGE,
    SEARCH,
    SHIPPING,
    Reader,
    Shape,
    boolean,
    choice,
    identifier,
    integer,
    listing,
    merge_metadata,
    nested,
    text,
)
from newfuse.sandbox.vendor import JSON

# From this version on, leaving out both kinds of choice means automatic_payment_methods.
# https://docs.stripe.com/upgrades#2023-08-16
AUTOMATIC_BY_DEFAULT_SINCE = "2023-08-16"
METHOD_TYPES = ("card", "us_bank_account")
DESCRIPTOR_MAX = 22

_CAPTURE_METHOD = choice("automatic", "automatic_async", "manual")
_CONFIRM_ONLY: dict[str, Reader] = {
    "error_on_requires_action": boolean,
    "mandate_data": parameters.anything,
    "off_session": choice("true", "false", "one_off", "recurring"),
    "return_url": identifier,
    "use_stripe_sdk": boolean,
}
_SHARED: dict[str, Reader] = {
    "capture_method": _CAPTURE_METHOD,
    "payment_method": identifier,
    "payment_method_options": parameters.anything,
    "payment_method_types": listing(choice(*METHOD_TYPES)),
    "receipt_email": parameters.email(),
    "setup_future_usage": choice("off_session", "on_session", unset=True),
    "shipping": nested(SHIPPING),
    **EXPAND,
}
_DETAILS: dict[str, Reader] = {
    "amount": integer(1),
    "currency": parameters.currency,
    "customer": identifier,
    "description": text(1000),
    "metadata": parameters.metadata,
    "statement_descriptor": text(DESCRIPTOR_MAX),
    "statement_descriptor_suffix": text(DESCRIPTOR_MAX),
    "transfer_group": text(),
}
# Real parameters whose effect (other accounts, raw card data, mandates) nothing here could have.
_NOT_EMULATED = frozenset(
    {
        "amount_details",
        "application_fee_amount",
        "confirmation_token",
        "customer_account",
        "excluded_payment_method_types",
        "mandate",
        "on_behalf_of",
        "payment_method_configuration",
        "payment_method_data",
        "radar_options",
        "transfer_data",
    }
)
_AUTOMATIC = Shape({"enabled": boolean, "allow_redirects": choice("always", "never")}, required=("enabled",))
_COPIED = (
    "capture_method",
    "currency",
    "description",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
# What may no longer change once money is on its way.
_FROZEN_LATER = ("amount", "currency", "customer", "payment_method", "payment_method_types", "capture_method")


def _automatic(call: Call) -> JSON:
    """Return `automatic_payment_methods` as the new intent will have it."""
    given = call.parameters.get("automatic_payment_methods")
    if given is not None:
        return {"allow_redirects": "always", **given}
    if "payment_method_types" in call.parameters or call.version[:10] < AUTOMATIC_BY_DEFAULT_SINCE:
        return None
    return {"allow_redirects": "always", "enabled": True}


def _check_create(call: Call) -> None:
    given = call.parameters
    check_charge_amount("amount", given["amount"], given["currency"])
    if given.get("automatic_payment_methods") and "payment_method_types" in given:
        raise StripeError(
            "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."
        )
    if given.get("confirm"):
        if "payment_method" not in given:
            raise StripeError(confirmation.MISSING_METHOD, code="payment_intent_unexpected_state")
        if confirmation.needs_return_url(_automatic(call)) and "return_url" not in given:
            raise StripeError(confirmation.RETURN_URL_REQUIRED)
        return
    for name in _CONFIRM_ONLY:
        if name in given:  # wording [unverified]; the rule is in the reference of each parameter
            raise StripeError(f"The parameter `{name}` can only be used with `confirm=true`.", param=name)


def _create(call: Call) -> JSON:
    books, given = call.books, call.parameters
    if "customer" in given:
        books.find("customer", given["customer"], param="customer", status=400)
    automatic = _automatic(call)
    id_ = books.new_id("payment_intent")
    intent: dict[str, JSON] = {
        "id": id_,
        "object": "payment_intent",
        "amount": given["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "client_secret": f"{id_}_secret_{books.identifiers.scramble(id_)}",
        "confirmation_method": given.get("confirmation_method", "automatic"),
        "created": books.now,
        "customer": given.get("customer"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": books.livemode,
        "metadata": merge_metadata({}, given.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": given.get("payment_method_options", {}),
        "payment_method_types": given.get("payment_method_types", ["card"]),
        "processing": None,
        "review": None,
        "source": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        **{name: given.get(name) for name in _COPIED},
    }
    intent["capture_method"] = intent["capture_method"] or "automatic"
    if "payment_method" in given:
        method = confirmation.use_method(books, intent, given["payment_method"])
        intent.update(payment_method=method["id"], status="requires_confirmation")
    books.save(intent, "payment_intent.created")
    if given.get("confirm"):
        confirmation.confirm(books, intent, _confirm_options(given))
    return intent


def _confirm_options(given: dict[str, JSON]) -> dict[str, JSON]:
    return {
        "return_url": given.get("return_url"),
        "off_session": given.get("off_session", "false") != "false",
        "error_on_requires_action": given.get("error_on_requires_action", False),
    }


def _retrieve(call: Call, intent: str) -> JSON:
    return call.books.find("payment_intent", intent, param="intent")


def _update(call: Call, intent: str) -> JSON:
    books, given = call.books, call.parameters
    row = books.find("payment_intent", intent, param="intent")
    for name in _FROZEN_LATER:
        if name in given:
            confirmation.check_updatable(row, name)
    if "amount" in given or "currency" in given:
        new = {**row, **given}
        check_charge_amount("amount", new["amount"], new["currency"])
    _apply(call, row)
    books.save(row)
    return row


def _confirm(call: Call, intent: str) -> JSON:
    books, given = call.books, call.parameters
    row = books.find("payment_intent", intent, param="intent")
    method = given.get("payment_method") or row["payment_method"]
    confirmation.check_confirmable(row, method, given.get("return_url"))
    _apply(call, row)
    confirmation.confirm(books, row, _confirm_options(given))
    return row


def _apply(call: Call, row: dict[str, JSON]) -> None:
    """Change an intent by an update or a confirmation: wholly, or not at all when a value is refused."""
    books, given = call.books, call.parameters
    if "customer" in given:
        books.find("customer", given["customer"], param="customer", status=400)
    changed = dict(row)
    for name in ("amount", "customer", "payment_method_options", "payment_method_types", *_COPIED):
        if name in given:
            changed[name] = given[name]
    if "payment_method_types" in given:
        changed["automatic_payment_methods"] = None
    if "metadata" in given:
        changed["metadata"] = merge_metadata(row["metadata"], given["metadata"])
    if "payment_method" in given:
        method = confirmation.use_method(books, changed, given["payment_method"])
        changed.update(payment_method=method["id"], status="requires_confirmation", next_action=None)
    elif row["status"] == "requires_action" and "amount" in given:
        changed.update(status="requires_confirmation", next_action=None)
    row.update(changed)


def _capture(call: Call, intent: str) -> JSON:
    books, given = call.books, call.parameters
    row = books.find("payment_intent", intent, param="intent")
    confirmation.capture(books, row, given.get("amount_to_capture"))
    changes: dict[str, JSON] = {
        name: given[name] for name in ("statement_descriptor", "statement_descriptor_suffix") if name in given
    }
    if "metadata" in given:
        changes["metadata"] = merge_metadata(row["metadata"], given["metadata"])
    if changes:
        row.update(changes)
        books.save(row)
    return row


def _cancel(call: Call, intent: str) -> JSON:
    row = call.books.find("payment_intent", intent, param="intent")
    confirmation.cancel(call.books, row, call.parameters.get("cancellation_reason"))
    return row


def _list(call: Call) -> JSON:
    if "customer" in call.parameters:
        call.books.find("customer", call.parameters["customer"], param="customer", status=400)
    return lists.page(call, "payment_intent", "/v1/payment_intents", lists.matching(call, "customer"))


def _search(call: Call) -> JSON:
    return search.page(call, "payment_intent", "/v1/payment_intents/search")


_PATH = "/v1/payment_intents"
_ONE = f"{_PATH}/{{intent}}"

OPERATIONS = (
    Operation("GET", f"{_PATH}/search", SEARCH, _search),
    Operation(
        "GET",
        _PATH,
        Shape(
            {"created": parameters.created, "customer": identifier, **PAGE},
            unsupported=frozenset({"customer_account"}),
        ),
        _list,
    ),
    Operation(
        "POST",
        _PATH,
        Shape(
            {
                **_DETAILS,
                **_SHARED,
                **_CONFIRM_ONLY,
                "automatic_payment_methods": nested(_AUTOMATIC),
                "confirm": boolean,
                "confirmation_method": choice("automatic", "manual"),
            },
            required=("amount", "currency"),
            unsupported=_NOT_EMULATED,
        ),
        _create,
        _check_create,
    ),
    Operation("GET", _ONE, Shape({"client_secret": identifier, **EXPAND}), _retrieve),
    Operation("POST", _ONE, Shape({**_DETAILS, **_SHARED}, unsupported=_NOT_EMULATED), _update),
    Operation(
        "POST",
        f"{_ONE}/confirm",
        Shape({**_SHARED, **_CONFIRM_ONLY, "client_secret": identifier}, unsupported=_NOT_EMULATED),
        _confirm,
    ),
    Operation(
        "POST",
        f"{_ONE}/capture",
        Shape(
            {
                "amount_to_capture": integer(1),
                "metadata": parameters.metadata,
                "statement_descriptor": text(DESCRIPTOR_MAX),
                "statement_descriptor_suffix": text(DESCRIPTOR_MAX),
                **EXPAND,
            },
            unsupported=_NOT_EMULATED | {"final_capture", "hooks"},
        ),
        _capture,
    ),
    Operation(
        "POST",
        f"{_ONE}/cancel",
        Shape(
            {
                "cancellation_reason": choice("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
                **EXPAND,
            }
        ),
        _cancel,
    ),
)
