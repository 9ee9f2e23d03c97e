"""Stops asking a vendor that has failed."""

from __future__ import annotations

from newfuse.errors import (
    CircuitOpen,
    EffectError,
    IntegrationDisabled,
    InvalidArguments,
    NewFuseError,
    NotConnected,
    OutcomeUnknown,
    ReconnectNeeded,
    RetryLater,
    StoreFailed,
)

FAILURES_IN_A_ROW = 3
"""Each has already been tried three times by the engine, so nine answers in a row were failures: the vendor is down."""

_HOPELESS = (ReconnectNeeded, CircuitOpen, NotConnected, IntegrationDisabled, StoreFailed)


class Gate:
    """Remembers the failures of a vendor, or of the store, and closes when there is no use in asking it further.

    Attributes:
        error: The failure to report at the end, or None when the vendor answered every request.
    """

    def __init__(self) -> None:
        """Begin open."""
        self.error: NewFuseError | None = None
        self._closed = False
        self._in_a_row = 0

    @property
    def stopped(self) -> NewFuseError | None:
        """Why nothing more is asked; None while the gate is open."""
        return self.error if self._closed else None

    def passed(self) -> None:
        """Note that the vendor answered."""
        self._in_a_row = 0

    def note(self, error: NewFuseError) -> None:
        """Note how a request failed; a refusal of one record's contents is an answer, not a failure."""
        if isinstance(error, _HOPELESS):
            self.close(error)
        elif isinstance(error, RetryLater | OutcomeUnknown):  # a 5xx to a write, or no answer to it, leaves it unknown
            self.insist(error)
        elif not isinstance(error, EffectError | InvalidArguments):  # a word of our own: the vendor was not asked
            self.passed()

    def insist(self, error: NewFuseError) -> None:
        """Note a failure that the tool must end with, whatever the vendor answers to the rest."""
        self.error = self.error or error
        self._in_a_row += 1
        self._closed = self._closed or self._in_a_row >= FAILURES_IN_A_ROW

    def close(self, error: NewFuseError) -> None:
        """Ask nothing more."""
        self.error = self.error or error
        self._closed = True
