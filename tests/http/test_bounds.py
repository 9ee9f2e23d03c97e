"""However large an answer is, or unpacks to, what is read of it is bounded."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterable

import httpx
import httpx2
import pytest

from newfuse.errors import AnswerTooLarge, OutcomeUnknown, Unavailable
from newfuse.http import ApiClient, ApiConfig, CallRecord, Expect, PageNumber, RetryPolicy, calling
from newfuse.http.bounds import ACCEPT_ENCODING, MAX_ANSWER_BYTES, AnswerTooLong, bound_answers

from .conftest import read_request

HASTY = RetryPolicy(initial_s=0.001)
MB = 1_000_000


def packed(size: int, *, gzipped: bool = True) -> Iterable[bytes]:
    """Pack a body of so many zeros, which takes a thousandth of that, piece by piece."""
    packer = zlib.compressobj(wbits=31 if gzipped else 15)
    for _ in range(size // MB):
        yield packer.compress(bytes(MB))
    yield packer.compress(bytes(size % MB)) + packer.flush()


class Pieces(httpx.AsyncByteStream, httpx2.AsyncByteStream):
    """A body that comes in pieces, as from a socket."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    async def aclose(self) -> None:
        self.closed = True


Respond = Callable[[], tuple[dict[str, str], Iterable[bytes]]]


class Shop:
    """An account at a vendor whose every answer is made anew."""

    def __init__(self, respond: Respond, status: int = 200) -> None:
        self.respond = respond
        self.status = status
        self.requests: list[httpx.Request] = []
        self.records: list[CallRecord] = []
        self.bodies: list[Pieces] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        headers, pieces = self.respond()
        self.bodies.append(Pieces(pieces))
        return httpx.Response(self.status, headers=headers, stream=self.bodies[-1])

    def client(self) -> ApiClient:
        transport = httpx.MockTransport(self.handle)
        config = ApiConfig(base_url="http://vendor.test")
        options = {"recorder": self.records.append, "retry": HASTY, "breaker": None}
        return ApiClient(config, integration="shop", idempotency_header="Key", transport=transport, **options)


def text(*pieces: bytes, **headers: str) -> Respond:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: ({"content-type": "text/plain", **named}, pieces)


EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"  # RFC 1951, 3.2.4
TOO_LARGE: dict[str, Respond] = {
    "plain": lambda: ({}, [b"x" * MB] * 21),
    "gzip": lambda: ({"content-encoding": "gzip"}, packed(21 * MB)),
    "x-gzip": lambda: ({"content-encoding": "x-gzip"}, packed(21 * MB)),
    "deflate": lambda: ({"content-encoding": "deflate"}, packed(21 * MB, gzipped=False)),
    "declared": lambda: ({"content-length": str(20 * MB + 1)}, iter(lambda: pytest.fail("a byte of it was read"), 1)),
    "declared beyond all numbers": lambda: ({"content-length": "9" * 5_000}, [b"x"]),
    "nothing unpacked": lambda: ({"content-encoding": "deflate"}, [b"\x78\x9c", *[EMPTY_BLOCK * 10**5] * 50]),
}  # fmt: skip


@pytest.mark.parametrize("kind", TOO_LARGE)
async def test_a_read_of_an_answer_that_is_too_large_fails_at_once_and_is_not_repeated(kind: str):
    shop = Shop(TOO_LARGE[kind])
    async with shop.client() as api:
        with pytest.raises(AnswerTooLarge, match=r"larger than 20 MB; ask for less at a time") as caught:
            await api.get("/x")
    assert 1 == len(shop.requests)
    assert [True] == [body.closed for body in shop.bodies]
    [record] = shop.records
    assert ("AnswerTooLarge", 200, True) == (record.error, record.status, record.sent)
    assert ("shop", 200) == (caught.value.integration, caught.value.status)
    assert record.bytes_in <= MAX_ANSWER_BYTES + MB


@pytest.mark.parametrize("safety", [{}, {"idempotency_key": "order-7"}, {"natural": True, "repeatable": True}], ids=str)
@pytest.mark.parametrize("status", [200, 400, 503])
async def test_a_write_whose_answer_is_too_large_is_unknown_and_not_repeated(status: int, safety: dict[str, object]):
    shop = Shop(lambda: ({"content-encoding": "gzip"}, packed(2 * MB)), status)
    async with shop.client() as api:
        with calling(**safety), pytest.raises(OutcomeUnknown, match="larger than 1 MB"):
            await api.request("POST", "/x", json={}, max_bytes=MB)
    assert 1 == len(shop.requests)


