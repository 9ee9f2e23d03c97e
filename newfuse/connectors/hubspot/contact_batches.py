"""Contacts, up to 100 in one call.

https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from newfuse import Integration, ItemResult, action
from newfuse.connectors.hubspot import batch, objects
from newfuse.connectors.hubspot.contacts import READ, WRITE, RecordId
from newfuse.connectors.hubspot.records import (
    CONTACT_PROPERTIES,
    Contact,
    FlatProperties,
    RecordUpdate,
    as_texts,
)
from newfuse.errors import InvalidArguments

Most = Field(min_length=1, max_length=objects.BATCH_MOST)


class ContactBatchActions(Integration):
    """Read, create, change and archive many contacts at once."""

    @action(effect="write", once="natural", batch="contacts", scopes=[WRITE])
    async def upsert_contacts(
        self, contacts: Annotated[list[FlatProperties], Most], id_property: str = "email"
    ) -> list[ItemResult]:
        """Create or update contacts by e-mail address, up to 100 in one call. A bad one does not stop the others.

        Args:
            contacts: One entry per contact: its properties by HubSpot's internal names, email among them, e.g.
                {"email": "ada@example.com", "firstname": "Ada", "lifecyclestage": "lead"}.
            id_property: Unique property to go by.

        Returns:
            For each contact, in order, its id and whether it is new, or what HubSpot has against it.
        """
        inputs = [as_texts(contact) for contact in contacts]
        return await batch.upsert_batch(self, "contacts", inputs, id_property)

    @action(effect="write", once="natural", batch="contacts", scopes=[WRITE])
    async def update_contacts(self, contacts: Annotated[list[RecordUpdate], Most]) -> list[ItemResult]:
        """Change properties of contacts by id, up to 100 in one call. A bad one does not stop the others.

        Args:
            contacts: One entry per contact: {"id": "12345", "properties": {"phone": "+1-555-0101"}}.

        Returns:
            For each contact, in order, its id, or what HubSpot has against it.
        """
        inputs = [{"id": contact.id, "properties": as_texts(contact.properties)} for contact in contacts]
        return await batch.update_batch(self, "contacts", inputs)

    @action(effect="destructive", once="natural", batch="contact_ids", scopes=[WRITE])
    async def archive_contacts(self, contact_ids: Annotated[list[RecordId], Most]) -> list[ItemResult]:
        """Put contacts into the recycling bin, up to 100 in one call; a person can restore them for 90 days.

        Args:
            contact_ids: HubSpot's ids; those that do not exist change nothing.

        Returns:
            For each id, in order, that it is archived, or what HubSpot has against it.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-archive
        return await batch.archive_batch(self, "contacts", contact_ids)

    @action(effect="write", once="lookup", lookup="created_contacts", scopes=[WRITE])
    async def create_contacts(self, contacts: Annotated[list[FlatProperties], Most]) -> list[Contact]:
        """Create contacts, up to 100 in one call: all of them, or none if HubSpot refuses one.

        Use upsert_contacts where some may exist already.

        Args:
            contacts: One entry per contact: its properties by HubSpot's internal names.

        Returns:
            The new contacts; their order is HubSpot's own.

        Raises:
            Conflict: A contact with one of these e-mail addresses exists; `existing_id` is its id.
            Rejected: A property does not exist or does not take its value; the message names it.
        """
        # Without objectWriteTraceId HubSpot takes a batch whole or not at all.
        # https://developers.hubspot.com/docs/api-reference/error-handling ("Multi-status errors")
        inputs = [{"properties": as_texts(contact)} for contact in contacts]
        answer = await self.api.post("/crm/v3/objects/contacts/batch/create", json={"inputs": inputs})
        return [Contact.parse(row) for row in answer["results"]]

    async def created_contacts(self, contacts: Annotated[list[FlatProperties], Most]) -> list[Contact] | None:
        """Tell whether `create_contacts` has happened: every address is there and carries the values sent.

        Raises:
            InvalidArguments: One has no e-mail address, without which nobody can tell.
        """
        by_email = {str(contact.get("email") or "").strip().lower(): contact for contact in contacts}
        if "" in by_email:
            raise InvalidArguments("hubspot.create_contacts", [("email", "without it nobody can tell what happened")])
        asked = list(dict.fromkeys((*CONTACT_PROPERTIES, *(name for contact in contacts for name in contact))))
        rows = await objects.read_batch(self, "contacts", list(by_email), asked, id_property="email")
        found = {str(row["properties"]["email"]).lower(): row for row in rows}
        carried = (
            email in found and objects.carries(found[email], contact, but="email")
            for email, contact in by_email.items()
        )
        return [Contact.parse(row) for row in rows] if all(carried) else None

    @action(effect="read", scopes=[READ])
    async def batch_read_contacts(
        self,
        ids: Annotated[list[RecordId], Field(max_length=objects.BATCH_MOST)] | None = None,
        emails: Annotated[list[RecordId], Field(max_length=objects.BATCH_MOST)] | None = None,
        properties: list[str] | None = None,
    ) -> list[Contact]:
        """Read up to 100 contacts by ids or by e-mail addresses; what was written a moment ago is there.

        Args:
            ids: HubSpot's ids; give either these or emails.
            emails: E-mail addresses; case does not matter.
            properties: Internal names of the properties to read; the usual ones when not given.

        Returns:
            The contacts that exist, in HubSpot's order; those that do not are left out.

        Raises:
            InvalidArguments: Neither ids nor emails were given, or both.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-read
        by_id = objects.only_one("hubspot.batch_read_contacts", ids=ids, emails=emails) == "ids"
        keys = ids if by_id else [email.strip().lower() for email in emails or []]
        rows = await objects.read_batch(
            self,
            "contacts",
            keys or [],
            properties or CONTACT_PROPERTIES,
            id_property=None if by_id else "email",
        )
        return [Contact.parse(row) for row in rows]
