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

from sqlalchemy import Connection, func, select

from newfuse.effects import rows
from newfuse.effects.intent import Intent, Outcome, Standing, State, Verdict
from newfuse.effects.owner import Owner
from newfuse.errors import EffectUnknown, StoreFailed
from newfuse.store import Store
from newfuse.store.schema import effects
from newfuse.types import Once

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
        begun = replace(standing, begun_at=None)
        row = rows.row_of(intent, begun, fingerprint=intent.fingerprint, about=about, now=_now())
        await self.store.write(partial(self._record, fresh={standing.key: row}))

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record what became of intents, in one transaction.

        Raises:
            EffectUnknown: The store cannot be written to; the effects are then in doubt, as after a crash.
        """
        if not outcomes:
            return
        now = _now()
        try:
            await self.store.write(partial(rows.settle, outcomes=outcomes, now=now))
        except StoreFailed as exc:
            raise EffectUnknown(f"the outcome of a write could not be recorded: {exc.for_model}") from exc
        finally:
            self._at_work.difference_update(outcome.key for outcome in outcomes)

    async def states(self, keys: Sequence[str]) -> dict[str, State]:
        """Return the state of every key the ledger knows."""
        return await self.store.read(partial(rows.states, keys=keys))

    async def counts(self, run_id: str) -> list[dict[str, Any]]:
        """Count the effects of a run, by task, integration, action, kind and state.

        States are those of `State`, and `skipped` for what an earlier run had confirmed; the latter are known to the
        ledger object that skipped them only.
        """
        by = [effects.c.task, effects.c.integration, effects.c.action, effects.c.kind, effects.c.state]
        query = select(*by, func.count().label("count")).where(effects.c.run_id == run_id).group_by(*by)
        found = await self.store.read(lambda connection: [dict(row._mapping) for row in connection.execute(query)])
        for (of_run, task, integration, action, kind), keys in self._skipped.items():
            if of_run == run_id:
                about = {"task": task, "integration": integration, "action": action, "kind": kind}
                found.append({**about, "state": "skipped", "count": len(keys)})
        return found

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
        known = rows.known(connection, keys)
        now = _now()
        standings: list[Standing] = []
        fresh: dict[str, rows.Row] = {}
        fingerprints: dict[str, str] = {}  # of the fresh ones
        for intent, key in zip(intents, keys, strict=True):
            fingerprint = intent.fingerprint
            standing = self._stand(intent, key, fingerprint, known.get(key))
            if standing.verdict is Verdict.SEND or standing.verdict is Verdict.UNSETTLED:
                first = fingerprints.setdefault(key, fingerprint)
                if key in fresh:
                    standing = _again(intent, standing, same=first == fingerprint)
                else:
                    fresh[key] = rows.row_of(intent, standing, fingerprint=fingerprint, about=about, now=now)
            standings.append(standing)
        if wait_for_all and any(standing.verdict is Verdict.BUSY for standing in standings):
            return standings  # record nothing while one of them has to be waited for
        if fresh:
            self._record(connection, fresh)
        return standings

    def _record(self, connection: Connection, fresh: dict[str, rows.Row]) -> None:
        self.owner.claim()
        rows.record(connection, list(fresh.values()))
        self._at_work.update(fresh)

    def _stand(self, intent: Intent, key: str, fingerprint: str, row: Any) -> Standing:
        if row is None:
            return Standing(Verdict.SEND, key, 1, intent.arguments)
        same = row.fingerprint == fingerprint
        if row.state == State.CONFIRMED:
            if same:
                response = rows.decode(row.response)
                return Standing(
                    Verdict.DONE, key, row.attempt, intent.arguments, response, "already confirmed", by_run=row.run_id
                )
            if intent.once is Once.NATURAL:
                return Standing(Verdict.SEND, key, row.attempt + 1, intent.arguments)
            return _conflict(intent, row)
        if row.state == State.FAILED:
            # Other contents never travel under a key that the vendor may have seen with the former ones.
            attempt = row.attempt if same else row.attempt + 1
            return Standing(Verdict.SEND, key, attempt, intent.arguments)
        recorded = rows.decode(row.arguments)
        if row.state == State.INTENT and self._is_at_work(row):
            return Standing(Verdict.BUSY, key, row.attempt, recorded, None, "another process is at it")
        # In doubt: begun by a process that is gone, or ended without an answer.
        if intent.once is Once.NATURAL:
            doubt = row.created_at if same else None
            return Standing(Verdict.SEND, key, row.attempt, intent.arguments, begun_at=doubt)
        why = row.error or "no outcome was recorded"
        if not same:
            return Standing(Verdict.CHANGED, key, row.attempt, recorded, None, why, begun_at=row.created_at)
        if intent.once is Once.KEY and not _forgotten(intent, row.created_at):
            return Standing(Verdict.SEND, key, row.attempt, recorded, begun_at=row.created_at)
        if row.state == State.UNKNOWN and not intent.can_be_asked:
            return Standing(Verdict.UNDECIDED, key, row.attempt, recorded, None, why, row.created_at, row.run_id)
        return Standing(Verdict.UNSETTLED, key, row.attempt, recorded, None, why, begun_at=row.created_at)

    def _is_at_work(self, row: Any) -> bool:
        if row.owner == self.owner.id:
            return row.key in self._at_work
        return self.owner.is_alive(row.owner)


def _conflict(intent: Intent, row: Any) -> Standing:
    message = (
        f"reference {_shown(intent.reference)!r} was already used for {intent.scope.integration} "
        f"{intent.scope.action} with other contents, and that was done; nothing was sent. If this is the same one, "
        "give it its former contents again; only something new takes a reference of its own"
    )
    recorded, response = rows.decode(row.arguments), rows.decode(row.response)
    return Standing(Verdict.CONFLICT, row.key, row.attempt, recorded, response, message)


def _again(intent: Intent, standing: Standing, *, same: bool) -> Standing:
    """Say how an intent stands whose key was named before in the same call."""
    if same:
        return replace(standing, verdict=Verdict.SAME, message="named twice in this call")
    message = (
        f"reference {_shown(intent.reference)!r} is named twice in one call of {intent.scope.action} with different "
        "contents; give each a reference of its own"
    )
    return replace(standing, verdict=Verdict.CONFLICT, message=message)


def _shown(reference: str) -> str:
    return reference if len(reference) <= MAX_SHOWN else f"{reference[:MAX_SHOWN]}…"


def _forgotten(intent: Intent, begun_at: str) -> bool:
    """Say whether the vendor may have forgotten the idempotency key of an attempt begun then."""
    if intent.key_lifetime_s is None:
        return False
    return (datetime.now(UTC) - datetime.fromisoformat(begun_at)).total_seconds() > intent.key_lifetime_s


def _now() -> str:
    return datetime.now(UTC).isoformat()
