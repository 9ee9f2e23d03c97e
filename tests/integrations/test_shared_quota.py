"""Integrations of one account that use one store share its quota; others have their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.conftest import KEY, DeskVendor
from integrations.desk import Desk
from newfuse import RateLimited
from newfuse.connectors.stripe import Stripe
from newfuse.effects import Ledger
from newfuse.store import Store

Make = Callable[..., Any]


async def test_what_one_of_them_is_told_by_the_vendor_the_others_know(make: Make, vendor: DeskVendor):
    async with make() as told, make(id="again") as other, make(account="second") as another:
        vendor.answers.append(httpx.Response(429, headers={"Retry-After": "900"}))
        with pytest.raises(RateLimited):
            await told.execute("find_tickets", {"subject": "Help"})
        asked = len(vendor.requests)
        with pytest.raises(RateLimited, match="spent for another"):
            await other.execute("find_tickets", {"subject": "Help"})
        assert asked == len(vendor.requests)
        assert await another.execute("find_tickets", {"subject": "Help"})


def test_test_and_live_mode_of_stripe_are_two_accounts(ledger: Ledger):
    test, same, live = (Stripe(api_key=key, ledger=ledger) for key in ("sk_test_1", "sk_test_2", "sk_live_1"))
    test.shared_quota().hold(60)
    assert not same.shared_quota().book(1, 1).is_booked
    assert live.shared_quota().book(1, 1).is_booked


def descriptors() -> set[Path]:
    return set(Path("/dev/fd").iterdir())


async def test_disconnecting_closes_the_files_of_the_quota(tmp_path: Path):
    store = Store(tmp_path)
    await store.read(lambda _connection: None)
    before = descriptors()
    transport = httpx.MockTransport(DeskVendor().handle)
    async with Desk(ledger=Ledger(store), recorder=lambda _: None, transport=transport, api_key=KEY) as desk:
        await desk.execute("find_tickets", {"subject": "Help"})
        assert [32] == [len(path.name) for path in (tmp_path / "quota").iterdir()]
        assert 1 == len(descriptors() - before)
    assert before == descriptors()
    await store.close()
