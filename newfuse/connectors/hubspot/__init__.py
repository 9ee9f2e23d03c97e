"""HubSpot CRM v3: contacts, companies, deals and their properties."""

from newfuse.connectors.hubspot.hubspot import HubSpot

__all__ = ["HubSpot"]
