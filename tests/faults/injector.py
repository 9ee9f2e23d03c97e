"""A transport between an integration and the sandbox that loses requests and replies, and answers in their place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from faults.answers import Answer
from newfuse.http.context import CALL

LOST = "lost"  # the connection breaks, no answer comes
HELD = "held"  # the request is under way for as long as the process lives
VENDORS_OWN = "the vendor's own"

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Hop:
    """What happens to one request.

    Attributes:
        arrives: Whether the vendor gets it, and carries it out.
        comes_back: What the client sees: an answer of somebody else's, or one of the words above.
    """

    arrives: bool
    comes_back: Answer | str = VENDORS_OWN


THROUGH = Hop(arrives=True)


@dataclass(slots=True)
class Plan:
    """What happens to the requests of one write.

    Attributes:
        action: The write's name; its look-up is told from it by the name of the call's action.
        first: What happens to the first request that writes.
        then: What happens to those after it.
        only_look_ups: `then` is for look-ups alone; what writes goes through.
    """

    action: str
    first: Hop = THROUGH
    then: Hop = THROUGH
    only_look_ups: bool = False
    begun: bool = False

    def hop(self, request: httpx.Request) -> Hop:
        """Say what happens to this request."""
        looks_up = CALL.get().action != self.action or request.method in SAFE
        if not self.begun:
            if looks_up:  # before the write was sent for the first time
                return THROUGH
            self.begun = True
            return self.first
        if self.only_look_ups and not looks_up:
            return THROUGH
        return self.then


class Injector(httpx.AsyncBaseTransport):
    """Sends requests on by another transport, as the plan wants it; without a plan all go through."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, held: Callable[[], None] = lambda: None) -> None:
        """Wrap `inner`, which is not closed with this one; `held` is told of every request that is held."""
        self.inner = inner
        self.plan: Plan | None = None
        self._held = held

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        hop = self.plan.hop(request) if self.plan is not None else THROUGH
        if hop is THROUGH:
            return await self.inner.handle_async_request(request)
        if hop.arrives:
            response = await self.inner.handle_async_request(request)
            await response.aread()
            if hop.comes_back == VENDORS_OWN:
                return response
            await response.aclose()
        if isinstance(hop.comes_back, Answer):
            answer = hop.comes_back
            headers = {"content-type": answer.kind, **answer.headers}
            return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)
        if hop.comes_back == HELD:
            self._held()
            await asyncio.Event().wait()
        raise httpx.ReadError("the connection was lost", request=request)

    async def aclose(self) -> None:
        """Leave the inner transport open: others use it too."""
