"""Every error of the engine, split by what the catcher should do.

NewFuseError
├── ConfigurationError        correct a setting or a file, then start again (exit code 2)
│   ├── MissingCredential     supply the credential; the message lists every place we looked
│   └── InvalidData           correct the named record or file
├── InvalidArguments          correct the arguments of this call
│   └── UnknownAction         choose one of the listed actions
├── NotConnected              connect first
├── IntegrationDisabled       enable the integration, or leave it alone
├── StoreFailed               the store failed in use: mend it, then run again; what is in doubt is settled (code 1)
├── EffectError               the ledger would not let a write through
│   ├── EffectConflict        this reference was used for other contents: give a new one
│   ├── EffectUnknown         nobody can tell whether it happened: settle it, never resend
│   │   └── EffectUndecided   left so by an earlier run, and no later one can tell: a person decides
│   └── AnswerPruned          it is done, and its answer is no longer kept: read it from the vendor by its id
└── VendorError               the vendor's answer, or the lack of one
    ├── RetryLater            wait, then the same call may succeed
    │   ├── RateLimited       the quota is spent
    │   ├── Unavailable       5xx, or nothing could be sent
    │   │   └── UnreadableAnswer  what came is not what the vendor says: a gateway's page, another shape
    │   └── CircuitOpen       we stopped asking for a while
    ├── AnswerTooLarge        ask for less at a time
    ├── OutcomeUnknown        a write may have been received, and no answer came
    ├── ReconnectNeeded       credentials are wrong or lack a permission
    │   ├── AuthenticationFailed
    │   └── PermissionDenied
    └── Rejected              the vendor understood and refused: correct the arguments
        ├── NotFound
        ├── Conflict          it exists already; `existing_id` where the vendor names it
        └── Declined          a payment was declined
"""

from __future__ import annotations

from typing import Any, Self

from newfuse.redact import redact_text

MAX_LISTED = 20  # problems in one message: an input of 100,000 wrong items has as many
MAX_PLACE = 120  # characters of the name of a field that does not exist: a caller may have made it up


class NewFuseError(Exception):
    """Base of every error raised by the engine.

    `for_model` is safe to show to a model or a person and says what to do next; `for_log` is fuller. Whatever looks
    like a credential is masked in both.
    """

    def __init__(self, for_model: str, *, for_log: str | None = None) -> None:
        self.for_model = redact_text(for_model)
        self.for_log = redact_text(for_log) if for_log else self.for_model
        super().__init__(self.for_model)

    def advise(self, text: str) -> Self:
        """Add a sentence that says what to do next; returns the error itself."""
        self.for_model = f"{self.for_model.rstrip('.')}. {redact_text(text)}"
        self.for_log = f"{self.for_log.rstrip('.')}. {redact_text(text)}"
        return self


class ConfigurationError(NewFuseError):
    """A setting, a file or an option is wrong; nothing was started."""


class MissingCredential(ConfigurationError):
    """A credential was found in none of the places it may come from."""

    def __init__(self, integration: str, field: str, looked_in: list[str]) -> None:
        places = "; ".join(looked_in)
        super().__init__(f"{integration}: no {field} was given. Looked in: {places}.")
        self.integration = integration
        self.field = field
        self.looked_in = looked_in


class InvalidData(ConfigurationError):
    """An input file cannot be used; `place` names the line, key or record."""

    def __init__(self, message: str, *, place: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place


class InvalidArguments(NewFuseError):
    """The arguments of one call do not fit; `problems` holds (field, what is wrong) pairs."""

    def __init__(self, what: str, problems: list[tuple[str, str]]) -> None:
        listed = "; ".join(f"{_shortened(field)}: {problem}" for field, problem in problems[:MAX_LISTED])
        more = f"; and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
        super().__init__(f"{what}: {listed}{more}.")
        self.problems = problems


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_PLACE else f"{name[:MAX_PLACE]}…"


class UnknownAction(InvalidArguments):
    """The integration or tool set has no action of that name."""

    def __init__(self, integration: str, name: str, known: list[str]) -> None:
        super().__init__(
            f"{integration} has no action {_shortened(name)!r}",
            [("action", "choose one of " + ", ".join(sorted(known)))],
        )


class NotConnected(NewFuseError):
    """The integration was used before `connect()`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Not connected to {name}. Call connect() first.")


class IntegrationDisabled(NewFuseError):
    """The integration was switched off and refuses to be used."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is disabled. Enable it (is_enabled = True) before using it.")


