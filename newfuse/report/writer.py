"""Writes the reports of a run into its folder, each file whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from newfuse.log import logger
from newfuse.private_files import make_private_folder
from newfuse.report.findings import findings
from newfuse.report.placing import place_text
from newfuse.report.record import RunRecord
from newfuse.report.render import health_dashboard, summary, task_report
from newfuse.report.results import Obstacle, RunResult, RunStatus

_log = logger("report")
RESULTS_FILE = "results.json"
DASHBOARD_FILE = "integration_health_dashboard.md"
SUMMARY_FILE = "INTEGRATION_SUMMARY.md"


def report_file(task: str) -> str:
    """Return the name of a task's report."""
    return f"{task}_report.md"


def write_reports(record: RunRecord, folder: Path) -> list[Path]:
    """Write a report of every task, the health dashboard, the summary and `results.json`, UTF-8.

    Everything is rendered before anything is written, and each file is put in place by a rename. No report keeps
    another from being written: what cannot be replaced in a file's place, such as a folder, is put aside under another
    name, and a report that cannot be rendered or written is left out. Either stands in the run's result afterwards, in
    the reports as well, and a run that lacks a report needs attention.

    Args:
        record: The run; the obstacles are entered in its result.
        folder: Where to; made when missing, for its owner alone like the files in it.

    Returns:
        The files written, in the order they were written.
    """
    with suppress(OSError):  # then each of the files says so
        make_private_folder(folder)
    paths, obstacles = _write_all(record, folder)
    if obstacles:
        record.result.obstacles = obstacles
        lost = [one.file for one in obstacles if not one.written]
        if lost:
            record.result.status = RunStatus.NEEDS_ATTENTION
            record.result.reasons.append(f"a report could not be written: {', '.join(lost)}")
        paths, _ = _write_all(record, folder)  # once more, because now the reports have to say it
    # Written when their tasks ended, a record at a time: what 100,000 records came to is not held in memory.
    return [*paths, *(folder / outcome.exceptions_file for outcome in record.outcomes if outcome.exceptions_file)]


def _write_all(record: RunRecord, folder: Path) -> tuple[list[Path], list[Obstacle]]:
    texts: dict[str, str] = {}
    obstacles: list[Obstacle] = []
    for name, render in _reports(record).items():
        try:
            texts[name] = render()
        except Exception as exc:
            _log.exception("%s cannot be rendered", name)
            problem = f"could not be rendered, for an internal fault ({type(exc).__name__})"
            obstacles.append(Obstacle(file=name, written=False, what=problem))
    paths: list[Path] = []
    for name, text in texts.items():
        try:
            aside = place_text(folder / name, text)
        except OSError as exc:
            obstacles.append(Obstacle(file=name, written=False, what=f"could not be written: {exc.strerror or exc}"))
            continue
        if aside is not None:
            what = f"something that could not be replaced lay in its place and was put aside as {aside}"
            obstacles.append(Obstacle(file=name, written=True, what=what))
        paths.append(folder / name)
    return paths, obstacles


def _reports(record: RunRecord) -> dict[str, Callable[[], str]]:
    """Return how each file is rendered, by name, in the order they are written."""
    found = cache(lambda: findings(record))
    return {
        **{report_file(outcome.name): partial(task_report, record, outcome) for outcome in record.outcomes},
        DASHBOARD_FILE: lambda: health_dashboard(record, found()),
        SUMMARY_FILE: lambda: summary(record, found()),
        RESULTS_FILE: lambda: results_json(record.published()),
    }


def results_json(result: RunResult) -> str:
    """Return the text of `results.json`."""
    return _writable(json.dumps(result.model_dump(mode="json"), indent=2, ensure_ascii=False)) + "\n"


def _writable(text: str) -> str:
    """Return the text as UTF-8 can hold it: a lone surrogate from a vendor's broken answer becomes a question mark."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
