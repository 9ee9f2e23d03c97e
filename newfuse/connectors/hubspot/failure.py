"""What HubSpot's refusals mean. Shapes: `Error`, `StandardError` and `ErrorDetail` of its official SDK.

https://developers.hubspot.com/docs/api-reference/error-handling
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from newfuse import Fault
from newfuse.errors import Conflict, NotFound, RateLimited, Rejected, Unavailable, VendorError

_EXISTING_ID = re.compile(r"Existing ID:\s*(\d+)")
# How long to wait for each limit, where no Retry-After says so: a rolling limit is free again after its own length.
_LIMIT_S = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}
_DAILY = "DAILY"


def describe_failure(status: int, headers: Mapping[str, str], body: Any) -> Fault | None:
    """Read a refusal: its category as code, the properties it names, and the id of a record that is in the way.

    Args:
        status: HTTP status.
        headers: Headers of the answer, names in lower case.
        body: Decoded body.

    Returns:
        What HubSpot said; None when the body is not HubSpot's.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("message"), str):
        return None
    if body.get("status") != "error" and "correlationId" not in body:  # a message alone is what gateways say
        return None
    policy = str(body.get("policyName") or "")
    limited = status == 429  # noqa: PLR2004 - RFC 6585, 4
    return Fault(
        message=readable(body),
        code=body.get("category") or body.get("errorType"),
        existing_id=existing_id(body["message"]),
        # The daily quota is free again at midnight: nothing that repeats within this call gets through.
        retry=False if limited and policy == _DAILY else None,
        retry_after_s=_LIMIT_S.get(policy) if limited and "retry-after" not in headers else None,
    )


def readable(body: Mapping[str, Any]) -> str:
    """Return the message for people: HubSpot puts a JSON list of properties into it, which is unfolded here."""
    message = str(body.get("message") or "")
    head, bracket, tail = message.partition(": [{")
    if not bracket:
        return message
    try:
        listed = json.loads("[{" + tail)
    except ValueError:
        return message
    said = [f"{one.get('name')}: {one.get('message')}" for one in listed if isinstance(one, Mapping)]
    return f"{head}: " + "; ".join(said)


def existing_id(message: str) -> str | None:
    """Return the id of the record that a conflict names ("Contact already exists. Existing ID: 12345"), or None."""
    found = _EXISTING_ID.search(message)
    return found[1] if found else None


def item_error(integration: str, error: Mapping[str, Any]) -> VendorError:
    """Turn one of the `errors` of a batch that was taken in part (HTTP 207) into the error it would have been alone.

    Args:
        integration: Slug the error speaks for.
        error: The entry, in the shape of `StandardError`.
    """
    category = str(error.get("category") or "")
    about: dict[str, Any] = {"integration": integration, "code": category or None}
    message = readable(error)
    if category == "CONFLICT":
        return Conflict(message, existing_id=existing_id(message), **about)
    return _BY_CATEGORY.get(category, Rejected)(message, **about)


_BY_CATEGORY: dict[str, type[VendorError]] = {
    "OBJECT_NOT_FOUND": NotFound,
    "RATE_LIMITS": RateLimited,
    "INTERNAL_ERROR": Unavailable,
}
