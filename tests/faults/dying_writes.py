"""What a process does that is killed in the middle of many writes, each at the same point."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from faults.injector import HELD, VENDORS_OWN, Hop, Injector, Plan
from faults.world import perform, settings_of
from newfuse.effects import Ledger, Outcome
from newfuse.integrations import Integration
from newfuse.integrations.catalog import available_integrations
from newfuse.store import Store

LONGEST_S = 20
BEFORE, APPLIED, ANSWERED = "before it was sent", "once it was applied", "once it was answered"
HOPS = {
    BEFORE: Hop(arrives=False, comes_back=HELD),
    APPLIED: Hop(arrives=True, comes_back=HELD),
    ANSWERED: Hop(arrives=True, comes_back=VENDORS_OWN),
}


class Countdown:
    """Kills this very process when all have come to the point."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Dying(Ledger):
    """A ledger whose process dies when it has the answers and is about to write them down."""

    at_the_point: Countdown

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        self.at_the_point()
        await asyncio.Event().wait()


def warm_up() -> None:
    """Load everything that a write needs."""
    available_integrations()
    httpx.AsyncHTTPTransport(verify=False)

    async def touch() -> None:
        store = Store(None)
        await Ledger(store).states(["x"])
        await store.close()

    asyncio.run(touch())


def work(job: dict[str, Any]) -> None:
    """Perform every write of a job at once, up to the point where the process dies."""
    asyncio.run(asyncio.wait_for(_work(**job), LONGEST_S))


async def _work(
    home: str, name: str, action: str, url: str, store: str, point: str, writes: list[tuple[str, Any]]
) -> None:
    at_the_point = Countdown(len(writes))
    if point == ANSWERED:
        ledger: Ledger = Dying(Store(Path(store)))
        ledger.at_the_point = at_the_point  # type: ignore[attr-defined]
    else:
        ledger = Ledger(Store(Path(store)))
    injector = Injector(httpx.AsyncHTTPTransport(verify=False), held=at_the_point)
    cls: type[Integration] = getattr(importlib.import_module(home), name)
    cls.rate_limit = None  # all of them are on their way at once
    integration = cls(ledger=ledger, recorder=lambda call: None, transport=injector, **settings_of(url, cls))
    await integration.connect()
    injector.plan = Plan(action, first=HOPS[point], then=HOPS[point])
    await asyncio.gather(*(perform(integration, action, arguments, reference) for reference, arguments in writes))
