"""A vendor that writes down every request that arrives, and an integration for each way of happening once."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from newfuse.effects import Ledger
from newfuse.http import RetryPolicy
from newfuse.integrations import Integration, ItemResult, Record, action
from newfuse.types import IntegrationType

Answer = Callable[[httpx.Request], Awaitable[httpx.Response | None]]


class Receipt(Record):
    """What the shop answers."""

    id: str
    what: str


class Shop(Integration):
    """Pay, put, book and mail at one shop."""

    slug = "shop"
    name = "Shop"
    type = IntegrationType.ECOMMERCE
    description = "Sells things."
    base_url = "https://shop.test"
    idempotency_header = "Idempotency-Key"
    retry = RetryPolicy(attempts=1)

    async def check(self) -> None:
        """Ask nothing: the shop is always open."""

    @action(effect="money", once="key")
    async def pay(self, amount: int, note: dict[str, Any] | None = None) -> Receipt:
        """Pay.

        Args:
            amount: How much.
            note: What for.
        """
        return Receipt.model_validate(await self.api.post("/pay", json={"amount": amount, "note": note}))

    @action(effect="money", once="key", lookup="found_order")
    async def order(self, name: str) -> Receipt:
        """Order a thing.

        Args:
            name: Which.
        """
        return Receipt.model_validate(await self.api.post("/book", json={"name": name}))

    async def found_order(self, name: str) -> Receipt | None:
        """Find an order."""
        return await self.found_booking(name)

    @action(effect="write", once="natural")
    async def put(self, name: str, price: int) -> Receipt:
        """Put a thing on the shelf.

        Args:
            name: Which.
            price: At what price.
        """
        return Receipt.model_validate(await self.api.put("/put", json={"name": name, "price": price}))

    @action(effect="write", once="natural", batch="items")
    async def put_many(self, items: list[dict[str, Any]], shelf: str = "front") -> list[ItemResult]:
        """Put things on a shelf.

        Args:
            items: The things.
            shelf: Which shelf.
        """
        await self.api.put("/many", json={"items": items, "shelf": shelf})
        return [ItemResult(value={"name": item["name"], "shelf": shelf}) for item in items]

    @action(effect="write", once="lookup", lookup="found_booking")
    async def book(self, name: str) -> Receipt:
        """Book a thing.

        Args:
            name: Which.
        """
        return Receipt.model_validate(await self.api.post("/book", json={"name": name}))

    async def found_booking(self, name: str) -> Receipt | None:
        """Find a booking."""
        booked = (await self.api.get("/booked", params={"name": name}))["bookings"]
        return Receipt.model_validate(booked[0]) if booked else None

    @action(effect="write", once="lookup", lookup="found_poster", mark="title")
    async def put_up(self, title: str) -> Receipt:
        """Put up a poster.

        Args:
            title: What it says; it may hold a reference.
        """
        return Receipt.model_validate(await self.api.post("/book", json={"name": title}))

    async def found_poster(self, title: str) -> Receipt | None:
        """Find a poster."""
        return await self.found_booking(title)

    @action(effect="write", once="none")
    async def mail(self, to: str) -> Receipt:
        """Send a letter.

        Args:
            to: To whom.
        """
        return Receipt.model_validate(await self.api.post("/mail", json={"to": to}))


class Vendor:
    """The shop's own side: its truth is the file of what arrived."""

    def __init__(self, log: Path, *, answer: Answer | None = None, killed: str | None = None) -> None:
        """Write to `log`.

        Args:
            log: One JSON line per write that arrived; several processes may share it.
            answer: Answers instead of the shop, once the request is written down, unless it returns None.
            killed: `before` or `after` the request arrives, this very process dies by SIGKILL.
        """
        self.log = log
        self.answer = answer
        self.killed = killed

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Take one request."""
        what = request.url.path.removeprefix("/")
        if what == "booked":
            name = request.url.params["name"]
            found = any(line["what"] == "book" and line["body"]["name"] == name for line in self.arrived())
            return httpx.Response(200, json={"bookings": [{"id": f"b-{name}", "what": "book"}] if found else []})
        if self.killed == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        body = json.loads(request.content)
        key = request.headers.get("idempotency-key")
        line = {"what": what, "key": key, "body": body, "raw": request.content.decode()}
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self.killed == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await self.answer(request) if self.answer is not None else None
        return answer if answer is not None else httpx.Response(200, json={"id": f"{what}-1", "what": what})

    def arrived(self) -> list[dict[str, Any]]:
        """Return every write that arrived, in order."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def count(self, what: str) -> Counter[str]:
        """Count the writes of one kind by their body."""
        return Counter(json.dumps(line["body"]) for line in self.arrived() if line["what"] == what)

    def shop(self, ledger: Ledger, **settings: Any) -> Shop:
        """Make an integration that leads here."""
        transport = httpx.MockTransport(self.handle)
        return Shop(ledger=ledger, recorder=lambda call: None, transport=transport, **settings)
