"""What a health call finds out."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class Health(BaseModel):
    """One health call: whether the vendor answered, how fast, and when."""

    ok: bool
    latency_ms: float
    at: datetime
    error: str | None = None
