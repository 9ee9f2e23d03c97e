"""The page about the input file is made of the models that read it, and its examples are taken."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crews.api_integration import crew
from newfuse import Dataset
from newfuse.records.describe import described
from newfuse.records.intake import KINDS
from tools import campaign_records, contacts, event_records, payment_records

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
CHECKS: dict[str, Any] = {
    "customers": contacts.check,
    "payments": payment_records.check,
    "email_campaigns": campaign_records.check,
    "analytics_events": event_records.check,
}


def test_the_page_is_what_the_models_say():
    expected = "\n".join(described(name, KINDS[name]) for name in crew.datasets)
    assert expected == PAGE.read_text(encoding="utf-8").partition("<!-- newfuse data describe -->\n\n")[2]


@pytest.mark.parametrize("name", CHECKS)
def test_the_example_is_taken_and_every_field_is_described(name: str):
    [entry] = Dataset.from_rows(name, [dict(KINDS[name].example)])
    extra: Counter[str] = Counter()
    CHECKS[name](entry, extra)
    assert (True, {}) == (bool(entry.reference), dict(extra))
    assert [] == [field for field, about in KINDS[name].model_fields.items() if not about.description]


def test_a_sample_of_read_records_shows_the_record_and_no_marks_of_ours():
    dataset = Dataset.from_rows("payments", [dict(KINDS["payments"].example)])
    payment_records.check(dataset.entries[0], Counter())
    fields = set(dataset.describe()["fields"])
    assert fields <= set(KINDS["payments"].model_fields)
    assert fields
