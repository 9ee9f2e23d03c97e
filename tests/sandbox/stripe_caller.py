"""Calls Stripe's emulator as a client would, without a socket: encoded forms in, decoded answers out."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from newfuse.sandbox.stripe import Stripe
from newfuse.sandbox.vendor import VendorRequest, VendorResponse

START = 1_760_000_000.0  # a fixed moment
KEY = "sk_test_abcdefghijklmnop"


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self, at: float = START) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += seconds


class Caller:
    """One account and its clock; every call moves the clock by a second, so that no limit is met by chance."""

    def __init__(self, *, pace_s: float = 1.0, **options: Any) -> None:
        self.clock = Clock()
        self.pace_s = pace_s
        self.stripe = Stripe(now=self.clock, **options)

    def send(
        self,
        method: str,
        path: str,
        form: dict[str, Any] | list[tuple[str, str]] | None = None,
        *,
        key: str | None = KEY,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> VendorResponse:
        """Send a request; `form` is nested, or a list of pairs as they are."""
        self.clock.pass_s(self.pace_s)
        path, _, query = path.partition("?")
        pairs = form if isinstance(form, list) else list(flatten(form or {}))
        all_headers = {"content-type": "application/x-www-form-urlencoded"}
        if key:
            all_headers["authorization"] = f"Bearer {key}"
        if idempotency_key is not None:
            all_headers["idempotency-key"] = idempotency_key
        query_pairs = parse_qsl(query, keep_blank_values=True)
        if method != "POST":
            query_pairs += pairs
            pairs = []
        encoded = urlencode(pairs).encode() if body is None else body
        request = VendorRequest(method, path, tuple(query_pairs), {**all_headers, **(headers or {})}, encoded)
        response = self.stripe.handle(request)
        json.dumps(response.body)  # an answer is always JSON
        return response

    def get(self, path: str, form: Any = None, **options: Any) -> Any:
        response = self.send("GET", path, form, **options)
        assert response.status == 200, response.body
        return response.body

    def post(self, path: str, form: Any = None, **options: Any) -> Any:
        response = self.send("POST", path, form, **options)
        assert response.status == 200, response.body
        return response.body

    def refused(self, method: str, path: str, form: Any = None, **options: Any) -> Any:
        """Return the `error` object of an answer that must be a refusal, with its status."""
        response = self.send(method, path, form, **options)
        assert response.status >= 400, response.body
        return {"status": response.status, **response.body["error"]}

    def pay(self, amount: int = 2_000, method: str = "pm_card_visa", **more: Any) -> Any:
        """Create and confirm a card payment."""
        return self.post("/v1/payment_intents", payment(amount, method, **more))


def payment(amount: int = 2_000, method: str = "pm_card_visa", **more: Any) -> dict[str, Any]:
    """Return the form of a card payment that is confirmed at once."""
    return {
        "amount": amount,
        "currency": "usd",
        "payment_method": method,
        "payment_method_types": ["card"],
        "confirm": True,
        **more,
    }


def flatten(value: Any, prefix: str = "") -> itertools.chain[tuple[str, str]]:
    """Encode nesting as Stripe's own clients do."""
    if isinstance(value, dict):
        parts = (flatten(item, f"{prefix}[{name}]" if prefix else name) for name, item in value.items())
        return itertools.chain.from_iterable(parts)
    if isinstance(value, list):
        parts = (flatten(item, f"{prefix}[{index}]") for index, item in enumerate(value))
        return itertools.chain.from_iterable(parts)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return itertools.chain([(prefix, text)])