def test_what_unpacks_to_gigabytes_takes_no_more_memory_than_is_allowed():
    bomb = [*packed(60 * MB)]  # 60 kB

    async def run() -> int:
        shop = Shop(lambda: ({"content-encoding": "gzip"}, [b"".join(bomb)]))
        async with shop.client() as api:
            with pytest.raises(AnswerTooLarge):
                await api.request("GET", "/warm", max_bytes=10_000)
            tracemalloc.start()
            try:
                with pytest.raises(AnswerTooLarge):
                    await api.request("GET", "/x", max_bytes=2 * MB)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert asyncio.run(run()) < 4 * MB


async def test_a_request_may_allow_its_answer_more_or_less():
    shop = Shop(lambda: ({"content-type": "text/plain"}, [b"x" * MB] * 21))
    async with shop.client() as api:
        answer = await api.request("GET", "/x", max_bytes=21 * MB)
        assert 21 * MB == len(answer.body)
        assert 21 * MB == shop.records[0].bytes_in
        with pytest.raises(AnswerTooLarge, match="larger than 100000 bytes"):
            await api.request("GET", "/x", max_bytes=100_000)
        with pytest.raises(AnswerTooLarge):
            await api.pages("/x", style=PageNumber(), max_bytes=21 * MB - 1).collect()


@pytest.mark.parametrize("pieces", [[b"x" * 1_000], [b"x" * 10] * 100, [b"x", b"", b"x" * 999]], ids=len)
async def test_an_answer_of_just_as_many_bytes_is_read(pieces: list[bytes]):
    for respond in (text(*pieces), text(*pieces, content_length="1000")):
        shop = Shop(respond)
        async with shop.client() as api:
            assert 1_000 == len((await api.request("GET", "/x", max_bytes=1_000)).body)
            with pytest.raises(AnswerTooLarge):
                await api.request("GET", "/x", max_bytes=999)


async def test_an_answer_that_a_transport_made_whole_is_bounded_too(vendor):
    shop = vendor(httpx.Response(200, content=b"x" * 1_001))
    async with shop.client() as api:
        with pytest.raises(AnswerTooLarge):
            await api.request("GET", "/x", max_bytes=1_000)
    assert [("AnswerTooLarge", 200)] == [(record.error, record.status) for record in shop.records]


async def test_the_length_that_a_head_declares_is_not_that_of_its_answer():
    shop = Shop(text(content_length=str(50 * MB)))
    async with shop.client() as api:
        assert str(50 * MB) == (await api.head("/x"))["content-length"]


