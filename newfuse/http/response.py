"""Reads a vendor's answer: its body, and what its refusal means in terms of `newfuse.errors`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from newfuse.errors import (
    AuthenticationFailed,
    Conflict,
    Declined,
    NotFound,
    PermissionDenied,
    RateLimited,
    Rejected,
    Unavailable,
    VendorError,
)
from newfuse.redact import Masker, redact
from newfuse.types import JSON

if TYPE_CHECKING:
    import httpx

# Long enough for the vendors' own messages, short enough for a console line or a prompt.
MAX_MESSAGE_CHARS = 300
# Bounds of `VendorError.detail`, which keeps the structure of the body for the log.
MAX_DETAIL_CHARS = 500
MAX_DETAIL_ITEMS = 50
MAX_DETAIL_DEPTH = 6
# Looked at beyond the cut, so that no secret is shown by half (tokens of 2 kB are common, of 4 kB known).
LONGEST_SECRET_CHARS = 8192
# Longer than any vendor's; what comes from outside is not kept without a bound.
MAX_REQUEST_ID_CHARS = 200

REQUEST_ID_HEADERS = (
    "request-id",  # Stripe, Anthropic
    "x-request-id",
    "x-hubspot-correlation-id",
    "paypal-debug-id",
    "x-message-id",  # SendGrid
    "x-fb-trace-id",
    "x-li-uuid",
    "x-slack-req-id",
    "x-correlation-id",
)


class Expect(Enum):
    """What the body of a success must be; any other body is not the vendor's word (`UnreadableAnswer`).

    A maintenance page with status 200 is neither an empty list nor a write that was carried out.
    """

    JSON = "a JSON object or list"
    """An object or a list; with 204 or 205 (RFC 9110, 15.3.5) nothing."""
    NOTHING = "no body"
    """No byte, whatever the status: how many vendors answer a deletion or an action."""
    ANYTHING = "anything"
    """Text, files, JSON: the caller judges."""

    def problem(self, status: int, content: bytes, body: Any) -> str | None:
        """Say what is wrong with a body, without repeating it; None when it is as expected."""
        if self is Expect.ANYTHING:
            return None
        if not content.strip():
            nothing_is_right = self is Expect.NOTHING or status in {204, 205}
            return None if nothing_is_right else f"it is empty, where {self.value} was expected"
        if self is Expect.NOTHING:
            return f"it holds {_kind(body)}, where {self.value} was expected"
        if isinstance(body, (Mapping, list)):
            return None
        return f"it holds {_kind(body)}, where {self.value} was expected"


def _kind(body: JSON | str | None) -> str:
    if isinstance(body, str):
        return "an HTML page" if body.lstrip().startswith("<") else "a text"
    if isinstance(body, Mapping):
        return "a JSON object"
    return "a JSON list" if isinstance(body, list) else f"JSON {json.dumps(body)[:10]}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What a vendor said about a call it did not carry out.

    Attributes:
        message: For people; redacted and cut before it is shown.
        code: The vendor's own code.
        existing_id: Id of the thing that exists already, with a conflict.
        retry: True when the vendor says the same request may be repeated, False when it must not, None when
            it says nothing and the status decides.
        retry_after_s: Seconds to wait, where the body and not the `Retry-After` header says so.
        processed: False when the vendor states that nothing was done, so that a 5xx leaves no doubt.
    """

    message: str
    code: str | None = None
    existing_id: str | None = None
    retry: bool | None = None
    retry_after_s: float | None = None
    processed: bool | None = None


Describe: TypeAlias = Callable[[int, Mapping[str, str], JSON], Fault | None]
"""A connector's reading of its vendor's errors: status, headers, decoded body. None: `describe` does it."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A successful answer.

    Attributes:
        status: HTTP status, 2xx (or 304 where a condition was sent).
        headers: Looked up without regard to case.
        body: Decoded JSON, the text of other contents, or None when it is empty.
        request_id: The vendor's id of the request, or None.
        latency_ms: Of the successful attempt, local waiting not included.
        url: Address that was asked, without what authentication added; base for relative links.
    """

    status: int
    headers: Mapping[str, str]
    body: JSON | str | None
    request_id: str | None
    latency_ms: float
    url: str


class UndecodableError(ValueError):
    """The answer says it is JSON and is not."""


def decode(content: bytes, content_type: str | None, encoding: str | None) -> JSON | str | None:
    """Decode an answer's body.

    Args:
        content: The bytes after decompression.
        content_type: The `Content-Type` header.
        encoding: Charset for texts; UTF-8 when None or unknown.

    Returns:
        JSON for JSON types (and `text/javascript`, which Facebook's Graph API sends), JSON or text where no
        type is given, otherwise text; None for an empty body.

    Raises:
        UndecodableError: The type says JSON and the bytes do not parse.
    """
    if not content.strip():
        return None
    kind = (content_type or "").partition(";")[0].strip().lower()
    if "json" in kind or kind.endswith("javascript") or not kind:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            pass
        if kind:  # raised out here: the codec's own error holds the whole body
            raise UndecodableError(f"{len(content)} bytes of {kind} that do not parse")
    try:
        return content.decode(encoding or "utf-8", errors="replace")
    except LookupError:
        return content.decode("utf-8", errors="replace")


