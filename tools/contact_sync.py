"""Writes contacts into HubSpot in batches, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from newfuse import Entry, Integration, Job, NewFuseError, WriteStatus
from tools import contacts
from tools.flow import Gate, each
from tools.outcome import fail, hold_back, settle

BATCH = 100  # HubSpot's limit for one batch request
BATCHES_AT_ONCE = 4
"""Hides the vendor's answer time behind our own work; more only fills its quota of requests in ten seconds sooner."""


class ContactSync:
    """One synchronization: first by id where the CRM has that id, then the rest by address."""

    def __init__(self, job: Job, hubspot: Integration, work: Sequence[Entry], gate: Gate) -> None:
        self.job, self.hubspot, self.work, self.gate = job, hubspot, work, gate
        self.done = 0

    async def run(self) -> None:
        """Write every contact, and settle each; failures of the vendor are in the gate."""
        by_id = await self._known_ids([entry for entry in self.work if entry.data["id"]])
        for action, entries in (
            ("update_contacts", [entry for entry in self.work if entry in by_id]),
            ("upsert_contacts", [entry for entry in self.work if entry not in by_id]),
        ):
            await each(batches(entries), self._writing(action), at_once=BATCHES_AT_ONCE)

    def _writing(self, action: str) -> Callable[[list[Entry]], Any]:
        async def write(batch: list[Entry]) -> None:
            await self._write(action, batch)
            self.done += len(batch)
            self.job.progress(self.done, len(self.work), "contacts")

        return write

    async def _known_ids(self, entries: Sequence[Entry]) -> set[Entry]:
        """Return the contacts whose ids the CRM has; the others are matched by address, and it is said."""
        known: set[Entry] = set()

        async def look(batch: list[Entry]) -> None:
            if self.gate.closed:
                return
            asked = {"ids": [entry.data["id"] for entry in batch], "properties": ["email"]}
            try:
                found = {row["id"] for row in await self.hubspot.execute("batch_read_contacts", asked)}
            except NewFuseError as exc:
                self.gate.note(exc)
                for entry in batch:
                    fail(entry, exc, prefix="its id could not be looked up: ")
                return
            self.gate.passed()
            for entry in batch:
                if entry.data["id"] in found:
                    known.add(entry)
                else:
                    self.job.note(f"{entry.place}: the CRM has no contact {entry.data['id']}; it goes by its address.")

        await each(batches(entries), look, at_once=BATCHES_AT_ONCE)
        return known

    async def _write(self, action: str, batch: list[Entry]) -> None:
        if self.gate.closed:
            assert self.gate.error is not None
            for entry in batch:
                hold_back(entry, self.gate.error)
            return
        if action == "update_contacts":
            sent: list[Any] = [{"id": entry.data["id"], "properties": contacts.properties(entry)} for entry in batch]
        else:
            sent = [contacts.properties(entry) for entry in batch]
        references = [self.job.reference(entry.reference) for entry in batch]
        try:
            performed = await self.hubspot.perform_batch(action, {"contacts": sent}, references=references)
        except NewFuseError as exc:
            self.gate.note(exc)
            for entry in batch:
                fail(entry, exc)
            return
        failure: NewFuseError | None = None
        for entry, one in zip(batch, performed, strict=True):
            settle(entry, one)
            failure = failure or one.error
            if one.status is WriteStatus.CONFIRMED:
                entry.data["crm_id"] = one.value["id"]
                entry.data["crm_change"] = _change(action, one.value)
        if failure is None:
            self.gate.passed()
        else:
            self.gate.note(failure)


def _change(action: str, value: Any) -> str:
    if action == "update_contacts":
        return "updated"
    return {True: "created", False: "updated"}.get(value["new"], "written")


def batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Iterate over contacts in lists as long as one request takes."""
    left = iter(entries)
    while batch := list(islice(left, BATCH)):
        yield batch
