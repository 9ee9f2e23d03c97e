"""An integration as a third party would write it: a help desk."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from newfuse import AuthType, Bearer, Integration, IntegrationType, ItemResult, Record, action


class Person(BaseModel):
    """Who asks."""

    email: str
    age: Annotated[int, Field(ge=0, le=150)] | None = None


class Ticket(Record):
    """One question."""

    id: str
    subject: str


class Desk(Integration):
    """Answer questions."""

    slug = "desk"
    name = "Help Desk"
    type = IntegrationType.COMMUNICATION
    description = "Answers questions."
    base_url = "https://desk.test"
    doc_url = "https://docs.desk.test"
    auth = Bearer(field="api_key", description="from the settings")
    triggers = ("ticket_opened",)
    supports_webhooks = True
    credential_names = {"api_key": ("DESK_TOKEN",)}  # noqa: RUF012

    async def check(self) -> None:
        """Ask who we are."""
        await self.api.get("/me")

    @action(effect="read")
    async def find_tickets(
        self,
        subject: str,
        limit: Annotated[int, Field(ge=1, le=100)] = 10,
        state: Literal["open", "closed"] = "open",
        person: Person | None = None,
    ) -> list[Ticket]:
        """Find tickets by subject.

        The newest come first.

        Args:
            subject: Words of the subject.
            limit: Most tickets returned,
                1 to 100.
            state: Which of them.
            person: Who asked.

        Returns:
            Tickets; none is an empty list.

        Raises:
            RateLimited: The quota is spent.
        """
        params = {"subject": subject, "limit": limit, "state": state, "email": person.email if person else None}
        return [Ticket.model_validate(row) for row in await self.api.get("/tickets", params=params)]

    @action(effect="write", once="none")
    async def open_ticket(self, subject: str) -> Ticket:
        """Open a ticket.

        Args:
            subject: What it is about.
        """
        return Ticket.model_validate(await self.api.post("/tickets", json={"subject": subject}))

    @action(effect="write", once="natural", batch="tickets")
    async def update_tickets(self, tickets: list[dict[str, Any]]) -> list[ItemResult]:
        """Update tickets.

        Args:
            tickets: Each with its id.
        """
        rows = await self.api.put("/tickets", json=tickets)
        return [ItemResult(value=row) for row in rows]


__all__ = ["AuthType", "Desk", "Person", "Ticket"]
