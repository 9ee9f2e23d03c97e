"""Reaches an integration for a tool; when it cannot be reached, the records concerned say so."""

from __future__ import annotations

from collections.abc import Iterable

from newfuse import Entry, Integration, Job, NewFuseError
from tools.outcome import hold_back


async def connect(job: Job, slug: str, entries: Iterable[Entry]) -> Integration:
    """Return an integration, connected.

    Args:
        job: The task's job.
        slug: Which integration.
        entries: Records that wait for it; they are failed with the vendor's error when it cannot be had.

    Raises:
        NewFuseError: It cannot be connected, or the run has none of that name.
    """
    try:
        return await job.integration(slug)
    except NewFuseError as exc:
        for entry in entries:
            hold_back(entry, exc)
        raise
