"""Says how long something took."""

from __future__ import annotations

MINUTE_S = 60


def duration(seconds: float) -> str:
    """Return a span of time for people: `0.4 s`, `12.0 s`, `3 min 05 s`."""
    if seconds < MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), MINUTE_S)
    return f"{minutes} min {rest:02d} s"
