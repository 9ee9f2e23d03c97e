"""The complete list of a task's exceptions: one JSON file beside the reports, written a record at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TextIO

from newfuse.report.placing import place
from newfuse.report.results import RecordException

SCHEMA_VERSION = 1


def exceptions_file(task: str) -> str:
    """Return the name of a task's list of exceptions."""
    return f"{task}_exceptions.json"


def write_exceptions(
    path: Path, run_id: str, task: str, found: Callable[[], Iterable[tuple[str, RecordException]]]
) -> str | None:
    """Write a list of exceptions: a JSON object whose `records` stand one a line.

    Args:
        path: The file.
        run_id: The run.
        task: The task.
        found: Gives dataset and exception, in the order of the records; they are read and written one by one.

    Returns:
        The name of what lay in the file's place and was put aside, or None.

    Raises:
        OSError: It cannot be written.
    """
    return place(path, partial(_fill, {"schema_version": SCHEMA_VERSION, "run_id": run_id, "task": task}, found))


def _fill(
    about: dict[str, str | int], found: Callable[[], Iterable[tuple[str, RecordException]]], file: TextIO
) -> None:
    file.write(f'{json.dumps(about, ensure_ascii=False)[:-1]}, "records": [')
    separator = "\n"
    for dataset, one in found():
        file.write(separator + json.dumps({"dataset": dataset, **one.model_dump()}, ensure_ascii=False))
        separator = ",\n"
    file.write("\n]}\n")
