"""API keys: which are accepted, and which mode they open.

https://docs.stripe.com/keys
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from newfuse.sandbox.stripe.errors import StripeError

PREFIXES = ("sk_test_", "sk_live_", "rk_test_", "rk_live_")
REFUSED_WORDS = (
    "invalid",
    "revoked",
    "expired",
)  # the emulator's own: a key that contains one is not accepted

_HELP = "See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/."


def mode(headers: Mapping[str, str]) -> bool:
    """Return whether the request's key is a live one.

    Args:
        headers: By lower-case name. The key comes as Bearer, or as the user name of Basic with an empty
            password.

    Raises:
        StripeError: There is no key, or it is not accepted (401).
    """
    given = headers.get("authorization", "")
    key = _read(given)
    if not key:
        missing = "You did not provide an API key. You need to provide your API key in the Authorization header, using"
        if given:
            missing = "You did not provide an API key, though you did set your Authorization header. Authenticate using"
        raise StripeError(f"{missing} Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). {_HELP}", status=401)
    if not key.startswith(PREFIXES) or any(word in key.lower() for word in REFUSED_WORDS):
        if key.startswith(PREFIXES) and "expired" in key.lower():
            raise StripeError(f"Expired API Key provided: {mask(key)}", status=401, code="api_key_expired")
        raise StripeError(f"Invalid API Key provided: {mask(key)}", status=401)
    return key.startswith(("sk_live_", "rk_live_"))


def mask(key: str) -> str:
    """Return a key as Stripe repeats it: its prefix, stars, and its last four characters."""
    prefix = next((prefix for prefix in PREFIXES if key.startswith(prefix)), key[:3])
    shown = key[-4:] if len(key) >= len(prefix) + 8 else ""
    return prefix + "*" * (len(key) - len(prefix) - len(shown)) + shown


def _read(header: str) -> str:
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeError):
            return ""
        return user if not password else ""
    return ""
