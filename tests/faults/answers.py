"""Answers that are not the vendor's: what a gateway, a proxy or a load balancer says in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1><hr>gateway</body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it comes over the wire."""

    status: int
    body: bytes
    kind: str
    headers: Mapping[str, str] = field(default_factory=dict)


def page(status: int, title: str, **headers: str) -> Answer:
    """Return an answer with a page for people."""
    said = title.encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, PAGE % (said, said), "text/html; charset=utf-8", named)


def json(status: int, body: bytes) -> Answer:
    """Return an answer that says it is JSON."""
    return Answer(status, body, "application/json")


# By name: what stands in the name of a failing cell.
FOREIGN: dict[str, Answer] = {
    "400": page(400, "400 Bad Request"),
    "400 in plain words": Answer(400, b"Bad Request", "text/plain"),
    "404": page(404, "404 Not Found"),
    "404 of a gateway in JSON": json(404, b'{"message":"no Route matched with those values"}'),  # Kong's words
    "302": page(302, "302 Found", location="https://login.gateway.example/?next=%2F"),
    "408": page(408, "408 Request Time-out"),
    "500": page(500, "500 Internal Server Error"),
    "503": page(503, "503 Service Temporarily Unavailable"),
    # Not to be waited for: how long is asked makes no difference to what may be believed.
    "503 with Retry-After": page(503, "503 Service Temporarily Unavailable", retry_after="0"),
    "200 with a page": page(200, "We will be back soon"),
    "200 with null": json(200, b"null"),
    "200 with {}": json(200, b"{}"),
    "200 with JSON cut off": json(200, b'{"id":"1","object":"list","data":[{"id":"x'),
}
