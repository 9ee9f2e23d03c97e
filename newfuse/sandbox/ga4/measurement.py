"""The Measurement Protocol's rules: what the validation server says, what collection drops without a word.

Sources: https://developers.google.com/analytics/devguides/collection/protocol/ga4 (reference, sending events,
validating events) and the schemas of Google's own Event Builder (github googleanalytics/ga-dev-tools). The
wording of the descriptions is Google's where its pages show it, else our own [unverified].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from newfuse.sandbox import json_text

MAX_BODY_BYTES: Final = 130 * 1024
MAX_EVENTS: Final = 25
MAX_PARAMS: Final = 25
MAX_USER_PROPERTIES: Final = 25
MAX_NAME_CHARS: Final = 40
MAX_VALUE_CHARS: Final = 100
MAX_USER_PROPERTY_NAME_CHARS: Final = 24
MAX_USER_PROPERTY_VALUE_CHARS: Final = 36
# Standard parameters that may be longer (https://support.google.com/analytics/answer/9267744).
LONGER_VALUES: Final = {"page_title": 300, "page_referrer": 420, "page_location": 1000}
MAX_MICROS_DIGITS: Final = 19  # of an int64
MAX_AGE_S: Final = 72 * 3600  # events may be backdated by 72 hours

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_RESERVED_PREFIXES: Final = ("_", "firebase_", "ga_", "google_", "gtag.")
RESERVED_EVENTS: Final = frozenset(
    (
        *("ad_activeview", "ad_click", "ad_exposure", "ad_query", "ad_reward", "adunit_exposure"),
        *("app_clear_data", "app_exception", "app_install", "app_remove", "app_store_refund", "app_update"),
        *("app_upgrade", "dynamic_link_app_open", "dynamic_link_app_update", "dynamic_link_first_open"),
        *("error", "firebase_campaign", "first_open", "first_visit", "in_app_purchase"),
        *("notification_dismiss", "notification_foreground", "notification_open", "notification_receive"),
        *("os_update", "session_start", "user_engagement"),
    )
)
RESERVED_USER_PROPERTIES: Final = frozenset(
    (
        *("first_open_time", "first_visit_time", "last_deep_link_referrer", "user_id"),
        "first_open_after_install",
    )
)
# Parameters without which the Event Builder's schema refuses a recommended event.
REQUIRED_PARAMS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            *("add_payment_info", "add_shipping_info", "add_to_cart", "add_to_wishlist", "begin_checkout"),
            *("remove_from_cart", "view_cart", "view_item"),
        ),
        ("value", "items"),
    ),
    **dict.fromkeys(("select_item", "view_item_list", "view_promotion"), ("items",)),
    "generate_lead": ("value",),
    "post_score": ("score",),
    "purchase": ("transaction_id", "items", "value"),
    "refund": ("transaction_id", "value"),
    "search": ("search_term",),
    "spend_virtual_currency": ("value", "virtual_currency_name"),
    "unlock_achievement": ("achievement_id",),
}
_TOP_LEVEL: Final = frozenset(
    (
        *("client_id", "app_instance_id", "user_id", "timestamp_micros", "user_properties", "user_data"),
        *("consent", "non_personalized_ads", "user_location", "ip_override", "device", "user_agent"),
        *("validation_behavior", "events"),
    )
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a request."""

    code: str  # Google's ValidationCode: NAME_INVALID, VALUE_REQUIRED …
    path: str
    description: str
    event: int | None = None  # the index of the event it is about; None is the whole request
    drops: bool = False  # whether collection drops the event (or the whole request) for it

    def as_json(self) -> dict[str, str]:
        """Return it as the validation server shows it."""
        return {"fieldPath": self.path, "description": self.description, "validationCode": self.code}


def read(body: bytes) -> tuple[dict[str, Any] | None, list[Finding]]:
    """Decode a body and find everything that is wrong with it.

    Returns:
        The decoded body, or None when it is no object; and the findings, in the order of the body.
    """
    if len(body) > MAX_BODY_BYTES:
        text = f"The body must be smaller than {MAX_BODY_BYTES} bytes."
        return None, [_request("VALUE_OUT_OF_BOUNDS", "", text)]
    try:
        payload = json_text.decode(body)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        return None, [_request("VALUE_INVALID", "", "Unable to parse Measurement Protocol JSON payload.")]
    findings = _request_findings(payload)
    events = payload.get("events")
    if isinstance(events, list):
        for index, event in enumerate(events[:MAX_EVENTS]):
            findings += _event_findings(index, event)
    return payload, findings


def _request(code: str, path: str, description: str, *, drops: bool = True) -> Finding:
    return Finding(code, path, description, drops=drops)