def describe(body: JSON | str | None) -> Fault | None:
    """Read the common shapes of error bodies.

    Args:
        body: Decoded body.

    Returns:
        What it says, or None for an empty body, an HTML page or an unknown shape.
    """
    if isinstance(body, list) and body:  # Salesforce: [{"message", "errorCode"}]
        body = body[0]
    if isinstance(body, str):
        text = body[: MAX_MESSAGE_CHARS + LONGEST_SECRET_CHARS].strip()
        return None if not text or text.startswith("<") else Fault(" ".join(text.split()))
    if not isinstance(body, Mapping):
        return None
    inner = body.get("error")
    if isinstance(inner, Mapping):  # Stripe, Google, OpenAI, Facebook
        return _fault(inner)
    if isinstance(inner, str):  # RFC 6749, 5.2; Slack
        return Fault(str(body.get("error_description") or body.get("message") or inner), code=inner)
    found = _fault(body)
    listed = body.get("errors")
    if isinstance(listed, list) and listed and isinstance(listed[0], (Mapping, str)):
        said = "; ".join(part for part in map(_one_of_many, listed[:5]) if part)
        code = _code(listed[0]) if isinstance(listed[0], Mapping) else None
        if found is None:
            return Fault(said, code=code) if said else None
        return Fault(f"{found.message} ({said})" if said else found.message, code=found.code or code)
    return found


def _fault(body: Mapping[str, Any]) -> Fault | None:
    for name in ("message", "detail", "title", "error_description", "description"):
        said = body.get(name)
        if isinstance(said, list):  # FastAPI: [{"loc", "msg"}]
            said = "; ".join(part for part in map(_one_of_many, said[:5]) if part)
        if isinstance(said, str) and said.strip():
            return Fault(said, code=_code(body))
    return None


def _one_of_many(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return str(entry) if isinstance(entry, str) else ""
    said = entry.get("message") or entry.get("detail") or entry.get("msg") or entry.get("title") or ""
    field = entry.get("field")
    return f"{field}: {said}" if field and said else str(said)


def _code(body: Mapping[str, Any]) -> str | None:
    for name in ("code", "errorCode", "error_code", "category", "name", "type"):
        value = body.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
            return str(value)
    return None


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the vendor's id of the request, or None.

    Args:
        headers: Answer headers with lower-case names.
    """
    for name in REQUEST_ID_HEADERS:
        if name in headers:
            return headers[name][:MAX_REQUEST_ID_CHARS]
    return None


class AnswerMasker(Masker):
    """Takes the account's own secrets out of what its vendor answered, and bounds what is shown of it."""

    def body(self, content: bytes, decoded: JSON | str | None) -> JSON | str | None:
        """Return a decoded body without the secrets; it is walked only where its bytes may hold one."""
        return self.value(decoded) if self.may_be_in(content) else decoded

    def headers(self, headers: httpx.Headers) -> httpx.Headers:
        """Return headers without the secrets."""
        if not self.may_be_in(b"\n".join([value for _, value in headers.raw])):
            return headers
        masked = [(name, self.value(value)) for name, value in headers.multi_items()]
        return type(headers)(masked, encoding=headers.encoding)

    def text(self, text: str, limit: int = MAX_MESSAGE_CHARS) -> str:
        """Return a text fit to be shown, cut to `limit` characters."""
        text = super().text(text[: limit + LONGEST_SECRET_CHARS])  # a body may have megabytes
        return text if len(text) <= limit else text[: limit - 1] + "…"

    def detail(self, body: JSON | str | None) -> JSON:
        """Return a masked copy of an error body, bounded in every direction; None for an HTML page."""
        if isinstance(body, str) and body.lstrip().startswith("<"):
            return None
        return redact(self._bounded(body, MAX_DETAIL_DEPTH))

    def _bounded(self, value: JSON, depth: int) -> JSON:
        if isinstance(value, str):
            return self.text(value, MAX_DETAIL_CHARS)
        if isinstance(value, (Mapping, list)) and depth == 0:
            return "…"
        if isinstance(value, Mapping):
            kept = list(value.items())[:MAX_DETAIL_ITEMS]
            return {self.text(str(name)): self._bounded(inner, depth - 1) for name, inner in kept}
        if isinstance(value, list):
            return [self._bounded(inner, depth - 1) for inner in value[:MAX_DETAIL_ITEMS]]
        return value


def error_for(status: int, fault: Fault | None, *, retry_after_s: float | None, **about: Any) -> VendorError:
    """Choose the error for a status that is not a success.

    Args:
        status: HTTP status, 3xx to 5xx.
        fault: What the vendor said, already masked, or None.
        retry_after_s: Seconds the vendor asks to wait, or None.
        **about: `integration`, `request_id` and `detail` of the error.

    Returns:
        The error to raise, as if no doubt about the outcome existed.
    """
    message = fault.message if fault is not None else _silent(status)
    about |= {"status": status, "code": fault.code if fault is not None else None}
    if status == 429:
        return RateLimited(message, retry_after_s=retry_after_s, **about)
    if status >= 500:
        return Unavailable(message, retry_after_s=retry_after_s, **about)
    if status == 409:
        return Conflict(message, existing_id=fault.existing_id if fault is not None else None, **about)
    return _BY_STATUS.get(status, Rejected)(message, **about)


_BY_STATUS: dict[int, type[VendorError]] = {
    401: AuthenticationFailed,
    402: Declined,
    403: PermissionDenied,
    404: NotFound,
}

_SILENT = {
    401: "the credentials were not accepted",
    403: "the credentials lack a permission for this",
    404: "there is no such thing",
    409: "it exists already, or changed meanwhile",
    429: "the quota is spent",
}


def _silent(status: int) -> str:
    return _SILENT.get(status) or ("the vendor failed" if status >= 500 else "the request was refused")
