"""Writes contacts into HubSpot in batches: by id where the CRM has that id, the rest by address."""

from __future__ import annotations

from collections.abc import Sequence

from newfuse import Entry, Integration, Job, NewFuseError, Step, each_batch, write_batches
from newfuse.records import NOT_SENT, Gate
from tools import contacts

BATCHES_AT_ONCE = 4
"""Hides the vendor's answer time behind our own work; more only fills its quota of requests in ten seconds sooner."""
READ_AT_ONCE = 100  # contacts that one batch/read takes: https://developers.hubspot.com/docs/api/crm/contacts

UPDATE = Step(
    name="sync",
    integration="hubspot",
    action="update_contacts",
    counts="contacts",
    doing="contacts by id",
    at_once=BATCHES_AT_ONCE,
    keeps=lambda _: "updated",
)
UPSERT = Step(
    name="sync",
    integration="hubspot",
    action="upsert_contacts",
    or_else=(UPDATE.action,),
    counts="contacts",
    doing="contacts",
    at_once=BATCHES_AT_ONCE,
    keeps=lambda answer: "written" if answer["new"] is None else ("created" if answer["new"] else "updated"),
)
"""What stays of HubSpot's answer is what was done: `created`, `updated`, or `written` where it did not say which."""


async def sync(job: Job, work: Sequence[Entry]) -> NewFuseError | None:
    """Write every contact, and settle each; return the failure that the tool should end with, or None.

    One whose id the CRM does not have goes by its address, and it is said. One whose id could not be looked up is
    failed: written by its address, it might stand there a second time.
    """
    by_id: set[Entry] = set()
    by_address = {entry for entry in work if not entry.data["id"]}

    async def look(hubspot: Integration, batch: list[Entry]) -> None:
        asked = {"ids": [entry.data["id"] for entry in batch], "properties": ["email"]}
        found = {row["id"] for row in await hubspot.execute("batch_read_contacts", asked)}
        for entry in batch:
            if entry.data["id"] in found:
                by_id.add(entry)
            else:
                by_address.add(entry)
                job.note(f"{entry.place}: the CRM has no contact {entry.data['id']}; it goes by its address.")

    gate = Gate()
    named = [entry for entry in work if entry.data["id"]]
    failing = f"{NOT_SENT}its id could not be looked up: "
    await each_batch(job, UPDATE, named, READ_AT_ONCE, look, gate=gate, failing=failing, doing="contacts to look up")
    await write_batches(job, UPDATE, filter(by_id.__contains__, work), contacts.change, gate=gate)
    return await write_batches(job, UPSERT, filter(by_address.__contains__, work), contacts.properties, gate=gate)
