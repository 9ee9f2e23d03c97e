"""Writes contacts into HubSpot in batches, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from newfuse import Entry, Integration, Job, NewFuseError, WriteStatus
from tools import contacts
from tools.flow import Gate, Tally, each
from tools.outcome import NOT_SENT, fail, failure_of, hold_back, settle

BATCH = 100  # HubSpot's limit for one batch request
BATCHES_AT_ONCE = 4
"""Hides the vendor's answer time behind our own work; more only fills its quota of requests in ten seconds sooner."""


class ContactSync:
    """One synchronization: first by id where the CRM has that id, then the rest by address."""

    def __init__(self, job: Job, hubspot: Integration, work: Sequence[Entry], gate: Gate) -> None:
        self.job, self.hubspot, self.work, self.gate = job, hubspot, work, gate
        self.tally = Tally(job, len(work), "contacts")

    async def run(self) -> None:
        """Write every contact, and settle each; failures of the vendor are in the gate."""
        by_id, by_address = await self._routes()
        for action, entries in (("update_contacts", by_id), ("upsert_contacts", by_address)):
            await each(batches(entries), partial(self._write, action), at_once=BATCHES_AT_ONCE, tally=self.tally)

    async def _routes(self) -> tuple[list[Entry], list[Entry]]:
        """Return which contacts are updated by id and which go by their address, in the order of the records.

        One whose id the CRM does not have goes by its address, and it is said. One whose id could not be looked up is
        in neither list and is failed: written by its address, it might stand there a second time.
        """
        by_id: set[Entry] = set()
        by_address = {entry for entry in self.work if not entry.data["id"]}

        async def look(batch: list[Entry]) -> None:
            if self.gate.closed and self.gate.error is not None:
                for entry in batch:
                    hold_back(entry, self.gate.error)
                self.tally.add(len(batch))
                return
            asked = {"ids": [entry.data["id"] for entry in batch], "properties": ["email"]}
            try:
                found = {row["id"] for row in await self.hubspot.execute("batch_read_contacts", asked)}
            except NewFuseError as exc:
                self.gate.note(exc)
                for entry in batch:
                    fail(entry, exc, prefix=f"{NOT_SENT}its id could not be looked up: ", sent=False)
                self.tally.add(len(batch))
                return
            self.gate.passed()
            for entry in batch:
                if entry.data["id"] in found:
                    by_id.add(entry)
                else:
                    by_address.add(entry)
                    self.job.note(f"{entry.place}: the CRM has no contact {entry.data['id']}; it goes by its address.")

        with_id = [entry for entry in self.work if entry.data["id"]]
        await each(batches(with_id), look, at_once=BATCHES_AT_ONCE)
        return [entry for entry in self.work if entry in by_id], [entry for entry in self.work if entry in by_address]

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
            failure = failure or failure_of(one)
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
