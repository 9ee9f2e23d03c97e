"""Records as they come in: read as their model says, or rejected by name."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import pytest
from pydantic import Field

from newfuse import Dataset, InputRecord, InvalidArguments
from newfuse.records import read, rejects, take, unfit, whole
from newfuse.records.email_address import Email


class Parcel(InputRecord, dataset="parcels"):
    """One parcel."""

    weight: Annotated[int, Field(ge=1)]
    to: Email
    insured: int | None = None

    @rejects("overinsured", "insured")
    def _worth_it(self) -> str | None:
        return "is more than it weighs" if (self.insured or 0) > self.weight else None


@pytest.mark.parametrize(
    ("row", "rule", "reason"),
    [
        ({"weight": 1, "to": "a b"}, "invalid_email", "parcels[0]: to: 'a b' is not an e-mail address"),
        ({"weight": 1, "to": "a@b.org", "insured": 2}, "overinsured", "parcels[0]: insured: is more than it weighs"),
        ({"weight": "1", "to": "a@b.org"}, "invalid_field", "parcels[0]: weight: Input should be a valid integer"),
        (
            {"weight": 0, "to": "?"},
            "invalid_field",
            "parcels[0]: weight: Input should be greater than or equal to 1",
        ),
        ([], "not_an_object", "parcels[0]: must be an object, and is a list"),
    ],
)
def test_what_does_not_fit_is_rejected_by_its_rule_and_field(row, rule, reason):
    [entry] = Dataset.from_rows("parcels", [row])
    assert read(Parcel, entry, Counter()) is None
    assert ("rejected", rule, reason) == (entry.disposition.value, entry.rule, str(entry.reason)[: len(reason)])


def test_what_fits_is_typed_and_its_unknown_keys_are_counted():
    [entry] = Dataset.from_rows("parcels", [{"weight": 2, "to": "Ada@Example.COM", "insured": 2, "colour": "red"}])
    extra: Counter[str] = Counter()
    parcel = read(Parcel, entry, extra)
    assert parcel is not None
    assert (2, "ada@example.com", {"colour": 1}) == (parcel.weight, parcel.to, dict(extra))


def test_a_problem_may_hold_braces():
    assert "rejected {because}" == str(unfit("rule", "rejected {because}"))


def test_a_tool_takes_its_own_records_and_those_of_no_other_kind(job):
    parcels = job.datasets.add(Dataset.from_rows("parcels", [{"weight": 1}]))
    some = job.datasets.add(Dataset("parcels.some", parcels.entries, derived_from="parcels"))
    assert (some, parcels) == (take(job, "parcels.some", "parcels"), whole(job, some))
    with pytest.raises(InvalidArguments, match="holds parcels; this tool works on payments"):
        take(job, "parcels.some", "payments")
    job.datasets.add(Dataset.from_rows("mine", [{}]))
    assert 1 == len(take(job, "mine", "payments"))
