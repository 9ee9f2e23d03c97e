"""The generic tool: read anything of an integration's API that has no action of its own."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from newfuse import InvalidArguments, Job, Tool, ToolResult, tool
from newfuse.redact import MASK, SECRET_NAMES
from tools.outcome import answer, cut

READING = ("GET", "HEAD")
SHOWN_CHARS = 2_500  # of an answer: a look, not a way for records to reach a model
SHOWN_ITEMS = 5
SHOWN_DEPTH = 6
SHOWN_TEXT = 200
# What a caller may say beside the query. Authentication, host and idempotency are the engine's.
ALLOWED_HEADERS = frozenset({"accept", "accept-language", "if-modified-since", "if-none-match", "prefer"})
SHOWN_HEADERS = re.compile(
    r"content-type|content-length|date|etag|last-modified|link|retry-after|.*ratelimit.*|(x-)?request-id|"
    r"x-hubspot-correlation-id|stripe-version",
    re.IGNORECASE,
)

Scalar = str | int | float | bool


@tool
async def rest_api(
    job: Job,
    integration: str,
    method: str,
    endpoint: str,
    data: dict[str, Scalar] | None = None,
    headers: dict[str, str] | None = None,
) -> ToolResult:
    """Look up a detail in an integration's own API that no other tool shows; it cannot write, and is seldom needed.

    Authentication, retries and rate limits are taken care of. What changes something goes through the other tools.

    Args:
        integration: Id of an integration of this run, e.g. hubspot.
        method: GET or HEAD.
        endpoint: Path on the integration's own host, e.g. /crm/v3/objects/contacts/12345.
        data: Query parameters.
        headers: Extra headers; only Accept, Accept-Language, If-None-Match, If-Modified-Since and Prefer.

    Returns:
        status, success, a shortened look at the data with secrets masked, and the headers that matter.

    Raises:
        InvalidArguments: The call would write, leave the integration's host, or replace what the engine sets.
        VendorError: The vendor refused, or could not be reached.
    """
    known = sorted(one.id for one in job.run.registry.get_integrations())
    if integration not in known:
        raise _wrong("integration", f"this run has no {integration[:40]!r}; it has {', '.join(known) or 'none'}")
    verb = method.strip().upper()
    if verb not in READING:
        actions = ", ".join(name for name in _writing_actions(job, integration))
        problem = f"{verb[:10]!r} would write around the ledger; use the tools, which use the actions {actions}"
        raise _wrong("method", problem)
    path, query = _split(endpoint)
    sent = _headers(headers or {})
    client = await job.integration(integration)
    response = await client.api.request(verb, path, params={**query, **(data or {})}, headers=sent)
    shown = shorten(response.body)
    text = json.dumps(shown, ensure_ascii=False, default=str)
    result = {
        "status": response.status,
        "success": True,  # anything else is raised, so that a failure never looks like an answer
        "data": shown if len(text) <= SHOWN_CHARS else cut(text, SHOWN_CHARS),
        "headers": {name: value for name, value in response.headers.items() if SHOWN_HEADERS.fullmatch(name)},
    }
    return answer(f"{verb} {path}: {response.status}", result)


def shorten(value: Any, depth: int = 0) -> Any:
    """Return a JSON value with long lists and texts cut, and what is named like a secret masked."""
    if isinstance(value, dict):
        if depth == SHOWN_DEPTH:
            return f"… ({len(value)} fields)"
        return {
            key: MASK if SECRET_NAMES.search(str(key)) and isinstance(inner, str) else shorten(inner, depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        if depth == SHOWN_DEPTH:
            return f"… ({len(value)} items)"
        kept = [shorten(inner, depth + 1) for inner in value[:SHOWN_ITEMS]]
        return [*kept, f"… ({len(value)} items in all)"] if len(value) > SHOWN_ITEMS else kept
    return cut(value, SHOWN_TEXT) if isinstance(value, str) else value


def _split(endpoint: str) -> tuple[str, dict[str, Any]]:
    path, _, query = endpoint.strip().partition("?")
    if "://" in path or path.startswith("//") or "\\" in path or "#" in endpoint:
        raise _wrong("endpoint", "must be a path on the integration's own host, such as /v1/customers")
    if not path.strip("/"):
        raise _wrong("endpoint", "must not be empty")
    values: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return path if path.startswith("/") else f"/{path}", values


def _headers(given: dict[str, str]) -> dict[str, str]:
    refused = sorted(name for name in given if name.lower() not in ALLOWED_HEADERS)
    if refused:
        allowed = ", ".join(sorted(ALLOWED_HEADERS))
        raise _wrong("headers", f"{cut(', '.join(refused), 80)} cannot be set here; {allowed} can")
    return given


def _writing_actions(job: Job, integration: str) -> list[str]:
    found = job.run.registry.get_integration(integration)
    return sorted(name for name, spec in found.specs.items() if spec.once is not None) if found is not None else []


def _wrong(field: str, problem: str) -> InvalidArguments:
    return InvalidArguments("rest_api", [(field, problem)])


TOOLS: list[Tool] = [rest_api]
