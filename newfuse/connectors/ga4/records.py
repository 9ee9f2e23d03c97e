"""What goes into Google Analytics 4 and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from newfuse import Record

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events#limitations
MAX_EVENTS = 25
MAX_PARAMS = 25
MAX_NAME_CHARS = 40

REPORT_KIND = "analyticsData#runReport"  # discovery document, RunReportResponse.kind: always this

EventName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=MAX_NAME_CHARS)]
Micros = Annotated[int, Field(ge=0)]
ClientId = Annotated[str, Field(min_length=1)]
UserProperties = dict[str, str | int | float | bool]


class Event(BaseModel):
    """One event.

    Attributes:
        name: A recommended name such as `purchase` or `sign_up`, or one of the company's own.
        params: Parameters by name, e.g. `{"currency": "USD", "value": 99.99, "transaction_id": "T-1001"}`.
        timestamp_micros: When it happened, in microseconds since 1970 UTC; at most 72 hours ago.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    params: dict[str, Any] = Field(default_factory=dict)
    timestamp_micros: Micros | None = None


class SendableEvent(Event):
    """One event within the limits beyond which Google drops it without a word.

    Attributes:
        name: At most 40 letters, digits and underscores, a letter first.
        params: At most 25.
    """

    name: EventName
    params: Annotated[dict[str, Any], Field(max_length=MAX_PARAMS)] = Field(default_factory=dict)


class Conversion(BaseModel):
    """One event that counts as a key event.

    Attributes:
        name: Name of an event marked as key event in the property, e.g. `purchase`.
        value: What it is worth, in whole units of `currency` (99.99 for 99 dollars and 99 cents).
        currency: ISO 4217 code; needed with a value.
        transaction_id: Google counts a purchase with the same transaction id once.
        params: Further parameters.
        timestamp_micros: When it happened, in microseconds since 1970 UTC; at most 72 hours ago.
    """

    model_config = ConfigDict(extra="forbid")

    name: EventName
    value: float | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    transaction_id: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    timestamp_micros: Micros | None = None

    def as_event(self) -> Event:
        """Return the event it is on the wire."""
        own = self.model_dump(include={"value", "currency", "transaction_id"}, exclude_none=True)
        return Event(name=self.name, params={**self.params, **own}, timestamp_micros=self.timestamp_micros)


class ValidationMessage(Record):
    """One thing Google has against a request.

    Attributes:
        field_path: Where, e.g. `events.params.currency`; empty for the request as a whole.
        description: What is wrong, the event's index included.
        validation_code: Google's code, e.g. NAME_RESERVED or VALUE_REQUIRED.
    """

    field_path: str = ""
    description: str = ""
    validation_code: str | None = None


class Handed(Record):
    """How many events were handed over; Google answers the same whether it keeps or drops them."""

    events: int


class Report(Record):
    """Rows of a report; values are texts, as Google sends them.

    Attributes:
        rows: One mapping per row: dimension and metric names to values.
        row_count: Rows the whole report has, however many were asked for.
        currency_code: Currency of money metrics.
        time_zone: The property's time zone, by which days are cut.
    """

    rows: list[dict[str, str]]
    row_count: int
    currency_code: str | None = None
    time_zone: str | None = None

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> Self:
        """Read a `RunReportResponse`; what is empty is left out of it, and an empty report still says what it is."""
        if answer["kind"] != REPORT_KIND:
            raise ValueError("it is no report")
        names = [header["name"] for header in answer.get("dimensionHeaders") or []]
        names += [header["name"] for header in answer.get("metricHeaders") or []]
        metadata = answer.get("metadata") or {}

        def values(row: Mapping[str, Any]) -> list[str]:
            cells = [*(row.get("dimensionValues") or []), *(row.get("metricValues") or [])]
            return [str(cell.get("value", "")) for cell in cells]

        return cls(
            rows=[dict(zip(names, values(row), strict=True)) for row in answer.get("rows") or []],
            row_count=answer.get("rowCount", 0),
            currency_code=metadata.get("currencyCode"),
            time_zone=metadata.get("timeZone"),
        )


class ReportFields(Record):
    """Names of the dimensions and metrics a report of this property may have, the company's own among them."""

    dimensions: list[str]
    metrics: list[str]


class KeyEvent(Record):
    """An event that counts as a key event (a conversion).

    Attributes:
        id: Google's resource name.
        event_name: Name of the event.
        counting_method: ONCE_PER_EVENT or ONCE_PER_SESSION.
        custom: Whether it is one of the company's own.
    """

    id: str
    event_name: str
    counting_method: str
    custom: bool = False

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> Self:
        """Read a `KeyEvent` resource."""
        return cls(
            id=row["name"],
            event_name=row["eventName"],
            counting_method=row.get("countingMethod", "COUNTING_METHOD_UNSPECIFIED"),
            custom=bool(row.get("custom")),
        )


def payload(
    client_id: str,
    events: Sequence[Event],
    user_id: str | None = None,
    user_properties: UserProperties | None = None,
    timestamp_micros: int | None = None,
) -> dict[str, Any]:
    """Return the body of a request to the Measurement Protocol, what was not given left out."""
    body: dict[str, Any] = {"client_id": client_id}
    if user_id is not None:
        body["user_id"] = user_id
    if timestamp_micros is not None:
        body["timestamp_micros"] = timestamp_micros
    if user_properties:
        body["user_properties"] = {name: {"value": value} for name, value in user_properties.items()}
    body["events"] = [event.model_dump(mode="json", exclude_none=True) for event in events]
    return body
