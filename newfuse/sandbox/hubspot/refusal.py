"""HubSpot's errors: one shape, whatever was wrong.

Shape: `Error` and `StandardError` in the models of hubspot-api-client 12.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class InvalidProperty:
    """One property of a write that HubSpot does not take."""

    name: str
    code: str  # PROPERTY_DOESNT_EXIST, INVALID_EMAIL, INVALID_OPTION …
    message: str


class Refused(Exception):
    """HubSpot refuses a request, or one input of a batch."""

    def __init__(self, status: int, category: str, message: str, **more: Any) -> None:
        """Take what the answer says; `more` goes beside it (`errors`, `context`, `subCategory`)."""
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.more = more

    def body(self, correlation_id: str) -> dict[str, Any]:
        """Return the body of the answer to a single request."""
        return {
            "status": "error",
            "message": self.message,
            "correlationId": correlation_id,
            **self.more,
            "category": self.category,
        }

    def batch_error(self, trace_id: str | None) -> dict[str, Any]:
        """Return the entry among the `errors` of a batch that was taken in part."""
        context = dict(self.more.get("context", {}))
        if trace_id is not None:
            context["objectWriteTraceId"] = [trace_id]
        return {"status": "error", "category": self.category, "message": self.message, "context": context}


def not_found() -> Refused:
    """Return the refusal of an id that does not exist or is archived."""
    return Refused(404, "OBJECT_NOT_FOUND", "resource not found")


def conflict(name: str, existing_id: str) -> Refused:
    """Return the refusal of a unique value that another record has; `name` is the object's, e.g. Contact."""
    return Refused(409, "CONFLICT", f"{name} already exists. Existing ID: {existing_id}")


def bad_request(message: str, **more: Any) -> Refused:
    """Return the refusal of a request that is not well formed."""
    return Refused(400, "VALIDATION_ERROR", message, **more)


def names(asked: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Return a field that is a list of texts, empty when it is left out.

    Raises:
        Refused: 400, it is something else.
    """
    given = asked.get(field) or []
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise bad_request(f"Invalid input JSON: {field} must be a list of strings")
    return tuple(given)


def invalid_properties(found: Sequence[InvalidProperty]) -> Refused:
    """Return the refusal of property values; HubSpot puts the list as JSON into the message."""
    listed = [{"isValid": False, "message": one.message, "error": one.code, "name": one.name} for one in found]
    return bad_request(
        "Property values were not valid: " + json.dumps(listed, separators=(",", ":")),
        errors=[{"message": one.message, "code": one.code, "context": {"propertyName": [one.name]}} for one in found],
    )
