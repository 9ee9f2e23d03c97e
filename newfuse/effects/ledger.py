"""The effect ledger: every external write is written down before it is sent, and settled after.

An intent is committed to disk before its request leaves; the outcome is committed before the caller hears of it. So after
a crash the ledger knows exactly which writes are done, which never left, and which are in doubt, and the declared way of
reaching "once" (`newfuse.types.Once`) settles the last kind.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert

from newfuse.effects.intent import Intent, Outcome, Standing, State, Verdict
from newfuse.effects.owner import Owner
from newfuse.store import Store
from newfuse.store.schema import effects
from newfuse.types import Once

CHUNK = 500  # keys per look-up: SQLite's oldest limit on variables is 999
BUSY_POLL_S = 0.05  # another process settles within one request; its answer is asked for at this interval
BUSY_LIMIT_S = 180.0  # longer than the longest request with its retries (newfuse.http.retry)

Guard = Callable[[Sequence[Intent]], None]
"""Asked before anything is recorded; raises to refuse. Limits and approvals hang here."""


class Ledger:
    """Begins and settles effects in one store."""

    def __init__(self, store: Store, *, guard: Guard | None = None) -> None:
        """Keep effects in `store`; `guard` may refuse them."""
        self.store = store
        self.owner = Owner(store.folder)
        self._guard = guard
        self._skipped: dict[tuple[str | None, str | None, str, str, str], set[str]] = defaultdict(set)

    async def begin(
        self, intents: Sequence[Intent], *, run_id: str | None = None, task: str | None = None, agent: str | None = None
    ) -> list[Standing]:
        """Record intents, in one transaction, and say of each whether it may be sent.

        Waits while another live process is at one of them; a standing is `busy` only when that takes too long.

        Returns:
            One standing per intent, in their order.
        """
        if self._guard is not None:
            self._guard(intents)
        about = {"run_id": run_id, "task": task, "agent": agent, "owner": self.owner.id}
        waited = 0.0
        while True:
            standings = await self.store.write(lambda connection: self._begin(connection, intents, about))
            if waited >= BUSY_LIMIT_S or all(standing.verdict is not Verdict.BUSY for standing in standings):
                self._note_skipped(intents, standings, run_id, task)
                return standings
            await asyncio.sleep(BUSY_POLL_S)
            waited += BUSY_POLL_S

    async def retake(
        self, intent: Intent, standing: Standing, *, run_id: str | None, task: str | None, agent: str | None
    ) -> None:
        """Take over an unsettled effect that a look-up has shown not to have happened, before sending it again."""
        about = {"run_id": run_id, "task": task, "agent": agent, "owner": self.owner.id}
        row = _row(intent, standing, about)
        self.owner.claim()
        await self.store.write(lambda connection: connection.execute(_RECORD, [row]))

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record what became of intents, in one transaction."""
        if not outcomes:
            return
        now = _now()
        rows = [
            {
                "of_key": outcome.key,
                "state": outcome.state.value,
                "response": outcome.response,
                "error": outcome.error,
                "settled_at": now,
            }
            for outcome in outcomes
        ]
        await self.store.write(lambda connection: connection.execute(_SETTLE, rows))

    async def states(self, keys: Sequence[str]) -> dict[str, State]:
        """Return the state of every key the ledger knows."""

        def read(connection: Connection) -> dict[str, State]:
            found: dict[str, State] = {}
            for start in range(0, len(keys), CHUNK):
                rows = connection.execute(
                    select(effects.c.key, effects.c.state).where(effects.c.key.in_(keys[start : start + CHUNK]))
                )
                found.update({row.key: State(row.state) for row in rows})
            return found

        return await self.store.read(read)

    async def counts(self, run_id: str) -> list[dict[str, Any]]:
        """Count the effects of a run, by task, integration, action, kind and state.

        States are those of `State`, and `skipped` for what an earlier run had confirmed; the latter are known to the
        ledger object that skipped them only.
        """
        by = [effects.c.task, effects.c.integration, effects.c.action, effects.c.kind, effects.c.state]
        query = select(*by, func.count().label("count")).where(effects.c.run_id == run_id).group_by(*by)
        rows = await self.store.read(lambda connection: [dict(row._mapping) for row in connection.execute(query)])
        for (of_run, task, integration, action, kind), keys in self._skipped.items():
            if of_run == run_id:
                about = {"task": task, "integration": integration, "action": action, "kind": kind}
                rows.append({**about, "state": "skipped", "count": len(keys)})
        return rows

    def _note_skipped(
        self, intents: Sequence[Intent], standings: Sequence[Standing], run_id: str | None, task: str | None
    ) -> None:
        """Remember what an earlier run had done; what this run itself did and asks for again is no skipped effect."""
        for intent, standing in zip(intents, standings, strict=True):
            if standing.verdict is Verdict.DONE and standing.by_run != run_id:
                scope = intent.scope
                self._skipped[(run_id, task, scope.integration, scope.action, intent.kind.value)].add(standing.key)

    def _begin(self, connection: Connection, intents: Sequence[Intent], about: dict[str, Any]) -> list[Standing]:
        keys = [intent.key for intent in intents]
        known = self._known(connection, keys)
        standings: list[Standing] = []
        fresh: dict[str, dict[str, Any]] = {}
        for intent, key in zip(intents, keys, strict=True):
            standing = self._stand(intent, key, known.get(key))
            if standing.verdict is Verdict.SEND:
                if key in fresh:  # named twice in one call: the first stands for both
                    standing = Standing(
                        Verdict.DONE, key, standing.attempt, None, None, "named twice in this call", by_run=about["run_id"]
                    )
                else:
                    fresh[key] = _row(intent, standing, about)
            standings.append(standing)
        if any(standing.verdict is Verdict.BUSY for standing in standings):
            return standings  # record nothing while one of them has to be waited for
        if fresh:
            self.owner.claim()
            connection.execute(_RECORD, list(fresh.values()))
        return standings

    def _known(self, connection: Connection, keys: Sequence[str]) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for start in range(0, len(keys), CHUNK):
            found = connection.execute(select(*_STANDING).where(effects.c.key.in_(keys[start : start + CHUNK])))
            known.update({row.key: row for row in found})
        return known

    def _stand(self, intent: Intent, key: str, row: Any) -> Standing:
        if row is None:
            return Standing(Verdict.SEND, key, 1, intent.arguments)
        same = row.fingerprint == intent.fingerprint
        if row.state == State.CONFIRMED:
            if same:
                return Standing(
                    Verdict.DONE, key, row.attempt, row.arguments, row.response, "already confirmed", by_run=row.run_id
                )
            if intent.once is Once.NATURAL:
                return Standing(Verdict.SEND, key, row.attempt + 1, intent.arguments)
            return self._conflict(intent, row)
        if row.state == State.FAILED:
            return Standing(Verdict.SEND, key, row.attempt + 1, intent.arguments)
        if row.state == State.INTENT and self.owner.is_alive(row.owner):
            return Standing(Verdict.BUSY, key, row.attempt, row.arguments, None, "another process is at it")
        # In doubt: begun by a process that is gone, or ended without an answer.
        if intent.once is Once.NATURAL:
            return Standing(Verdict.SEND, key, row.attempt, intent.arguments)
        if not same:
            return self._conflict(intent, row)
        if intent.once is Once.KEY and not _forgotten(intent, row.created_at):
            return Standing(Verdict.SEND, key, row.attempt, row.arguments, begun_at=row.created_at)
        return Standing(Verdict.UNSETTLED, key, row.attempt, row.arguments, None, row.error or "no outcome was recorded")

    def _conflict(self, intent: Intent, row: Any) -> Standing:
        message = (
            f"reference {intent.reference!r} was already used for {intent.scope.integration} {intent.scope.action} "
            f"with other contents (state: {row.state}); give the new one a reference of its own"
        )
        return Standing(Verdict.CONFLICT, row.key, row.attempt, row.arguments, row.response, message)


