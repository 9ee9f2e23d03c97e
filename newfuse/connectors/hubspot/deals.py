"""Deals.

https://developers.hubspot.com/docs/api-reference/crm-deals-v3/guide
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from newfuse import Integration, action
from newfuse.connectors.hubspot import objects
from newfuse.connectors.hubspot.contacts import RecordId
from newfuse.connectors.hubspot.records import DEAL_PROPERTIES, Deal, Properties, SearchFilter

READ = "crm.objects.deals.read"
WRITE = "crm.objects.deals.write"


class DealActions(Integration):
    """Create, change, read and find deals."""

    # once="none": no property of a deal is unique, and search lags behind, so that after a lost answer nobody can
    # tell by reading whether this deal is the one that was sent.
    @action(effect="write", once="none", scopes=[WRITE])
    async def create_deal(self, properties: Properties) -> Deal:
        """Create a deal. Nothing keeps two deals from being alike: search first.

        Args:
            properties: Values by HubSpot's internal names: dealname, amount, dealstage, pipeline, closedate
                (YYYY-MM-DD) and the account's own; see list_properties.

        Returns:
            The new deal.

        Raises:
            Rejected: A property does not exist or does not take its value; the message names it.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-deals-v3/basic/post-crm-v3-objects-deals
        return Deal.parse(await objects.create(self, "deals", properties))

    @action(effect="write", once="natural", scopes=[WRITE])
    async def update_deal(self, deal_id: RecordId, properties: Properties) -> Deal:
        """Change properties of a deal; those not named keep their values.

        Args:
            deal_id: HubSpot's id.
            properties: New values by internal names; an empty text clears one.

        Returns:
            The deal with its new values.

        Raises:
            NotFound: There is no such deal.
            Rejected: A property does not exist or does not take its value; the message names it.
        """
        return Deal.parse(await objects.update(self, "deals", deal_id, properties))

    @action(effect="read", scopes=[READ])
    async def get_deal(self, deal_id: RecordId, properties: list[str] | None = None) -> Deal:
        """Read one deal.

        Args:
            deal_id: HubSpot's id.
            properties: Internal names of the properties to read; the usual ones when not given.

        Returns:
            The deal.

        Raises:
            NotFound: There is no such deal.
        """
        return Deal.parse(await objects.get(self, "deals", deal_id, properties or DEAL_PROPERTIES))

    @action(effect="read", scopes=[READ])
    async def search_deals(
        self,
        filters: Annotated[list[SearchFilter], Field(max_length=6)] | None = None,
        query: str | None = None,
        properties: list[str] | None = None,
        sort: str | None = None,
        limit: Annotated[int, Field(ge=1, le=objects.SEARCH_MOST)] = objects.SEARCH_PAGE,
    ) -> list[Deal]:
        """Search deals. What was written in the last moments may not be found yet.

        Args:
            filters: Conditions that all must hold, e.g. {"propertyName": "dealstage", "operator": "EQ", "value":
                "closedwon"}; at most 6.
            query: Text to look for in the properties HubSpot searches by default.
            properties: Internal names of the properties to read; the usual ones when not given.
            sort: Property to sort by, with a leading minus for the greatest first, e.g. -createdate.
            limit: Most deals to return, 1 to 10,000 (HubSpot's own ceiling).

        Returns:
            Matching deals; an empty list when there are none.
        """
        rows = await objects.search_rows(
            self,
            "deals",
            filters=filters or [],
            query=query,
            properties=properties or DEAL_PROPERTIES,
            sort=sort,
            limit=limit,
        )
        return [Deal.parse(row) for row in rows]

    @action(effect="read", scopes=[READ])
    async def list_deals(
        self, limit: Annotated[int, Field(ge=1)] | None = None, properties: list[str] | None = None
    ) -> list[Deal]:
        """List deals in the order of their ids, page after page.

        Args:
            limit: Most deals to return; all of them when not given.
            properties: Internal names of the properties to read; the usual ones when not given.

        Returns:
            Deals; an empty list when there are none.
        """
        rows = await objects.list_rows(self, "deals", properties or DEAL_PROPERTIES, limit)
        return [Deal.parse(row) for row in rows]
