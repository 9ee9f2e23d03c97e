"""Over real sockets on this machine: drops, silence, kept connections, changing loops, many calls at once."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import warnings

import httpx
import pytest

from newfuse.errors import OutcomeUnknown, Unavailable
from newfuse.http import ApiClient, ApiConfig, CallRecord, RateLimit, RetryPolicy, calling

from .conftest import answer_200, read_request

HASTY = RetryPolicy(initial_s=0.001)


def client(base_url: str, records: list[CallRecord], **options) -> ApiClient:
    config = ApiConfig(base_url=base_url, timeout_s=options.pop("timeout_s", 5))
    return ApiClient(config, integration="shop", recorder=records.append, retry=HASTY, **options)


async def test_a_write_dropped_after_it_arrived_is_sent_once_and_unknown(serve_raw):
    arrived, records = [], []

    async def drop(reader, writer):
        arrived.append(await read_request(reader))

    async with serve_raw(drop) as url, client(url, records) as api:
        with pytest.raises(OutcomeUnknown):
            await api.post("/v1/x", form={"amount": 1})
    assert 1 == len(arrived)
    assert [(True, None)] == [(record.sent, record.status) for record in records]


async def test_a_keyed_write_dropped_after_it_arrived_is_sent_again_with_its_key(serve_raw):
    arrived, records = [], []

    async def drop_first(reader, writer):
        arrived.append(await read_request(reader))
        if len(arrived) > 1:
            writer.write(answer_200())
            await writer.drain()

    options = {"idempotency_header": "Idempotency-Key"}
    async with serve_raw(drop_first) as url, client(url, records, **options) as api:
        with calling(idempotency_key="order-7"):
            assert {"ok": True} == await api.post("/v1/x", form={"amount": 1})
    assert 2 == len(arrived)
    assert all(b"Idempotency-Key: order-7" in request for request in arrived)


async def test_an_answer_cut_off_in_its_body_leaves_a_write_unknown(serve_raw):
    records = []

    async def cut(reader, writer):
        await read_request(reader)
        writer.write(answer_200(b'{"id":"pi_123456"}')[:-8])
        await writer.drain()
        writer.close()

    async with serve_raw(cut) as url, client(url, records) as api:
        with pytest.raises(OutcomeUnknown):
            await api.post("/v1/x")


async def test_silence_ends_at_the_timeout(serve_raw):
    records = []

    async def silent(reader, writer):
        await asyncio.Event().wait()

    async with serve_raw(silent) as url, client(url, records, timeout_s=0.1) as api:
        with pytest.raises(Unavailable, match=r"within 0\.1 s"):
            await api.get("/v1/x")
    assert 3 == len(records)
    assert all(90 < record.latency_ms < 1000 for record in records)


async def test_an_answer_that_drips_for_ever_ends_at_the_timeout_too(serve_raw):
    records = []

    async def drip(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serve_raw(drip) as url, client(url, records, timeout_s=0.2) as api:
        with pytest.raises(OutcomeUnknown):
            await api.post("/v1/x")
    assert records[0].latency_ms < 1000


async def test_nobody_listening_means_nothing_was_sent():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        records: list[CallRecord] = []
        async with client(f"http://127.0.0.1:{port}", records) as api:
            with pytest.raises(Unavailable, match=f"could not connect to 127.0.0.1:{port}"):
                await api.post("/v1/x")
    assert [("ConnectError", False)] * 3 == [(record.error, record.sent) for record in records]


async def keep_alive(reader, writer):
    while await read_request(reader):
        writer.write(answer_200())
        await writer.drain()


async def test_connections_are_kept_and_closed_with_the_client(serve_raw):
    connections, records = 0, []

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        await keep_alive(reader, writer)

    async with serve_raw(serve) as url, client(url, records) as api:
        for _ in range(5):
            await api.get("/v1/x")
        assert 1 == connections
        await api.aclose()
        await api.get("/v1/x")
        assert 2 == connections


async def test_a_kept_connection_closed_by_the_vendor_is_replaced(serve_raw):
    records = []

    async def one_answer_each(reader, writer):
        await read_request(reader)
        writer.write(answer_200())
        await writer.drain()
        writer.close()

    async with serve_raw(one_answer_each) as url, client(url, records) as api:
        await api.post("/v1/x")
        await asyncio.sleep(0.05)  # the close arrives
        await api.post("/v1/x")
    assert [200, 200] == [record.status for record in records]


async def test_ten_calls_at_once_keep_their_contexts_apart_and_their_number_bounded(serve_raw):
    records, open_now, most = [], 0, 0

    async def serve(reader, writer):
        nonlocal open_now, most
        while await read_request(reader):
            open_now += 1
            most = max(most, open_now)
            await asyncio.sleep(0.01)
            open_now -= 1
            writer.write(answer_200())
            await writer.drain()

    async def call(api, number):
        with calling(task=f"task {number}"):
            await api.get("/v1/x/{id}", values={"id": number})

    limit = RateLimit(calls=1000, concurrency=4)
    async with serve_raw(serve) as url, client(url, records, rate_limit=limit) as api:
        await asyncio.gather(*(call(api, number) for number in range(10)))
    assert 4 == most
    assert {f"task {number}" for number in range(10)} == {record.task for record in records}
    assert 10 == len({record.call_id for record in records})


async def test_a_cancelled_call_frees_its_place(serve_raw):
    records, first = [], asyncio.Event()

    async def hang_once(reader, writer):
        await read_request(reader)
        if not first.is_set():
            first.set()
            await asyncio.Event().wait()
        writer.write(answer_200())
        await writer.drain()

    limit = RateLimit(calls=1000, concurrency=1)
    async with serve_raw(hang_once) as url, client(url, records, rate_limit=limit) as api:
        task = asyncio.create_task(api.get("/v1/x"))
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {"ok": True} == await api.get("/v1/x")
    assert ["CancelledError", None] == [record.error for record in records]


def test_a_client_goes_from_loop_to_loop_and_leaves_no_socket_behind(serve_raw):
    records: list[CallRecord] = []
    api = None

    async def run():
        nonlocal api
        async with serve_raw(keep_alive) as url:
            if api is None:
                api = client("http://127.0.0.1:1", records, rate_limit=RateLimit(calls=1000, concurrency=1))
            # The server of each loop has a port of its own; the client is pointed at it.
            config = ApiConfig(base_url=url)
            api.config, api._base = config, client(url, records)._base
            await asyncio.gather(*(api.get("/v1/x") for _ in range(3)))
            return api._session._client

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clients = [asyncio.run(run()) for _ in range(3)]
        gc.collect()
    assert 3 == len(set(map(id, clients)))
    assert all(one.is_closed for one in clients)
    assert [] == [str(warning.message) for warning in caught]
    assert [200] * 9 == [record.status for record in records]


def test_a_loop_that_was_closed_without_ceremony_leaves_a_client_that_goes_on():
    api = ApiClient(
        ApiConfig(base_url="http://vendor.test"),
        integration="shop",
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json={})),
    )

    async def run():
        await api.get("/v1/x")
        return api._session._client, api._session._loop is asyncio.get_running_loop()

    seen = []
    for _ in range(2):
        loop = asyncio.new_event_loop()
        seen.append(loop.run_until_complete(run()))
        loop.close()
    (first, here), (second, there) = seen
    assert first is not second
    assert here
    assert there


async def test_httpx_does_not_log_our_urls_and_still_logs_others(serve_raw, caplog):
    caplog.set_level(logging.DEBUG)
    async with serve_raw(keep_alive) as url:
        async with client(url, []) as api:
            await api.get("/v1/x", {"api_secret": "sup3r-s3cret"})
        assert "sup3r-s3cret" not in caplog.text
        async with httpx.AsyncClient() as other:
            await other.get(f"{url}/other")
    assert "/other" in caplog.text


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(serve_raw, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serve_raw(keep_alive) as url, client(url, []) as api:
        assert {"ok": True} == await api.get("/v1/x")


async def test_compressed_answers_are_counted_as_transferred(serve_raw):
    import gzip

    body = gzip.compress(b'{"a":"' + b"x" * 5000 + b'"}')
    records = []

    async def serve(reader, writer):
        await read_request(reader)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        writer.write(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    async with serve_raw(serve) as url, client(url, records) as api:
        assert 5000 == len((await api.get("/v1/x"))["a"])
    assert len(body) == records[0].bytes_in
