"""What a run hands back to whoever started it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from newfuse.report.record import RunRecord
from newfuse.report.results import RunResult


@dataclass(frozen=True, slots=True)
class RunOutput:
    """A finished run: what it came to and where its reports lie."""

    record: RunRecord
    result: RunResult
    """What `results.json` holds."""
    folder: Path
    files: list[Path]

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when somebody should look."""
        return self.result.exit_code
