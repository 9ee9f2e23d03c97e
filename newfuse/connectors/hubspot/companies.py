"""Companies.

https://developers.hubspot.com/docs/api-reference/crm-companies-v3/guide
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from newfuse import Integration, action
from newfuse.connectors.hubspot import objects
from newfuse.connectors.hubspot.contacts import RecordId
from newfuse.connectors.hubspot.records import COMPANY_PROPERTIES, Company, Properties, SearchFilter

READ = "crm.objects.companies.read"
WRITE = "crm.objects.companies.write"


class CompanyActions(Integration):
    """Create, change, read and find companies."""

    # once="none": no property of a company is unique (two may share a domain), and search lags behind, so that
    # after a lost answer nobody can tell by reading whether this company is the one that was sent.
    @action(effect="write", once="none", scopes=[WRITE])
    async def create_company(self, properties: Properties) -> Company:
        """Create a company. HubSpot does not keep domains unique: search for the domain first.

        Args:
            properties: Values by HubSpot's internal names: name, domain, phone, city, country, industry and the
                account's own; see list_properties.

        Returns:
            The new company.

        Raises:
            Rejected: A property does not exist or does not take its value; the message names it.
        """
        # https://developers.hubspot.com/docs/api-reference/crm-companies-v3/basic/post-crm-v3-objects-companies
        return Company.parse(await objects.create(self, "companies", properties))

    @action(effect="write", once="natural", scopes=[WRITE])
    async def update_company(self, company_id: RecordId, properties: Properties) -> Company:
        """Change properties of a company; those not named keep their values.

        Args:
            company_id: HubSpot's id.
            properties: New values by internal names; an empty text clears one.

        Returns:
            The company with its new values.

        Raises:
            NotFound: There is no such company.
            Rejected: A property does not exist or does not take its value; the message names it.
        """
        return Company.parse(await objects.update(self, "companies", company_id, properties))

    @action(effect="read", scopes=[READ])
    async def get_company(self, company_id: RecordId, properties: list[str] | None = None) -> Company:
        """Read one company.

        Args:
            company_id: HubSpot's id.
            properties: Internal names of the properties to read; the usual ones when not given.

        Returns:
            The company.

        Raises:
            NotFound: There is no such company.
        """
        return Company.parse(await objects.get(self, "companies", company_id, properties or COMPANY_PROPERTIES))

    @action(effect="read", scopes=[READ])
    async def search_companies(
        self,
        filters: Annotated[list[SearchFilter], Field(max_length=6)] | None = None,
        query: str | None = None,
        properties: list[str] | None = None,
        sort: str | None = None,
        limit: Annotated[int, Field(ge=1, le=objects.SEARCH_MOST)] = objects.SEARCH_PAGE,
    ) -> list[Company]:
        """Search companies. What was written in the last moments may not be found yet.

        Args:
            filters: Conditions that all must hold, e.g. {"propertyName": "domain", "operator": "EQ", "value":
                "example.com"}; at most 6.
            query: Text to look for in the properties HubSpot searches by default.
            properties: Internal names of the properties to read; the usual ones when not given.
            sort: Property to sort by, with a leading minus for the greatest first, e.g. -createdate.
            limit: Most companies to return, 1 to 10,000 (HubSpot's own ceiling).

        Returns:
            Matching companies; an empty list when there are none.
        """
        rows = await objects.search_rows(
            self,
            "companies",
            filters=filters or [],
            query=query,
            properties=properties or COMPANY_PROPERTIES,
            sort=sort,
            limit=limit,
        )
        return [Company.parse(row) for row in rows]

    @action(effect="read", scopes=[READ])
    async def list_companies(
        self, limit: Annotated[int, Field(ge=1)] | None = None, properties: list[str] | None = None
    ) -> list[Company]:
        """List companies in the order of their ids, page after page.

        Args:
            limit: Most companies to return; all of them when not given.
            properties: Internal names of the properties to read; the usual ones when not given.

        Returns:
            Companies; an empty list when there are none.
        """
        rows = await objects.list_rows(self, "companies", properties or COMPANY_PROPERTIES, limit)
        return [Company.parse(row) for row in rows]
