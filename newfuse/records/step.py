"""Steps: the writes that records need, each declared once, and what became of a record by all of its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from newfuse.errors import NewFuseError
from newfuse.integrations import Performed, WriteStatus
from newfuse.records.dataset import Disposition, Entry
from newfuse.records.outcome import NOT_SENT, StepOutcome, failure, outcome_of

AT_ONCE = 8
"""Requests on their way at the same time: enough to use up a quota of 25 a second, as Stripe's, at a usual latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One write that records need.

    Attributes:
        name: Its name among the steps of a record, e.g. `capture`.
        integration: Where it is done.
        action: The action that does it.
        counts: What one is, in the plural, e.g. `payments`: the unit of its facts.
        doing: What is done, for whoever watches, e.g. `payments to capture`.
        before: What is already true of a record when this fails, as the beginning of a sentence, e.g. `held, but not
            captured: `; empty for a record's first step.
        at_once: Most requests on their way at the same time.
        or_else: Other actions that may be asked in place of `action`.
        read_by: The action that reads one back by its id, and its parameter for the id, where the answer of an earlier
            run is needed and no longer kept.
        keeps: What of the vendor's answer to a write of this run stays with the record, and nothing of an earlier
            run's; without it all stays.
    """

    name: str
    integration: str
    action: str
    counts: str
    doing: str
    before: str = ""
    at_once: int = AT_ONCE
    or_else: tuple[str, ...] = ()
    read_by: tuple[str, str] | None = None
    keeps: Callable[[Any], Any] | None = None

    def of(self, entry: Entry) -> StepOutcome | None:
        """Return what became of this step of a record; None when it was not tried."""
        return entry.steps.get(self.name)

    def is_done(self, entry: Entry) -> bool:
        """Tell whether this step of a record is confirmed, by this run or an earlier one."""
        found = entry.steps.get(self.name)
        return found is not None and found.is_done

    def value(self, entry: Entry) -> Any:
        """Return the vendor's answer to this step of a record; None when it is not done."""
        found = entry.steps.get(self.name)
        return found.value if found is not None else None

    def settle(self, entry: Entry, performed: Performed) -> None:
        """Keep what became of this step of a record, and settle the record."""
        entry.belongs_to(performed.key)
        known = entry.steps.get(self.name)
        if performed.status is WriteStatus.SKIPPED and known is not None and known.status is WriteStatus.CONFIRMED:
            return  # this run has done it
        answer = performed.value
        if self.keeps is not None:
            answer = self.keeps(answer) if performed.status is WriteStatus.CONFIRMED else None
        entry.keep_step(self.name, outcome_of(performed, before=self.before, value=answer))
        account(entry)

    def fail(self, entry: Entry, error: NewFuseError, *, prefix: str = "", sent: bool = True) -> None:
        """Keep that this step failed before its write was recorded, and settle the record; unknown stays unknown.

        Args:
            entry: The record.
            error: Why.
            prefix: Words before the error's own.
            sent: False where the step was not sent, because of what became of another write: it is not in doubt then.
        """
        known = entry.steps.get(self.name)
        if known is not None and known.disposition is Disposition.UNKNOWN:
            return
        before = self.before
        if known is not None and known.is_done:
            before, prefix = "it is done, but could not be read back: ", ""
        entry.keep_step(self.name, failure(error, before=before, prefix=prefix, sent=sent))
        account(entry)

    def hold_back(self, entry: Entry, error: NewFuseError) -> None:
        """Keep that this step was not sent because its vendor failed before its turn, and settle the record."""
        self.fail(entry, error, prefix=NOT_SENT, sent=False)

    def refuse(self, entry: Entry, rule: str, reason: str, disposition: Disposition = Disposition.FAILED) -> None:
        """Keep that this step is not taken for a reason of ours, and settle the record."""
        outcome = StepOutcome(WriteStatus.FAILED, disposition, None, f"{self.before}{reason}", rule)
        entry.keep_step(self.name, outcome)
        account(entry)

    def clear(self, entry: Entry) -> None:
        """Forget this step, which had been refused and is in order now, and settle the record."""
        if self.name in entry.steps:
            entry.forget_step(self.name)
            account(entry)

    def tally(self, entries: Iterable[Entry]) -> StepCounts:
        """Count what became of this step of records."""
        counts = dict.fromkeys(WriteStatus, 0)
        for entry in entries:
            found = entry.steps.get(self.name)
            if found is not None:
                counts[found.status] += 1
        return StepCounts(**{status.value: count for status, count in counts.items()})

    @property
    def source(self) -> dict[str, Any]:
        """Where its facts can be followed to: the ledger's rows of its actions."""
        return effects_source(self.integration, self.action, *self.or_else)


@dataclass(frozen=True, slots=True)
class StepCounts:
    """How many records a step is confirmed, skipped, failed and unknown of; others did not try it."""

    confirmed: int
    skipped: int
    failed: int
    unknown: int


def effects_source(integration: str, *actions: str) -> dict[str, Any]:
    """Return the source of a fact that is counted from writes."""
    return {"kind": "effects", "integration": integration, "action": ", ".join(actions)}


def account(entry: Entry) -> None:
    """Settle a record by its steps.

    It takes the state of its first step in doubt; without one, of its first that failed; without one, of its first
    that this run confirmed; and else it was all done by an earlier run.
    """
    outcomes = list(entry.steps.values())
    speakers = [
        *(one for one in outcomes if one.disposition is Disposition.UNKNOWN),
        *(one for one in outcomes if not one.is_done),
        *(one for one in outcomes if one.status is WriteStatus.CONFIRMED),
        *outcomes,
    ]
    if speakers:
        entry.settle(speakers[0].disposition, speakers[0].reason, rule=speakers[0].rule)
