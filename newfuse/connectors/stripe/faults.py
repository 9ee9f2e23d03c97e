"""What Stripe's error answers mean.

API: https://docs.stripe.com/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping

from newfuse import Fault
from newfuse.types import JSON


def describe_failure(status: int, headers: Mapping[str, str], body: JSON) -> Fault | None:  # noqa: ARG001
    """Read one error answer.

    Args:
        status: HTTP status; the body says more.
        headers: With lower-case names.
        body: Decoded body.

    Returns:
        The vendor's message with its code: of a declined payment the bank's decline code, for others Stripe's code,
        else the type of the error. None for a body of another shape.
    """
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping) or not isinstance(error.get("type"), str):  # "always present": Stripe's page
        return None
    message = str(error.get("message") or "Stripe gave no reason")
    decline_code = error.get("decline_code")
    if decline_code:  # https://docs.stripe.com/declines/codes
        message = f"{message} (decline code: {decline_code})"
    if error.get("param"):
        message = f"{message} (parameter: {error['param']})"
    code = decline_code or error.get("code") or error.get("type")
    return Fault(message, code=str(code) if code else None, retry=_retry(headers, error))


def _retry(headers: Mapping[str, str], error: Mapping[str, JSON]) -> bool | None:
    # An earlier request with this key is still being worked on; its answer will be replayed to the next one.
    if error.get("code") == "idempotency_key_in_use":
        return True
    # Honoured by Stripe's own libraries before they look at the status (stripe-python, _http_client.py).
    return {"true": True, "false": False}.get(headers.get("stripe-should-retry", "").lower())
