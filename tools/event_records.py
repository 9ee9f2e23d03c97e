"""Analytics events as they come in, and the GA4 events they become."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import StringConstraints

from newfuse import Disposition, Entry, InputRecord
from newfuse.records import Whole, digest, read

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events#limitations
NAME_LENGTH = 40
VALUE_LENGTH = 100
MOST_PARAMS = 25
OWN_PARAMS = ("event_category", "event_action", "event_label", "value", "currency")

# .../protocol/ga4/reference#reserved_names
RESERVED_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
RESERVED_EVENTS = frozenset(
    {
        *("ad_activeview", "ad_click", "ad_exposure", "ad_query", "ad_reward", "adunit_exposure"),
        *("app_clear_data", "app_exception", "app_install", "app_remove", "app_store_refund", "app_update"),
        *("app_upgrade", "dynamic_link_app_open", "dynamic_link_app_update", "dynamic_link_first_open", "error"),
        *("firebase_campaign", "firebase_in_app_message_action", "firebase_in_app_message_dismiss"),
        *("firebase_in_app_message_impression", "first_open", "first_visit", "in_app_purchase"),
        *("notification_dismiss", "notification_foreground", "notification_open", "notification_receive"),
        *("notification_send", "os_update", "screen_view", "session_start", "user_engagement"),
    }
)

Text = Annotated[str, StringConstraints(min_length=1, max_length=VALUE_LENGTH)]
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class EventRecord(InputRecord, dataset="analytics_events"):
    """One event to send to GA4; category and action make its name."""

    example: ClassVar[dict[str, Any]] = {
        "event_category": "integration",
        "event_action": "crm_sync",
        "custom_dimensions": {"records": 2},
        "value": 9.5,
        "currency": "usd",
        "conversion": True,
    }

    event_category: Text
    """First part of the event's name."""
    event_action: Text
    """Second part of the event's name."""
    event_label: Text | None = None
    """A parameter of the event."""
    custom_dimensions: dict[str, Text | Whole | float | bool] | None = None
    """Further parameters; no personal data."""
    client_id: Text | None = None
    """Google's id of the client; one for all server-side events where not given."""
    reference: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """What makes it this event, in every run; without one its contents and its turn among those alike do."""
    value: Whole | float | None = None
    """What it is worth."""
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$")] | None = None
    """ISO 4217 currency of the value."""
    conversion: bool | None = None
    """Whether it counts as a conversion (a key event of the property)."""


def check(entry: Entry, extra: Counter[str]) -> None:
    """Read one event and make it Google's; afterwards the entry holds it, or is rejected by name.

    The entry's reference becomes the record's own; without one it is given when all are read (`number_twins`).
    """
    record = read(EventRecord, entry, extra)
    if record is None:
        return
    name = snake(f"{record.event_category}_{record.event_action}")
    if len(name) > NAME_LENGTH or not _NAME.fullmatch(name):
        limits = f"Google takes {NAME_LENGTH} letters, digits and underscores, a letter first"
        problem = f"makes the name {name[:80]!r}: {limits}"
        entry.reject("invalid_name", "event_category, event_action", problem)
        return
    if name in RESERVED_EVENTS or name.startswith(RESERVED_PREFIXES):
        entry.reject("reserved_name", "event_category, event_action", f"{name!r} is reserved by Google")
        return
    params: dict[str, Any] = {"event_category": record.event_category, "event_action": record.event_action}
    if record.event_label is not None:
        params["event_label"] = record.event_label
    for key, value in (record.custom_dimensions or {}).items():
        own = snake(key)
        if not _NAME.fullmatch(own) or len(own) > NAME_LENGTH or own.startswith(RESERVED_PREFIXES):
            entry.reject("invalid_name", f"custom_dimensions.{key[:NAME_LENGTH]}", "is no name that Google takes")
            return
        if own in params or own in OWN_PARAMS:
            entry.reject("invalid_name", f"custom_dimensions.{key[:NAME_LENGTH]}", f"there is another {own!r}")
            return
        params[own] = value
    if record.value is not None:
        params["value"] = record.value
    if record.currency is not None:
        params["currency"] = record.currency.upper()
    if len(params) > MOST_PARAMS:
        entry.reject("invalid_field", "custom_dimensions", f"{len(params)} parameters; Google takes {MOST_PARAMS}")
        return
    for key, value in params.items():
        if isinstance(value, str) and _ADDRESS.search(value):
            # support.google.com/analytics/answer/6366371: no personally identifiable information
            entry.reject("personal_data", key, "holds an e-mail address, which must never be sent to Google Analytics")
            return
    event = {"name": name, "params": params}
    client_id = record.client_id or pseudonym()
    entry.data = {
        "event": event,
        "client_id": client_id,
        "conversion": bool(record.conversion),
    }
    mark = digest([event, client_id, bool(record.conversion)])
    entry.identify(record.reference, f"contents:{mark}", mark)


def asked(entry: Entry) -> tuple[str, dict[str, Any]]:
    """Return the action that sends an event, and its arguments."""
    event, client_id = entry.data["event"], entry.data["client_id"]
    if not entry.data["conversion"]:
        return "send_events", {"client_id": client_id, "events": [event]}
    params = dict(event["params"])
    own = {name: params.pop(name) for name in ("value", "currency") if name in params}
    return "send_conversions", {
        "client_id": client_id,
        "conversions": [{"name": event["name"], "params": params, **own}],
    }


def number_twins(entries: Iterable[Entry]) -> None:
    """Tell events with the same contents and no reference apart by their turn: twice the same is two events.

    Numbered in the order of the dataset, so that a second run with the same data gives the same references.
    """
    turns: Counter[str] = Counter()
    for entry in entries:
        if entry.reference and not entry.is_named and entry.disposition is not Disposition.REJECTED:
            mark = entry.digest
            turns[mark] += 1
            entry.reference = f"contents:{mark}" if turns[mark] == 1 else f"contents:{mark}:{turns[mark]}"


def snake(text: str) -> str:
    """Return a text as a lower-case name: what is neither letter nor digit becomes one underscore."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def pseudonym() -> str:
    """Return the client id of events that name none: always the same, in Google's form, and nobody's.

    One for all, because a client of its own for each event would be counted as a user.
    """
    number = int(hashlib.sha256(b"newfuse server-side events").hexdigest()[:16], 16)
    return f"{number % 10**10:010d}.{number // 10**10 % 10**10:010d}"
