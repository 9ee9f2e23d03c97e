"""What Stripe's objects look like to a caller: only the fields an agent reads, and never a client secret."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from newfuse import Record

# docs.stripe.com/api/metadata: 50 keys of 40 characters without brackets, values of 500.
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\[\]]+$")]
MetadataValue = Annotated[str, StringConstraints(max_length=500)]
Metadata = Annotated[dict[MetadataKey, MetadataValue | int], Field(max_length=50)]

# Strict: a text, a float or a boolean in the place of an amount is a mistake of units somewhere, not an amount.
Amount = Annotated[int, Field(ge=1, strict=True)]
Currency = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[A-Za-z]{3}$")]
Id = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=512)]


class CreatedRange(BaseModel):
    """Bounds of a creation time; each an aware time or a Unix timestamp in seconds."""

    model_config = ConfigDict(extra="forbid")

    gt: AwareDatetime | None = Field(None, description="Created after this moment.")
    gte: AwareDatetime | None = Field(None, description="Created at or after this moment.")
    lt: AwareDatetime | None = Field(None, description="Created before this moment.")
    lte: AwareDatetime | None = Field(None, description="Created at or before this moment.")

    def params(self) -> dict[str, int]:
        """Return the bounds that are set as Unix timestamps."""
        bounds = {"gt": self.gt, "gte": self.gte, "lt": self.lt, "lte": self.lte}
        return {name: int(at.timestamp()) for name, at in bounds.items() if at is not None}


class PaymentError(Record):
    """Why the last attempt to pay failed."""

    code: str | None = None
    decline_code: str | None = None
    message: str | None = None


class PaymentIntent(Record):
    """One payment on its way: amounts are in the currency's minor unit (cents).

    Attributes:
        status: `requires_payment_method`, `requires_confirmation`, `requires_action`, `processing`,
            `requires_capture`, `canceled` or `succeeded`.
        amount_capturable: Held on the customer's card, waiting for `capture_payment`.
        amount_received: What was really taken.
        last_payment_error: Why the last attempt failed, or None.
        created: Aware UTC.
    """

    id: str
    status: str
    amount: int
    amount_capturable: int = 0
    amount_received: int = 0
    currency: str
    customer: str | None = None
    description: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    receipt_email: str | None = None
    capture_method: str | None = None
    latest_charge: str | None = None
    last_payment_error: PaymentError | None = None
    cancellation_reason: str | None = None
    livemode: bool = False
    created: AwareDatetime


class Refund(Record):
    """Money given back, in whole or in part; `amount` is in minor units.

    Attributes:
        status: `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
        created: Aware UTC.
    """

    id: str
    status: str | None = None
    amount: int
    currency: str
    payment_intent: str | None = None
    charge: str | None = None
    reason: str | None = None
    failure_reason: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    created: AwareDatetime


class Customer(Record):
    """One customer; of a deleted one only the id and `deleted` are left."""

    id: str
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    description: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    livemode: bool = False
    deleted: bool = False
    created: AwareDatetime | None = None


class Funds(Record):
    """An amount in the currency's minor unit."""

    amount: int
    currency: str


class Balance(Record):
    """The account's balance, one entry per currency."""

    available: list[Funds]
    pending: list[Funds]
    livemode: bool
