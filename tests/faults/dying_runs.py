"""What a process does that runs the default crew under faults, or until it is killed."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import httpx

from faults.answers import FOREIGN
from faults.dying_writes import ANSWERED, APPLIED, BEFORE
from faults.injector import LOST, SAFE, THROUGH, Hop, Injector
from faults.trade import trade
from faults.world import CALLS_PER_S, QUICK
from newfuse.environment import Environment
from newfuse.http.context import CALL
from newfuse.integrations import Integration
from newfuse.integrations.catalog import available_integrations
from newfuse.sandbox import SandboxServer
from newfuse.sandbox.environment import world_of
from newfuse.types import Effect

READS = "/search", "/batch/read", "/debug/", ":runReport"  # POSTs that change nothing

REPLY_LOST = "the reply to every write is lost, and this answers what is asked next"
ALL_WRITES = "every write arrives, and this answers"
EVERYTHING = "nothing arrives once it is connected, and this answers"
MANNERS = (REPLY_LOST, ALL_WRITES, EVERYTHING)
REPLY_LOST_ON_MONEY = "the reply to every write on money is lost, and this answers what is asked next"


def may_write(method: str, path: str) -> bool:
    """Say whether a request may change something."""
    return method not in SAFE and not any(part in path for part in READS)


def writes(request: httpx.Request) -> bool:
    """Say the same of a request on its way."""
    return may_write(request.method, request.url.path)


class Course:
    """What happens to the requests of one vendor during a run: a plan for an Injector."""

    def __init__(self, slug: str, manner: str, answer: str) -> None:
        self._specs = available_integrations()[slug].specs
        self._manner, self._answer = manner, FOREIGN[answer]
        self._seen: set[tuple[str, bytes]] = set()
        self._owed = 0  # answers to what is asked next, one for every reply that was lost

    def hop(self, request: httpx.Request) -> Hop:
        """Say what happens to this request."""
        if self._manner == EVERYTHING:
            return THROUGH if CALL.get().action == "connect" else Hop(arrives=False, comes_back=self._answer)
        if self._manner == ALL_WRITES:
            return Hop(arrives=True, comes_back=self._answer) if writes(request) else THROUGH
        if self._manner == REPLY_LOST_ON_MONEY and not self._is_on_money():
            return THROUGH
        this = (str(request.url), request.content)
        if writes(request) and this not in self._seen:
            self._seen.add(this)
            self._owed += 1
            return Hop(arrives=True, comes_back=LOST)
        if self._owed == 0:
            return THROUGH
        self._owed -= 1
        return Hop(arrives=False, comes_back=self._answer)

    def _is_on_money(self) -> bool:
        spec = self._specs.get(CALL.get().action or "")
        return spec is not None and spec.effect is Effect.MONEY


class Killer(httpx.AsyncBaseTransport):
    """Kills this process at one of its writes, whichever vendor it goes to."""

    def __init__(self, inner: httpx.AsyncBaseTransport, at_write: int, point: str, ticks: int) -> None:
        """Say where.

        Args:
            inner: The way to the vendors.
            at_write: At which of the run's writes, from 1.
            point: Before it is sent, once it was applied, or once it was answered.
            ticks: After that many turns of the event loop, when it was answered.
        """
        self._inner, self._left, self._point, self._ticks = inner, at_write, point, ticks
        self._tasks: list[asyncio.Task[None]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not writes(request):
            return await self._inner.handle_async_request(request)
        self._left -= 1
        if self._left != 0:
            return await self._inner.handle_async_request(request)
        if self._point == BEFORE:
            die()
        response = await self._inner.handle_async_request(request)
        await response.aread()
        if self._point == APPLIED:
            die()
        assert self._point == ANSWERED
        self._tasks.append(asyncio.ensure_future(self._die_soon()))
        return response

    async def _die_soon(self) -> None:
        for _ in range(self._ticks):
            await asyncio.sleep(0)
        die()


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def warm_up() -> None:
    """Run the crew once against a sandbox of this process's own: half of what a run needs is loaded on the way."""
    with SandboxServer(rate_limits=False) as server, tempfile.TemporaryDirectory() as folder:
        info = {"url": server.url, "instance": server.sandbox.instance_id, "vendors": list(server.sandbox.vendors)}
        work({**info, "store": f"{folder}/store", "out": f"{folder}/out"})


def work(job: dict[str, Any]) -> int:
    """Run the crew, and return its exit code."""
    return asyncio.run(_run(**job))


async def _run(
    url: str,
    instance: str,
    vendors: list[str],
    store: str,
    out: str,
    faults: dict[str, tuple[str, str]] | None = None,
    kill: tuple[int, str, int] | None = None,
) -> int:
    from crews.api_integration import crew

    Integration.retry = QUICK  # type: ignore[misc]
    async with httpx.AsyncHTTPTransport(verify=False) as transport:
        inner: httpx.AsyncBaseTransport = Killer(transport, *kill) if kill is not None else transport
        world = world_of(url, instance, vendors)
        settings: dict[str, Any] = {}
        for slug, given in world.settings.items():
            injector = Injector(inner)
            if faults is not None and slug in faults:
                injector.plan = Course(slug, *faults[slug])
            settings[slug] = {**given, "calls_per_s": CALLS_PER_S, "transport": injector}
        environment: Environment = dataclasses.replace(world, settings=settings)
        data = trade()
        output = await crew.arun(
            data, environment=environment, model="runbook", out=Path(out), store=Path(store), repeat=False
        )
    return output.exit_code
