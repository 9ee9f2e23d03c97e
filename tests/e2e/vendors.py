"""A sandbox as everybody sees it who is not the crew: its log, its truth and its faults, read over HTTP."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

PATIENCE_S = 10


class Vendors:
    """The control interface of a sandbox at an address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            found: bytes = answer.read()
        return found

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ask("GET", "/log").splitlines()]

    def truth(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("GET", "/truth"))
        return found

    def fault(self, slug: str, kind: str, **about: Any) -> None:
        self.ask("POST", "/faults", {"slug": slug, "kind": kind, **about})

    def mend(self) -> None:
        self.ask("DELETE", "/faults")

    def calls(self, slug: str) -> int:
        return sum(entry["slug"] == slug for entry in self.log())


def lasting(truth: dict[str, Any]) -> dict[str, Any]:
    """Return the truth without its counters of attempts that changed nothing: what must not differ after a re-run."""
    found = json.loads(json.dumps(truth))
    found["stripe"].pop("idempotent_replays")
    return found  # type: ignore[no-any-return]


def new_charges(truth: dict[str, Any], before: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the charges that went through since an earlier look."""
    there = truth["stripe"]["charges"]
    return [
        row for id_, row in there.items() if id_ not in before["stripe"]["charges"] and row["status"] == "succeeded"
    ]


def new_intents(truth: dict[str, Any], before: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the payment intents that were made since an earlier look."""
    known = before["stripe"]["payment_intents"]
    return {id_: row for id_, row in truth["stripe"]["payment_intents"].items() if id_ not in known}


def minor(truth: dict[str, Any], before: dict[str, Any], name: str) -> dict[str, int]:
    """Return an amount per currency (`captured_minor`, …) that came about since an earlier look, zeros left out."""
    now, then = truth["stripe"][name], before["stripe"][name]
    sums = {currency: now.get(currency, 0) - then.get(currency, 0) for currency in {*now, *then}}
    return {currency: amount for currency, amount in sums.items() if amount}


def addresses(truth: dict[str, Any]) -> list[str]:
    """Return the e-mail addresses of the CRM's contacts that are not archived."""
    rows = truth["hubspot"]["contacts"].values()
    return [row["email"] for row in rows if row.get("email") and not row["archived"]]
