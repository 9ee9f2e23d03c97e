"""The pipeline: what holds for every step is done once, whatever the vendor answers."""

from __future__ import annotations

from typing import Any

import pytest

from newfuse import (
    Ensured,
    NewFuseError,
    OutcomeUnknown,
    Performed,
    Pruned,
    ReconnectNeeded,
    Rejected,
    Step,
    Unavailable,
    WriteStatus,
    each_batch,
    each_record,
    write_batches,
    write_each,
)
from newfuse.records import Gate, count_step

DOWN = Unavailable("no", integration="acme", status=503)
LOST = OutcomeUnknown("no answer came", integration="acme")


def failed(error: NewFuseError, status: WriteStatus = WriteStatus.FAILED) -> Any:
    return lambda reference: Performed(status, f"key of {reference}", error=error)


def asked(_: Any, entry: Any) -> dict[str, Any]:
    return {"number": entry.data["number"]}


def states(dataset: Any) -> list[str]:
    return [entry.disposition.value for entry in dataset]


async def test_every_record_is_written_once_and_none_that_is_done(job, vendor, step, things):
    dataset = things(5)
    assert await write_each(job, step, dataset, asked) is None
    assert await write_each(job, step, dataset, asked) is None
    assert (["confirmed"] * 5, [f"t{index}" for index in range(5)]) == (states(dataset), vendor.asked)
    assert (("key of t0",), "t0") == (dataset.entries[0].keys, step.value(dataset.entries[0])["id"])
    assert ((5, 5), 2) == (job.told[-1], vendor.most_at_once)


@pytest.mark.parametrize("write", ["each", "batches"])
@pytest.mark.parametrize(
    ("error", "status", "became"),
    [(DOWN, WriteStatus.FAILED, "failed"), (LOST, WriteStatus.UNKNOWN, "unknown")],
    ids=["down", "lost"],
)
async def test_a_vendor_that_has_failed_is_asked_no_further_and_all_records_count(
    job, vendor, step, things, write, error, status, became
):
    vendor.answer, vendor.most_items = failed(error, status), 2
    dataset = things(40)
    if write == "each":
        down = await write_each(job, step, dataset, asked)
    else:
        down = await write_batches(job, step, dataset, lambda entry: entry.data)
    assert (error, (40, 40)) == (down, job.told[-1])
    sent = len(vendor.asked)
    assert 3 <= sent <= 8
    assert [became] * sent + ["failed"] * (40 - sent) == sorted(states(dataset), reverse=became == "unknown")
    assert dataset.entries[-1].reason == f"not sent in this run: {error.for_model}"


async def test_a_refusal_of_one_record_stops_nobody(job, vendor, step, things):
    vendor.answer = failed(Rejected("no such field", integration="acme", status=400))
    dataset = things(9)
    assert await write_each(job, step, dataset, asked) is None
    assert (9, ["failed"] * 9) == (len(vendor.asked), states(dataset))


@pytest.mark.parametrize("write", [write_each, write_batches])
async def test_records_whose_vendor_cannot_be_connected_are_failed_by_name(job, vendor, step, things, write):
    job.unreachable = ReconnectNeeded("the key is not known", integration="acme")
    dataset = things(3)
    ask = asked if write is write_each else (lambda entry: entry.data)
    assert job.unreachable is await write(job, step, dataset, ask)
    assert (["failed"] * 3, (3, 3), []) == (states(dataset), job.told[-1], vendor.asked)


async def test_a_batch_is_as_long_as_its_action_takes_and_keeps_the_order(job, vendor, step, things):
    vendor.most_items = 4
    dataset = things(10)
    assert await write_batches(job, step, dataset, lambda entry: entry.data["number"]) is None
    assert [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] == vendor.batches
    assert [f"t{index}" for index in range(10)] == [step.value(entry)["id"] for entry in dataset]


async def test_a_record_in_doubt_stays_so_when_its_vendor_cannot_be_reached_afterwards(job, vendor, step, things):
    vendor.answer = failed(LOST, WriteStatus.UNKNOWN)
    dataset = things(1)
    assert LOST is await write_each(job, step, dataset, asked)
    job.unreachable = DOWN
    assert DOWN is await write_each(job, step, dataset, asked)
    assert ["unknown"] == states(dataset)


