"""The generic tool: look at the shape of anything in an integration's API that has no action of its own."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from newfuse import InvalidArguments, Job, Tool, ToolResult, answer, tool
from newfuse.privacy import is_personal, mask_text
from newfuse.records import cut
from newfuse.redact import MASK, SECRET_NAMES, redact_text

READING = ("GET", "HEAD")
NAME = "rest_api"
SHOWN_CHARS = 2_500  # of an answer: a look at its shape, not a way for records to reach a model
TASK_CHARS = 10_000  # of all answers in one task: four full looks, for what is seldom needed at all
SHOWN_ITEMS = 5
SHOWN_FIELDS = 40  # of one object; no vendor's record here has more
SHOWN_DEPTH = 6
SHOWN_TEXT = 80
# What a caller may say beside the query. Authentication, host and idempotency are the engine's.
ALLOWED_HEADERS = frozenset({"accept", "accept-language", "if-modified-since", "if-none-match", "prefer"})
SHOWN_HEADERS = re.compile(
    r"content-type|content-length|date|etag|last-modified|retry-after|.*ratelimit.*|(x-)?request-id|"
    r"x-hubspot-correlation-id|stripe-version",
    re.IGNORECASE,
)
# Encoded separators and dots, which a decoding proxy may read as a way up, and parameters of segments, likewise.
CLIMBING = re.compile(r"%(?:2e|2f|5c|25|00|3b)|\.\.|;", re.IGNORECASE)
# The fields whose texts are shown: what a thing is and how it stands. Of all others, which may be about a person or
# written by one, the length is given.
SHOWN_FIELDS_OF_TEXT = frozenset({"id", "object", "type", "kind", "status", "currency", "lifecyclestage"})
TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
# Objects whose fields are named by the vendor's customer: what they hold is anything.
FREE = frozenset({"metadata", "merge_fields", "custom_fields", "custom_dimensions"})

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
        status, success, the headers that matter, and the shape of the data: its fields, numbers, ids, statuses and
        times, of lists the first items and their count, of other texts the length. A task is shown only so much.

    Raises:
        InvalidArguments: The call would write, leave the integration's host, or replace what the engine sets; or the
            task has seen as much as it may.
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
    if job.shown_chars[NAME] >= TASK_CHARS:
        raise _wrong("endpoint", f"this task has seen its {TASK_CHARS} characters of answers; use the other tools")
    client = await job.integration(integration)
    response = await client.api.request(verb, path, params={**query, **(data or {})}, headers=sent)
    shown = look(response.body)
    text = json.dumps(shown, ensure_ascii=False, default=str)
    most = min(SHOWN_CHARS, TASK_CHARS - job.shown_chars[NAME])
    job.shown_chars[NAME] += min(len(text), most)
    result = {
        "status": response.status,
        "success": True,  # anything else is raised, so that a failure never looks like an answer
        "data": shown if len(text) <= most else cut(text, most),
        "headers": {
            name: cut(mask_text(value), SHOWN_TEXT)
            for name, value in response.headers.items()
            if SHOWN_HEADERS.fullmatch(name)
        },
    }
    return answer(f"{verb} {path}: {response.status}", result)


def look(value: Any, name: str = "", *, free: bool = False, depth: int = 0) -> Any:
    """Return the shape of a JSON value: all field names, and such values as tell nothing about a person.

    Args:
        value: The value.
        name: The field it stands in.
        free: Whether anything may stand in its fields, or only what is about a person.
        depth: Levels above it.
    """
    if isinstance(value, dict):
        if depth == SHOWN_DEPTH:
            return f"… ({len(value)} fields)"
        kept = islice(value.items(), SHOWN_FIELDS)
        shown = {
            cut(mask_text(str(key)), SHOWN_TEXT): look(inner, str(key), free=free or _is_free(key), depth=depth + 1)
            for key, inner in kept
        }
        return {**shown, "…": f"{len(value)} fields in all"} if len(value) > SHOWN_FIELDS else shown
    if isinstance(value, list):
        if depth == SHOWN_DEPTH:
            return f"… ({len(value)} items)"
        items = [look(inner, name, free=free, depth=depth + 1) for inner in value[:SHOWN_ITEMS]]
        return [*items, f"… ({len(value)} items in all)"] if len(value) > SHOWN_ITEMS else items
    return _shown(value, name, free=free)


def _shown(value: Any, name: str, *, free: bool) -> Any:
    if value is None or isinstance(value, bool) or value == "":
        return value
    if SECRET_NAMES.search(name):
        return MASK
    if not isinstance(value, str):
        return f"[{type(value).__name__}]" if free or is_personal(name) else value
    if not free and not is_personal(name) and (name in SHOWN_FIELDS_OF_TEXT or TIME.fullmatch(value)):
        return cut(mask_text(redact_text(value)), SHOWN_TEXT)
    return f"[text of {len(value)} characters]"


def _is_free(name: str) -> bool:
    return name in FREE or is_personal(name)


def _split(endpoint: str) -> tuple[str, dict[str, Any]]:
    path, _, query = endpoint.strip().partition("?")
    if "://" in path or path.startswith("//") or "\\" in path or "#" in endpoint:
        raise _wrong("endpoint", "must be a path on the integration's own host, such as /v1/customers")
    if CLIMBING.search(path):
        raise _wrong("endpoint", "may hold no dots that lead upward, no ; and no encoded / \\ . ; or %")
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
