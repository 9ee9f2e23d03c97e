"""Repetitions: doing again, on purpose, what earlier runs confirmed.

A repetition has an id that marks the references of its writes, so that each of them happens once more, however many
runs it takes. Until a run of it has left nothing undone it is unfinished, and the next run told to repeat continues it
instead of beginning another.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, insert, select, update

from newfuse.report.results import Repetition, TaskOutcome, TaskStatus
from newfuse.store import Store
from newfuse.store.schema import repetitions

UNDONE = ("pending", "failed", "unknown")  # what a run can leave of a record that another may still do


async def take_up(store: Store, run_id: str, *, crew: str, environment: str, anew: bool) -> Repetition:
    """Continue the unfinished repetition of a crew in a world, or begin one.

    Args:
        store: The store.
        run_id: The run that repeats.
        crew: Name of the crew.
        environment: Name of the world it works in.
        anew: Begin another although one is unfinished; that one is closed.
    """
    work = partial(_take_up, run_id=run_id, crew=crew, environment=environment, anew=anew)
    return await store.write(work)


async def unfinished(store: Store, *, crew: str, environment: str) -> Repetition | None:
    """Return the unfinished repetition of a crew in a world, or None."""
    return await store.read(partial(_unfinished, crew=crew, environment=environment))


async def finish_if_done(store: Store, repetition: Repetition, run_id: str, outcomes: Iterable[TaskOutcome]) -> bool:
    """Close a repetition when a run has left nothing of it undone, and say whether it is closed."""
    done = all(
        outcome.status is TaskStatus.COMPLETED
        and not any(account.counts.get(name) for account in outcome.datasets for name in UNDONE)
        for outcome in outcomes
    )
    if done:
        await store.write(partial(_close, id=repetition.id, run_id=run_id))
    return done


def _take_up(connection: Connection, *, run_id: str, crew: str, environment: str, anew: bool) -> Repetition:
    open_one = _unfinished(connection, crew=crew, environment=environment)
    if open_one is not None and not anew:
        return open_one
    if open_one is not None:
        _close(connection, id=open_one.id, run_id=run_id)
    begun_at = datetime.now(UTC)
    row = {
        "id": secrets.token_hex(4),
        "crew": crew,
        "environment": environment,
        "begun_at": begun_at.isoformat(),
        "begun_by": run_id,
    }
    connection.execute(insert(repetitions).values(row))
    return Repetition(id=row["id"], begun_at=begun_at, begun_by=run_id, continued=False)


def _unfinished(connection: Connection, *, crew: str, environment: str) -> Repetition | None:
    mine = (repetitions.c.crew == crew, repetitions.c.environment == environment, repetitions.c.finished_at.is_(None))
    row = connection.execute(select(repetitions).where(*mine).order_by(repetitions.c.begun_at.desc())).first()
    if row is None:
        return None
    begun_at = datetime.fromisoformat(row.begun_at)
    return Repetition(id=row.id, begun_at=begun_at, begun_by=row.begun_by, continued=True)


def _close(connection: Connection, *, id: str, run_id: str) -> None:  # noqa: A002 - the column's name
    changes = {"finished_at": datetime.now(UTC).isoformat(), "finished_by": run_id}
    connection.execute(update(repetitions).where(repetitions.c.id == id).values(changes))
