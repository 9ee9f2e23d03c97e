"""What is written down of every request sent: the only source of numbers about calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(slots=True)
class CallRecord:
    """One request as sent: a call that was repeated twice leaves three of these under one `call_id`.

    Attributes:
        call_id: The same for all attempts of one logical call.
        attempt: 1 for the first, counted up by repetitions.
        run_id: The run, or None.
        task: The task, or None.
        agent: The agent, or None.
        integration: Slug of the integration.
        action: The integration's action, or None.
        method: HTTP method, upper case.
        host: Host and, where it is not the scheme's own, port.
        template: Path template as the connector wrote it; never holds values.
        status: HTTP status, or None when no answer came.
        error: Class name of the error of this attempt, or None.
        sent: False when nothing can have reached the vendor.
        started_at: When the request was handed over (aware UTC).
        latency_ms: From handing over to the whole answer read, local waiting not included.
        waited_ms: Held back locally by the rate limit or the limit of simultaneous requests.
        bytes_out: Size of the request's body.
        bytes_in: Size of the answer's body as transferred.
        request_id: The vendor's id of the request, or None.
        tls: Negotiated TLS version such as "TLSv1.3", or None for plain HTTP and when no connection was made.
    """

    call_id: str
    attempt: int
    run_id: str | None
    task: str | None
    agent: str | None
    integration: str
    action: str | None
    method: str
    host: str
    template: str
    status: int | None
    error: str | None
    sent: bool
    started_at: datetime
    latency_ms: float
    waited_ms: float
    bytes_out: int
    bytes_in: int
    request_id: str | None
    tls: str | None


Recorder: TypeAlias = Callable[[CallRecord], None]
"""Called synchronously after every attempt. What it raises is logged and never breaks the call."""
