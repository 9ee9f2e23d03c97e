"""Takes the keys that a model was given out of what its server says, however the server writes them."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Protocol

from newfuse.redact import MASK, redact_text

SHORTEST_MASKED = 6
"""Characters of a key; a shorter one stands in ordinary words, as `none` does."""
BITS = 6  # of a character of base64


class Masker(Protocol):
    """Whatever masks the secrets of one account in a text."""

    def text(self, text: str) -> str:
        """Return the text with the secrets masked."""


class KeyMasker:
    """Masks what looks like a secret, and these secrets in plain, percent-encoded, base64 and JSON-escaped forms."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = [secret for secret in secrets if len(secret) >= SHORTEST_MASKED]
        forms = [form for secret in known for form in (secret, *_in_base64(secret))]
        spellings = [_spellings(form) for form in sorted(forms, key=len, reverse=True)]
        self._known = re.compile("|".join(spellings)) if spellings else None

    def __repr__(self) -> str:
        return "KeyMasker()"

    def text(self, text: str) -> str:
        """Return the text with the secrets masked."""
        return redact_text(self._known.sub(MASK, text) if self._known is not None else text)


def _spellings(text: str) -> str:
    """Return an expression for a text of which any character may be percent-encoded or escaped as in JSON."""
    return "".join(f"(?:{'|'.join(_spellings_of(char))})" for char in text)


def _spellings_of(char: str) -> Iterable[str]:
    yield re.escape(char)
    yield "(?i:" + "".join(f"%(?:25)*{byte:02x}" for byte in char.encode("utf-8", "surrogatepass")) + ")"
    escaped = json.dumps(char)[1:-1]
    yield rf"\\+(?i:u{ord(char):04x})" if ord(char) <= 0xFFFF else re.escape(escaped)  # noqa: PLR2004 - RFC 8259, 7
    if char in "\"'\\/":
        yield rf"\\+{re.escape(char)}"


def _in_base64(secret: str) -> Iterable[str]:
    """Return how a secret stands in base64: from its own beginning, and behind one or two other bytes of three."""
    for before in range(3):
        data = bytes(before) + secret.encode("utf-8", "surrogatepass")
        first = -(-before * 8 // BITS)  # characters that hold a bit of what stands before
        last = len(data) * 8 // BITS  # characters that hold no bit of what may follow
        yield from {encode(data).decode()[first:last] for encode in (b64encode, urlsafe_b64encode)}
