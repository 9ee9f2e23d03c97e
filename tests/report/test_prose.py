from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newfuse.report.numbers import Kind, numbers_in
from newfuse.report.prose import Measured, closing_words, measured_for, unmeasured_numbers
from newfuse.store import Store
from report.run_examples import ALL, CRM, Example, make_record


def known() -> Measured:
    measured = Measured()
    measured.add_json(2999, "usd minor units")
    measured.add_json(2, "contacts")
    measured.add_json(245.4, "ms")
    measured.add_share(9, 12)
    measured.add_date(datetime(2025, 3, 5, 10, 15, 30, tzinfo=UTC))
    return measured


@pytest.mark.parametrize(
    "text",
    [
        "Nothing to say.",
        "2 contacts, two contacts; $29.99 or 29.99 USD or 2,999 minor units",
        "9 of 12, that is 75% or 75.0 percent",
        "it took 245 ms, 0.2 s, or 245.4ms",
        "on 2025-03-05 at 10:15, or March 05, 2025, or March 5, 2025",
        "GA4 v2 f012 run_7f3a cus_42 welcome_template_v2",
        "1. first\n2) second\n- 12 done",
        "retried two times",
    ],
)
def test_measured_numbers_and_names_pass(text: str):
    assert [] == unmeasured_numbers(text, known())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 contacts", ["3"]),
        ("30% faster and 25 % better", ["30%", "25 %"]),
        ("two percent", ["two percent"]),
        ("2 minutes", ["2 minutes"]),
        ("15-20 hours/week", ["15", "20 hours"]),
        ("10x volume, twelve times faster", ["10x", "twelve times faster"]),
        ("hundreds of services", ["hundreds"]),
        ("1,250 records/hour", ["1,250"]),
        ("$30.00", ["$30.00"]),
        ("74% or 75.1%", ["74%", "75.1%"]),
        ("on 2024-01-15", ["2024-01-15"]),
        ("3, 3 and 3", ["3"]),
        ("thirty-one", ["thirty-one"]),
    ],
)
def test_numbers_nobody_measured_are_named(text: str, expected: list[str]):
    assert expected == unmeasured_numbers(text, known())


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1,250,000", Kind.PLAIN, 1_250_000),
        ("1\u00a0250", Kind.PLAIN, 1250),
        ("2.5 million", Kind.PLAIN, 2_500_000),
        (".5 s", Kind.TIME, 500),
        ("7%", Kind.PERCENT, 7),
        ("€ 5", Kind.MONEY, 5),
        ("three hours", Kind.TIME, 10_800_000),
    ],
)
def test_a_number_is_read_with_what_it_says(text: str, kind: Kind, value: int):
    assert [(kind, value)] == [(found.kind, found.value) for found in numbers_in(text)]


async def test_words_whose_numbers_were_measured_are_quoted(store: Store):
    record = await make_record(store)
    text = closing_words(record, record.outcomes[0])
    assert "> Both customers are in step: 2 contacts written, nothing rejected." in text
    assert "runbook" in text


async def test_words_with_a_number_nobody_measured_are_left_out_and_the_number_named(store: Store):
    record = await make_record(store, Example(prose="Done: 2 contacts, 99.2% clean, 15-20 hours saved."))
    text = closing_words(record, record.outcomes[0])
    assert "2 contacts" not in text
    expected = (
        "The closing text of runbook was left out: it names numbers that were not measured (99.2%, 15, 20 hours)."
    )
    assert expected == text


async def test_a_specialist_speaks_of_its_own_task_and_the_orchestrator_of_all(store: Store):
    record = await make_record(store)
    text = "129.98 USD were captured."
    by_name = {outcome.name: outcome for outcome in record.outcomes}
    assert ["129.98 USD"] == unmeasured_numbers(text, measured_for(record, by_name[CRM]))
    assert [] == unmeasured_numbers(text, measured_for(record, by_name[ALL]))
