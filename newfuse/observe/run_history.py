"""What the store remembers of runs: their outcome, tasks, calls and effects."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select, update

from newfuse.effects.owner import Owner
from newfuse.observe.call_statistics import calls_by_task, run_statistics
from newfuse.observe.statistics import CallStatistics
from newfuse.store.schema import calls, effects, runs, tasks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from newfuse.store import Store


RUNNING, INTERRUPTED = "RUNNING", "INTERRUPTED"
"""The statuses of a run that has no result: it goes on, or it was ended before it had one."""
UNFINISHED = "unfinished"  # of a task that began and did not end with an outcome


class _Model(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


class RunSummary(_Model):
    """One run in the list; times are ISO 8601 in UTC.

    The status is RUNNING while the run goes on and INTERRUPTED when it was ended by a signal or its process is gone, of
    which `finished_at` is None then; else it is that of `results.json`.
    """

    run_id: str
    crew: str
    mode: str
    environment: str
    model: str
    started_at: str
    finished_at: str | None
    status: str
    folder: str | None
    calls: int
    """Requests as sent, retries included."""


class TaskHistory(_Model):
    """One task of a run; of one that was broken off with the run, its calls and effects alone are known."""

    name: str
    agent: str | None = None
    status: str = UNFINISHED
    started_at: str | None = None
    finished_at: str | None = None
    error: str | None = None
    calls: int
    effects: dict[str, int]
    """Writes by state: intent, confirmed, failed or unknown."""


class RunDetail(RunSummary):
    """One run whole."""

    tasks: list[TaskHistory]
    integrations: dict[str, CallStatistics]


async def list_runs(store: Store) -> list[RunSummary]:
    """Return every run the store knows, the latest first; an empty list when there are none."""

    def read(connection: Connection) -> list[RunSummary]:
        count = (
            select(func.count()).where(calls.c.run_id == runs.c.run_id, calls.c.sent).correlate(runs).scalar_subquery()
        )
        shown = [runs.c[name] for name in RunSummary.model_fields if name in runs.c]
        query = select(*shown, count.label("calls")).order_by(runs.c.started_at.desc())
        return [RunSummary.model_validate(dict(row._mapping)) for row in connection.execute(query)]

    await settle_abandoned(store)
    return await store.read(read)


async def settle_abandoned(store: Store) -> None:
    """Mark the runs as interrupted that are recorded as running and whose process is gone."""
    owner = Owner(store.folder)
    going_on = runs.c.status == RUNNING

    def settle(connection: Connection) -> None:
        found = connection.execute(select(runs.c.run_id, runs.c.owner).where(going_on)).all()
        gone = [row.run_id for row in found if row.owner is None or not owner.is_alive(row.owner)]
        connection.execute(update(runs).where(runs.c.run_id.in_(gone)).values(status=INTERRUPTED))

    if await store.read(lambda connection: connection.execute(select(runs.c.run_id).where(going_on).limit(1)).scalar()):
        await store.write(settle)  # a write transaction, in which processes take turns at each other's locks


async def find_runs(store: Store, beginning: str) -> list[RunSummary]:
    """Return the runs whose id is `beginning`, else those whose id begins with it."""
    known = await list_runs(store)
    exact = [run for run in known if run.run_id == beginning]
    return exact or [run for run in known if beginning and run.run_id.startswith(beginning)]


async def run_detail(store: Store, summary: RunSummary) -> RunDetail:
    """Return a run with its tasks and its calls by integration."""
    rows, states = await store.read(lambda connection: _tasks(connection, summary.run_id))
    by_task = await calls_by_task(store, summary.run_id)
    ended = {row["name"] for row in rows}
    unfinished = [{"name": name} for name in sorted({*by_task, *states} - ended - {""})]
    found = [
        TaskHistory(
            **row, calls=by_task.get(row["name"], CallStatistics()).calls, effects=dict(states.get(row["name"], {}))
        )
        for row in [*rows, *unfinished]
    ]
    integrations = await run_statistics(store, summary.run_id)
    return RunDetail(**summary.model_dump(), tasks=found, integrations=integrations)


def _tasks(connection: Connection, run_id: str) -> tuple[list[dict[str, Any]], dict[str, Counter[str]]]:
    wanted = (tasks.c.name, tasks.c.agent, tasks.c.status, tasks.c.started_at, tasks.c.finished_at, tasks.c.error)
    query = select(*wanted).where(tasks.c.run_id == run_id).order_by(tasks.c.started_at, tasks.c.finished_at)
    rows = [dict(row._mapping) for row in connection.execute(query)]
    by = (effects.c.task, effects.c.state)
    counts = select(*by, func.count().label("writes")).where(effects.c.run_id == run_id).group_by(*by)
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for row in connection.execute(counts):
        states[row.task or ""][row.state] += row.writes
    return rows, states
