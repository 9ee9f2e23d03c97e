"""A sandbox that is made new again and again, and integrations that lead into it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

import httpx

from faults.arguments import Listed, Made, Template, filled
from faults.injector import Injector
from faults.truth import Changes, Told
from newfuse.effects import Ledger
from newfuse.http import RetryPolicy
from newfuse.http.breaker import BreakerState
from newfuse.http.context import calling
from newfuse.integrations import Integration, WriteStatus
from newfuse.integrations.schema import check_arguments
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer
from newfuse.store import Store

ENVIRONMENT = "sandbox:matrix"  # one name for all, whatever was made new: references are never used twice
QUICK = RetryPolicy(initial_s=0.001, max_wait_s=0.002)  # as often as in earnest, without the pauses
CALLS_PER_S = 10_000  # the vendors' own limits are switched off, so ours have nothing to protect
Catalog = Mapping[str, type[Integration]]

_numbers = itertools.count(1)


def new_token() -> str:
    """Return a word that no attempt had before."""
    return f"zz{next(_numbers):06d}"


class Clock:
    """The vendors' time: stands still, and goes on when a test says so."""

    def __init__(self) -> None:
        self.at = time.time()

    def __call__(self) -> float:
        return self.at


def settings_of(url: str, cls: type[Integration]) -> dict[str, Any]:
    """Return what leads an integration into the sandbox at `url`."""
    credentials = {
        **dict.fromkeys((one.name for one in cls.auth.fields), "any"),
        **SANDBOX_CREDENTIALS.get(cls.slug, {}),
    }
    return {"base_url": f"{url}/{cls.slug}", "environment": ENVIRONMENT, **credentials}


class World:
    """Vendors, and what leads to them."""

    def __init__(self, server: SandboxServer, clock: Clock, catalog: Catalog) -> None:
        """Use a running sandbox; `async with` opens and closes the connections."""
        self.server, self.clock, self.catalog = server, clock, catalog
        self._made: dict[str, Integration] = {}
        self._open = AsyncExitStack()
        self._inner: httpx.AsyncHTTPTransport | None = None
        self._ledger = Ledger(Store(None))
        self._listed: dict[str, Any] = {}
        self._look: tuple[Any, dict[str, Any]] | None = None
        self.renew()
        self.told = Told(server.sandbox)

    async def __aenter__(self) -> Self:
        self._inner = await self._open.enter_async_context(httpx.AsyncHTTPTransport(verify=False))
        self._open.push_async_callback(self._ledger.store.close)
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._open.aclose()

    def renew(self) -> None:
        """Put the vendors back to where they were at the start."""
        vendors = dict(self.server.sandbox.vendors)
        self.clock.at = time.time()
        self.server.sandbox.reset()
        for slug, vendor in vendors.items():  # one that a test has put there is none of the sandbox's own
            if slug not in self.server.sandbox.vendors:
                self.server.sandbox.vendors[slug] = type(vendor)(now=self.clock)
        self._look = None
        self._listed.clear()

    async def integration(self, slug: str, ledger: Ledger) -> tuple[Integration, Injector]:
        """Make and connect an integration, and return it with the transport that can be told to fail."""
        assert self._inner is not None
        injector = Injector(self._inner)
        cls = self.catalog[slug]
        integration = cls(
            ledger=ledger,
            recorder=lambda call: None,
            transport=injector,
            calls_per_s=CALLS_PER_S,
            **settings_of(self.server.url, cls),
        )
        integration.retry = QUICK
        await self._open.enter_async_context(integration)
        return integration, injector

    async def healthy(self, slug: str) -> Integration:
        """Return the integration by which arguments are prepared; nothing ever fails there."""
        if slug not in self._made:
            self._made[slug], _ = await self.integration(slug, self._ledger)
        return self._made[slug]

    async def prepared(self, slug: str, template: Template, recipes: Mapping[str, Template]) -> dict[str, Any]:
        """Return arguments of one attempt: what they need of other actions is done."""
        return await self._prepared(slug, filled(template, new_token(), self.clock()), recipes)

    async def _prepared(self, slug: str, value: Any, recipes: Mapping[str, Template]) -> Any:
        if isinstance(value, Mapping):
            return {name: await self._prepared(slug, one, recipes) for name, one in value.items()}
        if isinstance(value, list):
            return [await self._prepared(slug, one, recipes) for one in value]
        if isinstance(value, Listed):
            name = f"{slug}.{value.action}"
            if name not in self._listed:
                self._listed[name] = await self._done(slug, value.action, {})
            return self._listed[name][0][value.field]
        if isinstance(value, Made):
            template = {**recipes[f"{slug}.{value.action}"], **value.given}
            return (await self._done(slug, value.action, await self.prepared(slug, template, recipes)))[value.field]
        return value

    async def _done(self, slug: str, action: str, arguments: dict[str, Any]) -> Any:
        """Run an action without the ledger, which has nothing to keep of what is only prepared."""
        integration = await self.healthy(slug)
        checked = check_arguments(integration.specs[action].signature, arguments, what=action)
        with calling(action=action, repeatable=False, natural=False, idempotency_key=None):
            return await getattr(integration, action)(**checked)

    def look(self) -> dict[str, Any]:
        """Return what there is at the vendors; not read again while nobody has asked them anything."""
        mark = (len(self.server.sandbox.log), self.clock.at)
        if self._look is None or self._look[0] != mark:
            self._look = (mark, self.told.look())
        return self._look[1]

    def changes(self, before: dict[str, Any]) -> Changes:
        """Say what became different since a look."""
        after = self.look()
        return {} if after is before else self.told.changes(before, after)


async def perform(
    integration: Integration, action: str, arguments: dict[str, Any], reference: str
) -> list[tuple[WriteStatus, BaseException | None]]:
    """Ask for a write, single or batch, and return what became of it, or of each item."""
    spec = integration.specs[action]
    if spec.batch is None:
        performed: Sequence[Any] = [await integration.perform(action, arguments, reference=reference)]
    else:
        references = [f"{reference}:{index}" for index in range(len(arguments[spec.batch]))]
        performed = await integration.perform_batch(action, arguments, references=references)
    return [(one.status, one.error) for one in performed]


def mend(integration: Integration) -> None:
    """Close the breaker, as the time between two attempts of a person would have."""
    breaker = integration.api.breaker
    if breaker is not None:
        breaker.state, breaker.failures = BreakerState.CLOSED, 0


def writes(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield every write of every integration."""
    for slug, cls in sorted(catalog.items()):
        yield from ((slug, name) for name, spec in sorted(cls.specs.items()) if spec.once is not None)
