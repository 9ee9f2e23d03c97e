"""Mailchimp's errors: problem details, one constructor per kind.

Source: https://mailchimp.com/developer/marketing/docs/errors/ (error glossary; a 405 in full).
Texts marked [unverified] are ours: the vendor's exact words for that case were not to be had.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

GLOSSARY_URL = "https://mailchimp.com/developer/marketing/docs/errors/"
CONTENT_TYPE = "application/problem+json; charset=utf-8"

FieldError = tuple[str, str]  # (field, message)


class Problem(Exception):
    """What a handler raises to refuse a request; `document` is the body but for its `instance`."""

    def __init__(
        self, status: int, title: str, detail: str, errors: list[FieldError] | None = None, allow: str = ""
    ) -> None:
        """Hold the parts of the problem document; `allow` is the Allow header of a 405."""
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.allow = allow

    def document(self, instance: str) -> dict[str, Any]:
        """Return the `application/problem+json` body."""
        body: dict[str, Any] = {
            "type": GLOSSARY_URL,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors is not None:
            body["errors"] = [{"field": field, "message": message} for field, message in self.errors]
        return body


def bad_request(detail: str) -> Problem:
    """400 with the vendor's catch-all title."""
    return Problem(400, "Bad Request", detail)


def json_parse_error() -> Problem:
    """400: the body is not JSON."""
    return Problem(400, "JSON Parse Error", "We encountered an unspecified JSON parsing error.")


def invalid_resource(errors: list[FieldError]) -> Problem:
    """400 that names each field that is wrong."""
    return Problem(
        400,
        "Invalid Resource",
        "The resource submitted could not be validated. For field-specific details, see the 'errors' array.",
        errors,
    )


def invalid_email() -> Problem:
    """400 for what is not an e-mail address."""
    return Problem(400, "Invalid Resource", "Please provide a valid email address.")


def invalid_merge_fields(errors: list[FieldError]) -> Problem:
    """400 for merge fields that are missing or of the wrong type."""
    return Problem(400, "Invalid Resource", "Your merge fields were invalid.", errors)


def member_exists(email: str) -> Problem:
    """400 to adding an address that is on the list."""
    return Problem(400, "Member Exists", f"{email} is already a list member. Use PUT to insert or update list members.")


def compliance_state(email: str) -> Problem:
    """400 to subscribing someone who unsubscribed or whose address bounced; only they can come back."""
    return Problem(
        400,
        "Member In Compliance State",
        f"{email} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.",
    )


def forgotten_email(email: str) -> Problem:
    """400 to adding an address that was deleted for good."""
    return Problem(
        400,
        "Forgotten Email Not Subscribed",
        f"{email} was permanently deleted and cannot be re-imported."
        " The contact must re-subscribe to get back on the list.",
    )


def resource_not_found() -> Problem:
    """404: no such path, or no such id."""
    return Problem(404, "Resource Not Found", "The requested resource could not be found.")


def method_not_allowed(allowed: list[str]) -> Problem:
    """405 with the methods that the path does have."""
    return Problem(
        405,
        "Method Not Allowed",
        "The requested method and resource are not compatible."
        " See the Allow header for this resource's available methods.",
        allow=", ".join(allowed),
    )


def member_not_removable() -> Problem:
    """405 to archiving a member who is archived already."""
    return Problem(
        405, "Method Not Allowed", "This list member cannot be removed. Please contact support.", allow="GET"
    )


def api_key_invalid() -> Problem:
    """401 for a key that is wrong, revoked, or of another data centre."""
    return Problem(
        401,
        "API Key Invalid",
        "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
    )


def api_key_missing() -> Problem:
    """401 for a request without credentials."""
    return Problem(401, "API Key Missing", "Your request did not include an API key.")


def too_many_requests() -> Problem:
    """429: the vendor counts connections, not requests, and sends no rate headers and no Retry-After."""
    return Problem(429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections.")


# Title and detail of the glossary for the statuses a fault may ask for; others take the standard HTTP phrase.
_GLOSSARY: dict[int, tuple[str, str]] = {
    403: ("Forbidden", "You are not permitted to access this resource."),
    404: ("Resource Not Found", "The requested resource could not be found."),
    500: (
        "Internal Server Error",
        "An unexpected internal error has occurred. Please contact Support for more information.",
    ),
    503: ("Service Unavailable", "The server is temporarily unavailable. Please try again."),  # [unverified]
}


def of_status(status: int) -> Problem:
    """Return the vendor's problem for a bare status."""
    if status == HTTPStatus.UNAUTHORIZED:
        return api_key_invalid()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return too_many_requests()
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    title, detail = _GLOSSARY.get(status, (phrase, phrase + "."))
    return Problem(status, title, detail)


# One "@", no blanks, a dot inside the domain, no empty label: what the vendor's own check amounts to. It
# refuses reserved domains as "fake" too; the sandbox does not, since sample data lives in example.com.
_EMAIL = re.compile(r"[^@\s,;<>()\"]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")
MAX_EMAIL_CHARS = 254  # RFC 5321 §4.5.3.1.3, path less its brackets


def check_email(value: object) -> str:
    """Return the address without surrounding blanks.

    Raises:
        Problem: 400, it is not an address.
    """
    if not isinstance(value, str):
        raise invalid_email()
    email = value.strip()
    local = email.partition("@")[0]
    malformed = local.startswith(".") or local.endswith(".") or ".." in local
    if malformed or len(email) > MAX_EMAIL_CHARS or not _EMAIL.fullmatch(email):
        raise invalid_email()
    return email
