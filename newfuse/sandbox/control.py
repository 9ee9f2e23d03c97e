"""The sandbox's own interface under `/_sandbox`: log, truth, faults, reset. Vendors know nothing of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from newfuse.sandbox import json_text
from newfuse.sandbox.faults import Fault, InvalidFault
from newfuse.sandbox.sandbox import Sandbox

CONTROL_PATH: Final = "/_sandbox"


@dataclass(frozen=True, slots=True)
class ControlResponse:
    """An answer of the control interface."""

    status: int
    body: bytes
    content_type: str = "application/json"

    @classmethod
    def of(cls, value: Any, status: int = 200) -> ControlResponse:
        """Encode a value as JSON."""
        return cls(status, json.dumps(value).encode())


def control(sandbox: Sandbox, method: str, path: str, query: Mapping[str, str], body: bytes) -> ControlResponse:
    """Answer one control request.

    Args:
        sandbox: What it is about.
        method: In upper case.
        path: Below `/_sandbox`: empty, `/log`, `/truth`, `/faults` or `/reset`.
        query: `slug` narrows the truth to one vendor.
        body: For `POST /faults`: one fault or a list of them, as JSON.

    Returns:
        200, or 400 (a wrong field, named), 404 (no such path or vendor), 405 (no such method there).
    """
    match method, path.rstrip("/"):
        case "GET", "":
            return ControlResponse.of(_info(sandbox))
        case "GET", "/log":
            lines = "".join(entry.line() for entry in sandbox.log)
            return ControlResponse(200, lines.encode(), "application/x-ndjson")
        case "GET", "/truth":
            slug = query.get("slug")
            if slug is not None and slug not in sandbox.vendors:
                there_are = ", ".join(sandbox.vendors)
                return refusal(404, "slug", f"there is no vendor {slug!r}; there are {there_are}")
            return ControlResponse.of(sandbox.truth(slug))
        case "GET", "/faults":
            return _active(sandbox)
        case "POST", "/faults":
            return _add_faults(sandbox, body)
        case "DELETE", "/faults":
            sandbox.faults.clear()
            return _active(sandbox)
        case "POST", "/reset":
            sandbox.reset()
            return ControlResponse.of(_info(sandbox))
        case _, "" | "/log" | "/truth" | "/faults" | "/reset":
            return refusal(405, "method", f"{method} is not for {CONTROL_PATH}{path}")
        case _:
            return refusal(404, "path", f"there is no {CONTROL_PATH}{path}")


def _info(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "instance_id": sandbox.instance_id,
        "seed": sandbox.seed,
        "vendors": list(sandbox.vendors),
        "started_at": sandbox.started_at.isoformat(),
    }


def _active(sandbox: Sandbox) -> ControlResponse:
    return ControlResponse.of([fault.as_json() for fault in sandbox.faults.active])


def _add_faults(sandbox: Sandbox, body: bytes) -> ControlResponse:
    try:
        given = json_text.decode(body)
    except ValueError as error:
        return refusal(400, "body", f"is not JSON that can be read: {error}")
    try:
        # All are read before one is added: a list with a mistake in it changes nothing.
        listed = given if isinstance(given, list) else [given]
        faults = [Fault.parse(one, sandbox.vendors) for one in listed]
    except InvalidFault as error:
        return ControlResponse.of({"error": str(error), "field": error.field}, 400)
    sandbox.faults.add(*faults)
    return _active(sandbox)


def refusal(status: int, field: str, reason: str) -> ControlResponse:
    """Say which field or header of a request is at fault, and why, in the sandbox's own shape."""
    return ControlResponse.of({"error": f"{field}: {reason}", "field": field}, status)
