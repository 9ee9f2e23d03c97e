"""Google Analytics 4: events in, reports out.

Measurement Protocol: https://developers.google.com/analytics/devguides/collection/protocol/ga4
Data API: https://developers.google.com/analytics/devguides/reporting/data/v1
Admin API: https://developers.google.com/analytics/devguides/config/admin/v1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr

from newfuse import (
    AllOf,
    Bearer,
    ByPath,
    CredentialField,
    CustomAuth,
    Expect,
    Fault,
    Integration,
    IntegrationType,
    QueryKey,
    action,
)
from newfuse.connectors.ga4.records import (
    MAX_EVENTS,
    ClientId,
    Conversion,
    Event,
    EventName,
    Handed,
    KeyEvent,
    Micros,
    Report,
    ReportFields,
    SendableEvent,
    UserProperties,
    ValidationMessage,
    payload,
)
from newfuse.errors import MissingCredential

# Discovery document of the Data API: RunReportRequest.
MAX_DIMENSIONS = 9
MAX_METRICS = 10
DEFAULT_ROWS = 10_000
MAX_ROWS = 250_000
KEY_EVENTS_PAGE = 200  # a property has 30 of them, or 50 when paid for, so that one page holds all

READ_SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
EDIT_SCOPE = "https://www.googleapis.com/auth/analytics.edit"


def _in_the_path(_request: Any, _credentials: Mapping[str, SecretStr]) -> None:
    """Leave the request as it is: the number of the property stands in its path."""


_COLLECTION = AllOf(
    QueryKey(name="measurement_id", field="measurement_id", description="Measurement id, G-…", secret=False),
    QueryKey(
        name="api_secret",
        field="api_secret",
        description="Measurement Protocol API secret: Admin > Data streams > Measurement Protocol API secrets",
    ),
)
_REPORTING = AllOf(
    Bearer(field="access_token", description="OAuth 2 access token with the scope analytics.readonly"),
    CustomAuth(_in_the_path, needs=(CredentialField("property_id", False, "Number of the GA4 property"),)),
)


class GA4(Integration):
    """Send events to one Google Analytics 4 data stream and read reports of its property.

    Reports and key events need `property_id` and `access_token`; without them the rest works.
    """

    slug = "ga4"
    name = "Google Analytics 4"
    type = IntegrationType.ANALYTICS
    description = "Web and app analytics: send events and conversions, read reports."
    base_url = "https://www.google-analytics.com"
    routes: ClassVar[Mapping[str, str]] = {
        "/v1beta/": "https://analyticsdata.googleapis.com",
        "/v1beta/properties/{property_id}/keyEvents": "https://analyticsadmin.googleapis.com",
    }
    doc_url = "https://developers.google.com/analytics/devguides/collection/protocol/ga4"
    api_version = "v1beta"
    auth = ByPath({"/mp/": _COLLECTION, "/debug/mp/": _COLLECTION, "/v1beta/": _REPORTING})
    credential_names: ClassVar[Mapping[str, tuple[str, ...]]] = {"api_secret": ("GOOGLE_ANALYTICS_KEY",)}

    @staticmethod
    def describe_failure(status: int, headers: Mapping[str, str], body: Any) -> Fault | None:  # noqa: ARG004
        """Read Google's error; its code is the word (RESOURCE_EXHAUSTED), not the repeated HTTP status.

        https://cloud.google.com/apis/design/errors
        """
        error = body.get("error") if isinstance(body, Mapping) else None
        if not isinstance(error, Mapping) or not isinstance(error.get("message"), str):
            return None
        if not isinstance(error.get("code"), int) and not isinstance(error.get("status"), str):
            return None
        return Fault(error["message"], code=error.get("status"))

    def credentials(self) -> dict[str, SecretStr]:
        """Return the credentials found.

        Raises:
            MissingCredential: Neither those for collecting nor those for reports are complete.
        """
        found = super().credentials()
        if {"measurement_id", "api_secret"} <= found.keys() or {"property_id", "access_token"} <= found.keys():
            return found
        missing = "measurement_id" if "measurement_id" not in found else "api_secret"
        raise self._missing(missing)

    async def check(self) -> None:
        """Validate one event, which stores nothing; with an access token read the property's metadata.

        The validation server tells that Google answers and the request is well formed, not that the secret is right:
        Google checks that nowhere (a report of the property is the only proof that events arrive).
        """
        found = self.credentials()
        if {"measurement_id", "api_secret"} <= found.keys():
            await self._validate(payload("health.check", [Event(name="health_check")]))
        if {"property_id", "access_token"} <= found.keys():
            # `fields` keeps the answer down to its name: the whole of it holds some hundred kilobytes.
            params = {"fields": "name"}
            path = "/v1beta/properties/{property_id}/metadata"
            answer = await self.api.get(path, values=self._property(), params=params)
            str(answer["name"])  # without which the answer is not the property's

    # --- Measurement Protocol -----------------------------------------------------------------------------------

    @action(effect="read")
    async def validate_events(
        self,
        client_id: str,
        events: list[Event],
        user_id: str | None = None,
        user_properties: UserProperties | None = None,
        timestamp_micros: Micros | None = None,
    ) -> list[ValidationMessage]:
        """Ask Google what is wrong with events, without storing them. Do so before send_events, which never says.

        Args:
            client_id: Identifies one browser or device, e.g. 555.1234567890.
            events: Events to look at, e.g. {"name": "sign_up", "params": {"method": "email"}}; 25 at most are valid.
            user_id: The company's own id of the user; never an e-mail address or another personal datum.
            user_properties: Properties of the user, by name.
            timestamp_micros: When events without a time of their own happened, in microseconds since 1970 UTC.

        Returns:
            What is wrong; an empty list when Google would take all of it.
        """
        return await self._validate(payload(client_id, events, user_id, user_properties, timestamp_micros))

    # once="none": events carry no id, so nothing is recognised when it comes twice (but a purchase, by its
    # transaction_id), and reports show an event hours later. A lost answer leaves it unknown.
    @action(effect="write", once="none")
    async def send_events(
        self,
        client_id: ClientId,
        events: Annotated[list[SendableEvent], Field(min_length=1, max_length=MAX_EVENTS)],
        user_id: str | None = None,
        user_properties: UserProperties | None = None,
        timestamp_micros: Micros | None = None,
    ) -> Handed:
        """Send up to 25 events of one client in one request. Google answers 2xx to anything: use validate_events first.

        Args:
            client_id: Identifies one browser or device, e.g. 555.1234567890.
            events: Events to send, e.g. {"name": "sign_up", "params": {"method": "email"}}.
            user_id: The company's own id of the user; never an e-mail address or another personal datum.
            user_properties: Properties of the user, by name.
            timestamp_micros: When events without a time of their own happened, in microseconds since 1970 UTC; at
                most 72 hours ago.

        Returns:
            How many were handed over.

        Raises:
            OutcomeUnknown: No answer came; they may have been counted.
        """
        return await self._collect(payload(client_id, events, user_id, user_properties, timestamp_micros))

    # once="none": as for send_events, whose wire this is.
    @action(effect="write", once="none")
    async def send_conversions(
        self,
        client_id: ClientId,
        conversions: Annotated[list[Conversion], Field(min_length=1, max_length=MAX_EVENTS)],
        user_id: str | None = None,
        timestamp_micros: Micros | None = None,
    ) -> Handed:
        """Send up to 25 conversions of one client: events whose names are marked as key events in the property.

        Args:
            client_id: Identifies one browser or device, e.g. 555.1234567890.
            conversions: Conversions, e.g. {"name": "purchase", "value": 99.99, "currency": "USD", "transaction_id":
                "T-1001"}; a purchase with a transaction id that came before is counted once.
            user_id: The company's own id of the user; never an e-mail address or another personal datum.
            timestamp_micros: When conversions without a time of their own happened, in microseconds since 1970 UTC.

        Returns:
            How many were handed over; see list_key_events for the names that count.

        Raises:
            OutcomeUnknown: No answer came; they may have been counted.
        """
        events = [conversion.as_event() for conversion in conversions]
        return await self._collect(payload(client_id, events, user_id, None, timestamp_micros))

    async def _validate(self, body: Mapping[str, Any]) -> list[ValidationMessage]:
        # https://developers.google.com/analytics/devguides/collection/protocol/ga4/validating-events
        answer = await self.api.post("/debug/mp/collect", json=body, repeatable=True)
        return [
            ValidationMessage(
                field_path=row.get("fieldPath", ""),
                description=row.get("description", ""),
                validation_code=row.get("validationCode"),
            )
            for row in answer["validationMessages"]
        ]

    async def _collect(self, body: Mapping[str, Any]) -> Handed:
        # https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
        await self.api.post("/mp/collect", json=body, expect=Expect.NOTHING)
        return Handed(events=len(body["events"]))

    # --- Data API -----------------------------------------------------------------------------------------------

    @action(effect="read", scopes=[READ_SCOPE])
    async def run_report(
        self,
        metrics: Annotated[list[str], Field(min_length=1, max_length=MAX_METRICS)],
        dimensions: Annotated[list[str], Field(max_length=MAX_DIMENSIONS)] | None = None,
        start_date: str = "28daysAgo",
        end_date: str = "today",
        dimension_filter: dict[str, Any] | None = None,
        order_by: str | None = None,
        limit: Annotated[int, Field(ge=1, le=MAX_ROWS)] = DEFAULT_ROWS,
        offset: Annotated[int, Field(ge=0)] = 0,
    ) -> Report:
        """Read a report. Google needs up to 48 hours until an event is in it.

        Args:
            metrics: What is measured, e.g. eventCount, totalUsers, keyEvents; see list_report_fields.
            dimensions: What it is broken down by, e.g. date, eventName.
            start_date: First day: YYYY-MM-DD, NdaysAgo, yesterday or today, in the property's time zone.
            end_date: Last day, included.
            dimension_filter: Google's FilterExpression, e.g. {"filter": {"fieldName": "eventName", "stringFilter":
                {"value": "purchase"}}}.
            order_by: A dimension or metric of the report to sort by, with a leading minus for the greatest first.
            limit: Most rows to return, 1 to 250,000.
            offset: Rows to skip.

        Returns:
            Rows by dimension and metric name; `row_count` says how many the whole report has.

        Raises:
            Rejected: A dimension or metric does not exist, or they do not go together.
            RateLimited: The property's quota of tokens is spent.
        """
        asked: dict[str, Any] = {
            "dimensions": [{"name": name} for name in dimensions or []],
            "metrics": [{"name": name} for name in metrics],
            "dateRanges": [{"startDate": start_date, "endDate": end_date}],
            # int64 is a text in Google's JSON.
            "limit": str(limit),
            "offset": str(offset),
        }
        if dimension_filter is not None:
            asked["dimensionFilter"] = dimension_filter
        if order_by is not None:
            asked["orderBys"] = [_order(order_by, metrics)]
        # A POST that changes nothing.
        # https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/runReport
        answer = await self.api.post(
            "/v1beta/properties/{property_id}:runReport", values=self._property(), json=asked, repeatable=True
        )
        return Report.parse(answer)

    @action(effect="read", scopes=[READ_SCOPE])
    async def list_report_fields(self) -> ReportFields:
        """List the dimensions and metrics that reports of this property may have.

        Returns:
            Their names as run_report takes them.
        """
        # https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/getMetadata
        answer = await self.api.get("/v1beta/properties/{property_id}/metadata", values=self._property())
        return ReportFields(
            dimensions=[row["apiName"] for row in answer["dimensions"]],
            metrics=[row["apiName"] for row in answer["metrics"]],
        )

    # --- Admin API ----------------------------------------------------------------------------------------------

    @action(effect="read", scopes=[READ_SCOPE])
    async def list_key_events(self) -> list[KeyEvent]:
        """List the events that count as key events (conversions, goals) in this property.

        Returns:
            Every key event.
        """
        # https://developers.google.com/analytics/devguides/config/admin/v1/rest/v1beta/properties.keyEvents/list
        answer = await self.api.get(
            "/v1beta/properties/{property_id}/keyEvents",
            values=self._property(),
            params={"pageSize": KEY_EVENTS_PAGE},
        )
        return [KeyEvent.parse(row) for row in answer.get("keyEvents") or []]

    @action(effect="write", once="lookup", lookup="created_key_event", scopes=[EDIT_SCOPE])
    async def create_key_event(
        self,
        event_name: EventName,
        counting_method: Literal["ONCE_PER_EVENT", "ONCE_PER_SESSION"] = "ONCE_PER_EVENT",
    ) -> KeyEvent:
        """Mark an event as key event, so that it counts as a conversion from now on.

        Args:
            event_name: Name of the event, e.g. sign_up.
            counting_method: Whether each one counts, or one in a session.

        Returns:
            The new key event.

        Raises:
            Conflict: The event is a key event already.
        """
        # https://developers.google.com/analytics/devguides/config/admin/v1/rest/v1beta/properties.keyEvents/create
        row = await self.api.post(
            "/v1beta/properties/{property_id}/keyEvents",
            values=self._property(),
            json={"eventName": event_name, "countingMethod": counting_method},
        )
        return KeyEvent.parse(row)

    async def created_key_event(
        self,
        event_name: EventName,
        counting_method: Literal["ONCE_PER_EVENT", "ONCE_PER_SESSION"] = "ONCE_PER_EVENT",
    ) -> KeyEvent | None:
        """Tell whether `create_key_event` has happened: the event counts, in the way that was asked for."""
        wanted = (event_name, counting_method)
        known = {(one.event_name, one.counting_method): one for one in await self.list_key_events()}
        return known.get(wanted)

    def _property(self) -> dict[str, str]:
        found = self.credentials()
        for field in ("property_id", "access_token"):
            if field not in found:
                raise self._missing(field)
        return {"property_id": found["property_id"].get_secret_value()}

    def _missing(self, field: str) -> MissingCredential:
        names = [f"{self.slug}_{field}".upper(), *self.credential_names.get(field, ())]
        places = [f"argument {field}=", *(f"environment variable {name} (or .env)" for name in names)]
        return MissingCredential(self.id, field, places)


def _order(order_by: str, metrics: Sequence[str]) -> dict[str, Any]:
    name = order_by.removeprefix("-")
    field = {"metric": {"metricName": name}} if name in metrics else {"dimension": {"dimensionName": name}}
    return {**field, "desc": order_by.startswith("-")}
