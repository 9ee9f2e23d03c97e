"""Idempotency keys, kept as Stripe keeps them.

https://docs.stripe.com/api/idempotent_requests
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.vendor import JSON

KEPT_S = 24 * 3600.0  # "removed … after they're at least 24 hours old"
KEY_MAX = 255


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the first request with a key led to."""

    at: float
    path: str
    parameters: str
    status: int
    body: JSON
    request_id: str


class IdempotencyKeys:
    """Remembers the outcome of each key, per mode of the account, for 24 hours."""

    def __init__(self) -> None:
        """Start with no keys."""
        self.replays = 0
        self._outcomes: dict[tuple[bool, str], Outcome] = {}

    def find(self, key: str, *, livemode: bool, path: str, parameters: JSON, now: float) -> Outcome | None:
        """Return what the key led to before, to be answered again; None when it is new or forgotten.

        Raises:
            StripeError: The key is too long, or was used for another path or other parameters (400).
        """
        if len(key) > KEY_MAX:  # wording [unverified]
            raise StripeError(f"Idempotency keys can be up to {KEY_MAX} characters long.")
        outcome = self._outcomes.get((livemode, key))
        if outcome is None or now - outcome.at >= KEPT_S:
            return None
        if outcome.path != path:
            raise StripeError(
                "Keys for idempotent requests can only be used for the same endpoint they were first used "
                f"for ('{path}' vs '{outcome.path}'). Try using a key other than '{key}' if you meant to "
                "execute a different request.",
                type_="idempotency_error",
            )
        if outcome.parameters != _canonical(parameters):
            raise StripeError(
                "Keys for idempotent requests can only be used with the same parameters they were first "
                f"used with. Try using a key other than '{key}' if you meant to execute a different request.",
                type_="idempotency_error",
            )
        self.replays += 1
        return outcome

    def keep(
        self,
        key: str,
        *,
        livemode: bool,
        path: str,
        parameters: JSON,
        now: float,
        status: int,
        body: JSON,
        request_id: str,
    ) -> None:
        """Remember an outcome whose execution had begun, refusals included; forget the outdated."""
        while self._outcomes:
            oldest = next(iter(self._outcomes))
            if now - self._outcomes[oldest].at < KEPT_S:
                break
            del self._outcomes[oldest]
        self._outcomes[livemode, key] = Outcome(now, path, _canonical(parameters), status, body, request_id)


def _canonical(parameters: JSON) -> str:
    return json.dumps(parameters, sort_keys=True)
