"""What the reports call an integration, and where it stands in the customer's journey."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from newfuse.types import IntegrationType


class Service(BaseModel):
    """One integration, in the words of the reports.

    Attributes:
        slug: The integration.
        label: E.g. `CRM (HubSpot)`.
        stage: Its stage of the customer's journey, e.g. `CRM`.
        records: What is kept there, e.g. `Customer Records`.
        work: What is done there, e.g. `CRM Integration`.
        task: The task that works there; None when no task does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str
    label: str
    stage: str
    records: str
    work: str
    task: str | None = None


@dataclass(frozen=True, slots=True)
class _Words:
    kind: str
    stage: str
    records: str
    work: str


_WORDS = {
    IntegrationType.CRM: _Words("CRM", "CRM", "Customer Records", "CRM Integration"),
    IntegrationType.ECOMMERCE: _Words("Payments", "Payment", "Payment Transactions", "Payment Processing"),
    IntegrationType.MARKETING: _Words("Email", "Email", "Email Campaigns", "Email Automation"),
    IntegrationType.ANALYTICS: _Words("Analytics", "Analytics", "Analytics Events", "Analytics Tracking"),
}


def describe_service(slug: str, vendor: str, type: IntegrationType, task: str | None = None) -> Service:  # noqa: A002 - the registry's word for it
    """Return the words for an integration, by its type.

    Args:
        slug: The integration.
        vendor: The vendor as people call it, e.g. `HubSpot`, `Google`.
        type: What it is for.
        task: The task that works there.
    """
    kind = type.value.replace("_", " ").capitalize()
    said = _WORDS.get(type, _Words(kind, kind, f"{kind} records", f"{kind} integration"))
    return Service(
        slug=slug,
        label=f"{said.kind} ({vendor})",
        stage=said.stage,
        records=said.records,
        work=said.work,
        task=task,
    )