async def test_an_answer_that_is_kept_no_longer_is_read_back_and_a_failing_read_is_said(job, vendor, things):
    step = Step(
        name="make", integration="acme", action="make", counts="things", doing="things", read_by=("get", "thing_id")
    )
    vendor.answer = lambda reference: Performed(WriteStatus.SKIPPED, reference, Pruned("7"))
    kept: list[Any] = []
    dataset = things(1)
    assert await write_each(job, step, dataset, asked, keep=lambda _, value: kept.append(value)) is None
    assert ([("get", {"thing_id": "7"})], [{"id": "read back"}]) == (vendor.read, kept)
    vendor.answer = lambda reference: Performed(WriteStatus.SKIPPED, reference)
    told = things(1)
    await write_each(job, step, told, asked, keep=lambda _, value: kept.append(value))
    assert str(told.entries[0].reason).startswith("it is done, but could not be read back: a person said")


async def test_what_reads_for_a_step_fails_those_that_it_did_not_settle_itself(job, step, things):
    dataset = things(4)

    async def look(_: Any, some: list[Any]) -> None:
        some[0].reject("bad", "number", "is bad")
        raise DOWN

    assert DOWN is await each_batch(job, step, dataset.entries, 2, look, failing="could not be looked at: ")
    assert ["rejected", "failed", "rejected", "failed"] == states(dataset)
    assert f"could not be looked at: {DOWN.for_model}" == dataset.entries[1].reason


async def test_a_gate_that_one_step_closed_holds_the_next_one_back(job, vendor, step, things):
    gate, dataset = Gate(), things(6)
    later = Step(
        name="pay", integration="acme", action="pay", counts="things", doing="things", before="made, not paid: "
    )

    async def look(_: Any, entry: Any) -> None:
        raise DOWN

    await each_record(job, step, dataset.entries[:3], look, gate=gate)
    assert DOWN is await write_each(job, later, dataset.entries[3:], asked, gate=gate)
    assert ([], ["failed"] * 6) == (vendor.asked, states(dataset))
    assert f"made, not paid: not sent in this run: {DOWN.for_model}" == dataset.entries[-1].reason


def customers(job: Any, listed: dict[str, Any]) -> Ensured:
    async def find(_: Any, key: str) -> Any:
        return listed.get(key)

    return Ensured(
        job,
        "create_customer",
        find=find,
        ask=lambda key: {"email": key},
        failing="its customer could be neither found nor created",
        in_doubt="its customer may or may not have been created",
    )


async def test_what_several_records_need_is_found_or_created_once_and_counted(job, vendor, step, things):
    ensured, dataset = customers(job, {"old": {"id": "known"}}), things(6)

    async def ask(acme: Any, entry: Any) -> dict[str, Any]:
        found = await ensured.of(acme, "old" if entry.index % 2 else "new", entry)
        return {"customer": found["id"]}

    assert await write_each(job, step, dataset, ask) is None
    assert 1 == vendor.asked.count("new")
    assert ("key of new", "key of t0") == dataset.entries[0].keys
    assert ("key of t1",) == dataset.entries[1].keys
    for _ in range(2):
        ensured.measure("acme", "customers_created", "customers")
    assert (2, "create_customer") == (job.facts["customers_created"], job.sources["customers_created"]["action"])


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Rejected("no", integration="acme", status=400), WriteStatus.FAILED, "could be neither found nor created: "),
        (LOST, WriteStatus.UNKNOWN, "may or may not have been created: "),
    ],
    ids=["refused", "in doubt"],
)
async def test_records_whose_need_is_not_met_are_failed_and_never_in_doubt(
    job, vendor, step, things, error, status, said
):
    vendor.answer = failed(error, status)
    ensured, dataset = customers(job, {}), things(2)

    async def ask(acme: Any, entry: Any) -> dict[str, Any]:
        return {"customer": await ensured.of(acme, "new", entry)}

    down = await write_each(job, step, dataset, ask)
    assert (["new"], ["failed"] * 2) == (vendor.asked, states(dataset))
    assert all(str(entry.reason).startswith(f"not sent in this run: its customer {said}") for entry in dataset)
    assert (error if error is LOST else None) is down


async def test_a_steps_counts_are_facts_with_the_ledger_as_their_source(job, vendor, step, things):
    dataset = things(3)
    await write_each(job, step, dataset.entries[:2], asked)
    counts = count_step(job, step, dataset, "things.made")
    assert (2, 0, 0, 0) == (counts.confirmed, counts.skipped, counts.failed, counts.unknown)
    assert {"kind": "effects", "integration": "acme", "action": "make", "state": "confirmed"} == job.sources[
        "things.made_confirmed"
    ]
    assert {
        "things.made_confirmed": 2,
        "things.made_skipped": 0,
        "things.made_failed": 0,
        "things.made_unknown": 0,
    } == (job.facts)
