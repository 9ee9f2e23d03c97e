"""Follows what a run's reports say back to where it was measured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Connection, func, select

from newfuse.observe import CallStatistics, calls_by_task, run_statistics
from newfuse.report.facts import Fact
from newfuse.report.results import SUCCESS_THRESHOLD, RunResult, RunStatus, TaskResult, TaskStatus
from newfuse.report.verify_facts import facts_taken_again
from newfuse.report.wording import counted, measured, percent
from newfuse.report.writer import DASHBOARD_FILE, RESULTS_FILE, SUMMARY_FILE
from newfuse.store import Store
from newfuse.store.schema import effects

CITATION = re.compile(r"(?<!\\)\[(f\d{3,})\]")
_PART_OF_A_NUMBER = re.compile(r"[\w.,%-]$")
_HEADLINE = re.compile(r"^\*\*(?P<name>[^*]+):\*\* (?P<value>\S+)", re.MULTILINE)
SUCCESS_RATE = "Success Rate"
TIME_TOLERANCE_MS = 0.001  # JSON keeps floats whole; anything more is another number


async def verify(folder: Path, store: Store) -> list[str]:
    """Compare the reports in a folder with `results.json`, it with itself, and it with the store.

    Args:
        folder: A run's folder.
        store: Where the run's calls and effects were recorded.

    Returns:
        The problems, one sentence each; empty when everything agrees.
    """
    try:
        result = RunResult.model_validate_json((folder / RESULTS_FILE).read_bytes())
    except OSError as exc:
        return [f"{RESULTS_FILE} cannot be read: {exc.strerror}."]
    except ValidationError as exc:
        places = (".".join(str(part) for part in error["loc"]) or "the file" for error in exc.errors())
        return [f"{RESULTS_FILE} does not have its form at: {', '.join(dict.fromkeys(places))}."]
    return [
        *_totals(result),
        *_references(result),
        *_integrations(result),
        *await _calls(result, store),
        *await _effects(result, store),
        *await facts_taken_again(result, store),
        *_reports(result, folder),
    ]


def _differ(what: str, said: object, found: object) -> Iterator[str]:
    if said != found:
        yield f"{what}: {said} is said, {found} was found."


def _totals(result: RunResult) -> Iterator[str]:
    by = Counter(task.status for task in result.tasks)
    yield from _differ("total_tasks", result.total_tasks, len(result.tasks))
    yield from _differ("completed_tasks", result.completed_tasks, by[TaskStatus.COMPLETED])
    yield from _differ("failed_tasks", result.failed_tasks, by[TaskStatus.FAILED])
    rate = round(100 * by[TaskStatus.COMPLETED] / len(result.tasks), 1) if result.tasks else 0.0
    yield from _differ("success_rate", result.success_rate, rate)
    if result.status is RunStatus.SUCCESS and rate < SUCCESS_THRESHOLD:
        yield f"status: SUCCESS is said of a success rate of {rate} %."
    if result.status is RunStatus.SUCCESS and by[TaskStatus.FAILED]:
        yield f"status: SUCCESS is said although {counted(by[TaskStatus.FAILED], 'tasks')} failed."
    if result.status is RunStatus.SUCCESS and result.reasons:
        yield f"status: SUCCESS is said although reasons to look at the run are given: {'; '.join(result.reasons)}."
    for task in result.tasks:
        counts = task.effects
        parts = counts.confirmed + counts.failed + counts.unknown + counts.skipped
        yield from _differ(f"effects.planned of {task.name}", counts.planned, parts)
    in_tasks = sum(task.calls for task in result.tasks)
    in_integrations = sum(one.calls for one in result.integrations.values())
    if in_tasks > in_integrations:  # connecting and health calls need belong to no task
        yield f"calls: the tasks made {in_tasks}, all integrations together only {in_integrations}."


def _references(result: RunResult) -> Iterator[str]:
    known = Counter(fact.id for fact in result.facts)
    yield from (f"fact {id_} is there {count} times." for id_, count in known.items() if count > 1)
    for task in result.tasks:
        yield from (f"{task.name} names a fact {id_} that is not there." for id_ in task.facts if id_ not in known)


def _integrations(result: RunResult) -> Iterator[str]:
    for slug, one in result.integrations.items():
        yield from _differ(f"calls of {slug}", one.calls, one.ok + one.errors)
        reading = result.observed.health.get(slug) if result.observed is not None else None
        if reading is not None:
            yield from _differ(f"status of {slug}", one.status, "connected" if reading.ok else "failed")


async def _calls(result: RunResult, store: Store) -> list[str]:
    problems: list[str] = []
    by_task = await calls_by_task(store, result.run_id)
    for task in result.tasks:
        recorded = by_task.get(task.name, CallStatistics()).calls
        problems += _differ(f"calls of {task.name}, by the store", task.calls, recorded)
    named = {task.name for task in result.tasks} | {""}
    problems += [
        f"calls of {name}: the store has some, results.json has no such task." for name in by_task.keys() - named
    ]
    by_slug = await run_statistics(store, result.run_id)
    for slug in by_slug.keys() - result.integrations.keys():
        problems.append(f"calls of {slug}: the store has some, results.json has no such integration.")
    for slug, one in result.integrations.items():
        found = by_slug.get(slug, CallStatistics())
        for name in ("calls", "ok", "errors", "retries", "unsent"):
            problems += _differ(f"{name} of {slug}, by the store", getattr(one, name), getattr(found, name))
        for name in ("p50_ms", "p95_ms"):
            said, stored = getattr(one, name), getattr(found, name)
            if (said is None) != (stored is None) or (said is not None and abs(said - stored) > TIME_TOLERANCE_MS):
                problems += _differ(f"{name} of {slug}, by the store", said, stored)
    return problems


async def _effects(result: RunResult, store: Store) -> list[str]:
    by = [effects.c.task, effects.c.state]
    query = select(*by, func.count().label("count")).where(effects.c.run_id == result.run_id).group_by(*by)

    def read(connection: Connection) -> dict[tuple[str, str], int]:
        return {(row.task, row.state): row._mapping["count"] for row in connection.execute(query)}

    recorded = await store.read(read)
    return [problem for task in result.tasks for problem in _effects_of(task, recorded)]


def _effects_of(task: TaskResult, recorded: dict[tuple[str, str], int]) -> Iterator[str]:
    """Compare one task. What failed or was unknown may have been settled since, or taken over by a later run."""
    said = task.effects
    confirmed = recorded.get((task.name, "confirmed"), 0)
    failed = recorded.get((task.name, "failed"), 0)
    unknown = recorded.get((task.name, "unknown"), 0) + recorded.get((task.name, "intent"), 0)
    if not said.confirmed <= confirmed <= said.confirmed + said.unknown:
        yield f"effects confirmed of {task.name}, by the store: {said.confirmed} is said, {confirmed} was found."
    if failed > said.failed + said.unknown:
        yield f"effects failed of {task.name}, by the store: {said.failed} is said, {failed} was found."
    if unknown > said.unknown:
        yield f"effects unknown of {task.name}, by the store: {said.unknown} is said, {unknown} was found."


def _reports(result: RunResult, folder: Path) -> Iterator[str]:
    facts = {fact.id: fact for fact in result.facts}
    rate = percent(result.success_rate)
    integrated = sum(one.ok > 0 for one in result.integrations.values())
    run = {"Status": result.status.value.split()[0]}
    expected = {
        DASHBOARD_FILE: {**run, SUCCESS_RATE: rate},
        SUMMARY_FILE: {**run, SUCCESS_RATE: rate, "Total Services Integrated": str(integrated)},
        **{task.report: {"Status": task.status.value} for task in result.tasks if task.report is not None},
    }
    lists = [task.exceptions for task in result.tasks if task.exceptions is not None]
    yield from (f"{name} cannot be read." for name in lists if not (folder / Path(name).name).is_file())
    for name, headlines in expected.items():
        try:
            text = (folder / Path(name).name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            yield f"{name} cannot be read."
            continue
        printed = {found["name"]: found["value"] for found in reversed(list(_HEADLINE.finditer(text)))}
        for headline, value in headlines.items():
            said = _as_said(headline, printed)
            yield from _differ(f"{said} in {name}", printed.get(said), value)
        yield from (f"{name}: {problem}" for problem in _citations(text, facts))


def _as_said(headline: str, printed: Iterable[str]) -> str:
    """Return a headline as a crew says it, which may put the word for its work first: `Integration Success Rate`."""
    if headline != SUCCESS_RATE:
        return headline
    return next((name for name in printed if f" {name}".endswith(f" {SUCCESS_RATE}")), headline)


def _citations(text: str, facts: dict[str, Fact]) -> Iterator[str]:
    for line in text.splitlines():
        for found in CITATION.finditer(line):
            fact = facts.get(found[1])
            if fact is None:
                yield f"cites a fact {found[1]} that is not there."
                continue
            value, before = measured(fact.value, fact.unit), line[: found.start()].rstrip(" ")
            if not before.endswith(value) or _PART_OF_A_NUMBER.search(before.removesuffix(value)):
                yield f"{found[1]} ({fact.name}) is {value}, but “{before[-40:].strip()}” stands beside it."
