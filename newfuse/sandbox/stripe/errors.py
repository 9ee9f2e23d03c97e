"""Stripe's error answers. Codes: https://docs.stripe.com/error-codes, types: https://docs.stripe.com/api/errors."""

from __future__ import annotations

from collections.abc import Iterable

from newfuse.sandbox.vendor import JSON

DOC_URL = "https://stripe.com/docs/error-codes/"
SUPPORT = "If you have any questions, we can help at https://support.stripe.com/."


class StripeError(Exception):
    """One refusal, with the status and the members of its `error` object.

    Attributes:
        status: The HTTP status, 400 to 599.
        body: The members of `error`, without the ones that depend on the request (`request_log_url`).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type_: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **members: JSON,
    ) -> None:
        """Describe the refusal; `members` are added as they are, e.g. `decline_code` or `payment_intent`."""
        super().__init__(message)
        self.status = status
        self.body: dict[str, JSON] = {"message": message, "type": type_}
        if code is not None:
            self.body["code"] = code
            self.body["doc_url"] = DOC_URL + code.replace("_", "-")
        if param is not None:
            self.body["param"] = param
        self.body.update(members)


def quoted_list(values: Iterable[str]) -> str:
    """Spell `a, b, or c`, as Stripe does in its messages."""
    *head, last = values
    if not head:
        return last
    return f"{', '.join(head)}{',' if len(head) > 1 else ''} or {last}"


def unknown_parameters(names: list[str]) -> StripeError:
    """Refuse parameters that the operation does not have."""
    plural = "s" if len(names) > 1 else ""
    return StripeError(
        f"Received unknown parameter{plural}: {', '.join(names)}", code="parameter_unknown", param=names[0]
    )


def missing_parameter(name: str) -> StripeError:
    """Refuse a request without a required parameter."""
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def empty_parameter(name: str) -> StripeError:
    """Refuse an empty string where nothing can be unset."""
    return StripeError(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
        f"parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or "
        "supply a non-empty value.",
        code="parameter_invalid_empty",
        param=name,
    )


def invalid_integer(message: str, name: str) -> StripeError:
    """Refuse a value that is no integer or outside its bounds."""
    return StripeError(message, code="parameter_invalid_integer", param=name)


def missing_resource(kind: str, id_: str, *, param: str, status: int = 404, other_mode: bool = False) -> StripeError:
    """Answer that an object does not exist: 404 for one in the path, 400 for most named in parameters.

    Args:
        kind: The object as Stripe names it, e.g. `payment_intent`.
        id_: What was asked for.
        param: The parameter that named it.
        status: 404 or 400.
        other_mode: The object exists, but on the other side of the live and test divide.
    """
    name = "PaymentMethod" if kind == "payment_method" else kind
    message = f"No such {name}: '{id_}'"
    if other_mode:
        message += f"; a similar object exists in the other mode, but this key cannot see it. {SUPPORT}"
    return StripeError(message, status=status, code="resource_missing", param=param)


def unexpected_state(message: str, intent: JSON) -> StripeError:
    """Refuse what a payment intent's status does not allow; the intent is part of the answer."""
    return StripeError(message, code="payment_intent_unexpected_state", payment_intent=intent)


def not_emulated(name: str) -> StripeError:
    """Refuse a real Stripe parameter that would have an effect which this emulator cannot have."""
    return StripeError(f"`{name}` is a Stripe parameter that this sandbox does not emulate.", param=name)


def rate_limited(*, livemode: bool) -> StripeError:
    """Answer too many requests. The test-mode wording is Stripe's own, the live one its shorter form."""
    message = (
        "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits."
    )
    if not livemode:
        message = (
            "Testmode request rate limit exceeded, the rate limits in testmode are lower than livemode. "
            "You can learn more about rate limits here https://stripe.com/docs/rate-limits."
        )
    return StripeError(message, status=429, code="rate_limit")


def of_status(status: int) -> StripeError:
    """Return what Stripe answers with a status when nothing about the request explains it (injected faults).

    Source: https://docs.stripe.com/api/errors, the table of HTTP statuses.
    """
    if status == 401:
        return StripeError("Invalid API Key provided: sk_test_********************0000", status=401)
    if status == 402:
        return StripeError(
            "Your card was declined.",
            status=402,
            type_="card_error",
            code="card_declined",
            decline_code="generic_decline",
        )
    if status == 403:
        return StripeError(
            "The provided key 'rk_test_********************0000' does not have the required permissions for "
            "this endpoint.",
            status=403,
        )
    if status == 404:
        return StripeError("No such resource.", status=404, code="resource_missing", param="id")
    if status == 409:
        return StripeError(
            "There is currently another in-progress request using this Stripe Idempotent Key (that probably "
            "means you submitted twice, and the other request is still going through). Please try again "
            "later.",
            status=409,
            type_="idempotency_error",
            code="idempotency_key_in_use",
        )
    if status == 429:
        return rate_limited(livemode=False)
    if status >= 500:
        return StripeError("An unknown error occurred", status=status, type_="api_error")
    return StripeError("Invalid request.", status=status)