def deflated(content: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(content) + packer.flush()


CONTENT = b'{"a": "' + b"xy" * 100_000 + b'"}'
PACKED = {
    "gzip": gzip.compress(CONTENT),
    "x-gzip": gzip.compress(CONTENT),
    "GZip": gzip.compress(CONTENT),
    "deflate": deflated(CONTENT, 15),
    "deflate, bare": deflated(CONTENT, -15),
    "identity": CONTENT,
    "identity, gzip": gzip.compress(CONTENT),
}


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("kind", PACKED)
async def test_packed_answers_are_unpacked_in_whatever_pieces_they_come(kind: str, size: int):
    whole = PACKED[kind]
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    shop = Shop(lambda: ({"content-encoding": kind.removesuffix(", bare")}, pieces))
    async with shop.client() as api:
        assert 200_000 == len((await api.get("/x"))["a"])
    assert len(whole) == shop.records[0].bytes_in


ZSTD = b"(\xb5/\xfd \x11e\x00\x000hello \x01\x001J\x11"
BROKEN = {
    "cut off": ("gzip", gzip.compress(CONTENT)[:-30]),
    "without its check sum": ("gzip", gzip.compress(CONTENT)[:-8]),
    "with more behind its end": ("gzip", gzip.compress(CONTENT) * 2),
    "not packed at all": ("gzip", CONTENT),
    "deflate, not packed at all": ("deflate", CONTENT),
    "packed twice": ("gzip, gzip", gzip.compress(gzip.compress(CONTENT))),
    "not asked for": ("zstd", ZSTD),
    "unheard of": ("klingon", CONTENT),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_an_answer_that_cannot_be_unpacked_is_no_answer(kind: str):
    coding, whole = BROKEN[kind]
    shop = Shop(lambda: ({"content-encoding": coding, "content-type": "text/plain"}, [whole]))
    async with shop.client() as api:
        with pytest.raises(Unavailable, match="cannot be read"):
            await api.get("/x")
        with pytest.raises(OutcomeUnknown):
            await api.post("/x")
    assert 3 + 1 == len(shop.requests)
    assert {"CannotUnpack"} == {record.error for record in shop.records}


@pytest.mark.parametrize("status", [200, 204, 304])
async def test_an_empty_answer_needs_no_packing(status: int):
    shop = Shop(lambda: ({"content-encoding": "gzip", "content-length": "99"}, []), status)
    async with shop.client() as api:
        assert (await api.request("GET", "/x")).body is None


# --- over sockets -----------------------------------------------------------------------------------------------------


def over_socket(base_url: str, records: list[CallRecord]) -> ApiClient:
    config = ApiConfig(base_url=base_url, timeout_s=10)
    return ApiClient(config, integration="shop", recorder=records.append, retry=HASTY)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


async def test_an_endless_answer_is_cut_off_and_its_connection_closed(serve_raw):
    written, cut = 0, asyncio.Event()
    records: list[CallRecord] = []

    async def endless(reader, writer):
        nonlocal written
        await read_request(reader)
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                await writer.drain()
                written += 0x10000
        except ConnectionError:
            cut.set()

    async with serve_raw(endless) as url, over_socket(url, records) as api:
        with pytest.raises(AnswerTooLarge):
            await api.request("GET", "/x", max_bytes=MB)
        async with asyncio.timeout(5):
            await cut.wait()
    assert MB < records[0].bytes_in < MB + 0x20000
    assert written < 20 * MB  # what the buffers between us took


async def test_a_declared_length_is_refused_before_anything_is_read(serve_raw):
    records: list[CallRecord] = []
    ended = asyncio.Event()

    async def declare(reader, writer):
        await read_request(reader)
        writer.write(HEAD + b"Content-Length: 30000000\r\n\r\n")
        await writer.drain()
        await reader.read()  # until the other side hangs up
        ended.set()

    async with serve_raw(declare) as url, over_socket(url, records) as api:
        with pytest.raises(AnswerTooLarge):
            await api.get("/x")
        async with asyncio.timeout(5):
            await ended.wait()
    assert 0 == records[0].bytes_in
    assert records[0].latency_ms < 5_000


async def test_a_connection_serves_on_after_packed_answers_and_is_replaced_after_one_that_was_cut_off(serve_raw):
    records: list[CallRecord] = []
    connections = 0
    body = gzip.compress(b"x" * 10_000)

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        while await read_request(reader):
            writer.write(HEAD + f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()

    async with serve_raw(serve) as url, over_socket(url, records) as api:
        for _ in range(3):
            assert "x" * 10_000 == await api.get("/x", expect=Expect.ANYTHING)
        assert 1 == connections
        with pytest.raises(AnswerTooLarge):
            await api.request("GET", "/x", max_bytes=9_999)
        for _ in range(3):
            assert "x" * 10_000 == await api.get("/x", expect=Expect.ANYTHING)
        assert connections <= 2
    assert [len(body)] * 7 == [record.bytes_in for record in records]


# --- the models' clients ----------------------------------------------------------------------------------------------


async def test_the_hook_bounds_the_client_within_the_models_clients_as_well():
    answers = {
        "/bomb": ({"content-encoding": "gzip"}, packed(21 * MB)),
        "/long": ({}, [b"x" * MB] * 21),
        "/fine": ({"content-encoding": "gzip", "content-type": "application/json"}, [PACKED["gzip"]]),
    }

    def handle(request: httpx2.Request) -> httpx2.Response:
        headers, pieces = answers[request.url.path]
        return httpx2.Response(200, headers=headers, stream=Pieces(pieces))

    hook = bound_answers(httpx2.AsyncByteStream)
    options = {"headers": {"Accept-Encoding": ACCEPT_ENCODING}, "event_hooks": {"response": [hook]}}
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle), **options) as client:
        fine = await client.get("http://model.test/fine")
        assert 200_000 == len(fine.json()["a"])
        assert fine.elapsed.total_seconds() >= 0
        for path in ("/bomb", "/long"):
            with pytest.raises(AnswerTooLong, match="larger than 20 MB"):
                await client.get(f"http://model.test{path}")
