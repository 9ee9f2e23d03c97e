"""A server on 127.0.0.1 that answers everything alike, and remembers what it was sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Seen:
    """One request: its method, target and headers (names in lower case), and its body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 404
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


class PlainServer:
    """Runs for as long as the `with` block lasts; `seen` holds every request."""

    def __init__(self, reply: Reply | Callable[[Seen], Reply] | None = None) -> None:
        self.reply = reply or Reply()
        self.seen: list[Seen] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: PlainServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, self.path, headers, body)
            server.seen.append(seen)
            reply = server.reply(seen) if callable(server.reply) else server.reply
            self.send_response(reply.status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(reply.body)),
                **reply.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_CONNECT = answer  # noqa: N815 - the standard library's names

        def log_message(self, *given: Any) -> None:
            pass

    return Handler
