"""What became of a write is said by its status, whatever the last answer was."""

from __future__ import annotations

from typing import Any

import pytest

from newfuse import (
    AuthenticationFailed,
    Dataset,
    EffectUnknown,
    InvalidArguments,
    NewFuseError,
    NotFound,
    OutcomeUnknown,
    Performed,
    Rejected,
    WriteStatus,
)
from newfuse.records import Step, failure_of

FIRST = Step(name="create", integration="acme", action="create_thing", counts="things", doing="things")
LATER = Step(name="pay", integration="acme", action="pay", counts="things", doing="things", before="made, not paid: ")
ABOUT: Any = {"integration": "acme", "status": 404}


def entry() -> Any:
    [made] = Dataset.from_rows("payments", [{}])
    return made


@pytest.mark.parametrize(
    "error",
    [
        NotFound("no such page", **ABOUT),
        AuthenticationFailed("nobody is let in", **ABOUT),
        OutcomeUnknown("no answer came", **ABOUT),
        EffectUnknown("an earlier attempt may have happened"),
        NewFuseError("broke off"),
        None,
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_write_in_doubt_is_never_called_failed_or_rejected(error: NewFuseError | None):
    performed = Performed(WriteStatus.UNKNOWN, "key", error=error)
    by_first, by_later = entry(), entry()
    FIRST.settle(by_first, performed)
    LATER.settle(by_later, performed)
    assert ("unknown", "unknown") == (by_first.disposition.value, by_later.disposition.value)
    assert isinstance(failure_of(performed), (OutcomeUnknown, EffectUnknown))


@pytest.mark.parametrize(
    ("error", "disposition", "words"),
    [
        (Rejected("no such field", integration="acme", status=400), "failed", "the vendor refused it: acme (HTTP 400)"),
        (InvalidArguments("acme.pay", [("amount", "is negative")]), "rejected", "acme.pay: amount: is negative"),
    ],
)
def test_the_input_is_rejected_here_and_what_a_vendor_refuses_has_failed(error, disposition, words):
    one = entry()
    FIRST.settle(one, Performed(WriteStatus.FAILED, "key", error=error))
    assert (disposition, words) == (one.disposition.value, one.reason[: len(words)])


def test_a_step_that_was_not_sent_is_not_in_doubt_but_one_that_was_stays_so():
    down = OutcomeUnknown("no answer came", **ABOUT)
    never, before = entry(), entry()
    FIRST.hold_back(never, down)
    FIRST.settle(before, Performed(WriteStatus.UNKNOWN, "key", error=down))
    FIRST.hold_back(before, down)
    assert ("failed", "unknown") == (never.disposition.value, before.disposition.value)
