"""The engine's own events: what changed, told to whoever subscribed, in the process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from newfuse.log import logger

_log = logger("events")


class EventName(StrEnum):
    """Names of the events of integrations and their registry."""

    REGISTERED = "integration:registered"
    REMOVED = "integration:removed"
    CONNECTED = "integration:connected"
    DISCONNECTED = "integration:disconnected"
    UPDATED = "integration:updated"
    ERROR = "integration:error"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: its name, whom it concerns, when, and details free of secrets."""

    name: str
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


Listener = Callable[[Event], None]


class EventBus:
    """Delivers events to listeners in the order they subscribed; a failing listener never stops the others."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    def on(self, name: str, listener: Listener) -> None:
        """Call `listener` for every event of that name; `"*"` means all."""
        self._listeners[name].append(listener)

    def off(self, name: str, listener: Listener) -> None:
        """Stop calling `listener`; unknown listeners are ignored."""
        if listener in self._listeners[name]:
            self._listeners[name].remove(listener)

    def emit(self, event: Event) -> None:
        """Tell every listener of this event's name, then those of `"*"`."""
        for listener in [*self._listeners[event.name], *self._listeners["*"]]:
            try:
                listener(event)
            except Exception:
                _log.exception("a listener of %s failed", event.name)
