"""Contacts as they come in: what a fit one is, when two stand for one person, and what the CRM is sent of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from newfuse import Disposition, Entry, InputRecord
from newfuse.records import OPEN, read
from newfuse.records.email_address import normalize_email
from newfuse.records.phone_number import normalize_phone

# https://developers.hubspot.com/docs/guides/api/crm/properties: a text property holds 65,536 characters.
Text = Annotated[str, StringConstraints(max_length=65_536)]
CrmId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]

# HubSpot's own stages, by their internal names. https://knowledge.hubspot.com/records/use-lifecycle-stages
STAGES = frozenset(
    {
        "subscriber",
        "lead",
        "marketingqualifiedlead",
        "salesqualifiedlead",
        "opportunity",
        "customer",
        "evangelist",
        "other",
    }
)
PROPERTIES = ("email", "firstname", "lastname", "company", "phone", "lifecyclestage")


class ContactFields(InputRecord):
    """A contact's fields, under the names of the input file or of HubSpot."""

    email: Text | None = None
    """Tells which contact is meant: needed, here or below `data`."""
    firstname: Text | None = None
    """First name."""
    lastname: Text | None = None
    """Last name."""
    company: Text | None = None
    """Name of the company."""
    phone: Text | None = None
    """Telephone number; one that is none is left out."""
    lifecycle_stage: Text | None = None
    """One of HubSpot's stages, e.g. lead or customer."""
    lifecyclestage: Text | None = None
    """The same under HubSpot's name; it counts where both are given."""


class ContactRecord(ContactFields, dataset="customers"):
    """One contact to create or update; its fields stand below `data` or beside it. An empty field changes nothing."""

    example: ClassVar[dict[str, Any]] = {
        "id": "12345",
        "data": {"email": "ada@example.com", "firstname": "Ada", "lifecycle_stage": "lead"},
    }

    id: Annotated[int, Field(ge=1)] | CrmId | None = None
    """The CRM's id of the contact, where it is known."""
    data: dict[str, Any] | None = None
    """The fields of this table, where they do not stand beside it."""


def check(entry: Entry, extra: Counter[str]) -> str | None:
    """Read, normalize and check one contact; afterwards the entry holds it, or is rejected by name.

    The entry's reference becomes the address in lower case, and its data `{"id": …}` with HubSpot's properties.

    Returns:
        A warning about a field that was dropped, or None.
    """
    record = read(ContactRecord, entry, extra)
    if record is None:
        return None
    fields: ContactFields | None = record
    if record.data is not None:
        inner = Entry(entry.root, entry.index, record.data)
        fields = read(ContactFields, inner, extra)
        if fields is None:
            entry.settle(inner.disposition, inner.reason, rule=inner.rule)
            return None
    assert fields is not None
    if not fields.email:
        entry.reject("email_missing", "email", "is needed to tell which contact is meant")
        return None
    address = normalize_email(fields.email)
    if address is None:
        entry.reject("invalid_email", "email", f"{fields.email[:80]!r} is not an e-mail address")
        return None
    stage = fields.lifecyclestage or fields.lifecycle_stage or ""
    if stage not in STAGES:
        stage = re.sub(r"[\s_-]", "", stage).lower()
    if stage and stage not in STAGES:
        problem = f"{stage[:40]!r} is none of {', '.join(sorted(STAGES))}"
        entry.reject("invalid_lifecycle_stage", "lifecycle_stage", problem)
        return None
    phone = normalize_phone(fields.phone) if fields.phone else None
    found = {
        "email": address,
        "firstname": fields.firstname,
        "lastname": fields.lastname,
        "company": fields.company,
        "phone": phone,
        "lifecyclestage": stage,
    }
    # An empty field is unknown, not cleared: what the CRM has there stays.
    entry.data = {"id": None if record.id is None else str(record.id), **{k: v for k, v in found.items() if v}}
    entry.reference = address
    if fields.phone and phone is None:
        return f"{entry.place}: phone: {fields.phone[:40]!r} is not a telephone number and was left out"
    return None


def properties(entry: Entry) -> dict[str, str]:
    """Return what the CRM is sent of a checked contact."""
    return {name: entry.data[name] for name in PROPERTIES if name in entry.data}


def change(entry: Entry) -> dict[str, Any]:
    """Return what the CRM is sent of a checked contact that it knows by its id."""
    return {"id": entry.data["id"], "properties": properties(entry)}


def merge_duplicates(entries: Sequence[Entry]) -> list[str]:
    """Settle later records of the same address or id as duplicates; the first is kept and its blanks are filled.

    Returns:
        Where a duplicate and the kept record contradict each other: a sentence each, without the values.
    """
    kept: dict[str, Entry] = {}
    conflicts: list[str] = []
    for entry in entries:
        if not entry.reference or entry.disposition in {Disposition.REJECTED, Disposition.DUPLICATE}:
            continue
        id_ = entry.data.get("id")
        keys = [f"email:{entry.reference}", *([f"id:{id_}"] if id_ else [])]
        first = next((kept[key] for key in keys if key in kept), None)
        if first is None or entry.disposition not in OPEN:
            for key in keys:
                kept.setdefault(key, entry)
            continue
        differing = _merge(first, entry)
        for key in keys:
            kept.setdefault(key, first)
        entry.settle(Disposition.DUPLICATE, f"stands for the same contact as {first.place}", rule="duplicate")
        if differing:
            conflicts.append(f"{entry.place} and {first.place} differ in {', '.join(differing)}; {first.place} counts")
    return conflicts


def _merge(first: Entry, later: Entry) -> list[str]:
    differing = []
    for name, value in later.data.items():
        if value is None:
            continue
        held = first.data.get(name)
        if not held and first.disposition in OPEN:
            first.data[name] = value
        elif held != value:
            differing.append(name)
    return differing
