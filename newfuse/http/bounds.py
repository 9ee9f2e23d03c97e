"""Bounds what is read of an answer: its bytes as transferred, and as unpacked.

A hook on the client's answers puts a counting body in the place of each answer's own. It unpacks piece by piece, so
that a few kilobytes that unpack to gigabytes take no more memory than is allowed. The same hook serves `httpx`, which
speaks to vendors, and `httpx2`, which is within the models' clients.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from typing import Any

MAX_ANSWER_BYTES = 20_000_000
"""Most bytes of one answer's body, as transferred and as unpacked: several times the largest page of any vendor here.

Decoded, JSON takes ten to thirty times its bytes in memory, so this is some hundreds of megabytes at worst.
"""

MAX_BYTES_EXTENSION = "newfuse.max_bytes"
"""Key of `request.extensions` under which a request allows its answer another number of bytes."""

ACCEPT_ENCODING = "gzip, deflate"
"""What can be unpacked here; a client that uses the hook says so, and is told no other coding."""

_BODY_EXTENSION = "newfuse.body"
_PIECE_BYTES = 65_536  # unpacked at a time: as much as comes from a socket at a time
_NOT_PACKED = frozenset({"", "identity"})
_ZLIB_HEADER_BYTES = 2  # RFC 1950, 2.2
_LENGTH_DIGITS = 20  # of 2**64; more are too many all the same
_NO_BODY = frozenset({204, 304})  # RFC 9110, 6.4.1


class AnswerTooLong(Exception):
    """The answer has more bytes than are allowed; the rest was not read."""

    def __init__(self, most: int, status: int) -> None:
        super().__init__(f"the answer is larger than {_size(most)}")
        self.status = status


class CannotUnpack(Exception):
    """The answer is packed in a way that is not understood, or its packing is broken or cut off."""


def _size(most: int) -> str:
    return f"{most / 1_000_000:g} MB" if most >= 1_000_000 else f"{most} bytes"


class _Unpacker:
    """Undoes a content coding (RFC 9110, 8.4.1) in pieces of bounded size."""

    def __init__(self, coding: str) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16 if coding == "gzip" else zlib.MAX_WBITS)
        self._may_be_bare = coding == "deflate"  # some servers leave out the zlib format around it
        self._first = b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._unpack(data)
            if piece:
                yield piece
            if self._zlib.unused_data:
                raise CannotUnpack("more follows behind its end")
            data = self._zlib.unconsumed_tail
            if not data and len(piece) < _PIECE_BYTES:
                return

    def _unpack(self, data: bytes) -> bytes:
        if len(self._first) < _ZLIB_HEADER_BYTES:
            self._first += data
        try:
            piece = self._zlib.decompress(data, _PIECE_BYTES)
        except zlib.error as exc:
            if not self._may_be_bare:
                raise CannotUnpack(str(exc)) from exc
            self._may_be_bare = False
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._unpack(self._first)
        self._may_be_bare = self._may_be_bare and len(self._first) < _ZLIB_HEADER_BYTES
        return piece

    def finish(self) -> None:
        if self._first and not self._zlib.eof:
            raise CannotUnpack("it ends in the middle")


class _BoundedBody:
    """One answer's body, counted and unpacked; becomes a stream of httpx or httpx2 by `_body_class`."""

    def __init__(self, response: Any, most: int) -> None:
        self.received = 0
        self._raw = response.stream
        self._most = most
        self._status = response.status_code
        self._declared = 0
        self._coding = ""
        headers = response.headers
        if "content-encoding" in headers:
            codings = [coding.strip().lower() for coding in headers["content-encoding"].split(",")]
            self._coding = ", ".join(coding for coding in codings if coding not in _NOT_PACKED)
            del headers["content-encoding"]  # undone before the library sees it
        if "content-length" in headers and response.request.method != "HEAD" and self._status not in _NO_BODY:
            declared = headers["content-length"][:_LENGTH_DIGITS]
            self._declared = int(declared) if declared.isascii() and declared.isdigit() else 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._declared > self._most:
            raise AnswerTooLong(self._most, self._status)
        unpacker = self._unpacker() if self._coding else None
        unpacked = 0
        async for data in self._raw:
            self.received += len(data)
            if self.received > self._most:
                raise AnswerTooLong(self._most, self._status)
            if unpacker is None:
                yield data
                continue
            for piece in unpacker.pieces(data):
                unpacked += len(piece)
                if unpacked > self._most:
                    raise AnswerTooLong(self._most, self._status)
                yield piece
        if unpacker is not None:
            unpacker.finish()

    def _unpacker(self) -> _Unpacker:
        coding = self._coding.removeprefix("x-")  # RFC 9110, 8.4.1.3
        if coding not in {"gzip", "deflate"}:
            raise CannotUnpack(f"its coding {self._coding[:40]!r} was not asked for")
        return _Unpacker(coding)

    async def aclose(self) -> None:
        """Let go of the connection: kept when all of it was read, closed when not."""
        await self._raw.aclose()

    @property
    def elapsed(self) -> Any:
        """How long the answer took; httpx2 asks its streams."""
        return getattr(self._raw, "elapsed", None)


@cache
def _body_class(stream: type) -> type[_BoundedBody]:
    return type("BoundedBody", (_BoundedBody, stream), {})


def bound_answers(stream: type, most: int = MAX_ANSWER_BYTES) -> Callable[[Any], Awaitable[None]]:
    """Return a response hook that bounds every answer of an asynchronous client.

    Reading an answer that is too large raises `AnswerTooLong` (or `CannotUnpack`); closing it then drops the
    connection. Give the client `event_hooks={"response": [hook]}` and the header `Accept-Encoding: gzip, deflate`.

    Args:
        stream: The client library's own `AsyncByteStream`, of `httpx` or `httpx2`.
        most: Most bytes, where a request does not allow another number.
    """
    body_class = _body_class(stream)

    async def hook(response: Any) -> None:
        most_now = response.request.extensions.get(MAX_BYTES_EXTENSION, most)
        if response.is_stream_consumed:  # made whole by a test's transport
            if len(response.content) > most_now:
                raise AnswerTooLong(most_now, response.status_code)
            return
        response.stream = response.extensions[_BODY_EXTENSION] = body_class(response, most_now)

    return hook


def bytes_received(response: Any) -> int:
    """Return how many bytes of the body have come, as transferred."""
    body = response.extensions.get(_BODY_EXTENSION)
    return body.received if body is not None else len(response.content)
