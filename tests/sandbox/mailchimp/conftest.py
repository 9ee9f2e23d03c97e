"""A Mailchimp account spoken to without a server, by a clock that stands still until a test moves it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from newfuse.sandbox.mailchimp import Mailchimp
from newfuse.sandbox.mailchimp.state import subscriber_hash
from newfuse.sandbox.vendor import VendorRequest, VendorResponse

START = 1_800_000_000.0  # 2027-01-15T08:00:00Z
KEY = "0123456789abcdef-us21"


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"any:{key}".encode()).decode()


class Account:
    """Sends requests as a client would, and knows the seeded ids."""

    new_subscribers = "5a1d0f3c7e"
    active_customers = "c83b9e2d64"
    welcome_series = "7be04a91d2"

    def __init__(self, seed: int = 0) -> None:
        self.at = START
        self.vendor = Mailchimp(seed=seed, now=lambda: self.at)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        **query: Any,
    ) -> VendorResponse:
        """`path` comes after /3.0; `body` goes as JSON, `raw` as it is."""
        encoded = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        pairs = tuple((name, str(value)) for name, value in query.items())
        sent = {"authorization": basic(KEY), "host": "127.0.0.1:8420"} if headers is None else headers
        response = self.vendor.handle(VendorRequest(method, "/3.0" + path, pairs, sent, encoded))
        if not isinstance(response.body, bytes):
            json.dumps(response.body)  # what cannot go over the wire is no answer
        return response

    def get(self, path: str, **query: Any) -> Any:
        return self._body(self.send("GET", path, **query), 200)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        response = self.send("POST", path, body, **query)
        return self._body(response, 204 if response.body is None else 200)

    def put(self, path: str, body: Any = None, **query: Any) -> Any:
        return self._body(self.send("PUT", path, body, **query), 200)

    def patch(self, path: str, body: Any = None, **query: Any) -> Any:
        return self._body(self.send("PATCH", path, body, **query), 200)

    def delete(self, path: str) -> None:
        assert self._body(self.send("DELETE", path), 204) is None

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Return the problem document of a request that must be refused."""
        response = self.send(method, path, body, **more)
        assert response.status >= 400
        assert response.headers["content-type"].startswith("application/problem+json")
        problem: Any = response.body
        assert response.status == problem["status"]
        assert "https://mailchimp.com/developer/marketing/docs/errors/" == problem["type"]
        assert problem["instance"]
        return problem

    def member_path(self, list_id: str, email: str) -> str:
        return f"/lists/{list_id}/members/{subscriber_hash(email)}"

    def add(self, list_id: str, email: str, status: str = "subscribed", **more: Any) -> Any:
        return self.post(f"/lists/{list_id}/members", {"email_address": email, "status": status, **more})

    def campaign(self, list_id: str, *, content: bool = True, **recipients: Any) -> str:
        """Create a regular campaign, ready to send unless `content` is False; return its id."""
        settings = {
            "subject_line": "News",
            "title": "January",
            "from_name": "Sandbox Inc.",
            "reply_to": "news@example.com",
        }
        body = {"type": "regular", "recipients": {"list_id": list_id, **recipients}, "settings": settings}
        campaign_id = str(self.post("/campaigns", body)["id"])
        if content:
            self.put(f"/campaigns/{campaign_id}/content", {"html": '<p>Hi</p><a href="*|UNSUB|*">Leave</a>'})
        return campaign_id

    @property
    def writes(self) -> dict[str, int]:
        return dict(self.vendor.truth()["writes"])

    @staticmethod
    def _body(response: VendorResponse, status: int) -> Any:
        assert status == response.status, response.body
        return response.body


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def make_account() -> type[Account]:
    return Account


@pytest.fixture(name="basic")
def basic_fixture() -> Callable[[str], str]:
    """Makes the header of a key."""
    return basic
