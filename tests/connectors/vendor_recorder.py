"""A vendor that answers what it is told to and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

Answer = Callable[["Asked"], tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it went out."""

    method: str
    url: httpx.URL
    headers: httpx.Headers
    body: Any

    @property
    def path(self) -> str:
        return self.url.path

    @property
    def target(self) -> str:
        """Path and query, still percent-encoded."""
        return self.url.raw_path.decode()


class VendorRecorder:
    """Gives every request the same answer, or what a function says."""

    def __init__(self, answer: Answer | tuple[int, Any] = (200, {})) -> None:
        self.asked: list[Asked] = []
        self._answer = answer
        self.transport = httpx.MockTransport(self._handle)

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    def _handle(self, request: httpx.Request) -> httpx.Response:
        content = request.content
        asked = Asked(request.method, request.url, request.headers, json.loads(content) if content else None)
        self.asked.append(asked)
        status, body = self._answer(asked) if callable(self._answer) else self._answer
        return httpx.Response(status, json=body) if body is not None else httpx.Response(status)
