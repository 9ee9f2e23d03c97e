"""What the reports call an integration, and which tasks work there."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ServiceWords(BaseModel):
    """What a crew calls one of its integrations.

    Attributes:
        kind: What it is to the crew, e.g. `CRM`; its label is then `CRM (HubSpot)`. Empty: the vendor's name alone.
        records: What is kept there, e.g. `Customer Records`; its label when not given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = ""
    records: str = ""

    def label(self, vendor: str) -> str:
        """Return the integration's label, with the vendor as people call it."""
        return f"{self.kind} ({vendor})" if self.kind else vendor


class Service(BaseModel):
    """One integration, in the words of the reports.

    Attributes:
        slug: The integration.
        label: E.g. `CRM (HubSpot)`.
        records: What is kept there, e.g. `Customer Records`.
        tasks: The tasks that work there, in the order of the crew.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str
    label: str
    records: str
    tasks: list[str] = []
