"""What the sandbox received: one line per vendor request, in the order of arrival, without any secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO


@dataclass(slots=True)
class LogEntry:
    """One vendor request; headers, query and body are left out, so no credential can be in it."""

    seq: int  # from 1, in the order of arrival
    at: str  # ISO 8601, UTC
    slug: str
    method: str
    path: str  # the vendor's own path, without the query
    template: str | None  # the route it matched, None if the vendor has no such route
    status: int | None  # None: the connection was dropped, or the answer is not out yet
    request_id: str | None
    idempotency_key: str | None
    bytes_in: int  # of the request's body
    bytes_out: int  # of the answer's body
    fault: str | None  # the kind of the fault that was applied

    def line(self) -> str:
        """Return the entry as one JSON line, with its newline."""
        return json.dumps(asdict(self), separators=(",", ":")) + "\n"


class RequestLog:
    """Keeps the entries in memory and appends each, once it is settled, to a file."""

    def __init__(self, file: Path | None = None) -> None:
        """Start empty.

        Args:
            file: Lines are appended here as requests are settled; None keeps them in memory only.

        Raises:
            OSError: The file cannot be opened for appending.
        """
        self._entries: list[LogEntry] = []
        self._file: TextIO | None = file.open("a", encoding="utf-8", buffering=1) if file else None
        # By id(), not by `seq`, which a reset starts again while a request is in flight.
        self._unsettled: dict[int, LogEntry] = {}

    @property
    def entries(self) -> tuple[LogEntry, ...]:
        """Every request since the start or the last reset, in the order of arrival."""
        return tuple(self._entries)

    def open(
        self,
        *,
        at: float,
        slug: str,
        method: str,
        path: str,
        template: str | None,
        idempotency_key: str | None,
        bytes_in: int,
        fault: str | None,
    ) -> LogEntry:
        """Note that a request has arrived, and return its entry to be settled later."""
        entry = LogEntry(
            seq=len(self._entries) + 1,
            at=datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
            slug=slug,
            method=method,
            path=path,
            template=template,
            status=None,
            request_id=None,
            idempotency_key=idempotency_key,
            bytes_in=bytes_in,
            bytes_out=0,
            fault=fault,
        )
        self._entries.append(entry)
        self._unsettled[id(entry)] = entry
        return entry

    def settle(self, entry: LogEntry, *, status: int | None, request_id: str | None = None, bytes_out: int = 0) -> None:
        """Note what became of a request: its status, or None when the connection was dropped."""
        entry.status, entry.request_id, entry.bytes_out = status, request_id, bytes_out
        if self._unsettled.pop(id(entry), None) is not None and self._file is not None:
            self._file.write(entry.line())

    def clear(self) -> None:
        """Forget every entry and start `seq` again; a file keeps the lines it has."""
        self._entries = []

    def close(self) -> None:
        """Write the requests that never were settled, and close the file."""
        for entry in tuple(self._unsettled.values()):
            self.settle(entry, status=None)
        if self._file is not None:
            self._file.close()
            self._file = None
