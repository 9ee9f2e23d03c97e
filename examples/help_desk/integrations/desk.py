"""The help desk: open and find tickets."""

from newfuse import Bearer, Integration, IntegrationType, Record, action


class Ticket(Record):
    """One question at the help desk."""

    id: str
    email: str
    subject: str


class Desk(Integration):
    """Open and find tickets at the help desk."""

    slug = "desk"
    type = IntegrationType.COMMUNICATION
    base_url = "https://api.desk.example"
    auth = Bearer(description="API key, from the desk's settings")
    idempotency_header = "Idempotency-Key"

    async def check(self) -> None:
        """Ask who we are: the cheapest call that needs the key."""
        await self.api.get("/v1/me")

    @action(effect="read")
    async def find_tickets(self, email: str) -> list[Ticket]:
        """Find the tickets of one person.

        Args:
            email: Their e-mail address.

        Returns:
            Their tickets, the oldest first; an empty list when there are none.
        """
        answer = await self.api.get("/v1/tickets", params={"email": email})
        return [Ticket.model_validate(row) for row in answer["tickets"]]

    @action(effect="write", once="key")
    async def open_ticket(self, email: str, subject: str) -> Ticket:
        """Open a ticket.

        Args:
            email: Who asks.
            subject: What about, in one line.
        """
        return Ticket.model_validate(await self.api.post("/v1/tickets", json={"email": email, "subject": subject}))
