"""Keeps one run in the store: that it began, how its tasks ended, what it came to."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, update

from newfuse.errors import ConfigurationError, StoreFailed
from newfuse.observe.run_history import INTERRUPTED, RUNNING
from newfuse.report.results import TaskOutcome
from newfuse.store.schema import runs
from newfuse.store.schema import tasks as task_rows

if TYPE_CHECKING:
    from newfuse.crew.job import RunContext


class Recording:
    """One run's rows.

    A store that fails once the run has begun does not end it: a write to a vendor that cannot be recorded is not sent,
    so the tasks fail by themselves, and what was done until then is still to be reported. `failure` tells of it.
    """

    def __init__(self, run: RunContext) -> None:
        """Record a run in the store of its ledger; nothing is written yet."""
        self.run = run
        self.store = run.ledger.store
        self._failure_before = self.store.last_failure

    @property
    def failure(self) -> StoreFailed | None:
        """How the store failed since this run began, or None; whoever met it, a tool, the call log or this."""
        last = self.store.last_failure
        return None if last is self._failure_before else last

    async def begin(self, about: dict[str, Any]) -> None:
        """Record that the run begins, and that this process is the one it belongs to.

        Args:
            about: `crew`, `environment`, `model` and `started_at`.

        Raises:
            ConfigurationError: The store cannot be written to; nothing was started.
        """
        owner = self.run.ledger.owner
        row = {
            **about,
            "run_id": self.run.run_id,
            "mode": self.run.mode,
            "status": RUNNING,
            "folder": str(self.run.folder.resolve()),
            "owner": owner.id,
        }

        def write(connection: Connection) -> None:
            owner.claim()
            connection.execute(insert(runs).values(row))

        try:
            await self.store.write(write)
        except StoreFailed as exc:
            raise ConfigurationError(f"The run cannot be recorded, so it was not started. {exc.for_model}") from exc

    async def keep(self, outcome: TaskOutcome) -> None:
        """Record how a task ended."""
        row = {
            "run_id": self.run.run_id,
            "name": outcome.name,
            "agent": outcome.agent,
            "status": outcome.status.value,
            "started_at": outcome.started_at.isoformat(),
            "finished_at": outcome.finished_at.isoformat(),
            "error": outcome.error,
            "outcome": outcome.model_dump(mode="json"),
        }
        with contextlib.suppress(StoreFailed):
            await self.store.write(lambda connection: connection.execute(insert(task_rows).values(row)))

    async def flush_calls(self) -> None:
        """Put the calls on disk; those that cannot be stay in the call log, and are counted from there."""
        with contextlib.suppress(StoreFailed):
            await self.run.call_log.flush()

    async def end(self, status: str = INTERRUPTED) -> None:
        """Record what the run came to."""
        changes = {"status": status, "finished_at": datetime.now(UTC).isoformat()}
        query = update(runs).where(runs.c.run_id == self.run.run_id).values(changes)
        with contextlib.suppress(StoreFailed):
            await self.store.write(lambda connection: connection.execute(query))
