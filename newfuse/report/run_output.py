"""What a run hands back to whoever started it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newfuse.report.record import RunRecord
from newfuse.report.results import RunResult


@dataclass(frozen=True, slots=True)
class Output:
    """What a task handed on.

    Attributes:
        text: Its performer's closing words, unchecked; empty where nothing was said.
        value: An instance of the task's `output_type`; None without one, or where none that fits was handed over.
        by: Who said so: a model, or `runbook`.
    """

    text: str
    value: Any
    by: str


@dataclass(frozen=True, slots=True)
class RunOutput:
    """A finished run: what it came to, what its tasks handed on (`output["task"].text`), and where its reports lie."""

    record: RunRecord
    result: RunResult
    """What `results.json` holds."""
    folder: Path
    files: list[Path]
    values: Mapping[str, Any] = field(default_factory=dict)
    """Values of the tasks that name an output type, by task."""

    def __getitem__(self, task: str) -> Output:
        """Return what a task handed on.

        Raises:
            KeyError: The run has no such task; names those it has.
        """
        for result in self.result.tasks:
            if result.name == task:
                return Output(result.output.text, self.values.get(task), result.output.by)
        known = ", ".join(result.name for result in self.result.tasks)
        raise KeyError(f"there is no task {task!r} in this run; there are: {known}")

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when somebody should look."""
        return self.result.exit_code
