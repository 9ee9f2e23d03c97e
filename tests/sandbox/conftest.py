"""A running sandbox for tests: one server for all of them, back at its seed before each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer

START = 1_800_000_000.0  # 2027-01-15T08:00:00Z


class Clock:
    """The time the sandbox goes by: it stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture(scope="session")
def shared_clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def shared_server(shared_clock: Clock) -> Iterator[SandboxServer]:
    with SandboxServer(now=shared_clock) as server:
        yield server


@pytest.fixture
def clock(shared_clock: Clock) -> Clock:
    shared_clock.at = START
    return shared_clock


@pytest.fixture
def sandbox(shared_server: SandboxServer, clock: Clock) -> SandboxServer:
    """A running server at its seed; its clock stands still unless the test moves `clock`."""
    shared_server.sandbox.reset()
    return shared_server


@pytest.fixture
def http(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    """A client of the server, without credentials."""
    with httpx.Client(base_url=sandbox.url, timeout=5) as client:
        yield client


@pytest.fixture
def hubspot(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    token = SANDBOX_CREDENTIALS["hubspot"]["api_key"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{sandbox.url}/hubspot", headers=headers, timeout=5) as client:
        yield client


@pytest.fixture
def ga4(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    token = SANDBOX_CREDENTIALS["ga4"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{sandbox.url}/ga4", headers=headers, timeout=5) as client:
        yield client


@pytest.fixture
def truth(sandbox: SandboxServer) -> Any:
    """Reads what really exists at a vendor: `truth("hubspot")`."""
    return lambda slug: sandbox.sandbox.truth(slug)[slug]
