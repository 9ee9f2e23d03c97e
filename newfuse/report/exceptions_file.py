"""The complete list of a task's exceptions: one JSON file beside the reports, written a record at a time."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from newfuse.report.results import RecordException

SCHEMA_VERSION = 1


def exceptions_file(task: str) -> str:
    """Return the name of a task's list of exceptions."""
    return f"{task}_exceptions.json"


def write_exceptions(path: Path, run_id: str, task: str, found: Iterable[tuple[str, RecordException]]) -> None:
    """Write a list of exceptions, whole or not at all, UTF-8: a JSON object whose `records` stand one a line.

    Args:
        path: The file; its folder exists.
        run_id: The run.
        task: The task.
        found: Dataset and exception, in the order of the records; read one by one.

    Raises:
        OSError: It cannot be written.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # A lone surrogate from a record cannot be written as UTF-8; it is shown as a question mark.
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            about = {"schema_version": SCHEMA_VERSION, "run_id": run_id, "task": task}
            file.write(f'{json.dumps(about, ensure_ascii=False)[:-1]}, "records": [')
            separator = "\n"
            for dataset, one in found:
                row = {"dataset": dataset, **one.model_dump()}
                file.write(f"{separator}{json.dumps(row, ensure_ascii=False)}")
                separator = ",\n"
            file.write("\n]}\n")
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)  # mkstemp's 0600 would hide the list from those who may read the reports
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