_STANDING = (
    effects.c.key,
    effects.c.fingerprint,
    effects.c.state,
    effects.c.attempt,
    effects.c.owner,
    effects.c.arguments,
    effects.c.response,
    effects.c.error,
    effects.c.created_at,
    effects.c.run_id,
)

_insert = insert(effects)
_RECORD = _insert.on_conflict_do_update(
    index_elements=[effects.c.key],
    set_={
        column.name: _insert.excluded[column.name]
        for column in effects.columns
        if column.name != "key"
    },
)
_SETTLE = (
    update(effects)
    .where(effects.c.key == bindparam("of_key"))
    .values(
        state=bindparam("state"),
        response=bindparam("response"),
        error=bindparam("error"),
        settled_at=bindparam("settled_at"),
    )
)


def _row(intent: Intent, standing: Standing, about: dict[str, Any]) -> dict[str, Any]:
    scope = intent.scope
    return {
        "key": standing.key,
        "environment": scope.environment,
        "account": scope.account,
        "integration": scope.integration,
        "action": scope.action,
        "reference": intent.reference,
        "fingerprint": intent.fingerprint,
        "kind": intent.kind.value,
        "once": intent.once.value,
        "state": State.INTENT.value,
        "attempt": standing.attempt,
        "arguments": standing.arguments,
        "response": None,
        "error": None,
        "created_at": standing.begun_at or _now(),
        "settled_at": None,
        **about,
    }


def _forgotten(intent: Intent, begun_at: str) -> bool:
    """Say whether the vendor may have forgotten the idempotency key of an attempt begun then."""
    if intent.key_lifetime_s is None:
        return False
    return (datetime.now(UTC) - datetime.fromisoformat(begun_at)).total_seconds() > intent.key_lifetime_s


def _now() -> str:
    return datetime.now(UTC).isoformat()
