"""One sandbox, one zygote and one search for arguments for all cells of a process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from faults.dying_runs import may_write
from faults.matrix import Matrix
from faults.runs import Clean, Shop
from faults.scenario import Scenarios
from faults.world import Clock, World
from faults.zygote import Zygote
from newfuse import available_integrations
from newfuse.sandbox import SandboxServer


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def server(clock: Clock) -> Iterator[SandboxServer]:
    with SandboxServer(rate_limits=False, now=clock) as running:
        yield running


@pytest.fixture
async def world(server: SandboxServer, clock: Clock) -> AsyncIterator[World]:
    async with World(server, clock, available_integrations()) as made:
        yield made


@pytest.fixture(scope="session")
def scenarios() -> Scenarios:
    return Scenarios(available_integrations())


@pytest.fixture(scope="session")
def dying_writes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote("faults.dying_writes", tmp_path_factory.mktemp("zygote")) as zygote:
        yield zygote


@pytest.fixture
def matrix(world: World, scenarios: Scenarios, tmp_path: Path, dying_writes: Zygote) -> Matrix:
    return Matrix(world, scenarios, tmp_path / "store", dying_writes)


@pytest.fixture(scope="session")
def dying_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote("faults.dying_runs", tmp_path_factory.mktemp("zygote")) as zygote:
        yield zygote


@pytest.fixture(scope="session")
def clean(server: SandboxServer, dying_runs: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    """What one run of the crew does, and how long it takes."""
    for name in ("first", "second"):  # the first waits until the zygote is warm
        shop = Shop(server, dying_runs, tmp_path_factory.mktemp(name))
        began = time.monotonic()
        assert 0 == shop.run(), dying_runs.said
        took_s = time.monotonic() - began
    written = [entry for entry in server.sandbox.log if may_write(entry.method, entry.path)]
    return Clean(shop.changed(), took_s, len(written))