def _request_findings(payload: Mapping[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    for name in payload:
        if name not in _TOP_LEVEL:
            text = f'Unable to parse Measurement Protocol JSON payload. Cannot find field "{name}".'
            findings.append(_request("VALUE_INVALID", name, text))
    client_id = payload.get("client_id")
    if client_id in (None, ""):
        findings.append(_request("VALUE_REQUIRED", "client_id", "Measurement requires a client_id."))
    elif not isinstance(client_id, str):
        findings.append(_request("VALUE_INVALID", "client_id", "client_id must be a string."))
    events = payload.get("events")
    if not isinstance(events, list) or not events:
        findings.append(_request("VALUE_REQUIRED", "events", "Measurement requires at least one event."))
    elif len(events) > MAX_EVENTS:
        text = f"Measurement must have at most {MAX_EVENTS} events, but has [{len(events)}]."
        findings.append(_request("EXCEEDED_MAX_ENTITIES", "events", text))
    if not is_micros(payload.get("timestamp_micros")):
        text = "timestamp_micros must be a whole number of microseconds."
        findings.append(_request("VALUE_INVALID", "timestamp_micros", text, drops=False))
    return findings + _user_property_findings(payload.get("user_properties"))


def _user_property_findings(properties: Any) -> list[Finding]:
    path = "user_properties"
    if properties is None:
        return []
    if not isinstance(properties, dict):
        return [_request("VALUE_INVALID", path, "user_properties must be an object.", drops=False)]
    findings: list[Finding] = []
    if len(properties) > MAX_USER_PROPERTIES:
        text = f"Measurement has [{len(properties)}] user properties, the most is {MAX_USER_PROPERTIES}."
        findings.append(_request("EXCEEDED_MAX_ENTITIES", path, text, drops=False))
    for name, given in properties.items():
        subject = f"User property [{name}]"
        code, reason = _name_fault(name, MAX_USER_PROPERTY_NAME_CHARS, RESERVED_USER_PROPERTIES) or ("", "")
        value = given.get("value") if isinstance(given, dict) else None
        if not code and value is None:
            code, reason = "VALUE_REQUIRED", "must be an object with a value."
        if not code and len(str(value)) > MAX_USER_PROPERTY_VALUE_CHARS:
            code = "VALUE_OUT_OF_BOUNDS"
            reason = f"has a value longer than {MAX_USER_PROPERTY_VALUE_CHARS} characters."
        if code:
            findings.append(_request(code, path, f"{subject} {reason}", drops=False))
    return findings


def _event_findings(index: int, event: Any) -> list[Finding]:
    if not isinstance(event, dict):
        text = f"Event at index: [{index}] must be an object."
        return [Finding("VALUE_INVALID", "events", text, index, drops=True)]
    name, params = event.get("name"), event.get("params", {})
    if not isinstance(name, str) or not name:
        text = f"Event at index: [{index}] requires a name."
        return [Finding("VALUE_REQUIRED", "events", text, index, drops=True)]
    findings: list[Finding] = []
    name_fault = _name_fault(name, MAX_NAME_CHARS, RESERVED_EVENTS)
    if name_fault is not None:
        text = f"Event at index: [{index}] has invalid name [{name}]. {name_fault[1]}"
        findings.append(Finding(name_fault[0], "events", text, index, drops=True))
    if not isinstance(params, dict):
        text = f"Event at index: [{index}] must have its params as an object."
        return [*findings, Finding("VALUE_INVALID", "events.params", text, index, drops=True)]
    if not is_micros(event.get("timestamp_micros")):
        text = f"Event at index: [{index}] has an invalid timestamp_micros."
        findings.append(Finding("VALUE_INVALID", "events.timestamp_micros", text, index))
    return findings + _param_findings(index, name, params)


def _param_findings(index: int, event: str, params: Mapping[str, Any]) -> list[Finding]:
    start = f"Event at index: [{index}]"
    findings: list[Finding] = []

    def find(code: str, path: str, text: str) -> None:
        findings.append(Finding(code, path, f"{start} {text}", index))

    if len(params) > MAX_PARAMS:
        text = f"must have at most {MAX_PARAMS} params, but has [{len(params)}]."
        find("EXCEEDED_MAX_ENTITIES", "events.params", text)
    for name, value in params.items():
        name_fault = _name_fault(name, MAX_NAME_CHARS, frozenset())
        if name_fault is not None:
            find(name_fault[0], "events.params", f"has invalid param name [{name}]. {name_fault[1]}")
        most = LONGER_VALUES.get(name, MAX_VALUE_CHARS)
        if isinstance(value, str) and len(value) > most:
            text = f"has a value longer than {most} characters."
            find("VALUE_OUT_OF_BOUNDS", f"events.params.{name}", text)
    for name in REQUIRED_PARAMS.get(event, ()):
        if params.get(name) in (None, "", []):
            find("VALUE_REQUIRED", f"events.params.{name}", f"with name [{event}] requires [{name}].")
    currency, value = params.get("currency"), params.get("value")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        find("VALUE_INVALID", "events.params.value", "must have a number as its value.")
    if value is not None and currency is None:
        find("VALUE_REQUIRED", "events.params.currency", "has a value, so it requires a currency.")
    if currency is not None and not (isinstance(currency, str) and _CURRENCY.fullmatch(currency)):
        find("VALUE_INVALID", "events.params.currency", "must have its currency in 3-letter ISO 4217 format.")
    items = params.get("items")
    if isinstance(items, list):
        for item in items:
            if not isinstance(item, dict) or not (item.get("item_id") or item.get("item_name")):
                find("VALUE_REQUIRED", "events.params.items", "requires item_id or item_name in each item.")
                break
    elif items is not None:
        find("VALUE_INVALID", "events.params.items", "must have a list as its items.")
    return findings


def _name_fault(name: str, most: int, reserved: frozenset[str]) -> tuple[str, str] | None:
    """Return the code and the sentence of what is wrong with a name."""
    if name in reserved:
        return "NAME_RESERVED", "The name is reserved."
    if name.startswith(_RESERVED_PREFIXES[1:]):
        return "NAME_RESERVED", "The name begins with a reserved prefix."
    if not name[:1].isascii() or not name[:1].isalpha():
        return "NAME_INVALID", "Names must start with an alphabetic character."
    if not _NAME.fullmatch(name):
        return "NAME_INVALID", "Names must hold alphanumeric characters and underscores only."
    if len(name) > most:
        return "NAME_INVALID", f"Names must be at most {most} characters long."
    return None


def is_micros(value: Any) -> bool:
    """Say whether a timestamp is left out, or a whole number (which JSON may carry as text)."""
    if value is None:
        return True
    return not isinstance(value, bool) and str(value).isdecimal() and len(str(value)) <= MAX_MICROS_DIGITS
