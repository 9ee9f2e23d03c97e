"""What became of a write: one typed outcome, made here alone from what the vendor, the ledger or our own rules say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from newfuse.errors import (
    Declined,
    EffectConflict,
    EffectUnknown,
    InvalidArguments,
    NewFuseError,
    OutcomeUnknown,
    Rejected,
    VendorError,
)
from newfuse.integrations import Performed, Pruned, WriteStatus
from newfuse.records.dataset import Disposition

NOT_SENT = "not sent in this run: "
DONE_SHARED = 64  # outcomes that many records share, such as created and updated
RULE_LENGTH = 60  # characters of a vendor's code: the longest of ours has 40

_BY_ERROR: tuple[tuple[tuple[type[NewFuseError], ...], Disposition], ...] = (
    ((OutcomeUnknown, EffectUnknown), Disposition.UNKNOWN),
    ((InvalidArguments, EffectConflict), Disposition.REJECTED),  # found unfit here, before anything was sent
    ((NewFuseError,), Disposition.FAILED),  # whether the record is to blame, the vendor's words say
)
"""What an error means for the record it is about; the first that fits."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of one write that a record needs.

    Attributes:
        status: Confirmed, skipped (an earlier run has done it), failed or unknown.
        disposition: What that means for the record.
        value: The vendor's answer, where it was done.
        reason: Why it was not done, for people.
        rule: Short name of the error or rule behind the reason.
        error: Kind of the error, where there was one.
    """

    status: WriteStatus
    disposition: Disposition
    value: Any = None
    reason: str | None = None
    rule: str | None = None
    error: type[NewFuseError] | None = None

    @property
    def is_done(self) -> bool:
        """Whether it is confirmed, by this run or an earlier one."""
        return self.status in {WriteStatus.CONFIRMED, WriteStatus.SKIPPED}

    def failed_by(self, kind: type[NewFuseError]) -> bool:
        """Tell whether an error of this kind kept it from being done."""
        return self.error is not None and issubclass(self.error, kind)


def outcome_of(performed: Performed, *, before: str = "", value: Any = None) -> StepOutcome:
    """Return what became of a write.

    Args:
        performed: What the ledger and the vendor say.
        before: What is true of the record when the write is not done, as the beginning of a sentence.
        value: What is kept of the vendor's answer.
    """
    error = failure_of(performed)
    if error is not None:
        return failure(error, status=performed.status, before=before)
    if value is None or isinstance(value, str):
        return _done(performed.status, value)
    return _done.__wrapped__(performed.status, value)


@lru_cache(maxsize=DONE_SHARED)
def _done(status: WriteStatus, value: Any) -> StepOutcome:
    """Return the outcome of a write that is done; one for all records of which nothing else is kept."""
    if status is WriteStatus.CONFIRMED:
        return StepOutcome(status, Disposition.CONFIRMED, value)
    return StepOutcome(status, Disposition.SKIPPED, value, "an earlier run has done the same", "already_done")


def failure(
    error: NewFuseError,
    *,
    status: WriteStatus = WriteStatus.FAILED,
    before: str = "",
    prefix: str = "",
    sent: bool = True,
) -> StepOutcome:
    """Return the outcome of a write that an error kept from being done.

    Args:
        error: Why.
        status: What the ledger says, where it was asked.
        before: What is true of the record already. With it a refusal is a failure and no rejection: the record was
            written, and what was refused is a later step of it.
        prefix: Words before the error's own.
        sent: False where the write was not sent, because of what became of another: it certainly did not happen.
    """
    disposition = disposition_of(error, sent=sent)
    if before and disposition is Disposition.REJECTED:
        disposition = Disposition.FAILED
    if disposition is Disposition.UNKNOWN:
        status = WriteStatus.UNKNOWN
    reason = f"{before}{prefix}{reason_of(error)}"
    return StepOutcome(status, disposition, None, reason, rule_of(error), type(error))


def disposition_of(error: NewFuseError, *, sent: bool = True) -> Disposition:
    """Return what an error means for the record it is about.

    Args:
        error: What went wrong.
        sent: Whether it is the error of the record's own write; one that was not sent is never in doubt.
    """
    found = next(disposition for kinds, disposition in _BY_ERROR if isinstance(error, kinds))
    return Disposition.FAILED if found is Disposition.UNKNOWN and not sent else found


def failure_of(performed: Performed) -> NewFuseError | None:
    """Return why a write is not done; None when it is.

    The status counts, not the kind of the last answer: after a refusal that does not settle an earlier attempt the
    write is unknown, and so is its error.
    """
    error = performed.error
    if performed.status is not WriteStatus.UNKNOWN or isinstance(error, (OutcomeUnknown, EffectUnknown)):
        return error
    if isinstance(error, VendorError):
        about = {"status": error.status, "code": error.code, "request_id": error.request_id, "detail": error.detail}
        unknown = OutcomeUnknown(error.message, integration=error.integration, **about)
        unknown.for_model, unknown.for_log = error.for_model, error.for_log  # with the advice that was added
        return unknown
    return EffectUnknown(error.for_model if error is not None else "nobody can tell whether it happened")


def reason_of(error: NewFuseError) -> str:
    """Return an error in words for people; a vendor's refusal says that it is one."""
    if isinstance(error, Rejected) and not isinstance(error, Declined):
        return f"the vendor refused it: {error.for_model}"
    return error.for_model


def rule_of(error: NewFuseError) -> str:
    """Return a short name of an error, for counting: the vendor's code, or our own word for its kind."""
    code = getattr(error, "code", None)
    return str(code)[:RULE_LENGTH] if code else re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def is_pruned(value: Any) -> bool:
    """Tell whether only the id is left of the vendor's answer to a write of long ago."""
    return isinstance(value, Pruned)
