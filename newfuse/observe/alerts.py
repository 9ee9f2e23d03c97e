"""Alerts as they were evaluated: what was measured, and whether it is beyond its threshold."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    WARNING = "warning"


class AlertState(StrEnum):
    """What an evaluation came to."""

    FIRING = "firing"
    OK = "ok"
    NOT_MEASURED = "not measured"


class Alert(BaseModel):
    """One alert, evaluated.

    Attributes:
        name: What is watched, e.g. `API response time`.
        severity: How soon somebody should look when it fires.
        threshold: The value beyond which it fires.
        unit: Unit of `threshold` and `value`.
        value: What was measured, the worst service's where it is evaluated for each; None when nothing was.
        state: `firing`, `ok` or `not measured`.
        n: How many requests, effects or records the value was taken from.
        window: What was looked at, in words.
        since: Where that begins, or the time it counts from; None where it has no beginning.
        about: The services that fire it, worst first, or the worst one; empty where it is about none in particular.
        below: Whether it fires below the threshold instead of above it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    severity: Severity
    threshold: float
    unit: str
    value: float | None
    state: AlertState
    n: int
    window: str
    since: datetime | None = None
    about: list[str] = []
    below: bool = False
