"""A fact says only what was told: a vendor's needs an answered call, a derived one its inputs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from newfuse import Unavailable
from newfuse.http import LISTENERS, CallRecord
from newfuse.records import Reading, derive, evaluate
from newfuse.records.reading import CALLS_NAMED


def call(call_id: str, action: str = "get", *, status: int | None = 200, integration: str = "acme") -> None:
    """Send a request, as far as whoever listens can tell."""
    about: dict[str, Any] = dict.fromkeys(["run_id", "task", "agent", "request_id", "tls"])
    numbers = {"latency_ms": 1.0, "waited_ms": 0.0, "bytes_out": 0, "bytes_in": 0, "attempt": 1}
    error = None if status is not None else "Unavailable"
    where = {"method": "GET", "host": "acme", "template": "/", "sent": True, "started_at": datetime.now(UTC)}
    record = CallRecord(
        call_id=call_id, integration=integration, action=action, status=status, error=error, **about, **numbers, **where
    )
    for listener in LISTENERS.get():
        listener(record)


async def test_a_vendors_fact_carries_the_calls_that_told_it_and_no_others(job):
    call("before")
    async with Reading(job, "acme", "get") as reading:
        call("a", status=503)
        call("a")
        call("b")
        call("elsewhere", integration="other")
        call("another", "list")
        assert 7 == reading.fact("things.read", 7, "things")
    call("after")
    reading.fact("things.read", 7, "things")
    assert {"kind": "vendor", "integration": "acme", "action": "get", "calls": 2, "call_ids": ["a", "b"]} == (
        job.sources["things.read"]
    )


@pytest.mark.parametrize("status", [None, 404, 500])
async def test_without_an_answered_call_nothing_is_measured(job, status):
    async with Reading(job, "acme", "get") as reading:
        call("a", status=status)
    assert (None, None) == (reading.fact("things.read", 0, "things"), job.facts["things.read"])


async def test_a_reading_that_broke_off_measures_nothing(job):
    reading = Reading(job, "acme", "get")

    async def read() -> None:
        async with reading:
            call("a")
            raise Unavailable("no", integration="acme", status=503)

    with pytest.raises(Unavailable):
        await read()
    assert reading.fact("things.read", 1, "things") is None


async def test_each_action_of_a_reading_answers_for_its_own_facts(job):
    async with Reading(job, "acme", "get", "list") as reading:
        call("a", "list")
    assert (None, 3) == (reading.fact("one", 3, "things"), reading.fact("two", 3, "things", by="list"))
    assert not reading.made()
    assert reading.made("list")


async def test_many_calls_are_counted_and_only_the_first_named(job):
    async with Reading(job, "acme", "get") as reading:
        for index in range(CALLS_NAMED + 5):
            call(f"c{index}")
    reading.fact("things.read", 1, "things")
    source = job.sources["things.read"]
    assert (CALLS_NAMED + 5, CALLS_NAMED) == (source["calls"], len(source["call_ids"]))


INPUTS = {"taken": "payments.taken", "held": "payments.held", "valid": "payments.valid"}


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        ({"payments.taken": 1, "payments.held": 1, "payments.valid": 3}, 66.7),
        ({"payments.taken": 1, "payments.held": 0, "payments.valid": 0}, None),
        ({"payments.taken": 1, "payments.held": None, "payments.valid": 3}, None),
        ({"payments.taken": 1, "payments.held": 1, "payments.valid": 3, "payments.unknown": 1}, None),
    ],
    ids=["measured", "of nothing", "an input is not measured", "one is in doubt"],
)
def test_a_derived_fact_is_computed_from_its_inputs_and_names_them(job, facts, value):
    job.facts.update({"payments.unknown": 0, **facts})
    formula = "100 * (taken + held) / valid"
    told = derive(job, "payments.rate", "%", formula, inputs=INPUTS, says="paid of all", unless="payments.unknown")
    assert (value, value) == (told, job.facts["payments.rate"])
    source = job.sources["payments.rate"]
    assert (formula, INPUTS, "paid of all") == (source["expression"], source["inputs"], source["formula"])


@pytest.mark.parametrize("formula", ["__import__('os')", "a ** 2", "b", "a.real", "'a'", "[a]"])
def test_a_formula_holds_numbers_inputs_and_four_operations_and_nothing_else(formula):
    with pytest.raises(ValueError, match="is no number"):
        evaluate(formula, {"a": 1})
