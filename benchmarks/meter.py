"""What a process has used: processor seconds and the most memory it held."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # Linux, proc_pid_clear_refs(5): sets the peak to what is held now


@dataclass(slots=True)
class Used:
    """What a piece of work used.

    Attributes:
        cpu_s: Processor seconds of all threads of this process, system time included.
        wall_s: Seconds on the clock.
        peak_mb: Most memory the process held during the work, what it held before included (MB = 1,000,000 bytes).
        added_mb: How much that is above what it held when the work began.
    """

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0
    added_mb: float = 0.0


@contextmanager
def metered() -> Iterator[Used]:
    """Measure the work of a `with` block; the result is complete when the block has ended."""
    used = Used()
    before_mb = held_mb()
    _reset_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield used
    finally:
        used.cpu_s, used.wall_s = time.process_time() - cpu, time.perf_counter() - wall
        used.peak_mb = peak_mb()
        used.added_mb = used.peak_mb - before_mb


def held_mb() -> float:
    """Return the resident memory of this process now."""
    return _status_mb("VmRSS") or peak_mb()


def peak_mb() -> float:
    """Return the most resident memory of this process since its start, or since the peak was last reset."""
    # Linux carries `ru_maxrss` over from the process that started this one; VmHWM is this program's own.
    found = _status_mb("VmHWM")
    if found is not None:
        return found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def children_cpu_s() -> float:
    """Return the processor seconds of all processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _status_mb(name: str) -> float | None:
    if not STATUS.exists():
        return None
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _reset_peak() -> None:
    if CLEAR.exists():
        CLEAR.write_text(RESET_PEAK)
