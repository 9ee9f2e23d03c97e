"""What the reports say of records, checks, doubts and the verdict: made of counts, and the same everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from newfuse.report.console import closing_text, results_text
from newfuse.report.findings import Urgency, findings
from newfuse.report.render import health_dashboard, summary, task_report
from newfuse.report.results import CheckResult, DatasetAccount, EffectCounts
from newfuse.store import Store
from report.run_examples import PAYMENTS, Example, make_record


async def test_writes_that_no_run_can_settle_are_left_to_a_person_and_the_others_to_the_next_run(store: Store):
    record = await make_record(store)
    record.outcomes[3].effects = EffectCounts(planned=5, confirmed=2, unknown=3)
    record.outcomes[3].to_decide = 2
    said = {one.what: one.next_step for one in findings(record) if "may or may not" in one.what}
    [later] = [step for what, step in said.items() if ": 1 write may" in what]
    [person] = [step for what, step in said.items() if ": 2 writes may" in what]
    assert later.startswith("Run again: ")
    assert "Run again" not in person
    assert all(
        words in person for words in ("newfuse effects list --unknown", "effects settle KEY --happened", "--did-not")
    )
    text = health_dashboard(record)
    assert "3 writes in doubt: 1 to be settled with the vendor by the next run, 2 to be decided" in text


async def test_a_check_that_could_not_be_made_has_neither_passed_nor_failed(store: Store):
    record = await make_record(store)
    record.outcomes[0].checks.append(CheckResult(name="sums", passed=None, evidence="nothing was read"))
    assert (4, 0, 1) == record.checks
    assert "| sums | ➖ not checked | nothing was read |" in task_report(record, record.outcomes[0])
    assert "1 of 1 check passed, 1 could not be made; task ended" in health_dashboard(record)
    assert "checks run: 4 passed, 0 failed, 1 could not be made" in summary(record)
    assert "4 checks run: 4 passed, 0 failed, 1 could not be made" in closing_text(record, Path("d"))
    [found] = [one for one in findings(record) if "sums" in one.what]
    assert (Urgency.NOTICE, "could not be made") == (found.urgency, found.what.partition("” ")[2].partition(":")[0])


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({}, "There were no records of customers."),
        ({"confirmed": 1}, "Of 1 record of customers, 1 was done in this run."),
        (
            {"confirmed": 2, "skipped": 1, "rejected": 1},
            "Of 4 records of customers, 2 were done in this run, 1 had been done by an earlier run and 1 was rejected.",
        ),
        ({"unknown": 2}, "Of 2 records of customers, 2 may or may not have been done."),
        (
            {"duplicate": 1, "failed": 1, "pending": 2},
            "Of 4 records of customers, 1 stands for the same as another, 1 failed and 2 were left undone.",
        ),
    ],
)
async def test_a_report_says_in_a_sentence_what_became_of_the_records(
    store: Store, counts: dict[str, int], sentence: str
):
    record = await make_record(store)
    record.outcomes[0].datasets = [
        DatasetAccount(name="customers", total=sum(counts.values()), counts=counts, rules={}, exceptions=[])
    ]
    assert f"## Results\n\n{sentence}\n" in task_report(record, record.outcomes[0])
    plain = "   Integration: Successfully completed" in results_text(record).split("💳")[0]
    assert plain is not bool(counts.keys() - {"confirmed", "skipped", "duplicate"})


async def test_why_a_run_needs_attention_stands_beside_its_status(store: Store):
    record = await make_record(store, Example(payments_fail=True))
    record.result.reasons = ["💳 Payment Processing: failed: Stripe answered 500"]
    why = record.result.reasons[0]
    assert f"Integration Status: NEEDS ATTENTION ({why})" in results_text(record)
    assert closing_text(record, Path("d")).startswith(
        f"⚠️ API INTEGRATION NEEDS ATTENTION: 4 of 5 tasks completed; {why}"
    )
    for text in (health_dashboard(record), summary(record)):
        assert f"**Status:** NEEDS ATTENTION  \n**Attention:** {why}  \n" in text


async def test_the_rate_of_payments_is_the_payment_tasks_own_or_not_measured(store: Store):
    record = await make_record(store)
    assert "- **Payment Success:** not measured (writes that move money: 2 planned: 2 confirmed)" in summary(record)
    example = Example()
    example.facts.add(PAYMENTS, "payments.success_rate", 66.7, "%", {"kind": "derived", "formula": "paid of all"})
    record = record.model_copy(update={"result": record.result.model_copy(update={"facts": list(example.facts)})})
    assert "- **Payment Success:** 66.7% [f001]: paid of all" in summary(record)


async def test_records_that_failed_are_a_finding_also_where_nothing_was_sent(store: Store):
    record = await make_record(store)
    record.outcomes[0].datasets[0].counts = {"confirmed": 1, "failed": 1}
    assert ["1 record of customers failed."] == [one.what for one in findings(record) if "customers" in one.what]
    assert "nothing found that needs attention" not in closing_text(record, Path("d"))
