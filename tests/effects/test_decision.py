"""What a person decides of writes that nobody can tell of."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from effects.shop import Vendor
from newfuse.effects import Ledger
from newfuse.effects.decision import decide, list_effects
from newfuse.errors import InvalidArguments
from newfuse.integrations import WriteStatus


async def lost(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("gone", request=request)


async def in_doubt(ledger: Ledger, vendor: Vendor, action: str, arguments: dict) -> str:
    async with Vendor(vendor.log, answer=lost).shop(ledger) as shop:
        performed = await shop.perform(action, arguments, reference="r1")
    assert WriteStatus.UNKNOWN == performed.status
    return performed.key


@pytest.mark.parametrize(("happened", "status", "arrived"), [(True, "skipped", 1), (False, "confirmed", 2)])
async def test_what_a_person_says_of_a_letter_decides_whether_it_is_sent_again(
    ledger: Ledger, vendor: Vendor, happened: bool, status: str, arrived: int
):
    key = await in_doubt(ledger, vendor, "mail", {"to": "ada"})
    assert [key] == [one.key for one in await list_effects(ledger.store, only_unknown=True)]
    decided = await decide(ledger.store, key[:12], happened=happened)
    assert ("mail", "confirmed" if happened else "failed") == (decided.action, decided.state)
    assert [] == await list_effects(ledger.store, only_unknown=True)
    async with vendor.shop(ledger) as shop:
        assert status == (await shop.perform("mail", {"to": "ada"}, reference="r1")).status
    assert arrived == len(vendor.arrived())


async def test_a_payment_that_is_said_not_to_have_happened_is_sent_under_its_old_key(ledger: Ledger, vendor: Vendor):
    key = await in_doubt(ledger, vendor, "pay", {"amount": 5})
    await decide(ledger.store, key, happened=False)
    async with vendor.shop(ledger) as shop:
        assert WriteStatus.CONFIRMED == (await shop.perform("pay", {"amount": 5}, reference="r1")).status
    assert 1 == len({line["key"] for line in vendor.arrived()}), "a person may err; the vendor recognises the key"


async def test_only_one_effect_in_doubt_can_be_decided(ledger: Ledger, vendor: Vendor):
    key = await in_doubt(ledger, vendor, "mail", {"to": "ada"})
    for wrong in ("", key[:5], "f" * 40, "%" * 12):
        with pytest.raises(InvalidArguments, match="key"):
            await decide(ledger.store, wrong, happened=True)
    await decide(ledger.store, key, happened=True)
    with pytest.raises(InvalidArguments, match="it is confirmed"):
        await decide(ledger.store, key, happened=False)


async def test_what_a_living_process_is_at_is_not_decided_over_its_head(
    ledger: Ledger, new_ledger: Callable[..., Ledger], vendor: Vendor
):
    async def decide_meanwhile(request: httpx.Request) -> None:
        [row] = await list_effects(ledger.store)
        other = new_ledger()
        assert [] == await list_effects(other.store, only_unknown=True)
        with pytest.raises(InvalidArguments, match="a process that is running"):
            await decide(other.store, row.key, happened=False)

    async with Vendor(vendor.log, answer=decide_meanwhile).shop(ledger) as shop:
        assert WriteStatus.CONFIRMED == (await shop.perform("mail", {"to": "ada"}, reference="r1")).status
