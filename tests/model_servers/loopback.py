"""A model API on 127.0.0.1: real sockets, real server-sent events, scripted answers."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, ClassVar, Self

import uvicorn
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from uvicorn.protocols.http.h11_impl import H11Protocol

from model_servers.conversation import Conversation
from model_servers.script import Brain, Turn

CREDENTIAL_HEADERS = frozenset({"authorization", "x-api-key", "cookie"})
START_TIMEOUT_S = 5.0  # bound before the thread starts; only a machine at a standstill needs this long
STOP_GRACE_S = 1  # requests still waiting for their delay are cut off after this long

Address = tuple[str, int]
JSON = dict[str, Any]


class Refused(Exception):
    """A request that the vendor's API would refuse, with what its error body says."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code


class LoopbackServer(ABC):
    """Serves one vendor's model API from a brain, in a thread, for as long as the `with` block lasts.

    After (or during) the block: `request_count` counts every HTTP request, refused and failed ones too;
    `requests` are the valid conversations the brain was asked about, in order; `refusals` are the requests
    that were refused; `peak_in_flight` is the most requests that were open at once. An exception of the
    brain is answered with status 500 and raised again when the block ends.
    """

    path: ClassVar[str]
    base_path: ClassVar[str] = ""
    request_id_header: ClassVar[str]

    def __init__(self, brain: Brain, *, api_key: str = "test-key", latency_s: float = 0.0) -> None:
        self.brain = brain
        self.api_key = api_key
        self.latency_s = latency_s
        self.request_count = 0
        self.requests: list[Conversation] = []
        self.refusals: list[Refused] = []
        self.peak_in_flight = 0
        self._errors: list[Exception] = []
        self._in_flight = 0
        self._ids = itertools.count(1)
        self._transports: dict[Address, asyncio.Transport] = {}

    # -- what a vendor's server says for itself

    @abstractmethod
    def authorize(self, headers: Mapping[str, str]) -> None:
        """Raise `Refused` unless the request carries the key the way this vendor wants it."""

    @abstractmethod
    def parse(self, body: JSON) -> Conversation:
        """Read a request body; raise `Refused` for what the vendor would refuse."""

    @abstractmethod
    def error_body(self, refused: Refused, request_id: str) -> JSON:
        """Write an error in the vendor's shape."""

    @abstractmethod
    def answer(self, conversation: Conversation, turn: Turn) -> JSON:
        """Write a whole answer."""

    @abstractmethod
    def events(self, conversation: Conversation, turn: Turn) -> Iterable[bytes]:
        """Write the answer as server-sent events, one a piece."""

    def next_id(self, prefix: str) -> str:
        """Make an id that this server has not used before."""
        return f"{prefix}{next(self._ids):08d}"

    # -- life

    @property
    def url(self) -> str:
        """The base URL to give to the vendor's client; known once the server runs."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}{self.base_path}"

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            self._app,
            http=_protocol(self._transports),
            loop="asyncio",
            ws="none",
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=STOP_GRACE_S,
        )
        self._server = _ReadyServer(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="model-server")
        self._thread.start()
        if not self._server.ready.wait(START_TIMEOUT_S):
            raise TimeoutError("The model server did not start.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        if self._errors and error is None:
            raise self._errors[0]

    # -- one request

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.request_count += 1
        self._in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
        try:
            await self._serve(scope, receive, send)
        except Exception as error:
            self._errors.append(error)
            raise
        finally:
            self._in_flight -= 1

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        request_id = self.next_id("req_")
        body = await _body(receive)
        try:
            conversation = self._admit(scope, body)
        except Refused as refused:
            self.refusals.append(refused)
            await self._send_json(send, refused.status, self.error_body(refused, request_id), request_id)
            return
        self.requests.append(conversation)
        try:
            turn = self.brain(conversation)
        except Exception as error:  # reported by __exit__, where the test sees it
            self._errors.append(error)
            failed = Refused(f"The scripted model raised {error!r}", status=500)
            await self._send_json(send, 500, self.error_body(failed, request_id), request_id)
            return
        if delay_s := self.latency_s + turn.delay_s:
            await asyncio.sleep(delay_s)
        if turn.drop == "before":
            await self._cut(scope, receive)
        elif turn.failure is not None:
            failed = Refused(turn.failure.message, status=turn.failure.status)
            wait = turn.failure.retry_after_s
            extra = {} if wait is None else {"retry-after": f"{wait:g}"}
            await self._send_json(send, failed.status, self.error_body(failed, request_id), request_id, extra)
        else:
            await self._send_answer(send, conversation, turn, request_id)
            if turn.drop == "middle":
                await self._cut(scope, receive)

    def _admit(self, scope: Any, body: bytes) -> Conversation:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if (scope["method"], scope["path"]) != ("POST", self.path):
            raise Refused(f"Unknown request URL: {scope['method']} {scope['path']}.", status=404, code="unknown_url")
        self.authorize(headers)
        try:
            request = json.loads(body)
        except ValueError:
            raise Refused("We could not parse the JSON body of your request.") from None
        if not isinstance(request, dict):
            raise Refused("The request body is not a JSON object.")
        shown = {name: value for name, value in headers.items() if name not in CREDENTIAL_HEADERS}
        return replace(self.parse(request), headers=shown, raw=request)

    async def _send_answer(self, send: Any, conversation: Conversation, turn: Turn, request_id: str) -> None:
        if conversation.stream:
            pieces = list(self.events(conversation, turn))
            headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        else:
            whole = json.dumps(self.answer(conversation, turn)).encode()
            pieces = [whole[: len(whole) // 2], whole[len(whole) // 2 :]]
            headers = {"content-type": "application/json", "content-length": str(len(whole))}
        if turn.drop == "middle":
            pieces = pieces[: len(pieces) // 2]
        await send(_start(200, headers | {self.request_id_header: request_id}))
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if turn.drop is None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_json(
        self, send: Any, status: int, body: JSON, request_id: str, extra: Mapping[str, str] | None = None
    ) -> None:
        content = json.dumps(body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(content))}
        await send(_start(status, headers | {self.request_id_header: request_id} | dict(extra or {})))
        await send({"type": "http.response.body", "body": content, "more_body": False})

    async def _cut(self, scope: Any, receive: Any) -> None:
        """Close the connection without finishing the answer, and wait until the server has noticed."""
        self._transports[tuple(scope["client"])].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class _ReadyServer(uvicorn.Server):
    """Tells another thread when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _protocol(transports: dict[Address, asyncio.Transport]) -> type[asyncio.Protocol]:
    """Make a protocol that notes each connection's transport: ASGI itself has no word for "hang up"."""

    class NotingProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.peer: Address = transport.get_extra_info("peername")[:2]
            transports[self.peer] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(self.peer, None)
            super().connection_lost(exc)

    return NotingProtocol


