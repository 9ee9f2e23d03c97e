"""HTTP to vendors: one client per account. Only this room imports httpx, at the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from newfuse.http.breaker import BreakerPolicy, BreakerState
from newfuse.http.client import ApiClient
from newfuse.http.config import ApiConfig
from newfuse.http.context import CALL, LISTENERS, CallContext, calling
from newfuse.http.paginate import Cursor, LinkNext, Offset, PageNumber, Pages
from newfuse.http.rate_limit import RateHeaders, RateLimit, SharedQuota
from newfuse.http.record import CallRecord, Recorder
from newfuse.http.response import ApiResponse, Describe, Expect, Fault
from newfuse.http.retry import RetryPolicy

if TYPE_CHECKING:
    from httpx import AsyncBaseTransport, Auth, MockTransport, Request, Response

__all__ = [
    "CALL",
    "LISTENERS",
    "ApiClient",
    "ApiConfig",
    "ApiResponse",
    "AsyncBaseTransport",
    "Auth",
    "BreakerPolicy",
    "BreakerState",
    "CallContext",
    "CallRecord",
    "Cursor",
    "Describe",
    "Expect",
    "Fault",
    "LinkNext",
    "MockTransport",
    "Offset",
    "PageNumber",
    "Pages",
    "RateHeaders",
    "RateLimit",
    "Recorder",
    "Request",
    "Response",
    "RetryPolicy",
    "SharedQuota",
    "calling",
]

_FROM_HTTPX = frozenset({"AsyncBaseTransport", "Auth", "MockTransport", "Request", "Response"})


def __getattr__(name: str) -> Any:
    if name in _FROM_HTTPX:
        import httpx

        return getattr(httpx, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
