"""The effect ledger: every external write is written down before it is sent, and settled after.

An intent is committed to disk before its request leaves; the outcome is committed before the caller hears of it. So
after a crash the ledger knows exactly which writes are done, which never left, and which are in doubt, and the declared
way of reaching "once" (`newfuse.types.Once`) settles the last kind.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
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
MAX_SHOWN = 120  # characters of a reference in a message: a reference may be anything
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
        self._at_work: set[str] = set()  # keys this ledger has begun and not settled
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
            patient = waited < BUSY_LIMIT_S
            work = partial(self._begin, intents=intents, about=about, wait_for_all=patient)
            standings = await self.store.write(work)
            if not patient or all(standing.verdict is not Verdict.BUSY for standing in standings):
                self._note_skipped(intents, standings, run_id, task)
                return standings
            await asyncio.sleep(BUSY_POLL_S)
            waited += BUSY_POLL_S

    async def retake(
        self, intent: Intent, standing: Standing, *, run_id: str | None, task: str | None, agent: str | None
    ) -> None:
        """Begin an unsettled effect anew that a look-up has shown not to have happened, before sending it again."""
        about = {"run_id": run_id, "task": task, "agent": agent, "owner": self.owner.id}
        row = _row(intent, replace(standing, begun_at=None), about)
        await self.store.write(partial(self._record, rows={standing.key: row}))

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record what became of intents, in one transaction.

        Raises:
            ConfigurationError: The store cannot be written to; the effects are then in doubt, as after a crash.
        """
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
        try:
            await self.store.write(lambda connection: connection.execute(_SETTLE, rows))
        finally:
            self._at_work.difference_update(outcome.key for outcome in outcomes)

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

    def _begin(
        self, connection: Connection, *, intents: Sequence[Intent], about: dict[str, Any], wait_for_all: bool
    ) -> list[Standing]:
        keys = [intent.key for intent in intents]
        known = self._known(connection, keys)
        standings: list[Standing] = []
        fresh: dict[str, dict[str, Any]] = {}
        for intent, key in zip(intents, keys, strict=True):
            standing = self._stand(intent, key, known.get(key))
            if standing.verdict in {Verdict.SEND, Verdict.UNSETTLED}:
                first = fresh.get(key)
                if first is None:
                    fresh[key] = _row(intent, standing, about)
                else:
                    standing = _again(intent, standing, first)
            standings.append(standing)
        if wait_for_all and any(standing.verdict is Verdict.BUSY for standing in standings):
            return standings  # record nothing while one of them has to be waited for
        if fresh:
            self._record(connection, fresh)
        return standings

    def _record(self, connection: Connection, rows: dict[str, dict[str, Any]]) -> None:
        self.owner.claim()
        connection.execute(_RECORD, list(rows.values()))
        self._at_work.update(rows)

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
            return _conflict(intent, row)
        if row.state == State.FAILED:
            return Standing(Verdict.SEND, key, row.attempt + 1, intent.arguments)
        if row.state == State.INTENT and self._is_at_work(row):
            return Standing(Verdict.BUSY, key, row.attempt, row.arguments, None, "another process is at it")
        # In doubt: begun by a process that is gone, or ended without an answer.
        if intent.once is Once.NATURAL:
            doubt = row.created_at if same else None
            return Standing(Verdict.SEND, key, row.attempt, intent.arguments, begun_at=doubt)
        if not same:
            return _conflict(intent, row)
        if intent.once is Once.KEY and not _forgotten(intent, row.created_at):
            return Standing(Verdict.SEND, key, row.attempt, row.arguments, begun_at=row.created_at)
        why = row.error or "no outcome was recorded"
        return Standing(Verdict.UNSETTLED, key, row.attempt, row.arguments, None, why, begun_at=row.created_at)

    def _is_at_work(self, row: Any) -> bool:
        if row.owner == self.owner.id:
            return row.key in self._at_work
        return self.owner.is_alive(row.owner)


def _conflict(intent: Intent, row: Any) -> Standing:
    message = (
        f"reference {_shown(intent.reference)!r} was already used for {intent.scope.integration} "
        f"{intent.scope.action} with other contents (state: {row.state}); give the new one a reference of its own"
    )
    return Standing(Verdict.CONFLICT, row.key, row.attempt, row.arguments, row.response, message)


def _again(intent: Intent, standing: Standing, first: dict[str, Any]) -> Standing:
    """Say how an intent stands whose key was named before in the same call."""
    if first["fingerprint"] == intent.fingerprint:
        return replace(standing, verdict=Verdict.SAME, message="named twice in this call")
    message = (
        f"reference {_shown(intent.reference)!r} is named twice in one call of {intent.scope.action} with different "
        "contents; give each a reference of its own"
    )
    return replace(standing, verdict=Verdict.CONFLICT, message=message)


def _shown(reference: str) -> str:
    return reference if len(reference) <= MAX_SHOWN else f"{reference[:MAX_SHOWN]}…"


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
        "reference": intent.reference.encode("utf-8", "backslashreplace").decode(),  # the key alone must tell it
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
