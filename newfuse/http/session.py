"""One account's httpx client: made on first use, bound to the running loop, closed with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

from newfuse.http.bounds import bound_answers

if TYPE_CHECKING:
    import ssl

    import httpx

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

SENDING: ContextVar[bool] = ContextVar("newfuse_http_sending", default=False)
"""True while one of our own requests is on its way through httpx."""


class Session:
    """Holds the `httpx.AsyncClient` of one account.

    A client is tied to the event loop it was first used on. Under another loop a new one takes its place; the
    old one is closed by its own loop's shutdown (`asyncio.run` closes pending async generators), so that no
    socket is left behind.
    """

    def __init__(self, *, connections: int, loopback: bool, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._connections = connections
        self._loopback = loopback
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._keeper: AsyncGenerator[None, None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def client(self) -> httpx.AsyncClient:
        """Return the client of the running loop, making it if needed."""
        loop = asyncio.get_running_loop()
        if self._client is not None and self._loop is loop and not self._client.is_closed:
            return self._client
        client = self._make()
        self._client, self._loop, self._keeper = client, loop, _close_with_loop(client)
        await anext(self._keeper)  # first step: from here on the loop knows the generator
        return client

    async def aclose(self) -> None:
        """Close the connections; a later call opens new ones."""
        keeper, loop = self._keeper, self._loop
        self._client = self._keeper = self._loop = None
        if keeper is not None and loop is asyncio.get_running_loop():
            await keeper.aclose()

    def _make(self) -> httpx.AsyncClient:
        import httpx

        _quiet_httpx_log()
        return httpx.AsyncClient(
            transport=self._transport,
            verify=True if self._transport is not None else _ssl_context(),
            # A proxy in the environment cannot reach this machine's own sandbox.
            trust_env=not self._loopback,
            limits=httpx.Limits(max_connections=self._connections, max_keepalive_connections=self._connections),
            follow_redirects=False,
            event_hooks={"response": [bound_answers(httpx.AsyncByteStream)]},
        )


async def _close_with_loop(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await client.aclose()


@cache
def _ssl_context() -> ssl.SSLContext:
    # 24 ms each (measured): one for all accounts.
    import httpx

    return httpx.create_ssl_context()


@cache
def _quiet_httpx_log() -> None:
    # httpx logs the full URL of every request at INFO, with the secrets that some vendors want in the query.
    logging.getLogger("httpx").addFilter(lambda _record: not SENDING.get())
