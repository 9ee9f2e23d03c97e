"""What holds when processes die by SIGKILL in the middle of a write, and when two of them want the same."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from aging import age_effects
from effects.shop import Vendor
from newfuse.effects import Ledger
from newfuse.errors import EffectConflict, EffectUndecided, EffectUnknown
from newfuse.http import calling
from newfuse.integrations import WriteStatus
from newfuse.store import Store
from newfuse.store.schema import effects

KILLED = -signal.SIGKILL


def die(customer, action: str, arguments: dict, *, killed: str) -> None:
    one = customer(action, arguments, "r1", killed=killed)
    one.start()
    assert (KILLED, []) == one.end()


async def rows(ledger: Ledger) -> list[dict]:
    return [dict(row) for row in await ledger.store.read(lambda c: c.execute(select(effects)).mappings().all())]


async def age(ledger: Ledger, hours: float = 0, minutes: float = 0) -> None:
    await age_effects(ledger.store, minutes + 60 * hours)


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_killed_process_leaves_its_intent_and_its_lock_is_cleared_away(
    ledger: Ledger, customer, folder: Path, killed: str
):
    die(customer, "pay", {"amount": 5}, killed=killed)
    [row] = await rows(ledger)
    assert ("intent", 1, {"amount": 5, "note": None}, None) == (
        row["state"],
        row["attempt"],
        row["arguments"],
        row["settled_at"],
    )
    assert [f"{row['owner']}.lock"] == [path.name for path in (folder / "alive").glob("*.lock")]
    ledger.owner.claim()
    assert [f"{ledger.owner.id}.lock"] == [path.name for path in (folder / "alive").glob("*.lock")]
    ledger.owner.release()
    assert [] == list((folder / "alive").glob("*.lock"))


async def test_a_process_whose_lock_was_removed_takes_it_again(new_ledger: Callable[..., Ledger], folder: Path):
    ledger, other = new_ledger(), new_ledger()
    ledger.owner.claim()
    (folder / "alive" / f"{ledger.owner.id}.lock").unlink()
    assert not other.owner.is_alive(ledger.owner.id)
    ledger.owner.claim()
    assert other.owner.is_alive(ledger.owner.id)


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_payment_in_doubt_is_sent_again_under_its_own_key_as_it_was_recorded(
    ledger: Ledger, customer, vendor: Vendor, killed: str
):
    die(customer, "pay", {"amount": 5, "note": {"b": 1, "a": 2}}, killed=killed)
    [before] = await rows(ledger)
    async with vendor.shop(ledger) as shop:
        # The same contents in another order: what goes out is what was recorded.
        again = await shop.perform("pay", {"amount": 5, "note": {"a": 2, "b": 1}}, reference="r1")
    assert WriteStatus.CONFIRMED == again.status
    arrived = vendor.arrived()
    assert {"before": 1, "after": 2}[killed] == len(arrived)
    assert {f"nf-{again.key}"} == {line["key"] for line in arrived}
    assert {'{"amount":5,"note":{"b":1,"a":2}}'} == {line["raw"].replace(" ", "") for line in arrived}
    [after] = await rows(ledger)
    assert ("confirmed", 1, before["created_at"]) == (after["state"], after["attempt"], after["created_at"])


async def test_a_payment_in_doubt_is_settled_as_recorded_before_other_contents_are_called_a_conflict(
    ledger: Ledger, customer, vendor: Vendor
):
    die(customer, "pay", {"amount": 5}, killed="after")
    async with vendor.shop(ledger) as shop:
        other = await shop.perform("pay", {"amount": 6}, reference="r1")
    assert (WriteStatus.FAILED, EffectConflict) == (other.status, type(other.error))
    assert [("pay", 5), ("pay", 5)] == [(line["what"], line["body"]["amount"]) for line in vendor.arrived()]
    assert 1 == len({line["key"] for line in vendor.arrived()}), "the vendor takes both for one"
    [row] = await rows(ledger)
    assert ("confirmed", {"amount": 5, "note": None}) == (row["state"], row["arguments"])


async def test_while_a_payment_in_doubt_stays_so_other_contents_are_unknown_too(
    ledger: Ledger, customer, vendor: Vendor
):
    die(customer, "pay", {"amount": 5}, killed="after")

    async def closed(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500)

    async with Vendor(vendor.log, answer=closed).shop(ledger) as shop:
        other = await shop.perform("pay", {"amount": 6}, reference="r1")
    assert (WriteStatus.UNKNOWN, EffectUnknown) == (other.status, type(other.error))
    assert "reference of its own" not in str(other.error), "who follows that advice pays twice"
    assert {5} == {line["body"]["amount"] for line in vendor.arrived()}


async def test_a_payment_in_doubt_that_was_refused_makes_way_for_other_contents_under_a_new_key(
    ledger: Ledger, customer, vendor: Vendor
):
    die(customer, "pay", {"amount": 5}, killed="before")

    async def decline(request: httpx.Request) -> httpx.Response | None:
        refusal = httpx.Response(402, json={"error": {"message": "declined"}})
        return refusal if json.loads(request.content)["amount"] == 5 else None

    async with Vendor(vendor.log, answer=decline).shop(ledger) as shop:
        other = await shop.perform("pay", {"amount": 6}, reference="r1")
    assert WriteStatus.CONFIRMED == other.status
    assert [5, 6] == [line["body"]["amount"] for line in vendor.arrived()]
    assert 2 == len({line["key"] for line in vendor.arrived()}), "what was refused is final under its key"


FOREIGN = [
    httpx.Response(404, html="<html>no such backend</html>"),
    httpx.Response(400),
    httpx.Response(302, headers={"Location": "https://login.test/"}),
    httpx.Response(408),
    httpx.Response(200, html="<html>Back soon</html>"),
    httpx.Response(200, content=b"null", headers={"Content-Type": "application/json"}),
    httpx.Response(200, json={}),
    httpx.Response(503, headers={"Retry-After": "1"}),
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda answer: f"{answer.status_code} {answer.text[:20]}")
async def test_a_stranger_between_here_and_the_vendor_settles_no_payment_in_doubt(
    ledger: Ledger, customer, vendor: Vendor, foreign: httpx.Response
):
    die(customer, "pay", {"amount": 5}, killed="after")

    async def stranger(request: httpx.Request) -> httpx.Response:
        return foreign

    async with Vendor(vendor.log, answer=stranger).shop(ledger) as shop:
        assert WriteStatus.UNKNOWN == (await shop.perform("pay", {"amount": 5}, reference="r1")).status
    async with vendor.shop(ledger) as shop:
        again = await shop.perform("pay", {"amount": 5}, reference="r1")
    assert WriteStatus.CONFIRMED == again.status
    assert {f"nf-{again.key}"} == {line["key"] for line in vendor.arrived()}, "another key could pay twice"


@pytest.mark.parametrize("status", [401, 403, 429, 500, None])
async def test_a_vendor_that_cannot_answer_for_a_payment_in_doubt_leaves_it_in_doubt(
    ledger: Ledger, customer, vendor: Vendor, status: int | None
):
    die(customer, "pay", {"amount": 5}, killed="after")

    async def refuse(request: httpx.Request) -> httpx.Response:
        if status is None:
            raise httpx.ConnectError("no way", request=request)
        return httpx.Response(status, json={"error": {"message": "not now"}})

    async with Vendor(vendor.log, answer=refuse).shop(ledger) as shop:
        assert WriteStatus.UNKNOWN == (await shop.perform("pay", {"amount": 5}, reference="r1")).status
    async with vendor.shop(ledger) as shop:
        again = await shop.perform("pay", {"amount": 5}, reference="r1")
    assert WriteStatus.CONFIRMED == again.status
    assert {f"nf-{again.key}"} == {line["key"] for line in vendor.arrived()}, "another key could pay twice"


async def test_a_key_the_vendor_complains_of_leaves_the_payment_in_doubt(ledger: Ledger, customer, vendor: Vendor):
    die(customer, "pay", {"amount": 5}, killed="after")

    async def complain(request: httpx.Request) -> httpx.Response:
        error = {"message": "Keys can only be used with the same parameters", "code": "idempotency_error"}
        return httpx.Response(400, json={"error": error})

    async with Vendor(vendor.log, answer=complain).shop(ledger) as shop:
        assert WriteStatus.UNKNOWN == (await shop.perform("pay", {"amount": 5}, reference="r1")).status


async def test_a_payment_in_doubt_that_the_vendor_refuses_has_failed_and_may_be_tried_anew(
    ledger: Ledger, customer, vendor: Vendor
):
    die(customer, "pay", {"amount": 5}, killed="before")

    async def decline(request: httpx.Request) -> httpx.Response:
        return httpx.Response(402, json={"error": {"message": "declined"}})

    async with Vendor(vendor.log, answer=decline).shop(ledger) as shop:
        assert WriteStatus.FAILED == (await shop.perform("pay", {"amount": 5}, reference="r1")).status
    async with vendor.shop(ledger) as shop:
        again = await shop.perform("pay", {"amount": 5}, reference="r1")
    assert WriteStatus.CONFIRMED == again.status
    assert [f"nf-{again.key}", f"nf-{again.key}-2"] == [line["key"] for line in vendor.arrived()]


@pytest.mark.parametrize(("hours", "sent"), [(23, 2), (25, 1)])
async def test_a_key_older_than_the_vendors_memory_is_not_relied_on(
    ledger: Ledger, customer, vendor: Vendor, hours: float, sent: int
):
    die(customer, "pay", {"amount": 5}, killed="after")
    await age(ledger, hours)
    async with vendor.shop(ledger) as shop:
        again = await shop.perform("pay", {"amount": 5}, reference="r1")
    assert (WriteStatus.CONFIRMED if sent == 2 else WriteStatus.UNKNOWN) == again.status
    assert sent == len(vendor.arrived())


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_forgotten_key_is_looked_up_where_the_vendor_can_be_asked(
    ledger: Ledger, customer, vendor: Vendor, killed: str
):
    die(customer, "order", {"name": "lamp"}, killed=killed)
    await age(ledger, 25)
    async with vendor.shop(ledger) as shop:
        again = await shop.perform("order", {"name": "lamp"}, reference="r1")
    assert WriteStatus.CONFIRMED == again.status
    assert 1 == len(vendor.arrived())


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_natural_write_in_doubt_is_sent_again(ledger: Ledger, customer, vendor: Vendor, killed: str):
    die(customer, "put", {"name": "lamp", "price": 3}, killed=killed)
    async with vendor.shop(ledger) as shop:
        again = await shop.perform("put", {"name": "lamp", "price": 3}, reference="r1")
        skipped = await shop.perform("put", {"name": "lamp", "price": 3}, reference="r1")
    assert (WriteStatus.CONFIRMED, WriteStatus.SKIPPED) == (again.status, skipped.status)
    assert {"before": 1, "after": 2}[killed] == len(vendor.arrived())


async def test_a_batch_in_doubt_is_sent_again(ledger: Ledger, customer, vendor: Vendor):
    die(customer, "put_many", {"items": [{"name": "lamp"}]}, killed="after")
    async with vendor.shop(ledger) as shop:
        [again] = await shop.perform_batch("put_many", {"items": [{"name": "lamp"}]}, references=["r1"])
    assert WriteStatus.CONFIRMED == again.status
    assert 2 == len(vendor.arrived())


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_write_in_doubt_is_looked_up_and_sent_only_when_it_is_not_there(
    ledger: Ledger, customer, vendor: Vendor, killed: str
):
    die(customer, "book", {"name": "room"}, killed=killed)
    await age(ledger, minutes=6)
    async with vendor.shop(ledger) as shop:
        again = await shop.perform("book", {"name": "room"}, reference="r1")
    assert WriteStatus.CONFIRMED == again.status
    assert {"before": "book-1", "after": "b-room"}[killed] == again.value["id"], "what was found is the result"
    assert 1 == len(vendor.arrived())
    assert ["confirmed"] == [row["state"] for row in await rows(ledger)]


async def test_that_a_vendor_does_not_show_a_write_yet_is_no_proof_that_it_did_not_happen(
    ledger: Ledger, customer, vendor: Vendor
):
    die(customer, "book", {"name": "room"}, killed="before")
    async with vendor.shop(ledger) as shop:
        young = await shop.perform("book", {"name": "room"}, reference="r1")
        assert (WriteStatus.UNKNOWN, []) == (young.status, vendor.arrived())
        assert re.search(r"believed from \d\d:\d\d:\d\d UTC on: run again after that", str(young.error.for_model))
        await age(ledger, minutes=6)
        old = await shop.perform("book", {"name": "room"}, reference="r1")
    assert (WriteStatus.CONFIRMED, 1) == (old.status, len(vendor.arrived()))


async def test_the_reason_of_a_write_in_doubt_does_not_grow_with_every_run(ledger: Ledger, customer, vendor: Vendor):
    die(customer, "book", {"name": "room"}, killed="before")
    reasons = set()
    for _ in range(3):
        async with vendor.shop(ledger) as shop:
            await shop.perform("book", {"name": "room"}, reference="r1")
        [row] = await rows(ledger)
        reasons.add(row["error"])
    assert {"no outcome was recorded"} == reasons


async def test_what_carries_its_reference_is_looked_for_before_the_first_sending(
    ledger: Ledger, new_ledger: Callable[..., Ledger], tmp_path: Path, vendor: Vendor
):
    elsewhere = Ledger(Store(tmp_path / "another store"))
    for one in (ledger, elsewhere):
        async with vendor.shop(one) as shop:
            marked = await shop.perform("put_up", {"title": "Sale [r1]"}, reference="r1")
            unmarked = await shop.perform("put_up", {"title": "Sale"}, reference="r2")
        assert (WriteStatus.CONFIRMED, WriteStatus.CONFIRMED) == (marked.status, unmarked.status)
    elsewhere.owner.release()
    await elsewhere.store.close()
    assert {"Sale [r1]": 1, "Sale": 2} == Counter(line["body"]["name"] for line in vendor.arrived())


async def test_what_nobody_can_tell_is_reported_once_and_then_left_to_a_person(
    ledger: Ledger, customer, vendor: Vendor
):
    die(customer, "mail", {"to": "ada"}, killed="after")
    async with vendor.shop(ledger) as shop:
        with calling(run_id="second"):
            first = await shop.perform("mail", {"to": "ada"}, reference="r1")
        [before] = await rows(ledger)
        with calling(run_id="third"):
            later = await shop.perform("mail", {"to": "ada"}, reference="r1")
    assert (WriteStatus.UNKNOWN, EffectUnknown) == (first.status, type(first.error))
    assert (WriteStatus.UNKNOWN, EffectUndecided) == (later.status, type(later.error))
    assert f"newfuse effects settle {later.key[:12]}" in later.error.for_model
    assert [before] == await rows(ledger), "the run that reported it keeps it"
    assert ("second", "unknown", "no outcome was recorded") == (before["run_id"], before["state"], before["error"])
    assert 1 == len(vendor.arrived())


async def test_a_look_up_that_fails_leaves_the_write_unknown_until_one_succeeds(
    ledger: Ledger, customer, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
):
    die(customer, "book", {"name": "room"}, killed="after")
    async with vendor.shop(ledger) as shop:
        for broken in (httpx.Response(500), httpx.Response(200, json={"no": "such shape"})):

            async def answer(request: httpx.Request, response: httpx.Response = broken) -> httpx.Response:
                return response

            shop._transport.handler = answer
            failed = await shop.perform("book", {"name": "room"}, reference="r1")
            assert WriteStatus.UNKNOWN == failed.status
            assert ["unknown"] == [row["state"] for row in await rows(ledger)]
        shop._transport.handler = vendor.handle
        assert WriteStatus.CONFIRMED == (await shop.perform("book", {"name": "room"}, reference="r1")).status
    assert 1 == len(vendor.arrived())


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_write_that_nobody_can_look_up_stays_unknown_and_is_never_sent_again(
    ledger: Ledger, customer, vendor: Vendor, killed: str
):
    die(customer, "mail", {"to": "ada"}, killed=killed)
    before = len(vendor.arrived())
    async with vendor.shop(ledger) as shop:
        for _ in range(3):
            again = await shop.perform("mail", {"to": "ada"}, reference="r1")
            assert (WriteStatus.UNKNOWN, EffectUnknown) == (again.status, type(again.error))
    assert before == len(vendor.arrived())
    assert ["unknown"] == [row["state"] for row in await rows(ledger)]


@pytest.mark.parametrize(
    ("action", "arguments"), [("pay", {"amount": 5}), ("mail", {"to": "ada"}), ("book", {"name": "room"})]
)
async def test_two_processes_at_once_do_each_effect_exactly_once(
    customer, vendor: Vendor, action: str, arguments: dict
):
    references = [f"r{index}" for index in range(25)]
    both = [customer(action, arguments, *references), customer(action, arguments, *reversed(references))]
    for one in both:
        one.start()
    ended = [one.end() for one in both]
    assert [0, 0] == [code for code, _ in ended]
    arrived = vendor.arrived()
    assert 25 == len(arrived)
    assert {"pay": 25}.get(action, 1) == len({line["key"] for line in arrived})
    statuses = [status for _, said in ended for status in said]
    assert (25, 25) == (statuses.count("confirmed"), statuses.count("skipped"))


async def test_two_heirs_of_one_doubt_look_up_one_after_the_other(
    new_ledger: Callable[..., Ledger], customer, vendor: Vendor
):
    die(customer, "book", {"name": "room"}, killed="before")
    await age(new_ledger(), minutes=6)
    heirs = [vendor.shop(new_ledger()) for _ in range(2)]
    for heir in heirs:
        await heir.connect()
    both = await asyncio.gather(*(heir.perform("book", {"name": "room"}, reference="r1") for heir in heirs))
    for heir in heirs:
        await heir.disconnect()
    assert 1 == len(vendor.arrived())
    assert ["confirmed", "skipped"] == sorted(one.status for one in both)
