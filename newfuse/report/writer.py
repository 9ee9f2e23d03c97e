"""Writes the reports of a run into its folder, each file whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from newfuse.log import logger
from newfuse.report.findings import findings
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
        folder: Where to; made when missing.

    Returns:
        The files written, in the order they were written.
    """
    paths, obstacles = _write_all(record, folder)
    if obstacles:
        record.result.obstacles = obstacles
        if not all(one.written for one in obstacles):
            record.result.status = RunStatus.NEEDS_ATTENTION
        paths, _ = _write_all(record, folder)  # once more, because now the reports have to say it
    return paths


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
            aside = _put(folder / name, text)
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


def _put(path: Path, text: str) -> str | None:
    """Write a file, and return the name of what had to be put aside for it, or None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(path, text)
    except (IsADirectoryError, PermissionError):  # a folder lies there, or what Windows does not let us replace
        if not os.path.lexists(path):
            raise
        aside = _free_place(path)
        path.rename(aside)
        _write(path, text)
        return aside.name
    return None


def _free_place(path: Path) -> Path:
    """Return a name beside a file that nothing has yet."""
    number = 1
    while os.path.lexists(place := path.with_name(f"{path.name}.put-aside-{number}")):
        number += 1
    return place


def _write(path: Path, text: str) -> None:
    data = _writable(text).encode("utf-8")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)  # mkstemp's 0600 would hide the report from the group
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
