"""A vendor and its integration that no other test knows: what the matrix makes of a stranger.

Crates are stored under an idempotency key, labelled (which may be repeated), shipped (which can be looked up) and
announced (which cannot).
"""

from __future__ import annotations

from typing import Any

from newfuse import Bearer, Integration, IntegrationType, Record, action
from newfuse.errors import NotFound
from newfuse.sandbox.vendor import Vendor, VendorRequest, VendorResponse


class Crate(Record):
    """One crate."""

    id: str
    content: str
    label: str | None = None
    shipped: bool = False


class Announced(Record):
    """What was announced."""

    count: int


class Depot(Integration):
    """Store crates and ship them."""

    slug = "depot"
    name = "Depot"
    type = IntegrationType.ECOMMERCE
    description = "Stores crates and ships them."
    base_url = "https://depot.test"
    auth = Bearer(field="api_key", description="from the settings")
    idempotency_header = "Idempotency-Key"

    async def check(self) -> None:
        """Ask whether the gate is open."""
        await self.api.get("/gate")

    @staticmethod
    def describe_failure(status: int, headers: Any, body: Any) -> Any:
        """Read the depot's refusals."""
        from newfuse import Fault

        said = body.get("refused") if isinstance(body, dict) else None
        return Fault(str(said), code="REFUSED") if said else None

    @action(effect="money", once="key")
    async def store_crate(self, content: str, weight_kg: int) -> Crate:
        """Store a crate, which costs money.

        Args:
            content: What is in it.
            weight_kg: Its weight, 20 to 500, e.g. 40.
        """
        return Crate.model_validate(await self.api.post("/crates", json={"content": content, "kg": weight_kg}))

    @action(effect="read")
    async def get_crate(self, crate_id: str) -> Crate:
        """Read one crate.

        Args:
            crate_id: Its number.
        """
        return Crate.model_validate(await self.api.get("/crates/{id}", values={"id": crate_id}))

    @action(effect="write", once="natural")
    async def label_crate(self, crate_id: str, label: str | None = None) -> Crate:
        """Put a label on a crate, in place of the one it has.

        Args:
            crate_id: Its number.
            label: What it says.
        """
        row = await self.api.put("/crates/{id}", values={"id": crate_id}, json={"label": label})
        return Crate.model_validate(row)

    @action(effect="write", once="lookup", lookup="shipped")
    async def ship_crate(self, crate_id: str) -> Crate:
        """Ship a crate, once it is labelled.

        Args:
            crate_id: Its number.
        """
        return Crate.model_validate(await self.api.post("/crates/{id}/ship", values={"id": crate_id}))

    async def shipped(self, crate_id: str) -> Crate | None:
        """Tell whether it was shipped."""
        try:
            crate = await self.get_crate(crate_id)
        except NotFound:
            return None
        return crate if crate.shipped else None

    @action(effect="write", once="none")
    async def announce(self, subjects: list[str]) -> Announced:
        """Announce something.

        Args:
            subjects: What.
        """
        return Announced.model_validate(await self.api.post("/announcements", json={"subjects": subjects}))


class ForgetfulDepot(Depot):
    """Sends no key, though it says so; asks about nothing, though it says so."""

    slug = "depot"
    idempotency_header = "X-Something-Else"

    @action(effect="write", once="lookup", lookup="shipped")
    async def announce(self, subjects: list[str]) -> Announced:
        """Announce something.

        Args:
            subjects: What.
        """
        return await super().announce(subjects)

    async def shipped(self, crate_id: str = "", subjects: Any = None) -> Any:
        """Always find nothing."""
        return None


class ClosedDepot(Depot):
    """Has an action that nothing it says helps to call."""

    slug = "depot"

    @action(effect="write", once="none")
    async def open_gate(self, plan: dict[str, int]) -> Announced:
        """Open the gate.

        Args:
            plan: The secret plan.
        """
        return Announced.model_validate(await self.api.post("/gate", json=plan))


class DepotVendor(Vendor):
    """The depot's own side."""

    slug = "depot"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.crates: dict[str, dict[str, Any]] = {}
        self.announced: list[str] = []
        self.answers: dict[str, VendorResponse] = {}
        self.route("GET", "/gate", lambda request: VendorResponse(200, {"open": True}))
        self.route("POST", "/gate", lambda request: self._refuse("the plan is wrong"))
        self.route("POST", "/crates", self._store)
        self.route("GET", "/crates/{id}", lambda request, id: self._answer(id))  # noqa: A006
        self.route("PUT", "/crates/{id}", self._label)
        self.route("POST", "/crates/{id}/ship", self._ship)
        self.route("POST", "/announcements", self._announce)

    def _refuse(self, why: str, status: int = 422) -> VendorResponse:
        return VendorResponse(status, {"refused": why})

    def _answer(self, id: str) -> VendorResponse:  # noqa: A002
        return VendorResponse(200, self.crates[id]) if id in self.crates else self._refuse("no such crate", 404)

    def _store(self, request: VendorRequest) -> VendorResponse:
        asked, key = request.json(), request.headers.get("idempotency-key", "")
        if key in self.answers:
            return self.answers[key]
        if not 20 <= asked["kg"] <= 500:
            return self._refuse("too light or too heavy")
        number = f"c{len(self.crates) + 1}"
        self.crates[number] = {"id": number, "content": asked["content"], "label": None, "shipped": False}
        answer = VendorResponse(201, dict(self.crates[number]))
        if key:
            self.answers[key] = answer
        return answer

    def _label(self, request: VendorRequest, id: str) -> VendorResponse:  # noqa: A002
        if id in self.crates:
            self.crates[id]["label"] = request.json()["label"]
        return self._answer(id)

    def _ship(self, request: VendorRequest, id: str) -> VendorResponse:  # noqa: A002
        if id not in self.crates or not self.crates[id]["label"] or self.crates[id]["shipped"]:
            return self._refuse("not there, not labelled, or gone")
        self.crates[id]["shipped"] = True
        return self._answer(id)

    def _announce(self, request: VendorRequest) -> VendorResponse:
        self.announced += request.json()["subjects"]
        return VendorResponse(200, {"count": len(request.json()["subjects"])})

    def authenticate(self, request: VendorRequest) -> VendorResponse | None:
        return None

    def not_found(self, request: VendorRequest) -> VendorResponse:
        return self._refuse("no such door", 404)

    def too_many_requests(self, retry_after_s: float) -> VendorResponse:
        return VendorResponse(429, {"refused": "slowly"}, {"retry-after": str(retry_after_s)})

    def failure(self, status: int) -> VendorResponse:
        return self._refuse("out of order", status)

    def truth(self) -> dict[str, Any]:
        return {"crates": self.crates, "announced": self.announced}
