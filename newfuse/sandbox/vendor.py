"""What every emulated vendor is: a function from one request to one response, over kept state.

Emulators are written from the vendor's published specification, never from our connectors, and import none
of them.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from newfuse.sandbox import json_text

JSON = Any  # a decoded JSON value: dict, list, str, number, bool or None


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """One request as the vendor sees it: the path is its own, without the sandbox's /<slug> prefix."""

    method: str  # upper case
    path: str  # begins with "/", still percent-encoded
    query: tuple[tuple[str, str], ...]  # decoded pairs, in the order sent
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> JSON:
        """Decode the body as JSON.

        Raises:
            ValueError: The body is not JSON, or is nested without end; the vendor answers with its own parse error.
        """
        return json_text.decode(self.body)

    def form(self) -> list[tuple[str, str]]:
        """Decode an `application/x-www-form-urlencoded` body into its pairs, blank values kept."""
        return parse_qsl(self.body.decode("utf-8"), keep_blank_values=True)

    def param(self, name: str, default: str | None = None) -> str | None:
        """Return the last query parameter of that name."""
        return dict(self.query).get(name, default)


@dataclass(frozen=True, slots=True)
class VendorResponse:
    """What the vendor answers: `body` is encoded as JSON unless it is bytes; None is an empty body."""

    status: int
    body: JSON | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[..., VendorResponse]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: a method, a path template such as `/v1/refunds/{id}`, and what serves it."""

    method: str
    template: str
    handler: Handler
    pattern: re.Pattern[str]


class Vendor(ABC):
    """One vendor's emulator.

    `handle` is called by one request at a time, so it needs no locks over its state; it never blocks.
    """

    slug: ClassVar[str]
    credentials: ClassVar[Mapping[str, str]] = {}
    """What a run gives the integration of this vendor to use here, by field; it opens nothing anywhere else."""
    rate_limited: bool = True  # False switches `throttle` off, for benchmarks of something else than the limit

    def __init__(self, *, seed: int = 0, now: Callable[[], float] = time.time) -> None:
        """Start with the seeded state.

        Args:
            seed: Makes generated ids repeatable.
            now: The clock, in epoch seconds; tests pass their own.
        """
        self.seed = seed
        self.now = now
        self.routes: list[Route] = []

    def route(self, method: str, template: str, handler: Handler) -> None:
        """Serve `method template` by `handler(request, **path_parameters)`, which arrive percent-decoded."""
        pattern = re.compile("^" + re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template)) + "$")
        self.routes.append(Route(method, template, handler, pattern))

    def match(self, request: VendorRequest) -> tuple[Route, dict[str, str]] | None:
        """Find the route of a request; the first registered wins."""
        for route in self.routes:
            if route.method == request.method and (found := route.pattern.match(request.path)):
                return route, {name: unquote(value) for name, value in found.groupdict().items()}
        return None

    def handle(self, request: VendorRequest) -> VendorResponse:
        """Answer one request: authenticate, rate-limit, dispatch; always in the vendor's own shapes."""
        refused = self.authenticate(request)
        if refused is None and self.rate_limited:
            refused = self.throttle(request)
        if refused is not None:
            return refused
        matched = self.match(request)
        if matched is None:
            return self.not_found(request)
        route, parameters = matched
        return route.handler(request, **parameters)

    @abstractmethod
    def authenticate(self, request: VendorRequest) -> VendorResponse | None:
        """Return the vendor's 401 when the credentials are missing or wrong, else None."""

    def throttle(self, request: VendorRequest) -> VendorResponse | None:
        """Return the vendor's 429 when its own documented limit is exceeded, else None."""
        return None

    @abstractmethod
    def not_found(self, request: VendorRequest) -> VendorResponse:
        """Answer a method or path the vendor does not have."""

    @abstractmethod
    def too_many_requests(self, retry_after_s: float) -> VendorResponse:
        """Return the vendor's 429, in its own shape and with its own headers (fault kind `rate_limit`)."""

    @abstractmethod
    def failure(self, status: int) -> VendorResponse:
        """Return the vendor's own body for a fault of kind `status`, e.g. 500 or 401."""

    @abstractmethod
    def truth(self) -> dict[str, Any]:
        """Say what really exists at this vendor: JSON, by id, amounts in minor units per currency."""
