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
from tools import steps
from tools.outcome import failure_of, settle

ABOUT: Any = {"integration": "acme", "status": 404}


def entry() -> Any:
    [made] = Dataset.from_rows("payments", [{}])
    made.data = {"steps": {}}
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
    by_itself, by_step = entry(), entry()
    settle(by_itself, performed)
    steps.note(by_step, "create", performed)
    assert ("unknown", "unknown") == (by_itself.disposition.value, by_step.disposition.value)
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
    settle(one, Performed(WriteStatus.FAILED, "key", error=error))
    assert (disposition, words) == (one.disposition.value, one.reason[: len(words)])


def test_a_step_that_was_not_sent_is_not_in_doubt_but_one_that_was_stays_so():
    down = OutcomeUnknown("no answer came", **ABOUT)
    never, before = entry(), entry()
    steps.hold_back(never, "create", down)
    steps.note(before, "create", Performed(WriteStatus.UNKNOWN, "key", error=down))
    steps.hold_back(before, "create", down)
    assert ("failed", "unknown") == (never.disposition.value, before.disposition.value)
