"""A sandbox over real HTTP with a clock that stands still, and a ledger that forgets with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial

import pytest

from aging import age_effects
from newfuse.effects import Ledger
from newfuse.sandbox import SandboxServer
from newfuse.store import Store


class Clock:
    """Epoch seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[SandboxServer]:
    with SandboxServer(now=clock) as running:
        yield running


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    store = Store(None)
    yield Ledger(store)
    await store.close()


@pytest.fixture
def age(ledger: Ledger) -> Callable[..., Awaitable[None]]:
    """Let every effect of the ledger have been begun so long ago: `await age(minutes=6)`."""

    return partial(age_effects, ledger.store)
