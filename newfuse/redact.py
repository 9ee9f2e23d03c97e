"""Takes secrets out of text and structures before they reach a log, an error, a prompt or a report."""

from __future__ import annotations

import re
from collections.abc import Mapping

from newfuse.types import JSON

MASK = "[redacted]"

_NAMES = (
    r"(?:authorization|api[-_]?key|api[-_]?secret|(?:access|refresh)[-_]?token|client[-_]?secret|password|passwd|"
    r"passphrase|secret|bearer|private[-_]?key|access[-_]?key|routing[-_]?key|signature|cookie|card[-_]?number|"
    r"cvc|cvv|token\b)"  # `token` at the end of a name only: `max_tokens` counts, `token_url` is an address
)

SECRET_NAMES = re.compile(_NAMES, re.IGNORECASE)

SECRET_VALUES = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|rk)_(?:test|live)_[A-Za-z0-9]{4,}"  # Stripe keys
    r"|_secret_[A-Za-z0-9]{16,}"  # Stripe client secrets, which follow the id of what they open
    r"|whsec_[A-Za-z0-9+/=]{8,}"  # webhook signing secrets: Stripe, Standard Webhooks
    r"|(?<![A-Za-z0-9])pat-[A-Za-z0-9-]{8,}"  # HubSpot private-app tokens
    r"|(?<![0-9a-f])[0-9a-f]{32}-us\d{1,3}"  # Mailchimp keys
    r"|(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{8,}"  # Google access tokens,
    r"|(?<![A-Za-z0-9])1//0[A-Za-z0-9_-]{20,}"  # refresh tokens,
    r"|(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}"  # API keys
    r"|(?<![A-Za-z0-9])GOCSPX-[A-Za-z0-9_-]{20,}"  # and client secrets
    r"|(?<![A-Za-z0-9])sk-(?:ant-|proj-)?[A-Za-z0-9_-]{16,}"  # OpenAI and Anthropic keys
    r"|(?<![A-Za-z0-9])hf_[A-Za-z0-9]{16,}"  # Hugging Face tokens
    r"|(?<![A-Za-z0-9])x(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}"  # Slack tokens
    r"|(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"  # signed JSON web tokens
    # Credentials after the name of their scheme; "basic settings" is English.
    r"|\b(?i:bearer|basic)\s+(?=[A-Za-z0-9+/._~=-]*[A-Z0-9=]|[a-z]{20})[A-Za-z0-9+/._~=-]{8,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user and password in a URL
)

# `name=value`, `"name": "value"` and `Header: value`, as they stand in queries, dumped bodies and dumped headers.
_NAMED_VALUES = re.compile(
    rf"(?P<name>{_NAMES}=)(?![;,.])[^&\s\"']+"
    rf"|(?P<quoted>[\"'][\w-]{{0,40}}?{_NAMES}[\w-]{{0,40}}[\"']\s*:\s*)(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<header>\b(?:authorization|x-api-key)\s*:\s*(?:(?:bearer|basic)\s+)?)[A-Za-z0-9+/._~=-]{8,}",
    re.IGNORECASE,
)


# 13 to 19 digits, by themselves or in groups (ISO/IEC 7812-1); the check digit tells a card from another number.
_CARD_NUMBERS = re.compile(r"(?<![\d.])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\d.]\d|\d)")

# Nothing of an expression above can match a text that holds none of its hints. Looking for the hints is some twenty
# times faster than the expressions, and nearly every text that goes through here holds none.
_VALUE_HINTS = (
    "_test_", "_live_", "_secret_", "whsec_", "pat-", "-us", "ya29.", "1//0", "AIza", "GOCSPX-", "sk-", "hf_", "xox",
    "xapp-", "eyJ",
)  # fmt: skip
_SCHEME_HINTS = ("bearer", "basic")  # in whatever case, like the next
_NAME_HINTS = (
    "authorization", "key", "secret", "token", "passw", "passphrase", "bearer", "signature", "cookie", "card", "cvc",
    "cvv",
)  # fmt: skip


def redact_text(text: str) -> str:
    """Return the text with everything that looks like a credential or a payment card's number masked."""
    folded, masked = _folded(text), text
    if _holds(text, _VALUE_HINTS) or _holds(folded, _SCHEME_HINTS) or ("://" in text and "@" in text):
        masked = SECRET_VALUES.sub(MASK, masked)
    if ("=" in text or ":" in text) and _holds(folded, _NAME_HINTS):
        masked = _NAMED_VALUES.sub(_keep_name, masked)
    return _CARD_NUMBERS.sub(lambda found: MASK if _is_card_number(found[0]) else found[0], masked)


def redact(value: JSON) -> JSON:
    """Return a copy of a JSON value: values under secret names are masked, texts go through `redact_text`."""
    if isinstance(value, Mapping):
        return {
            redact_text(name) if isinstance(name, str) else name: (
                MASK if SECRET_NAMES.search(str(name)) and inner is not None else redact(inner)
            )
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(inner) for inner in value]
    if isinstance(value, str):
        return redact_text(value)
    return value


def _holds(text: str, hints: tuple[str, ...]) -> bool:
    for hint in hints:  # noqa: SIM110 - twice as fast as `any` of a generator
        if hint in text:
            return True
    return False


def _folded(text: str) -> str:
    """Return the text in lower case, as `re.IGNORECASE` has it: these three letters are an s and an i to it."""
    if not text.isascii():
        text = text.replace("\u017f", "s").replace("\u0130", "i").replace("\u0131", "i")
    return text.lower()


def _keep_name(found: re.Match[str]) -> str:
    return f"{found['name'] or found['quoted'] or found['header']}{MASK}"


def _is_card_number(text: str) -> bool:
    """Say whether the digits end in the right check digit (Luhn, ISO/IEC 7812-1 annex B)."""
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [digit * 2 if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0  # noqa: PLR2004 - digits
