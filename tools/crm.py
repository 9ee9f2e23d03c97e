"""The CRM specialist's tools: validate, deduplicate, synchronize, read back, review."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import Annotated, Any

from pydantic import Field

from newfuse import Dataset, Disposition, Entry, Job, Tool, ToolResult, answer, tool
from newfuse.records import (
    OPEN,
    WRITTEN,
    batches,
    count_records,
    derive,
    read_each,
    require_taken,
    take,
    take_in,
    whole,
)
from newfuse.records.email_address import normalize_email
from newfuse.records.phone_number import normalize_phone
from tools import contacts
from tools.contact_sync import BATCHES_AT_ONCE, READ_AT_ONCE, UPSERT, sync

ROOT = "customers"
CONFLICTS_SHOWN = 20
REVIEW_PAGE_TURN = 500  # contacts looked at before other tasks get their turn


@tool
async def validate_contacts(job: Job, dataset: str = ROOT) -> ToolResult:
    """Check and normalize contacts before they are synchronized; nothing is sent.

    An e-mail address is needed and a lifecycle stage must be one the CRM knows, or the record is rejected by name. A
    malformed telephone number is left out with a warning.

    Args:
        dataset: Handle of the contacts.

    Returns:
        The handle of the valid contacts, how many are valid, rejected and warned about, and the rejected ones by place.
    """
    records = take(job, dataset, ROOT)
    warnings = await _check(job, records)
    valid = job.derive(records, "valid", [entry for entry in records if entry.reference])
    invalid = len(records) - len(valid)
    data = {"handle": valid.name, "total": len(records), "valid": len(valid), "rejected": invalid, "warnings": warnings}
    return answer(f"{len(valid)} of {len(records)} contacts are valid.", data, records.entries)


@tool
async def deduplicate_contacts(job: Job, dataset: str = ROOT) -> ToolResult:
    """Find records that stand for the same contact: the same address or the same id; nothing is sent.

    The first is kept and its empty fields are filled from the later ones, which become duplicates that name it.

    Args:
        dataset: Handle of the contacts, best that of the valid ones.

    Returns:
        The handle of the distinct contacts, and how many records were duplicates or contradicted the kept one.
    """
    records = take(job, dataset, ROOT)
    await _check(job, records)
    conflicts = _merge(job, records)
    distinct = job.derive(records, "unique", [entry for entry in records if _is_own(entry)])
    duplicates = sum(entry.disposition is Disposition.DUPLICATE for entry in records)
    data = {
        "handle": distinct.name,
        "total": len(records),
        "distinct": len(distinct),
        "duplicates": duplicates,
        "conflicts": conflicts[:CONFLICTS_SHOWN],
    }
    return answer(f"{len(distinct)} distinct contacts; {duplicates} records were duplicates.", data, records.entries)


@tool
async def sync_contacts(job: Job, dataset: str = ROOT) -> ToolResult:
    """Create or update contacts in HubSpot, by id where the CRM knows it, else by e-mail address, 100 a request.

    Contacts that were not validated or deduplicated yet are so first. What was written before is not sent again.

    Args:
        dataset: Handle of the contacts.

    Returns:
        How many were created, updated, skipped, rejected, failed or are unknown, and the exceptions by place.

    Raises:
        VendorError: HubSpot could not be reached or did not let us in; what was not written is failed by name.
    """
    records = take(job, dataset, ROOT)
    await _check(job, records)
    _merge(job, records)
    work = [entry for entry in records if entry.reference and entry.disposition in OPEN]
    down = await sync(job, work)
    counts = _count(job, records)
    sentence = f"Synchronized: {counts['created']} created, {counts['updated']} updated, {counts['skipped']} skipped."
    return answer(sentence, {"handle": records.name, **counts}, records.entries, down=down)


@tool
async def read_back_contacts(job: Job, dataset: str = ROOT) -> ToolResult:
    """Read the written contacts back from HubSpot and compare them property by property.

    Args:
        dataset: Handle of the contacts.

    Returns:
        How many were read back, match, differ (with the properties' names) or are missing.

    Raises:
        VendorError: HubSpot could not be reached.
    """
    records = take(job, dataset, ROOT)
    require_taken(job, records, "sync_contacts")
    written = [entry for entry in records if entry.disposition in WRITTEN]
    matched, missing = 0, 0
    reading = job.reading("hubspot", "batch_read_contacts")
    different: list[dict[str, Any]] = []
    if written:
        hubspot = await job.integration("hubspot")

        async def compare(batch: list[Entry]) -> None:
            nonlocal matched, missing
            asked = {"emails": [entry.reference for entry in batch], "properties": list(contacts.PROPERTIES)}
            found = {(row["email"] or "").lower(): row for row in await hubspot.execute("batch_read_contacts", asked)}
            for entry in batch:
                row = found.get(entry.reference)
                if row is None:
                    missing += 1
                    continue
                names = [name for name, sent in contacts.properties(entry).items() if not _same(name, sent, row[name])]
                if names:
                    different.append({"place": entry.place, "properties": names})
                else:
                    matched += 1

        async with reading:
            await read_each(
                job, batches(written, READ_AT_ONCE), compare, at_once=BATCHES_AT_ONCE, doing="reading contacts back"
            )
    mismatched = len(different)
    found = {"read_back": matched + mismatched, "matched": matched, "mismatched": mismatched, "missing": missing}
    for name, count in found.items():
        reading.fact(f"crm.contacts_{name}", count, "contacts")
    in_step = reading.made() and not mismatched and not missing
    reading.fact("crm.last_sync_at", job.now().isoformat() if in_step else None, "")
    evidence = "no contact was written, so there is none to read back"
    if written:
        evidence = f"{matched} of {len(written)} contacts read back as written"
        evidence += f"; {mismatched} differ, {missing} are missing"
    job.check("CRM read-back", in_step if written else None, evidence)
    if different:
        job.table("Contacts that read back differently", different[:CONFLICTS_SHOWN])
    data = {
        "handle": records.name,
        "written": len(written),
        "matched": matched,
        "mismatched": mismatched,
        "missing": missing,
        "differences": different[:CONFLICTS_SHOWN],
    }
    return answer(f"{evidence}.", data)


@tool
async def review_crm(job: Job, limit: Annotated[int, Field(ge=1, le=10_000)] = 1_000) -> ToolResult:
    """Look through the contacts that HubSpot holds for duplicates and unusable records, without changing any.

    Args:
        limit: Most contacts to look at, in the order of their ids; 100 are one request.

    Returns:
        How many were looked at and whether these are all, how many have no usable address or telephone number, and
        how many stand in groups of the same name and company or the same number.

    Raises:
        VendorError: HubSpot could not be reached.
    """
    hubspot = await job.integration("hubspot")
    async with job.reading("hubspot", "list_contacts") as reading:
        rows = await hubspot.execute("list_contacts", {"limit": limit, "properties": list(contacts.PROPERTIES)})
    complete = len(rows) < limit
    groups: dict[tuple[str, ...], set[str]] = defaultdict(set)
    without_address = bad_phones = invalid = 0
    for index, row in enumerate(rows):
        if index % REVIEW_PAGE_TURN == 0:
            await asyncio.sleep(0)
        no_address = normalize_email(row["email"] or "") is None
        bad_phone = bool(row["phone"]) and normalize_phone(row["phone"]) is None
        without_address += no_address
        bad_phones += bad_phone
        invalid += no_address or bad_phone
        name = tuple((row[field] or "").strip().casefold() for field in ("firstname", "lastname", "company"))
        if all(name):
            groups[("name", *name)].add(row["id"])
        digits = "".join(filter(str.isdigit, row["phone"] or ""))
        if digits and not bad_phone:
            groups[("phone", digits)].add(row["id"])
    alike = {frozenset(ids) for ids in groups.values() if len(ids) > 1}
    in_groups = len(frozenset().union(*alike)) if alike else 0
    counts = {
        "contacts": len(rows),
        "invalid": invalid,
        "without_address": without_address,
        "bad_phones": bad_phones,
        "likely_duplicates": in_groups,
    }
    for what, count in counts.items():
        reading.fact(f"crm.review_{what}", count, "contacts")
    reading.fact("crm.review_complete", complete, "yes or no")
    if not complete:
        job.note(f"The review of the CRM stopped at its limit of {limit} contacts; there are more.")
    groups_shown = [{"ids": ", ".join(sorted(ids))} for ids in sorted(alike, key=sorted)[:CONFLICTS_SHOWN]]
    if groups_shown:
        job.table("Contacts in the CRM that look like duplicates", groups_shown)
    data = {**counts, "complete": complete, "groups": groups_shown}
    sentence = f"{len(rows)} contacts in the CRM: {invalid} are not usable, {in_groups} look like duplicates."
    return answer(sentence, data)


async def _check(job: Job, records: Dataset) -> int:
    """Validate what was not validated yet, and measure the data's quality; return the number of warnings so far."""
    warnings = await take_in(job, records, ROOT, contacts.check, "validating contacts")
    for warning in warnings[:CONFLICTS_SHOWN]:
        job.note(f"{warning}.")
    _count_records(job, records)
    dropped = len(warnings) + int(job.measured("crm.phones_dropped") or 0)
    count_records(job, whole(job, records), "records", {"crm.phones_dropped": dropped})
    return dropped


def _count_records(job: Job, records: Dataset) -> None:
    """Count the records by whether they are fit; counted again after every write, which may find one unfit."""
    everything = whole(job, records)
    rejected = everything.counts()["rejected"]
    counts = {
        "crm.records": len(everything),
        "crm.records_valid": everything.looked_at() - rejected,
        "crm.records_invalid": rejected,
    }
    count_records(job, everything, "records", counts)
    derive(
        job,
        "crm.data_quality",
        "%",
        "100 * valid / (valid + invalid)",
        inputs={"valid": "crm.records_valid", "invalid": "crm.records_invalid"},
        says="records_valid of all that were looked at",
    )


def _merge(job: Job, records: Dataset) -> list[str]:
    conflicts = contacts.merge_duplicates(records.entries)
    everything = whole(job, records)
    duplicates = sum(entry.disposition is Disposition.DUPLICATE for entry in everything)
    count_records(job, everything, "records", {"crm.duplicates": duplicates})
    for conflict in conflicts[:CONFLICTS_SHOWN]:
        job.note(conflict + ".")
    return conflicts


def _is_own(entry: Entry) -> bool:
    return bool(entry.reference) and entry.disposition is not Disposition.DUPLICATE


def _count(job: Job, records: Dataset) -> dict[str, int]:
    """Count what became of the contacts, and record it as facts of the whole dataset."""
    _count_records(job, records)
    everything = whole(job, records)
    confirmed = [entry for entry in everything if entry.disposition is Disposition.CONFIRMED]
    changes = Counter(UPSERT.value(entry) for entry in confirmed)
    states = everything.counts()
    made = {"created": changes["created"], "updated": changes["updated"]}
    if changes["written"]:
        made["created_or_updated"] = changes["written"]  # HubSpot did not say which
    became = {
        "skipped": states["skipped"],
        "duplicates": states["duplicate"],
        "rejected": states["rejected"],
        "failed": states["failed"],
        "unknown": states["unknown"],
    }
    for name, count in made.items():
        job.fact(f"crm.contacts_{name}", count, "contacts", **UPSERT.source, state="confirmed")
    count_records(job, everything, "contacts", {f"crm.contacts_{name}": count for name, count in became.items()})
    return made | became


def _same(name: str, sent: str, found: str | None) -> bool:
    held = (found or "").strip()
    return held.lower() == sent.lower() if name == "email" else held == sent.strip()


TOOLS: list[Tool] = [validate_contacts, deduplicate_contacts, sync_contacts, read_back_contacts, review_crm]
