"""Contacts, one at a time.

https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from newfuse import Integration, action
from newfuse.connectors.hubspot import objects
from newfuse.connectors.hubspot.records import CONTACT_PROPERTIES, Archived, Contact, Properties, SearchFilter
from newfuse.errors import InvalidArguments, NotFound

READ = "crm.objects.contacts.read"
WRITE = "crm.objects.contacts.write"

RecordId = Annotated[str, Field(min_length=1)]


class ContactActions(Integration):
    """Create, change, read and find single contacts."""

    @action(effect="write", once="lookup", lookup="created_contact", scopes=[WRITE])
    async def create_contact(self, properties: Properties) -> Contact:
        """Create a contact; HubSpot keeps e-mail addresses unique.

        Args:
            properties: Values by HubSpot's internal names: email, firstname, lastname, company, phone, lifecyclestage
                (spelled so, in one word) and the account's own; see list_properties.

        Returns:
            The new contact.

        Raises:
            Conflict: A contact with this e-mail address exists; `existing_id` is its id: update that one.
            Rejected: A property does not exist or does not take its value; the message names it.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/post-crm-v3-objects-contacts
        return Contact.parse(await objects.create(self, "contacts", properties))

    async def created_contact(self, properties: Properties) -> Contact | None:
        """Tell whether `create_contact` has happened: a contact with this address carries the values sent.

        Reading by address is consistent at once, unlike search. One with other values is not what was sent: creating
        again is then harmless, as HubSpot refuses a second contact with the address.

        Raises:
            InvalidArguments: Without an e-mail address nobody can tell.
        """
        email = str(properties.get("email") or "").strip()
        if not email:
            raise InvalidArguments("hubspot.create_contact", [("email", "without it nobody can tell what happened")])
        asked = dict.fromkeys((*CONTACT_PROPERTIES, *properties))
        try:
            row = await objects.get(self, "contacts", email, asked, id_property="email")
        except NotFound:
            return None
        return Contact.parse(row) if objects.carries(row, properties, but="email") else None

    @action(effect="write", once="natural", scopes=[WRITE])
    async def update_contact(self, contact_id: RecordId, properties: Properties) -> Contact:
        """Change properties of a contact; those not named keep their values.

        Args:
            contact_id: HubSpot's id, e.g. 12345.
            properties: New values by internal names; an empty text clears one. HubSpot moves lifecyclestage forward
                only: clear it first to move it back.

        Returns:
            The contact with its new values.

        Raises:
            NotFound: There is no such contact.
            Conflict: Another contact has this e-mail address; `existing_id` is its id.
            Rejected: A property does not exist or does not take its value; the message names it.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/patch-crm-v3-objects-contacts-contactId
        return Contact.parse(await objects.update(self, "contacts", contact_id, properties))

    @action(effect="destructive", once="natural", scopes=[WRITE])
    async def delete_contact(self, contact_id: RecordId) -> Archived:
        """Put a contact into the recycling bin, from where a person can restore it for 90 days.

        Args:
            contact_id: HubSpot's id, e.g. 12345; an id that does not exist changes nothing.

        Returns:
            The id.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/delete-crm-v3-objects-contacts-contactId
        await objects.archive(self, "contacts", contact_id)
        return Archived(id=contact_id)

    @action(effect="read", scopes=[READ])
    async def get_contact(
        self, contact_id: RecordId, properties: list[str] | None = None, id_property: str | None = None
    ) -> Contact:
        """Read one contact.

        Args:
            contact_id: HubSpot's id, or the value of `id_property`.
            properties: Internal names of the properties to read; the usual ones when not given.
            id_property: Name of a unique property to go by instead of the id, e.g. email.

        Returns:
            The contact.

        Raises:
            NotFound: There is no such contact.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/get-crm-v3-objects-contacts-contactId
        asked = properties or CONTACT_PROPERTIES
        return Contact.parse(await objects.get(self, "contacts", contact_id, asked, id_property=id_property))

    @action(effect="read", scopes=[READ])
    async def find_contacts(self, email: RecordId, properties: list[str] | None = None) -> list[Contact]:
        """Find the contact with an e-mail address; what was written a moment ago is found too.

        Args:
            email: Address to match, e.g. ada@example.com; case does not matter.
            properties: Internal names of the properties to read; the usual ones when not given.

        Returns:
            The contact, or an empty list.
        """
        asked = properties or CONTACT_PROPERTIES
        rows = await objects.read_batch(self, "contacts", [email.strip()], asked, id_property="email")
        return [Contact.parse(row) for row in rows]

    @action(effect="read", scopes=[READ])
    async def search_contacts(
        self,
        filters: Annotated[list[SearchFilter], Field(max_length=6)] | None = None,
        query: str | None = None,
        properties: list[str] | None = None,
        sort: str | None = None,
        limit: Annotated[int, Field(ge=1, le=objects.SEARCH_MOST)] = objects.SEARCH_PAGE,
    ) -> list[Contact]:
        """Search contacts. What was written in the last moments may not be found yet: use find_contacts for that.

        Args:
            filters: Conditions that all must hold, e.g. {"propertyName": "lifecyclestage", "operator": "EQ", "value":
                "lead"}; at most 6.
            query: Text to look for in names, e-mail addresses, phone numbers and companies.
            properties: Internal names of the properties to read; the usual ones when not given.
            sort: Property to sort by, with a leading minus for the greatest first, e.g. -createdate.
            limit: Most contacts to return, 1 to 10,000 (HubSpot's own ceiling).

        Returns:
            Matching contacts; an empty list when there are none.
        """
        rows = await objects.search_rows(
            self,
            "contacts",
            filters=filters or [],
            query=query,
            properties=properties or CONTACT_PROPERTIES,
            sort=sort,
            limit=limit,
        )
        return [Contact.parse(row) for row in rows]

    @action(effect="read", scopes=[READ])
    async def list_contacts(
        self, limit: Annotated[int, Field(ge=1)] | None = None, properties: list[str] | None = None
    ) -> list[Contact]:
        """List contacts in the order of their ids, page after page.

        Args:
            limit: Most contacts to return; all of them when not given.
            properties: Internal names of the properties to read; the usual ones when not given.

        Returns:
            Contacts; an empty list when there are none.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/get-crm-v3-objects-contacts
        rows = await objects.list_rows(self, "contacts", properties or CONTACT_PROPERTIES, limit)
        return [Contact.parse(row) for row in rows]

    @action(effect="read", scopes=[READ])
    async def get_contacts(
        self,
        property: list[str] | None = None,
        count: Annotated[int, Field(ge=1, le=objects.LIST_PAGE)] = 10,
        after: str | None = None,
    ) -> dict[str, Any]:
        """Read one page of contacts as HubSpot sends it.

        Args:
            property: Internal names of the properties to read; HubSpot's own choice when not given.
            count: Most contacts on the page, 1 to 100.
            after: Where to go on: `paging.next.after` of the page before.

        Returns:
            `{"results": [{"id", "properties": {…}, …}], "paging": {"next": {"after"}}}`; no paging on the last page.
        """
        params = {"limit": count, "after": after, "properties": property}
        page: dict[str, Any] = await self.api.get("/crm/v3/objects/contacts", params=params)
        return page
