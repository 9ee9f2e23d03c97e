"""Old effects lose their contents and nothing else: what is done stays done, what is in doubt stays whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from effects.shop import Vendor
from newfuse.effects import Intent, Ledger, Outcome, Scope, State, Verdict, pruning
from newfuse.effects.pruning import prune
from newfuse.errors import AnswerPruned, EffectConflict, NewFuseError
from newfuse.integrations import Pruned, WriteStatus
from newfuse.store.schema import effects
from newfuse.types import Effect, Once

KEEP = timedelta(days=90)
SHOP = Scope("live", "default", "shop", "pay")
SECRET = "ada.lovelace@example.com"


def intent(reference: str, arguments: Any = None, once: Once = Once.KEY) -> Intent:
    return Intent(SHOP, reference, {"to": SECRET} if arguments is None else arguments, Effect.MONEY, once)


async def record(ledger: Ledger, reference: str, state: State, response: Any = None, *, days: float = 100) -> None:
    """Record an effect as one that was settled so many days ago."""
    one = intent(reference)
    await ledger.begin([one])
    if state is not State.INTENT:
        await ledger.settle([Outcome(one.key, state, response, SECRET if state is State.FAILED else None)])
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    change = effects.update().where(effects.c.key == one.key)
    moments = {"created_at": then} if state is State.INTENT else {"created_at": then, "settled_at": then}
    await ledger.store.write(lambda connection: connection.execute(change.values(moments)))


async def rows(ledger: Ledger) -> dict[str, dict[str, Any]]:
    found = await ledger.store.read(lambda connection: connection.execute(select(effects)).mappings().all())
    return {row["key"]: dict(row) for row in found}


@pytest.mark.parametrize("state", [State.CONFIRMED, State.FAILED])
async def test_a_settled_effect_loses_its_contents_and_keeps_what_makes_it_once(ledger: Ledger, state: State):
    await record(ledger, SECRET, state, {"id": "pay_1", "email": SECRET, "lines": [SECRET]})
    [before] = (await rows(ledger)).values()
    assert 1 == await prune(ledger.store, KEEP)
    [after] = (await rows(ledger)).values()
    assert SECRET not in json.dumps(after)
    changed = {name for name in before if before[name] != after[name]}
    assert {"arguments", "response", "reference"} | ({"error"} if state is State.FAILED else set()) == changed
    assert (None, "pay_1") == (after["arguments"], after["response"]["id"])
    assert 0 == await prune(ledger.store, KEEP)


@pytest.mark.parametrize("state", [State.INTENT, State.UNKNOWN])
async def test_what_is_in_doubt_is_never_pruned(ledger: Ledger, state: State):
    await record(ledger, "r1", state, days=10_000)
    before = await rows(ledger)
    assert 0 == await prune(ledger.store, timedelta())
    assert before == await rows(ledger)


async def test_what_was_settled_lately_keeps_its_contents(ledger: Ledger):
    await record(ledger, "old", State.CONFIRMED, days=90.01)
    await record(ledger, "new", State.CONFIRMED, days=89.99)
    assert 1 == await prune(ledger.store, KEEP)
    found = await rows(ledger)
    assert (None, {"to": SECRET}) == tuple(found[intent(name).key]["arguments"] for name in ("old", "new"))


async def test_a_pruned_effect_is_done_a_contradiction_is_one_and_a_failed_one_may_be_tried_anew(ledger: Ledger):
    await record(ledger, "done", State.CONFIRMED, {"id": 7})
    await record(ledger, "failed", State.FAILED)
    await prune(ledger.store, KEEP)
    verdicts = await ledger.begin([intent("done"), intent("done", {"to": "another"}), intent("failed")])
    assert [Verdict.DONE, Verdict.CONFLICT, Verdict.SEND] == [standing.verdict for standing in verdicts]
    assert (1, {"to": SECRET}) == (verdicts[2].attempt, verdicts[2].arguments)


@pytest.mark.parametrize(
    ("response", "left"),
    [
        (None, Pruned()),
        ("text", Pruned()),
        (1.5, Pruned()),
        ([], Pruned()),
        ({"name": "ada"}, Pruned()),
        ({"id": 7}, Pruned(7)),
        ({"id": True}, Pruned()),
        ({"id": {"name": "ada"}}, Pruned()),
        ({"id": "x" * 300}, Pruned()),
        ([{"id": "a"}, {"id": "b", "name": "ada"}], [Pruned("a"), Pruned("b")]),
    ],
)
async def test_of_an_answer_the_vendors_ids_alone_are_left(ledger: Ledger, vendor: Vendor, response: Any, left: Any):
    await record(ledger, "r1", State.CONFIRMED, response)
    await prune(ledger.store, KEEP)
    [standing] = await ledger.begin([intent("r1")])
    async with vendor.shop(ledger) as shop:
        assert left == shop.specs["pay"].revive(standing.response)


async def test_a_pruned_payment_is_skipped_and_whoever_needs_more_than_its_id_is_told_so(
    ledger: Ledger, vendor: Vendor, caplog: pytest.LogCaptureFixture
):
    async with vendor.shop(ledger) as shop:
        paid = await shop.perform("pay", {"amount": 5}, reference="r1")
        then = (datetime.now(UTC) - timedelta(days=91)).isoformat()
        await ledger.store.write(lambda connection: connection.execute(effects.update().values(settled_at=then)))
        assert 1 == await prune(ledger.store, KEEP)
        again = await shop.perform("pay", {"amount": 5}, reference="r1")
        assert (
            (WriteStatus.SKIPPED, paid.value.id) == (again.status, again.value.id) == (again.status, again.value["id"])
        )
        for ask in (lambda: again.value["what"], lambda: again.value.what):
            with pytest.raises(AnswerPruned, match=f"its id is {paid.value.id}; read it back") as failure:
                ask()
            assert isinstance(failure.value, NewFuseError)
        assert not hasattr(again.value, "what")
        other = await shop.perform("pay", {"amount": 6}, reference="r1")
        assert isinstance(other.error, EffectConflict)
    assert 1 == len(vendor.arrived())
    assert "" == caplog.text


async def test_pruning_stops_when_its_time_is_up_and_goes_on_the_next_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    for number in range(7):
        await record(ledger, f"r{number}", State.CONFIRMED)
    ticks = iter([0.0, 0.1, pruning.LONGEST_S])
    assert 4 == await prune(ledger.store, KEEP, clock=lambda: next(ticks))
    assert 3 == await prune(ledger.store, KEEP)


async def test_what_was_pruned_is_not_in_the_file_any_more(folder: Path, new_ledger: Callable[..., Ledger]):
    ledger = new_ledger()
    for number in range(30):
        await record(ledger, f"{SECRET} {number}", State.CONFIRMED, {"id": number, "to": SECRET, "long": SECRET * 500})
    assert 30 == await prune(ledger.store, KEEP)
    await ledger.store.close()
    assert SECRET.encode() not in (folder / "newfuse.db").read_bytes()
    assert not (folder / "newfuse.db-wal").exists()


async def test_those_to_be_pruned_are_found_without_reading_all_the_others(ledger: Ledger):
    await record(ledger, "r1", State.CONFIRMED)
    plan = await ledger.store.read(
        lambda connection: connection.execute(text("EXPLAIN QUERY PLAN " + pruning._FIND.replace("?", "'2026'"))).all()
    )
    assert ["SEARCH effects USING INDEX effects_with_contents (settled_at<?)"] == [row.detail for row in plan]
