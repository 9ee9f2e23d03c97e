"""Arbitrary JSON in place of records: typed errors at most, nothing left pending, and texts that can be written."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newfuse import Dataset, Datasets, IntegrationRegistry, Job, RunContext
from newfuse.effects import Ledger
from newfuse.report.facts import FactBook
from newfuse.store import CallLog, Store
from tools import analytics, campaign_records, contacts, crm, event_records, payment_records, payments

KEYS = st.sampled_from(
    [
        *("id", "data", "email", "firstname", "phone", "lifecycle_stage", "amount", "currency", "customer_email"),
        *("metadata", "refund", "reference", "payment_method", "type", "list_name", "subject_line", "template"),
        *("send_time", "event_category", "event_action", "custom_dimensions", "value", "description", "x"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["usd", "ada@example.com", "2030-01-01T00:00:00Z", "lead", "12345", "pm_card_visa", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=6),
    max_leaves=12,
)
RECORDS = st.lists(VALUES | st.dictionaries(KEYS, VALUES, max_size=10), max_size=8)


def job(root: str, rows: list[Any]) -> Job:
    datasets = Datasets()
    datasets.add(Dataset.from_rows(root, rows))
    store = Store(None)
    run = RunContext(
        run_id="run1",
        mode="sandbox",
        folder=Path("unused"),
        datasets=datasets,
        registry=IntegrationRegistry(),
        ledger=Ledger(store),
        call_log=CallLog(store),
        facts=FactBook(),
    )
    return Job(run, "task", "agent")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=RECORDS)
@pytest.mark.parametrize(
    ("root", "check"),
    [
        ("customers", contacts.check),
        ("payments", payment_records.check),
        ("email_campaigns", campaign_records.check),
        ("analytics_events", event_records.check),
    ],
)
def test_every_record_is_either_read_or_rejected_by_its_place(root, check, rows):
    from collections import Counter

    extra: Counter[str] = Counter()
    for entry in Dataset.from_rows(root, rows):
        check(entry, extra)
        assert bool(entry.reference) is (entry.disposition.value == "pending")
        if not entry.reference:
            assert entry.rule
            assert entry.reason.startswith(entry.place)
            assert len(entry.reason) < 2_000
            entry.reason.encode()
        else:
            json.dumps(entry.data)
    "".join(extra).encode()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=RECORDS)
@pytest.mark.parametrize(
    ("root", "tool"),
    [("customers", crm.validate_contacts), ("payments", payments.validate_payments)],
)
def test_validation_is_the_same_the_second_time(root, tool, rows):
    async def twice() -> None:
        one = job(root, rows)
        first = await tool.run(one)
        facts = {fact.name: fact.value for fact in one.run.facts}
        second = await tool.run(one)
        assert first == second
        assert facts == {fact.name: fact.value for fact in one.run.facts}
        first.text.encode()

    asyncio.run(twice())


MIXED = [
    {},
    [],
    None,
    7,
    1e400,
    "x" * 100_000,
    {"email": {"deep": [[[]]]}},
    {"id": True, "email": "a@example.com"},
    {"amount": 10**30, "currency": "usd", "customer_email": "a@example.com"},
    {"amount": float("nan"), "currency": "usd", "customer_email": "a@example.com"},
    {"type": "t", "list_name": "l", "subject_line": "s", "template": "t", "send_time": "99999-01-01"},
    {"event_category": "a", "event_action": "b", "value": float("inf")},
    {"event_category": "a", "event_action": "b", "custom_dimensions": {"n": 10**5000}},
]


@pytest.mark.parametrize(
    ("root", "tool"),
    [
        ("customers", "crm.sync_contacts"),
        ("payments", "payments.process_payments"),
        ("email_campaigns", "email_marketing.prepare_campaigns"),
        ("analytics_events", "analytics.send_events"),
    ],
)
async def test_rubbish_over_real_http_ends_in_dispositions(bench, root, tool):
    import importlib

    module, name = tool.split(".")
    run = bench(**{root: MIXED})
    await run.call(getattr(importlib.import_module(f"tools.{module}"), name))
    assert "pending" not in run.dispositions(root)
    assert run.dispositions(root).count("rejected") >= len(MIXED) - 1


async def test_deep_nesting_is_no_fault_of_ours(bench):
    deep: Any = "end"
    for _ in range(900):
        deep = [deep]
    run = bench(payments=[{"metadata": deep}], customers=[{"data": deep}])
    await run.call(payments.validate_payments)
    await run.call(crm.validate_contacts)
    assert ["rejected"] == run.dispositions("payments") == run.dispositions("customers")


def test_a_rejection_names_its_place():
    [entry] = Dataset.from_rows("payments", [{}])
    entry.reject("rule", "amount", "is missing")
    assert ("payments[0]: amount: is missing", "rule") == (entry.reason, entry.rule)


def test_every_tool_is_described_and_named_once():
    from tools import email_marketing, files, health, rest_api

    modules = (crm, payments, email_marketing, analytics, health, files, rest_api)
    names = [tool.name for module in modules for tool in module.TOOLS]
    assert len(names) == len(set(names))
    for module in modules:
        for tool in module.TOOLS:
            assert "Returns:" in tool.description