class StoreFailed(NewFuseError):
    """The store could be opened and failed later: a full disk, a device that broke, a file taken away.

    A write that was not recorded is not sent; one whose outcome could not be recorded is in doubt, and settled by the
    next run. A store that cannot be opened at all is a `ConfigurationError`.
    """


class EffectError(NewFuseError):
    """The effect ledger refused a write; nothing was sent."""


class EffectConflict(EffectError):
    """A reference that was already used for a write with other contents."""


class EffectUnknown(EffectError):
    """An earlier attempt may have reached the vendor and is not settled."""


class EffectUndecided(EffectUnknown):
    """An earlier run left it unknown, and the vendor cannot be asked: only a person can say whether it happened."""


class AnswerPruned(EffectError, AttributeError):
    """Of a write that is done, more was asked than the vendor's id, which alone is kept of an old answer."""


class VendorError(NewFuseError):
    """A call to a vendor did not succeed.

    Attributes:
        integration: Slug of the integration.
        status: HTTP status, or None when no answer came.
        code: The vendor's own error code, or None.
        request_id: The vendor's id of the request, for its support, or None.
        detail: The vendor's decoded error body, redacted, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        integration: str,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        detail: Any = None,
    ) -> None:
        about = f" (HTTP {status})" if status is not None else ""
        trail = f" [request {request_id}]" if request_id else ""
        super().__init__(f"{integration}{about}: {message}", for_log=f"{integration}{about}: {message}{trail}")
        self.message = redact_text(message)
        self.integration = integration
        self.status = status
        self.code = code
        self.request_id = request_id
        self.detail = detail


class RetryLater(VendorError):
    """The same call may succeed later; `retry_after_s` says when, if the vendor did."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, **about: Any) -> None:
        super().__init__(message, **about)
        self.retry_after_s = retry_after_s


class RateLimited(RetryLater):
    """The quota is spent (HTTP 429)."""


class Unavailable(RetryLater):
    """The vendor answered 5xx, or nothing could be sent to it."""


class UnreadableAnswer(Unavailable):
    """An answer came that is not the vendor's: a page of a gateway, a redirect, or another shape than the operation's.

    It says nothing about the request: not that it was refused, not that a list is empty, not that it was carried out.
    """


class CircuitOpen(RetryLater):
    """Too many calls in a row failed; nothing is sent until `retry_after_s` have passed."""


class AnswerTooLarge(VendorError):
    """The answer has more bytes than are read: ask for fewer items or fields, or allow this request more."""


class OutcomeUnknown(VendorError):
    """A write may have reached the vendor, but no answer came back: it must not be sent again blindly."""


class ReconnectNeeded(VendorError):
    """The credentials do not let us in; repeating the call will not help."""


class AuthenticationFailed(ReconnectNeeded):
    """The credentials are missing, wrong or expired (HTTP 401)."""


class PermissionDenied(ReconnectNeeded):
    """The credentials are valid and lack a permission (HTTP 403)."""


class Rejected(VendorError):
    """The vendor understood the request and refused it (other HTTP 4xx)."""


class NotFound(Rejected):
    """There is no such thing at the vendor (HTTP 404)."""


class Conflict(Rejected):
    """It exists already, or changed meanwhile (HTTP 409)."""

    def __init__(self, message: str, *, existing_id: str | None = None, **about: Any) -> None:
        super().__init__(message, **about)
        self.existing_id = existing_id


class Declined(Rejected):
    """The payment was declined (HTTP 402)."""
