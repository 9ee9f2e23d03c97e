"""Takes secrets out of text and structures before they reach a log, an error, a prompt or a report."""

from __future__ import annotations

import re
from collections.abc import Mapping

from newfuse.types import JSON

MASK = "[redacted]"

SECRET_NAMES = re.compile(
    r"(authorization|api[-_]?key|api[-_]?secret|access[-_]?token|refresh[-_]?token|client[-_]?secret|password|"
    r"passwd|secret|bearer|private[-_]?key|routing[-_]?key|signature|cookie|card[-_]?number|cvc|cvv)",
    re.IGNORECASE,
)

SECRET_VALUES = re.compile(
    r"\b(?:sk|rk)_(?:test|live)_[A-Za-z0-9]{4,}"  # Stripe keys
    r"|\bpat-[A-Za-z0-9-]{8,}"  # HubSpot private-app tokens
    r"|\b[0-9a-f]{32}-us\d{1,3}\b"  # Mailchimp keys
    r"|\bya29\.[A-Za-z0-9_-]{8,}"  # Google access tokens
    r"|\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{16,}"  # OpenAI and Anthropic keys
    r"|\bxox[abprs]-[A-Za-z0-9-]{8,}"  # Slack tokens
    r"|(?i:\b(?:bearer|basic)\s+[A-Za-z0-9+/._~=-]{8,})"
    r"|(?i:(?:api_secret|access_token|client_secret|password)=[^&\s\"']+)",
)


def redact_text(text: str) -> str:
    """Return the text with everything that looks like a credential masked."""
    return SECRET_VALUES.sub(MASK, text)


def redact(value: JSON) -> JSON:
    """Return a copy of a JSON value: values under secret names are masked, texts go through `redact_text`."""
    if isinstance(value, Mapping):
        return {
            name: MASK if SECRET_NAMES.search(str(name)) and inner is not None else redact(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(inner) for inner in value]
    if isinstance(value, str):
        return redact_text(value)
    return value
