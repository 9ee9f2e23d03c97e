"""The help desk in the sandbox: written from the vendor's documentation, not from our integration."""

from typing import Any

from newfuse.sandbox import Vendor, VendorRequest, VendorResponse


class DeskDouble(Vendor):
    """Keeps tickets, and opens none twice for one idempotency key."""

    slug = "desk"
    credentials = {"api_key": "desk_sandbox"}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.tickets: list[dict[str, str]] = []
        self.by_key: dict[str, dict[str, str]] = {}
        self.route("GET", "/v1/me", lambda _request: VendorResponse(200, {"name": "Sandbox"}))
        self.route("GET", "/v1/tickets", self.find_tickets)
        self.route("POST", "/v1/tickets", self.open_ticket)

    def find_tickets(self, request: VendorRequest) -> VendorResponse:
        email = request.param("email")
        return VendorResponse(200, {"tickets": [one for one in self.tickets if email in {None, one["email"]}]})

    def open_ticket(self, request: VendorRequest) -> VendorResponse:
        asked = request.json()
        if "@" not in asked["email"]:
            return VendorResponse(422, {"error": "email is not an address"})
        key = request.headers.get("idempotency-key", "")
        if key in self.by_key:
            return VendorResponse(200, self.by_key[key])
        ticket = {"id": f"T{len(self.tickets) + 1}", "email": asked["email"], "subject": asked["subject"]}
        self.tickets.append(ticket)
        if key:
            self.by_key[key] = ticket
        return VendorResponse(201, ticket)

    def authenticate(self, request: VendorRequest) -> VendorResponse | None:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if key.startswith("desk_") else self.failure(401)

    def not_found(self, request: VendorRequest) -> VendorResponse:
        return VendorResponse(404, {"error": f"there is no {request.path}"})

    def too_many_requests(self, retry_after_s: float) -> VendorResponse:
        return VendorResponse(429, {"error": "too many requests"}, {"retry-after": f"{retry_after_s:g}"})

    def failure(self, status: int) -> VendorResponse:
        return VendorResponse(status, {"error": f"status {status}"})

    def truth(self) -> dict[str, Any]:
        return {"tickets": self.tickets}
