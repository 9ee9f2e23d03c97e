"""The credentials that a run uses against the sandbox: none of them opens anything at a real vendor."""

from __future__ import annotations

from typing import Final

SANDBOX_CREDENTIALS: Final[dict[str, dict[str, str]]] = {
    "hubspot": {"api_key": "pat-sandbox-0000"},
    "stripe": {"api_key": "sk_test_sandbox"},
    "mailchimp": {"api_key": "sandbox0000000000000000000000000000-us1"},
    "ga4": {
        "measurement_id": "G-SANDBOX001",
        "api_secret": "sandbox-secret",
        "property_id": "123456789",
        "access_token": "sandbox-token",
    },
}
