"""The sandbox itself: its vendors, their state, the log of what they received, and the faults asked for."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newfuse.sandbox.doubles import available_doubles
from newfuse.sandbox.faults import Faults
from newfuse.sandbox.request_log import LogEntry, RequestLog
from newfuse.sandbox.vendor import Vendor, VendorRequest, VendorResponse

_logger = logging.getLogger(__name__)


class Sandbox:
    """Every vendor's emulator over one kept state; it knows nothing of HTTP servers.

    Calls are safe from any thread: one request or reading at a time.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        log_file: Path | None = None,
        now: Callable[[], float] = time.time,
        rate_limits: bool = True,
    ) -> None:
        """Start with the seeded state.

        Args:
            seed: Makes generated ids and the draws of faults repeatable.
            log_file: Log lines are also appended here.
            now: The clock, in epoch seconds, that vendors and the log go by.
            rate_limits: False switches the vendors' own limits off (the fault kind `rate_limit` stays).

        Raises:
            OSError: The log file cannot be opened for appending.
        """
        self.seed = seed
        self.now = now
        self.rate_limits = rate_limits
        self.request_log = RequestLog(log_file)
        self._doubles = available_doubles()
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self.instance_id = secrets.token_hex(8)
        self.started_at = datetime.fromtimestamp(self.now(), UTC)
        self.faults = Faults(self.seed)
        self.vendors: dict[str, Vendor] = {
            slug: double(seed=self.seed, now=self.now) for slug, double in self._doubles.items()
        }
        for vendor in self.vendors.values():
            vendor.rate_limited = self.rate_limits

    @property
    def log(self) -> tuple[LogEntry, ...]:
        """Every vendor request since the start or the last reset, in the order of arrival."""
        return self.request_log.entries

    def handle(self, slug: str, request: VendorRequest) -> VendorResponse:
        """Let a vendor answer one request; a defect of its emulator is answered as the vendor's own 500."""
        with self._lock:
            vendor = self.vendors[slug]
            try:
                return vendor.handle(request)
            except Exception:
                _logger.exception("The emulator of %s failed on %s %s", slug, request.method, request.path)
                return vendor.failure(500)

    def truth(self, slug: str | None = None) -> dict[str, Any]:
        """Say what really exists: `{slug: the vendor's truth}`, of one vendor or of all.

        Raises:
            KeyError: There is no vendor of that slug.
        """
        with self._lock:
            chosen = self.vendors if slug is None else {slug: self.vendors[slug]}
            return {name: vendor.truth() for name, vendor in chosen.items()}

    def reset(self) -> None:
        """Go back to the seeded state, with an empty log, no faults and a new instance id."""
        with self._lock:
            self.request_log.clear()
            self._begin()

    def close(self) -> None:
        """Close the log file."""
        self.request_log.close()
