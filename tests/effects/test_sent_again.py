"""What a look-up has shown not to have happened is begun anew when it is sent again: its age counts from then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from aging import age_effects
from effects.shop import Vendor
from newfuse.effects import Ledger
from newfuse.integrations import WriteStatus
from newfuse.store.schema import effects

HOURS = 6  # longer than any vendor takes to show what happened


class LateToShow(Vendor):
    """Shows no booking yet, as a list does that lags behind."""

    async def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/booked":
            return httpx.Response(200, json={"bookings": []})
        return await super().handle(request)


@pytest.fixture
async def sent_again(ledger: Ledger, customer, vendor: Vendor) -> Ledger:
    """A booking that never left, was looked up and sent again hours later, and whose process died when it arrived."""
    for killed in ("before", "after"):
        one = customer("book", {"name": "room"}, "r1", killed=killed)
        one.start()
        one.end()
        if killed == "before":
            await age_effects(ledger.store, HOURS * 60)
    assert 1 == len(vendor.arrived())
    return ledger


async def test_what_is_sent_again_was_begun_when_it_was_sent_again(sent_again: Ledger):
    [row] = await sent_again.store.read(lambda connection: connection.execute(select(effects)).all())
    assert ("intent", 1) == (row.state, row.attempt)
    assert datetime.now(UTC) - datetime.fromisoformat(row.created_at) < timedelta(hours=HOURS - 1)


async def test_what_was_sent_again_a_moment_ago_is_not_sent_once_more_because_it_is_not_shown(
    sent_again: Ledger, vendor: Vendor
):
    async with LateToShow(vendor.log).shop(sent_again) as shop:
        young = await shop.perform("book", {"name": "room"}, reference="r1")
    assert (WriteStatus.UNKNOWN, 1) == (young.status, len(vendor.arrived()))
    async with vendor.shop(sent_again) as shop:
        found = await shop.perform("book", {"name": "room"}, reference="r1")
    assert (WriteStatus.CONFIRMED, 1) == (found.status, len(vendor.arrived()))
