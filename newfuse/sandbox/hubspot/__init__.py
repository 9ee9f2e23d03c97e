"""HubSpot CRM v3, as its official SDK and documentation say."""

from __future__ import annotations

from newfuse.sandbox.hubspot.portal import HubSpot

__all__ = ["HubSpot"]
