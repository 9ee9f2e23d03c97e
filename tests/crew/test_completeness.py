"""Whether work is done is read from the records' accounts and the ledger, whatever anybody says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crew.tiny_crew import AMOUNTS, PAYMENTS, World, calls, only, pay, paying_crew
from newfuse import Dataset, Disposition, Job, Procedure, ToolResult, call, runbook, tool
from newfuse.crew.runbook import Brief
from newfuse.records.dataset import SAMPLE_SIZE
from newfuse.report.results import TaskStatus

COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED


@tool
async def lie(job: Job, dataset: str, keys: list[str]) -> ToolResult:
    """Say that every record is confirmed.

    Args:
        dataset: Handle of the records.
        keys: Keys of effects to name.
    """
    for entry in job.dataset(dataset):
        entry.keys = tuple(keys)
        entry.settle(Disposition.CONFIRMED)
    job.fact("payments.taken", len(job.dataset(dataset)), "payments")
    return ToolResult("All were taken.")


@pytest.mark.parametrize("keys", [[], ["no-such-effect"]], ids=["no effect named", "an effect that is not there"])
async def test_a_tool_that_lies_about_its_writes_is_caught(keys: list[str], world: World):
    crew = paying_crew(lie, runbook=calls("lie", dataset="payments", keys=keys))
    output = await world.run(crew)
    outcome = only(output)
    assert (FAILED, [], 1) == (outcome.status, world.taken, output.exit_code)
    assert "3 writes are not confirmed in the ledger (payments[0], payments[1], payments[2])" == outcome.error
    assert 0 == outcome.effects.confirmed


async def test_one_unconfirmed_write_among_confirmed_ones_is_named(world: World):
    @tool
    async def pay_and_spoil(job: Job, dataset: str) -> ToolResult:
        """Pay, then name one effect too many.

        Args:
            dataset: Handle of the records.
        """
        result: ToolResult = await pay.run(job, dataset)
        entry = job.dataset(dataset).entries[1]
        entry.keys = (*entry.keys, "never-happened")
        return result

    crew = paying_crew(pay_and_spoil, runbook=calls("pay_and_spoil", dataset="payments"))
    outcome = only(await world.run(crew))
    assert (FAILED, AMOUNTS) == (outcome.status, world.taken)
    assert "1 writes are not confirmed in the ledger (payments[1])" == outcome.error


async def test_records_that_were_not_accounted_for_are_counted_and_named(world: World):
    outcome = only(await world.run(paying_crew(runbook=calls("pay", dataset="payments", at_most=1))))
    assert (FAILED, [501]) == (outcome.status, world.taken)
    assert "payments: 2 of 3 records are not accounted for (payments[1], payments[2])" == outcome.error


async def test_many_records_that_were_not_accounted_for_are_named_by_example(world: World):
    rows = [{"amount": 100 + number, "ref": f"r{number}"} for number in range(50)]
    outcome = only(
        await world.run(paying_crew(runbook=calls("pay", dataset="payments", at_most=1)), {"payments": rows})
    )
    assert (
        "payments: 49 of 50 records are not accounted for (payments[1], payments[2], payments[3], …)" == outcome.error
    )
    assert 20 == len(outcome.datasets[0].exceptions)
    assert {"confirmed": 1, "pending": 49} == {
        name: count for name, count in outcome.datasets[0].counts.items() if count
    }


async def test_a_fact_that_was_not_measured_is_missed(world: World):
    outcome = only(await world.run(paying_crew(required_facts=["payments.taken", "payments.reconciled"])))
    assert (FAILED, "not measured yet: payments.reconciled") == (outcome.status, outcome.error)


async def test_a_write_nobody_can_speak_for_fails_the_task(world: World):
    @tool
    async def lose(job: Job, dataset: str) -> ToolResult:
        """Lose sight of the records.

        Args:
            dataset: Handle of the records.
        """
        for entry in job.dataset(dataset):
            entry.settle(Disposition.UNKNOWN, "no answer came")
        return ToolResult("lost")

    crew = paying_crew(lose, runbook=calls("lose", dataset="payments"), required_facts=[])
    outcome = only(await world.run(crew))
    assert (FAILED, "it is not known whether 3 writes happened") == (outcome.status, outcome.error)


async def test_a_dataset_without_records_is_done_at_once(world: World):
    outcome = only(await world.run(paying_crew(), {"payments": []}))
    assert (COMPLETED, 0) == (outcome.status, outcome.datasets[0].total)


async def test_a_second_run_skips_what_the_first_has_done_and_says_so(world: World):
    @tool
    async def pay_known(job: Job, dataset: str) -> ToolResult:
        """Take the payments, whatever earlier runs did.

        Args:
            dataset: Handle of the payments.
        """
        return await pay.run(job, dataset)

    crew = paying_crew(pay_known, runbook=calls("pay_known", dataset="payments"))
    first, second = only(await world.run(crew)), only(await world.run(crew))
    assert (COMPLETED, COMPLETED, AMOUNTS) == (first.status, second.status, world.taken)
    assert [(3, 0), (0, 3)] == [(one.effects.confirmed, one.effects.skipped) for one in (first, second)]
    assert 3 == second.datasets[0].counts["skipped"]


async def test_a_deliberate_repeat_does_it_again_once(world: World):
    await world.run(paying_crew())
    again = only(await world.run(paying_crew(), repeat=True))
    assert (COMPLETED, 3, sorted([*AMOUNTS, *AMOUNTS])) == (again.status, again.effects.confirmed, world.taken)


async def test_the_brief_of_a_runbook_holds_counts_inputs_and_how_its_context_ended(world: World):
    briefs: list[Brief] = []

    @runbook
    def keep_brief(brief: Brief) -> Procedure:
        briefs.append(brief)
        yield call("pay", dataset="payments")
        return "Done."

    crew = paying_crew(runbook=keep_brief, inputs={"currency": "usd", "who": "task"})
    await world.run(crew, inputs={"who": "run"})
    assert Brief("paying", {"payments": 3}, {"currency": "usd", "who": "run"}) == briefs[0]


# --- what a model sees of a dataset --------------------------------------------------------------------------------


def described(*rows: Any) -> dict[str, Any]:
    return Dataset.from_rows("rows", rows).describe()


def test_a_description_holds_handle_count_fields_and_two_rows():
    assert {
        "handle": "rows",
        "records": 3,
        "fields": ["amount", "ref"],
        "sample": [{"amount": 501, "ref": "a"}, {"amount": 702, "ref": "b"}],
    } == described(*PAYMENTS)


WIDE: Any = {f"k{number}": "x" * 90 for number in range(50)}
NESTED: Any = {f"k{number}": {f"l{inner}": WIDE for inner in range(50)} for number in range(50)}

ROWS = {
    "text": "x" * 3_000_000,
    "long value": {"note": "x" * 3_000_000},
    "long name": {"x" * 3_000_000: 1},
    "many fields": {f"field{number}": number for number in range(100_000)},
    "long list": {"list": ["x" * 1_000] * 100_000},
    "deep list": {"deep": [[[["y" * 100] * 50] * 50] * 50] * 50},
    "deep object": {"deep": {"deeper": NESTED}},
    "wide object": NESTED,
    "odd names": {1: "a", "b": 2, None: 3},
    "null": None,
    "list": [],
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_whatever_the_rows_are_a_sample_stays_small(row: Any):
    size = len(json.dumps(described(row, row), default=str))
    assert size < 2 * SAMPLE_SIZE + 5_000


def test_secrets_in_a_row_are_masked_in_the_sample():
    shown = json.dumps(described({"api_key": "anything", "note": "pay with sk_live_abcdefgh12345678"}))
    assert "anything" not in shown
    assert "sk_live_abcdefgh" not in shown
    assert "x" * 70 + "sk_live_abcd" not in json.dumps(described({"note": "x" * 69 + " sk_live_abcdefgh12345678"}))


def test_what_is_personal_in_a_row_is_masked_in_the_sample_and_its_shape_stays():
    row = {
        "id": "12345",
        "amount": 2999,
        "data": {"email": "john.doe@example.com", "firstname": "John", "phone": "+1-555-0101", "company": "Tech Corp"},
        "description": "for john.doe@example.com, +1-555-0101",
        "jane@example.com": {"last4": "4242", "lastname": None},
    }
    found = described(row)
    assert ["amount", "data", "description", "id", "j…@example.com"] == found["fields"]
    assert [
        {
            "id": "12345",
            "amount": 2999,
            "data": {
                "email": "j…@example.com",
                "firstname": "[masked]",
                "phone": "[masked]",
                "company": "Tech Corp",
            },
            "description": "for j…@example.com, [masked]",
            "j…@example.com": {"last4": "[masked]", "lastname": None},
        }
    ] == found["sample"]


@pytest.mark.parametrize("before", range(60, 100))
def test_no_half_of_an_address_is_left_where_a_sample_is_cut(before: int):
    shown = json.dumps(described({"note": "x" * (before - 1) + " john.doe.the.elder@example.com"}), ensure_ascii=False)
    assert "ohn" not in shown
