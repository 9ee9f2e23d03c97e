"""A limit of so many requests in any interval of so many seconds."""

from __future__ import annotations

import math
from collections import deque


class RollingWindow:
    """Counts what was let through within the last interval."""

    def __init__(self, limit: int, interval_s: float) -> None:
        """Let `limit` through in any `interval_s` seconds."""
        self.limit = limit
        self.interval_s = interval_s
        self._taken: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Let one more through at that moment, or say that the limit is reached."""
        self._forget(now)
        if len(self._taken) >= self.limit:
            return False
        self._taken.append(now)
        return True

    def remaining(self, now: float) -> int:
        """Return how many more would be let through at that moment."""
        self._forget(now)
        return self.limit - len(self._taken)

    def wait_s(self, now: float) -> int:
        """Return after how many whole seconds the next one would be let through."""
        self._forget(now)
        if len(self._taken) < self.limit:
            return 0
        return max(1, math.ceil(self._taken[0] + self.interval_s - now))

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0] <= now - self.interval_s:
            self._taken.popleft()
