"""What is about to be done to the world outside, and what became of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from newfuse.types import JSON, Effect, Once

KEY_LENGTH = 40  # hexadecimal digits: 160 bits, short enough for every vendor's idempotency header


class State(StrEnum):
    """Where an effect stands."""

    INTENT = "intent"
    """Recorded, perhaps sent, no outcome yet."""
    CONFIRMED = "confirmed"
    """The vendor said yes."""
    FAILED = "failed"
    """It certainly did not happen."""
    UNKNOWN = "unknown"
    """It may have happened; nobody has been able to tell."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose world an effect touches: the same reference elsewhere is another effect.

    Attributes:
        environment: `live`, or which sandbox.
        account: The vendor account, e.g. `default`, `test`.
        integration: Slug.
        action: Name of the action.
    """

    environment: str
    account: str
    integration: str
    action: str


@dataclass(frozen=True, slots=True)
class Intent:
    """One write that should happen once.

    Attributes:
        scope: Whose world it touches.
        reference: The record's own reference: what makes two writes the same write.
        arguments: What is sent, as JSON; free of secrets.
        kind: write, money or destructive.
        once: How it is kept from happening twice.
        key_lifetime_s: How long the vendor remembers an idempotency key; None where it does not matter.
        can_be_asked: Whether the vendor can be asked if it happened, by a look-up.
    """

    scope: Scope
    reference: str
    arguments: JSON
    kind: Effect
    once: Once
    key_lifetime_s: float | None = None
    can_be_asked: bool = False

    @property
    def key(self) -> str:
        """The ledger's key, fixed by the business alone: no run, model or attempt is in it."""
        # The digest of the list of the scope's four parts and the reference, of which only the last one changes.
        return _digest_of(f"{_beginning(self.scope)},{_canonical(self.reference)}]")

    @property
    def fingerprint(self) -> str:
        """Tells whether two intents of one key want the same contents."""
        return digest(self.arguments)


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode


def digest(value: JSON) -> str:
    """Return a stable digest of a JSON value, whatever the order of its keys."""
    return _digest_of(_canonical(value))


def _digest_of(text: str) -> str:
    # JSON may hold halves of surrogate pairs, which UTF-8 proper has no bytes for.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:KEY_LENGTH]


@lru_cache(maxsize=64)
def _beginning(scope: Scope) -> str:
    return _canonical([scope.environment, scope.account, scope.integration, scope.action])[:-1]


def vendor_key(key: str, attempt: int) -> str:
    """Return the idempotency key sent to the vendor.

    What a vendor that remembers keys has refused is final under that key (Stripe replays the stored answer,
    https://docs.stripe.com/api/idempotent_requests), so a later try needs a key of its own. After every other failure
    the old key is used: should the attempt have arrived all the same, the vendor recognises it.
    """
    return f"nf-{key}" if attempt == 1 else f"nf-{key}-{attempt}"


class Verdict(StrEnum):
    """What the ledger says to an intent."""

    SEND = "send"
    """Recorded; go ahead, with the arguments and the attempt of this standing."""
    DONE = "done"
    """Confirmed earlier with the same contents; nothing to send."""
    CONFLICT = "conflict"
    """The reference was used for other contents, and that write is settled."""
    CHANGED = "changed"
    """The reference was used for other contents, and whether that write happened is not known: it is settled first, as
    it was recorded. Nothing was recorded now."""
    UNDECIDED = "undecided"
    """An earlier run left it unknown and nobody can be asked: a person decides. Nothing was recorded now."""
    SAME = "same"
    """Named before in this very call; what becomes of the first stands for both."""
    UNSETTLED = "unsettled"
    """An earlier attempt may have happened and must be looked up before anything is sent. It is this caller's to
    settle: others wait meanwhile."""
    BUSY = "busy"
    """Another live process is doing it right now."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The ledger's answer to one intent.

    Attributes:
        verdict: What to do.
        key: The ledger's key.
        attempt: Number of the attempt, which tells its vendor key from those of earlier ones.
        arguments: What was recorded, and is to be sent.
        response: The recorded answer of a confirmed effect.
        message: Why, for people.
        begun_at: When the attempt in doubt was begun (ISO 8601, UTC); None when nothing is in doubt.
        by_run: The run that confirmed it, or left it unknown.
    """

    verdict: Verdict
    key: str
    attempt: int
    arguments: JSON
    response: JSON = None
    message: str = ""
    begun_at: str | None = None
    by_run: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one intent.

    Attributes:
        key: The ledger's key.
        state: What became of it.
        response: The vendor's answer, as JSON, of a confirmed one.
        error: Why, of one that is not confirmed.
        key_spent: The vendor keeps its refusal under the idempotency key, so that a later attempt needs another.
    """

    key: str
    state: State
    response: JSON = None
    error: str | None = None
    key_spent: bool = False
