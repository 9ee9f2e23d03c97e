"""HubSpot as an integration: its facts, and the actions of all its objects together."""

from __future__ import annotations

from newfuse import Bearer, IntegrationType, RateHeaders, RateLimit
from newfuse.connectors.hubspot.companies import CompanyActions
from newfuse.connectors.hubspot.contact_batches import ContactBatchActions
from newfuse.connectors.hubspot.contacts import ContactActions
from newfuse.connectors.hubspot.deals import DealActions
from newfuse.connectors.hubspot.failure import describe_failure
from newfuse.connectors.hubspot.property_definitions import PropertyActions


class HubSpot(ContactActions, ContactBatchActions, CompanyActions, DealActions, PropertyActions):
    """Keep contacts, companies and deals of one HubSpot account."""

    slug = "hubspot"
    name = "HubSpot"
    type = IntegrationType.CRM
    description = "Customer records: contacts, companies and deals of a HubSpot account."
    base_url = "https://api.hubapi.com"
    doc_url = "https://developers.hubspot.com/docs/api-reference/overview"
    api_version = "v3"
    # The token of a private app. https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview
    auth = Bearer()
    # Professional and Enterprise accounts: https://developers.hubspot.com/changelog/increasing-our-api-limits. Smaller
    # ones say less in their headers, which are followed.
    rate_limit = RateLimit(
        calls=190,
        per_s=10,
        headers=RateHeaders(
            limit="x-hubspot-ratelimit-max",
            remaining="x-hubspot-ratelimit-remaining",
            interval="x-hubspot-ratelimit-interval-milliseconds",
            unit="milliseconds",
        ),
    )
    describe_failure = staticmethod(describe_failure)

    async def check(self) -> None:
        """Read the account's details, which needs a token and no particular scope."""
        # https://developers.hubspot.com/docs/api-reference/account-account-info-v3/guide
        answer = await self.api.get("/account-info/v3/details")
        int(answer["portalId"])  # its number, without which the answer is not the account's
