"""What the exit code of a command says."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `newfuse`."""

    OK = 0
    """Done; of a run: every task completed and all money moved as asked."""
    NEEDS_ATTENTION = 1
    """Somebody should look: a run fell short, a vendor refused, the store failed once something was begun, or the
    program itself broke off (it names its log)."""
    USAGE = 2
    """An option, a file or a setting is wrong; nothing was started."""
    INTERRUPTED = 130
    """SIGINT or SIGTERM, once or more often; after one alone, writes that had been begun were settled first."""
