"""A vendor in this process behind an httpx transport, which keeps every request as it would go over the wire."""

from __future__ import annotations

from typing import Any

import httpx

from newfuse.sandbox.vendor import Vendor, VendorRequest


class Wire:
    """Answers from a sandbox vendor; `requests` holds what was sent, `paths` what the vendor would see of each."""

    def __init__(self, vendor: Vendor) -> None:
        vendor.rate_limited = False
        self.vendor = vendor
        self.requests: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)

    @property
    def last(self) -> httpx.Request:
        return self.requests[-1]

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.vendor.handle(
            VendorRequest(
                request.method,
                request.url.raw_path.decode().partition("?")[0],
                tuple(request.url.params.multi_items()),
                {name.lower(): value for name, value in request.headers.items()},
                request.content,
            )
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), **_content(answer.body))


def _content(body: Any) -> dict[str, Any]:
    return {} if body is None else {"content": body} if isinstance(body, bytes) else {"json": body}
