"""The help desk over a scripted vendor, with a ledger that forgets with the test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from integrations.desk import Desk
from newfuse.effects import Ledger
from newfuse.integrations import Integration
from newfuse.integrations.catalog import integrations_of
from newfuse.store import Store

KEY = "dk_0123456789abcdef"


class DeskVendor:
    """The desk's own side."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if request.method == "GET":
            return httpx.Response(200, json=[{"id": "1", "subject": "Help"}])
        sent = json.loads(request.content)
        return httpx.Response(200, json=sent if isinstance(sent, list) else {"id": "2", **sent})

    def writes(self) -> list[httpx.Request]:
        return [request for request in self.requests if request.method != "GET"]


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    store = Store(None)
    yield Ledger(store)
    await store.close()


@pytest.fixture
def vendor() -> DeskVendor:
    return DeskVendor()


@pytest.fixture
def make(vendor: DeskVendor, ledger: Ledger) -> Callable[..., Any]:
    """Make an integration over the scripted vendor."""

    def of(cls: type[Integration] = Desk, **settings: Any) -> Any:
        if cls is Desk:
            settings.setdefault("api_key", KEY)
        transport = httpx.MockTransport(vendor.handle)
        return cls(ledger=ledger, recorder=lambda call: None, transport=transport, **settings)

    return of


@pytest.fixture
async def desk(make: Callable[..., Any]) -> AsyncIterator[Desk]:
    async with make() as connected:
        yield connected


@pytest.fixture
def fresh_catalog() -> Any:
    """Let the catalog look again, and forget what it saw."""
    integrations_of.cache_clear()
    yield
    integrations_of.cache_clear()
