"""The sandbox as an ASGI application: `/<slug>/…` goes to that vendor, `/_sandbox/…` to its own interface."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl

from newfuse.sandbox import web_page
from newfuse.sandbox.control import CONTROL_PATH, ControlResponse, control, refusal
from newfuse.sandbox.faults import Fault
from newfuse.sandbox.request_log import LogEntry
from newfuse.sandbox.sandbox import Sandbox
from newfuse.sandbox.vendor import VendorRequest, VendorResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Where the server leaves the transport of the connection in the state of the scope.
TRANSPORT: Final = "sandbox.transport"
# A body is kept in memory while it is read. The largest that makes sense is a HubSpot batch: 100 records with a
# property of 65,536 characters each are 6.6 MB.
BODY_LIMIT_BYTES = 10_000_000
_REQUEST_ID_HEADERS: Final = ("x-hubspot-correlation-id", "request-id", "x-request-id")
# SO_LINGER on with 0 s: closing sends RST instead of FIN. Two ints on POSIX, two shorts on Windows.
_RESET_ON_CLOSE: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class SandboxApplication:
    """Serves one sandbox; needs a server that leaves the transport in the scope's state (`SandboxServer`)."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Serve this sandbox."""
        self.sandbox = sandbox
        # Set, it ends every wait, so that a held request does not hold up the stop.
        self.stopping = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or drop its connection as a fault asks."""
        # Refusals in the sandbox's own shape, of which no vendor knows: nothing has arrived there.
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        foreign = web_page.refusal(headers, scope["server"][0])
        if foreign is not None:
            await _answer_control(send, refusal(403, *foreign))
            return
        try:
            body = await _body(dict(headers), receive)
        except _TooLarge:
            await _answer_control(send, refusal(413, "body", f"is larger than {BODY_LIMIT_BYTES:,} bytes"))
            return
        if body is None:
            return
        path = scope["raw_path"].decode("latin-1")
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if path == CONTROL_PATH or path.startswith(CONTROL_PATH + "/"):
            answer = control(self.sandbox, scope["method"], path[len(CONTROL_PATH) :], dict(query), body)
            await _answer_control(send, answer)
            return
        slug, _, rest = path[1:].partition("/")
        if slug not in self.sandbox.vendors:
            slugs = list(self.sandbox.vendors)
            unknown = json.dumps({"error": f"there is no vendor {slug!r}", "vendors": slugs}).encode()
            await _answer(send, 404, unknown, {"content-type": "application/json"})
            return
        request = VendorRequest(scope["method"], "/" + rest, tuple(query), dict(headers), body)
        await self._serve(slug, request, scope, receive, send)

    async def _serve(self, slug: str, request: VendorRequest, scope: Scope, receive: Receive, send: Send) -> None:
        sandbox = self.sandbox
        matched = sandbox.vendors[slug].match(request)
        fault = sandbox.faults.draw(slug, request.method, request.path)
        entry = sandbox.request_log.open(
            at=sandbox.now(),
            slug=slug,
            method=request.method,
            path=request.path,
            template=matched[0].template if matched else None,
            idempotency_key=request.headers.get("idempotency-key"),
            bytes_in=len(request.body),
            fault=fault.kind if fault else None,
        )
        response = await self._respond(slug, request, fault, receive)
        if response is None or (fault is not None and fault.kind == "commit_then_drop"):
            sandbox.request_log.settle(entry, status=None)
            await _drop(scope, receive, reset=fault is not None and fault.kind == "reset")
            return
        await self._send(entry, response, send)

    async def _respond(
        self, slug: str, request: VendorRequest, fault: Fault | None, receive: Receive
    ) -> VendorResponse | None:
        """Return the vendor's answer, or None when the request must not reach the vendor."""
        match fault.kind if fault else None:
            case "reset":
                return None
            case "timeout":
                assert fault is not None
                await self._hold(fault.delay_s or 0, receive)
                return None
            case "slow":
                assert fault is not None
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), fault.delay_s)
            case "status":
                assert fault is not None
                return self.sandbox.vendors[slug].failure(fault.status or 500)
            case "rate_limit":
                assert fault is not None
                return self.sandbox.vendors[slug].too_many_requests(fault.retry_after_s or 0)
        return self.sandbox.handle(slug, request)

    async def _hold(self, delay_s: float, receive: Receive) -> None:
        """Wait until the time is over, the client has gone, or the server stops."""
        waits = {asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(self.stopping.wait())}
        await asyncio.wait(waits, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    async def _send(self, entry: LogEntry, response: VendorResponse, send: Send) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = response.body
        if body is None:
            encoded = b""
        elif isinstance(body, bytes):
            encoded = body
        else:
            encoded = json.dumps(body, separators=(",", ":")).encode()
            headers.setdefault("content-type", "application/json;charset=utf-8")
        request_id = next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)
        # Settled before it is sent: who has the answer finds it in the log.
        self.sandbox.request_log.settle(entry, status=response.status, request_id=request_id, bytes_out=len(encoded))
        await _answer(send, response.status, encoded, headers)


class _TooLarge(Exception):
    """A body is larger than the sandbox takes."""


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes | None:
    """Return the whole body, or None when the client went away before it was sent.

    Raises:
        _TooLarge: It is longer than `BODY_LIMIT_BYTES`. The server throws the rest away as it comes.
    """
    if int(headers.get("content-length", 0)) > BODY_LIMIT_BYTES:  # a number: else the server has refused it
        raise _TooLarge
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_LIMIT_BYTES:
            raise _TooLarge
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _answer_control(send: Send, answer: ControlResponse) -> None:
    await _answer(send, answer.status, answer.body, {"content-type": answer.content_type})


async def _answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if status != 204:  # which has no body, so no length (RFC 9110, 8.6)
        pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drop(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """End the connection without an answer: by RST when `reset`, else by FIN."""
    transport: asyncio.Transport = scope["state"][TRANSPORT]
    if reset and (connection := transport.get_extra_info("socket")) is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    # Returning before the server has seen the end would make it answer 500.
    await _gone(receive)
