"""What several records need before they can be written, such as a payment's customer: found, or created once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from newfuse.errors import NewFuseError
from newfuse.integrations import Integration, WriteStatus
from newfuse.records.dataset import Disposition, Entry
from newfuse.records.outcome import disposition_of, failure_of, is_pruned
from newfuse.records.step import effects_source
from newfuse.records.work import Work


class NotEnsured(Exception):
    """What a record needs could be neither found nor created, so the record was not sent."""

    def __init__(self, error: NewFuseError, *, in_doubt: bool, why: str) -> None:
        self.error, self.in_doubt, self.why = error, in_doubt, why
        super().__init__(why)


class Ensured:
    """Something that several records need, found or created once however many need it.

    Attributes:
        made: What the vendor answered for each that was created now, by its key.
        done: The keys of those that are there.
    """

    def __init__(
        self,
        job: Work,
        action: str,
        *,
        failing: str,
        in_doubt: str,
        find: Callable[[Integration, str], Awaitable[Any]],
        ask: Callable[[str], Mapping[str, Any]],
        gone: str = "",
    ) -> None:
        """Begin with none known.

        Args:
            job: The task's job.
            action: The action that creates one.
            failing: Said of a record when it cannot be had, e.g. `its customer could be neither found nor created`.
            in_doubt: Said of a record when nobody can tell, e.g. `its customer may or may not have been created`.
            find: Returns the vendor's record for a key, or None where there is none.
            ask: Returns the action's arguments for a key.
            gone: What to do where one that an earlier run created is not found any more and its whole record is
                needed; without it its id will do.
        """
        self._job, self._action, self._find, self._ask, self._gone = job, action, find, ask, gone
        self._failing, self._in_doubt = failing, in_doubt
        self._known: dict[str, tuple[Any, str | None] | NewFuseError] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.made: dict[str, Any] = {}
        self.done: set[str] = set()

    async def of(self, vendor: Integration, key: str, *entries: Entry) -> Any:
        """Return the vendor's record for a key; the records given keep the ledger's key if it was created for them.

        Raises:
            NotEnsured: It could be neither found nor created.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._known:
                try:
                    self._known[key] = await self._find_or_create(vendor, key)
                except NewFuseError as exc:
                    self._known[key] = exc
        known = self._known[key]
        if isinstance(known, NewFuseError):
            in_doubt = disposition_of(known) is Disposition.UNKNOWN
            raise NotEnsured(known, in_doubt=in_doubt, why=self._in_doubt if in_doubt else self._failing)
        value, effect = known
        self.done.add(key)
        for entry in entries:
            entry.belongs_to(effect)
        return value

    async def _find_or_create(self, vendor: Integration, key: str) -> tuple[Any, str | None]:
        found = await self._find(vendor, key)
        if found is not None:
            return found, None
        performed = await vendor.perform(self._action, self._ask(key), reference=self._job.reference(key))
        error = failure_of(performed)
        if error is not None:
            raise error
        if performed.value is None:
            raise NewFuseError(f"a person said that it was created, and {vendor.config.name} does not list it")
        if is_pruned(performed.value) and self._gone:
            raise NewFuseError(self._gone)
        if performed.status is WriteStatus.CONFIRMED:
            self.made[key] = performed.value
        return performed.value, performed.key

    def measure(self, integration: str, name: str, unit: str) -> None:
        """Record how many were created, by this call and the task's earlier ones, as a fact."""
        before = self._job.measured(name)
        total = len(self.made) + (before if isinstance(before, int) else 0)
        self._job.fact(name, total, unit, **effects_source(integration, self._action))
