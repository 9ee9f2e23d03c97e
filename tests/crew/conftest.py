from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from crew.model_room import KEY, ModelRoom
from crew.tiny_crew import World
from model_servers.anthropic_server import AnthropicServer
from model_servers.openai_server import OpenAIServer
from model_servers.script import StopsEarly
from newfuse.sandbox import SandboxServer
from newfuse.store import Store


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    """One sandbox for all tests of the crew, without the vendors' rate limits."""
    with SandboxServer(rate_limits=False) as server:
        yield server


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the developer's is found, and nothing is left in the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def world(sandbox_server: SandboxServer, tmp_path: Path) -> AsyncIterator[World]:
    """A fresh sandbox with a store in memory."""
    store = Store(None)
    yield World(sandbox_server, tmp_path / "reports", store)
    await store.close()


@pytest.fixture
def world_on_disk(sandbox_server: SandboxServer, tmp_path: Path) -> World:
    """A fresh sandbox with a store that other runs and processes share."""
    return World(sandbox_server, tmp_path / "reports", tmp_path / "store")


@pytest.fixture(scope="session", params=["openai", "anthropic"])
def model_server(request: pytest.FixtureRequest) -> Iterator[ModelRoom]:
    """A model server of either vendor, the same for all tests."""
    kind = OpenAIServer if request.param == "openai" else AnthropicServer
    with kind(StopsEarly(), api_key=KEY) as server:
        yield ModelRoom(request.param, server)


@pytest.fixture
def model(model_server: ModelRoom, monkeypatch: pytest.MonkeyPatch) -> ModelRoom:
    """A model server that claims to be done, until it is given another brain; its client repeats nothing."""
    monkeypatch.setattr("newfuse.crew.models.CLIENT_RETRIES", 0)
    model_server.think(StopsEarly())
    return model_server
