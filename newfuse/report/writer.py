"""Writes the reports of a run into its folder, each file whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

from newfuse.private_files import make_private, make_private_folder
from newfuse.report.findings import findings
from newfuse.report.record import RunRecord
from newfuse.report.render import health_dashboard, summary, task_report
from newfuse.report.results import RunResult

RESULTS_FILE = "results.json"
DASHBOARD_FILE = "integration_health_dashboard.md"
SUMMARY_FILE = "INTEGRATION_SUMMARY.md"


def report_file(task: str) -> str:
    """Return the name of a task's report."""
    return f"{task}_report.md"


def write_reports(record: RunRecord, folder: Path) -> list[Path]:
    """Write a report of every task, the health dashboard, the summary and `results.json`, UTF-8.

    Everything is rendered before anything is written, and each file is put in place by a rename.

    Args:
        record: The run.
        folder: Where to; made when missing, for its owner alone like the files in it.

    Returns:
        The files, in the order they were written.

    Raises:
        OSError: The folder cannot be written to.
    """
    texts = {report_file(outcome.name): task_report(record, outcome) for outcome in record.outcomes}
    found = findings(record)
    texts[DASHBOARD_FILE] = health_dashboard(record, found)
    texts[SUMMARY_FILE] = summary(record, found)
    texts[RESULTS_FILE] = results_json(record.published())
    make_private_folder(folder)
    paths = []
    for name, text in texts.items():
        path = folder / name
        _write(path, text)
        paths.append(path)
    return paths


def results_json(result: RunResult) -> str:
    """Return the text of `results.json`."""
    return json.dumps(result.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    # A lone surrogate from a vendor's broken answer cannot be written as UTF-8; it is shown as a question mark.
    data = text.encode("utf-8", errors="replace")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        make_private(Path(temporary))  # mkstemp asks for the same, and the umask may take it away
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
