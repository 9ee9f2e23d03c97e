"""The events that a property keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from newfuse.sandbox.ga4.measurement import MAX_AGE_S, MAX_PARAMS, is_micros, read


@dataclass(slots=True)
class Event:
    """One event that was kept."""

    id: str  # the sandbox's own; Google gives none
    name: str
    client_id: str
    user_id: str | None
    params: dict[str, Any]
    at: float  # epoch seconds: the event's time, else when it was received

    @property
    def user(self) -> str:
        """Whom it counts for: the user id where there is one, else the client id."""
        return self.user_id or self.client_id

    @property
    def value(self) -> float:
        """Its value, 0 when it has none."""
        value = self.params.get("value")
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it with its time in ISO 8601, UTC."""
        return asdict(self) | {"at": datetime.fromtimestamp(self.at, UTC).isoformat()}


@dataclass(slots=True)
class EventStore:
    """Keeps what is collected, as Google does: anything twice, but a purchase once by its transaction id."""

    now: Callable[[], float]
    kept: list[Event] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)  # reason → how many events (or unreadable requests)
    _transactions: set[str] = field(default_factory=set)

    def collect(self, body: bytes) -> None:
        """Take the events of one request, dropping what Google would drop."""
        payload, findings = read(body)
        if payload is None:
            self.dropped[findings[0].code] += 1
            return
        events = payload.get("events")
        refused = next((one for one in findings if one.event is None and one.drops), None)
        if refused is not None or not isinstance(events, list):
            count = len(events) if isinstance(events, list) else 1
            self.dropped[refused.code if refused else "VALUE_INVALID"] += max(1, count)
            return
        codes = {finding.event: finding.code for finding in reversed(findings) if finding.drops}
        for index, event in enumerate(events):
            reason = codes.get(index) or self._keep(payload, event)
            if reason is not None:
                self.dropped[reason] += 1

    def _keep(self, payload: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
        """Keep one event that is well formed, or return the reason why it is dropped."""
        now = self.now()
        at = _seconds(given.get("timestamp_micros")) or _seconds(payload.get("timestamp_micros")) or now
        if now - at > MAX_AGE_S:
            return "TOO_OLD"
        at = min(at, now)  # an event cannot be counted before it happens [unverified]
        params = dict(list(given.get("params", {}).items())[:MAX_PARAMS])
        transaction_id = params.get("transaction_id")
        if given["name"] == "purchase" and transaction_id:
            # Purchases are deduplicated by transaction id: https://support.google.com/analytics/answer/12313109
            if str(transaction_id) in self._transactions:
                return "DUPLICATE_TRANSACTION"
            self._transactions.add(str(transaction_id))
        user_id = payload.get("user_id")
        event = Event(
            id=f"event-{len(self.kept) + 1}",
            name=given["name"],
            client_id=payload["client_id"],
            user_id=str(user_id) if user_id else None,
            params=params,
            at=at,
        )
        self.kept.append(event)
        return None


def _seconds(micros: Any) -> float | None:
    return int(micros) / 1_000_000 if micros is not None and is_micros(micros) else None
