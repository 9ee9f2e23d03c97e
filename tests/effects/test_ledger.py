"""The ledger: written down before it is sent, settled after, and never done twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging import age_effects
from effects.shop import Vendor
from newfuse.effects import Intent, Ledger, Outcome, Scope, State, Verdict, digest, vendor_key
from newfuse.effects import ledger as ledger_module
from newfuse.errors import ConfigurationError, EffectConflict, NewFuseError, OutcomeUnknown, Rejected
from newfuse.http import calling
from newfuse.integrations import WriteStatus
from newfuse.store import Store
from newfuse.types import Effect, Once

SCOPE = Scope("live", "default", "shop", "pay")


def intent(reference: str, arguments: object = 1, once: Once = Once.KEY, scope: Scope = SCOPE) -> Intent:
    return Intent(scope, reference, arguments, Effect.WRITE, once)


def on_disk(folder: Path) -> list[tuple]:
    """What another process sees: key, state and arguments of every effect."""
    database = sqlite3.connect(folder / "newfuse.db")
    try:
        return database.execute("SELECT reference, state, run_id FROM effects ORDER BY reference").fetchall()
    finally:
        database.close()


async def test_the_intent_is_on_disk_while_its_request_is_in_the_air(ledger: Ledger, folder: Path, tmp_path: Path):
    seen = []

    async def look(request: httpx.Request) -> None:
        seen.extend(on_disk(folder))

    async with Vendor(tmp_path / "log", answer=look).shop(ledger) as shop:
        with calling(run_id="run-1"):
            await shop.perform("pay", {"amount": 5}, reference="r1")
            await shop.perform_batch("put_many", {"items": [{"name": "a"}, {"name": "b"}]}, references=["r2", "r3"])
    assert [("r1", "intent", "run-1")] == seen[:1]
    assert [("r1", "confirmed", "run-1"), ("r2", "intent", "run-1"), ("r3", "intent", "run-1")] == seen[1:]
    assert {"confirmed"} == {state for _, state, _ in on_disk(folder)}


async def test_what_is_confirmed_is_skipped_with_its_earlier_result(new_ledger: Callable[..., Ledger], vendor: Vendor):
    async with vendor.shop(new_ledger()) as shop:
        first = await shop.perform("pay", {"amount": 5}, reference="r1")
    async with vendor.shop(new_ledger()) as shop:
        second = await shop.perform("pay", {"amount": 5}, reference="r1")
        assert first.value == await shop.execute("pay", {"amount": 5}, reference="r1")
    assert (WriteStatus.CONFIRMED, WriteStatus.SKIPPED) == (first.status, second.status)
    assert (first.key, first.value) == (second.key, second.value)
    assert 1 == len(vendor.arrived())


async def test_another_amount_under_one_reference_is_a_conflict_and_nothing_is_sent(ledger: Ledger, vendor: Vendor):
    async with vendor.shop(ledger) as shop:
        await shop.perform("pay", {"amount": 5}, reference="r1")
        other = await shop.perform("pay", {"amount": 6}, reference="r1")
        with pytest.raises(EffectConflict, match="reference 'r1' was already used for shop pay with other contents"):
            await shop.execute("pay", {"amount": 6}, reference="r1")
    assert (WriteStatus.FAILED, EffectConflict) == (other.status, type(other.error))
    assert 1 == len(vendor.arrived())


async def test_a_natural_write_with_other_contents_overwrites(ledger: Ledger, vendor: Vendor):
    async with vendor.shop(ledger) as shop:
        states = [
            (await shop.perform("put", {"name": "lamp", "price": price}, reference="lamp")).status
            for price in (3, 4, 4, 3)
        ]
    assert ["confirmed", "confirmed", "skipped", "confirmed"] == states
    assert [3, 4, 3] == [line["body"]["price"] for line in vendor.arrived()]


async def test_after_a_refusal_the_next_attempt_has_a_key_of_its_own(ledger: Ledger, vendor: Vendor):
    async def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(402, json={"message": "declined"})

    async with Vendor(vendor.log, answer=refuse).shop(ledger) as shop:
        refused = [await shop.perform("pay", {"amount": 5}, reference="r1") for _ in range(2)]
    async with vendor.shop(ledger) as shop:
        paid = await shop.perform("pay", {"amount": 5}, reference="r1")
    assert ["failed", "failed", "confirmed"] == [one.status for one in [*refused, paid]]
    key = paid.key
    assert [f"nf-{key}", f"nf-{key}-2", f"nf-{key}-3"] == [line["key"] for line in vendor.arrived()]


async def test_a_lost_answer_leaves_the_key_as_it_is(ledger: Ledger, vendor: Vendor):
    async def drop(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone", request=request)

    async with Vendor(vendor.log, answer=drop).shop(ledger) as shop:
        lost = await shop.perform("pay", {"amount": 5}, reference="r1")
        assert (WriteStatus.UNKNOWN, OutcomeUnknown) == (lost.status, type(lost.error))
    async with vendor.shop(ledger) as shop:
        await shop.perform("pay", {"amount": 5}, reference="r1")
    first, *others = [line["key"] for line in vendor.arrived()]
    assert others
    assert {first} == set(others)


async def test_a_lost_answer_is_looked_up_at_once(ledger: Ledger, vendor: Vendor):
    async def drop(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone", request=request)

    async with Vendor(vendor.log, answer=drop).shop(ledger) as shop:
        booked = await shop.perform("book", {"name": "room"}, reference="r1")
    assert (WriteStatus.CONFIRMED, "b-room") == (booked.status, booked.value.id)


async def test_without_a_reference_every_call_is_a_write_of_its_own(ledger: Ledger, vendor: Vendor):
    async with vendor.shop(ledger) as shop:
        await shop.execute("pay", {"amount": 5})
        await shop.execute("pay", {"amount": 5})
    assert 2 == len({line["key"] for line in vendor.arrived()})


async def test_two_coroutines_at_once_send_one(ledger: Ledger, vendor: Vendor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger_module, "BUSY_POLL_S", 0.001)
    async with vendor.shop(ledger) as shop:
        both = await asyncio.gather(*(shop.perform("mail", {"to": "ada"}, reference="r1") for _ in range(5)))
    assert ["confirmed", *["skipped"] * 4] == sorted(one.status for one in both)
    assert 1 == len(vendor.arrived())


async def test_two_coroutines_settle_one_doubt_together(
    ledger: Ledger, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ledger_module, "BUSY_POLL_S", 0.001)

    async def drop(request: httpx.Request) -> httpx.Response:
        vendor.log.unlink()  # the vendor did nothing
        raise httpx.ReadError("gone", request=request)

    async with Vendor(vendor.log, answer=drop).shop(ledger) as shop:
        assert WriteStatus.UNKNOWN == (await shop.perform("book", {"name": "room"}, reference="r1")).status
    await age_effects(ledger.store, minutes=6)  # old enough to believe that it is not there
    async with vendor.shop(ledger) as shop:
        both = await asyncio.gather(*(shop.perform("book", {"name": "room"}, reference="r1") for _ in range(2)))
    assert ["confirmed", "skipped"] == sorted(one.status for one in both)
    assert 1 == len(vendor.arrived())


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_caller_leaves_an_outcome(ledger: Ledger, vendor: Vendor, folder: Path, times: int):
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def wait(request: httpx.Request) -> None:
        arrived.set()
        await go_on.wait()

    async with Vendor(vendor.log, answer=wait).shop(ledger) as shop:
        writing = asyncio.ensure_future(shop.perform("pay", {"amount": 5}, reference="r1"))
        await arrived.wait()
        for _ in range(times):
            writing.cancel()
            await asyncio.sleep(0)
        assert not writing.done(), "what was begun is finished first"
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert [("r1", "confirmed", None)] == on_disk(folder)


def test_a_closing_event_loop_leaves_an_outcome(folder: Path, tmp_path: Path):
    ledger = Ledger(Store(folder))

    async def stop(request: httpx.Request) -> None:
        for task in asyncio.all_tasks():
            task.cancel()  # as asyncio.run does at the second Ctrl-C
        await asyncio.sleep(1)

    async def pay(vendor: Vendor) -> WriteStatus:
        async with vendor.shop(ledger) as shop:
            return (await shop.perform("pay", {"amount": 5}, reference="r1")).status

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(pay(Vendor(tmp_path / "log", answer=stop)))
    assert [("r1", "unknown", None)] == on_disk(folder)
    assert WriteStatus.CONFIRMED == asyncio.run(pay(Vendor(tmp_path / "log")))
    ledger.owner.release()
    asyncio.run(ledger.store.close())


async def test_a_fault_of_ours_after_sending_leaves_it_unknown(ledger: Ledger, vendor: Vendor, folder: Path):
    async def odd(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"no": "such shape"})

    async with Vendor(vendor.log, answer=odd).shop(ledger) as shop:
        lost = await shop.perform("mail", {"to": "ada"}, reference="r1")
    assert WriteStatus.UNKNOWN == lost.status
    assert [("r1", "unknown", None)] == on_disk(folder)


async def test_a_result_that_is_no_json_is_recorded_as_done(ledger: Ledger, vendor: Vendor, folder: Path):
    async with vendor.shop(ledger) as shop:
        shop.mail = lambda to: asyncio.sleep(0, result=object())  # type: ignore[method-assign]
        assert WriteStatus.CONFIRMED == (await shop.perform("mail", {"to": "ada"}, reference="r1")).status
    assert [("r1", "confirmed", None)] == on_disk(folder)


async def test_a_stored_answer_of_another_shape_still_counts_as_done(ledger: Ledger, vendor: Vendor):
    async with vendor.shop(ledger) as shop:
        paid = await shop.perform("pay", {"amount": 5}, reference="r1")
        await ledger.settle([Outcome(paid.key, State.CONFIRMED, {"of": "an earlier version"})])
        again = await shop.perform("pay", {"amount": 5}, reference="r1")
    assert (WriteStatus.SKIPPED, {"of": "an earlier version"}) == (again.status, again.value)


async def test_an_outcome_that_cannot_be_stored_leaves_the_write_in_doubt_and_nobody_waiting(
    ledger: Ledger, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
):
    async with vendor.shop(ledger) as shop:
        real = ledger.store.write

        async def full(work):
            raise ConfigurationError("disk full")

        async def fill(request: httpx.Request) -> None:
            monkeypatch.setattr(ledger.store, "write", full)

        vendor.answer = fill
        with pytest.raises(ConfigurationError):
            await shop.perform("pay", {"amount": 5}, reference="r1")
        vendor.answer = None
        monkeypatch.setattr(ledger.store, "write", real)
        again = await shop.perform("pay", {"amount": 5}, reference="r1")
    assert WriteStatus.CONFIRMED == again.status
    assert 1 == len({line["key"] for line in vendor.arrived()})


async def test_a_guard_refuses_before_anything_is_recorded(
    new_ledger: Callable[..., Ledger], vendor: Vendor, folder: Path
):
    class LimitError(NewFuseError):
        pass

    def guard(intents):
        if any(one.arguments["amount"] > 10 for one in intents):
            raise LimitError("over the limit")

    ledger = new_ledger(guard=guard)
    async with vendor.shop(ledger) as shop:
        await shop.perform("pay", {"amount": 5}, reference="r1")
        with pytest.raises(LimitError):
            await shop.perform("pay", {"amount": 50}, reference="r2")
    assert ["r1"] == [reference for reference, _, _ in on_disk(folder)]
    assert [5] == [line["body"]["amount"] for line in vendor.arrived()]


async def test_counts_name_what_a_run_did_and_what_an_earlier_one_had_done(
    new_ledger: Callable[..., Ledger], vendor: Vendor
):
    async def work(ledger: Ledger, run_id: str) -> list[tuple]:
        async with vendor.shop(ledger) as shop:
            with calling(run_id=run_id, task="buy", agent="ada"):
                for reference in ("r1", "r2", "r2"):
                    await shop.perform("pay", {"amount": 5}, reference=reference)
                await shop.perform_batch("put_many", {"items": [{"name": "a"}]}, references=["a"])
        counts = await ledger.counts(run_id)
        assert {"buy"} == {row["task"] for row in counts}
        return sorted((row["action"], row["kind"], row["state"], row["count"]) for row in counts)

    first = await work(new_ledger(), "run-1")
    assert [("pay", "money", "confirmed", 2), ("put_many", "write", "confirmed", 1)] == first
    second = await work(new_ledger(), "run-2")
    assert [("pay", "money", "skipped", 2), ("put_many", "write", "skipped", 1)] == second
    assert [] == await new_ledger().counts("run-3")


async def test_five_thousand_intents_are_begun_in_one_transaction(ledger: Ledger):
    intents = [intent(f"r{index}") for index in range(5_000)]
    standings = await ledger.begin(intents)
    assert {Verdict.SEND} == {one.verdict for one in standings}
    await ledger.settle([Outcome(one.key, State.CONFIRMED, index) for index, one in enumerate(standings)])
    again = await ledger.begin(intents)
    assert ({Verdict.DONE}, list(range(5_000))) == ({one.verdict for one in again}, [one.response for one in again])
    states = await ledger.states([one.key for one in intents] + ["nobody's"])
    assert (5_000, {State.CONFIRMED}) == (len(states), set(states.values()))


async def test_one_that_is_taken_holds_back_the_whole_call(
    new_ledger: Callable[..., Ledger], folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ledger_module, "BUSY_POLL_S", 0.001)
    one, other = new_ledger(), new_ledger()
    [taken] = await one.begin([intent("r1")])
    waiting = asyncio.ensure_future(other.begin([intent("r1"), intent("r2")]))
    for _ in range(20):
        await other.states([])
    assert [("r1", "intent", None)] == on_disk(folder), "nothing is recorded while it waits"
    await one.settle([Outcome(taken.key, State.CONFIRMED)])
    assert [Verdict.DONE, Verdict.SEND] == [standing.verdict for standing in await waiting]
    assert [("r1", "confirmed", None), ("r2", "intent", None)] == on_disk(folder)


async def test_after_waiting_long_enough_the_others_are_recorded_and_sent(
    new_ledger: Callable[..., Ledger], folder: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ledger_module, "BUSY_LIMIT_S", 0.0)
    one, other = new_ledger(), new_ledger()
    contents = {"shelf": "front", "items": {"name": "a"}}
    await one.begin([intent("r1", contents, Once.NATURAL, Scope("live", "default", "shop", "put_many"))])
    async with vendor.shop(other) as shop:
        both = await shop.perform_batch("put_many", {"items": [{"name": "a"}, {"name": "b"}]}, references=["r1", "r2"])
    assert ["unknown", "confirmed"] == [done.status for done in both]
    assert [("r1", "intent", None), ("r2", "confirmed", None)] == on_disk(folder)


async def test_one_named_twice_in_a_batch_is_sent_once_and_shares_what_becomes_of_it(ledger: Ledger, vendor: Vendor):
    items = [{"name": "a"}, {"name": "b"}, {"name": "a"}]
    async with vendor.shop(ledger) as shop:
        done = await shop.perform_batch("put_many", {"items": items}, references=["a", "b", "a"])
    assert ["confirmed", "confirmed", "skipped"] == [one.status for one in done]
    assert done[0].value == done[2].value
    assert [items[:2]] == [line["body"]["items"] for line in vendor.arrived()]


async def test_one_named_twice_in_a_batch_that_fails_fails_for_both(ledger: Ledger, vendor: Vendor):
    async def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": "no"})

    async with Vendor(vendor.log, answer=refuse).shop(ledger) as shop:
        done = await shop.perform_batch("put_many", {"items": [{"name": "a"}] * 2}, references=["a", "a"])
    assert ["failed", "failed"] == [one.status for one in done]
    assert all(isinstance(one.error, Rejected) for one in done)


async def test_one_named_twice_in_a_batch_with_different_contents_is_a_conflict(ledger: Ledger, vendor: Vendor):
    items = [{"name": "a", "price": 1}, {"name": "a", "price": 2}]
    async with vendor.shop(ledger) as shop:
        done = await shop.perform_batch("put_many", {"items": items}, references=["a", "a"])
    assert ["confirmed", "failed"] == [one.status for one in done]
    assert isinstance(done[1].error, EffectConflict)
    assert [items[:1]] == [line["body"]["items"] for line in vendor.arrived()]


async def test_the_same_item_for_another_shelf_is_another_write(ledger: Ledger, vendor: Vendor):
    async with vendor.shop(ledger) as shop:
        for shelf in ("front", "back", "back"):
            await shop.perform_batch("put_many", {"items": [{"name": "a"}], "shelf": shelf}, references=["a"])
    assert ["front", "back"] == [line["body"]["shelf"] for line in vendor.arrived()]


async def test_a_batch_sends_only_what_was_not_confirmed_earlier(ledger: Ledger, vendor: Vendor):
    items = [{"name": name} for name in "abc"]
    async with vendor.shop(ledger) as shop:
        await shop.perform_batch("put_many", {"items": items[:2]}, references=["a", "b"])
        done = await shop.perform_batch("put_many", {"items": items}, references=["a", "b", "c"])
    assert ["skipped", "skipped", "confirmed"] == [one.status for one in done]
    assert [{"name": "c"}] == vendor.arrived()[1]["body"]["items"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        Scope("sandbox", "default", "shop", "pay"),
        Scope("live", "test", "shop", "pay"),
        Scope("live", "default", "other", "pay"),
        Scope("live", "default", "shop", "refund"),
    ],
)
def test_the_same_reference_elsewhere_is_another_effect(elsewhere: Scope):
    assert intent("r1").key != intent("r1", scope=elsewhere).key


def test_neither_run_nor_contents_are_in_the_key():
    assert intent("r1", 1).key == intent("r1", 2).key
    assert intent("r1", 1).fingerprint != intent("r1", 2).fingerprint


def test_a_first_attempt_and_a_later_one_have_different_vendor_keys():
    assert ["nf-k", "nf-k-2", "nf-k-3"] == [vendor_key("k", attempt) for attempt in (1, 2, 3)]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_any_json_has_a_digest_whatever_the_order_of_its_keys(value):
    def turned(part):
        if isinstance(part, dict):
            return {key: turned(part[key]) for key in reversed(part)}
        return [turned(one) for one in part] if isinstance(part, list) else part

    assert digest(value) == digest(turned(value))
    assert 40 == len(digest(value))


async def test_half_a_surrogate_pair_is_a_reference_like_any_other(ledger: Ledger, vendor: Vendor):
    async with vendor.shop(ledger) as shop:
        for reference in ("\ud800", "\ud801", "\ud800"):
            await shop.perform("pay", {"amount": 5}, reference=reference)
    assert 2 == len(vendor.arrived())