async def _body(receive: Any) -> bytes:
    chunks = bytearray()
    more = True
    while more:
        message = await receive()
        chunks += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(chunks)


def _start(status: int, headers: Mapping[str, str]) -> JSON:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


# -- checks that both vendors' parsers share


def need(holds: object, message: str, *, param: str | None = None, code: str | None = None) -> None:
    """Raise `Refused` with status 400 unless the condition holds."""
    if not holds:
        raise Refused(message, param=param, code=code)


def need_schema(schema: object, message: str, *, param: str, code: str | None = None) -> dict[str, Any]:
    """Return a tool's schema when it is valid JSON Schema (2020-12) of an object; else raise `Refused`."""
    need(isinstance(schema, dict), f"{message} it is not a JSON object.", param=param, code=code)
    assert isinstance(schema, dict)
    need(schema.get("type") == "object", f'{message} schema must be of type "object".', param=param, code=code)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as fault:
        raise Refused(f"{message} {fault.message}", param=param, code=code) from None
    return schema


def text_of(content: object, where: str, *, kinds: frozenset[str] = frozenset({"text"})) -> str:
    """Join a message's text, given as text or as a list of text parts; anything else is `Refused`."""
    if isinstance(content, str):
        return content
    need(isinstance(content, list), f"{where}: expected a string or a list of text parts.", param=where)
    assert isinstance(content, list)
    texts: list[str] = []
    for position, part in enumerate(content):
        is_text = isinstance(part, dict) and part.get("type") in kinds and isinstance(part.get("text"), str)
        need(is_text, f"{where}[{position}]: expected a text part.", param=where)
        texts.append(part["text"])
    return "\n".join(texts)


def pieces_of(text: str, size: int = 12) -> list[str]:
    """Cut text into the small pieces a stream carries; joined, they are the text again."""
    return [text[start : start + size] for start in range(0, len(text), size)]
