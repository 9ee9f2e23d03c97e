"""The suite itself: it reaches nothing beyond this machine, and says so when something tries."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import httpx
import pytest

from network_guard import NetworkGuard, OutsideLoopback

DOCUMENTATION_ADDRESS = "192.0.2.1"  # RFC 5737: belongs to nobody


def test_a_connection_beyond_loopback_is_refused_and_remembered(network_guard: NetworkGuard):
    with socket.socket() as connection, pytest.raises(OutsideLoopback, match=DOCUMENTATION_ADDRESS):
        connection.connect((DOCUMENTATION_ADDRESS, 443))
    assert [f"connect({DOCUMENTATION_ADDRESS})"] == network_guard.take()


def test_a_datagram_beyond_loopback_is_refused(network_guard: NetworkGuard):
    with socket.socket(type=socket.SOCK_DGRAM) as sender, pytest.raises(OutsideLoopback):
        sender.sendto(b"?", (DOCUMENTATION_ADDRESS, 53))
    assert [f"sendto({DOCUMENTATION_ADDRESS})"] == network_guard.take()


@pytest.mark.parametrize("host", ["api.openai.com", "api.anthropic.com", "api.stripe.com"])
async def test_models_and_vendors_are_not_even_looked_up(host: str, network_guard: NetworkGuard):
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(OutsideLoopback, match=host):
            await client.get(f"https://{host}/v1/models")
    assert [f"getaddrinfo({host})"] == network_guard.take()


async def test_a_swallowed_refusal_is_still_known(network_guard: NetworkGuard):
    with contextlib.suppress(Exception):
        await asyncio.open_connection(DOCUMENTATION_ADDRESS, 443)
    refused = network_guard.take()
    assert [f"connect({DOCUMENTATION_ADDRESS})"] == refused


async def test_loopback_is_open(network_guard: NetworkGuard):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        writer.write(await reader.read(4))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
        writer.write(b"ping")
        assert await reader.read() == b"ping"
        writer.close()
        await writer.wait_closed()
    assert [] == network_guard.refused


def test_no_key_of_the_developer_reaches_a_test():
    assert [] == [name for name in os.environ if name.endswith("_API_KEY")]
