"""GA4: one property that collects events, reports on them, and knows which of them are key events.

Google serves these from three hosts; here they are below one: `/mp/collect` and `/debug/mp/collect`
(Measurement Protocol), `/v1beta/properties/{property}:runReport` and `/metadata` (Data API),
`/v1beta/properties/{property}/keyEvents` (Admin API).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar, Final

from newfuse.sandbox.credentials import SANDBOX_CREDENTIALS
from newfuse.sandbox.ga4.events import EventStore
from newfuse.sandbox.ga4.measurement import read
from newfuse.sandbox.ga4.report import DIMENSIONS, METRICS, InvalidReport, run_report
from newfuse.sandbox.vendor import Handler, Vendor, VendorRequest, VendorResponse

_REFUSED_WORDS: Final = ("invalid", "revoked", "expired")
_COUNTING_METHODS: Final = ("ONCE_PER_EVENT", "ONCE_PER_SESSION")
# Quota of a standard property: https://developers.google.com/analytics/devguides/reporting/data/v1/quotas
_TOKENS_PER_DAY: Final = 200_000
_TOKENS_PER_HOUR: Final = 40_000
_TOKENS_PER_PROJECT_PER_HOUR: Final = 14_000
_TOKENS_PER_REPORT: Final = 1
_STATUSES: Final = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: (
        "UNAUTHENTICATED",
        (
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
            "other valid authentication credential. "
            "See https://developers.google.com/identity/sign-in/web/devconsole-project."
        ),
    ),
    403: ("PERMISSION_DENIED", "User does not have sufficient permissions for this property."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    409: ("ALREADY_EXISTS", "Requested entity already exists."),
    429: ("RESOURCE_EXHAUSTED", "Exhausted property tokens for a project per hour."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
}


class _Refused(Exception):
    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(message)
        self.response = _error(status, message)


class GA4(Vendor):
    """The emulator of Google Analytics 4."""

    slug: ClassVar[str] = "ga4"
    credentials = SANDBOX_CREDENTIALS["ga4"]

    def __init__(self, *, seed: int = 0, now: Callable[[], float] = time.time) -> None:
        """Start without events; `purchase` is a key event, as in a new property."""
        super().__init__(seed=seed, now=now)
        self._store = EventStore(now)
        self._tokens_used = 0
        self._key_event_ids = count(1_000_001)
        self._key_events: dict[str, dict[str, Any]] = {}  # event name → resource, without its property
        self._add_key_event("purchase", "ONCE_PER_EVENT", custom=False)
        self.route("POST", "/mp/collect", self._collect)
        self.route("POST", "/debug/mp/collect", self._validate)
        self.route("POST", "/v1beta/properties/{property}:runReport", self._refusing(self._run_report))
        self.route("GET", "/v1beta/properties/{property}/metadata", self._refusing(self._metadata))
        key_events = "/v1beta/properties/{property}/keyEvents"
        self.route("GET", key_events, self._refusing(self._list_key_events))
        self.route("POST", key_events, self._refusing(self._create_key_event))
        self.route("GET", key_events + "/{id}", self._refusing(self._get_key_event))
        self.route("DELETE", key_events + "/{id}", self._refusing(self._delete_key_event))

    # ---- one request -----------------------------------------------------------------------------

    def match(self, request: VendorRequest) -> Any:
        """Find the route of a request; clients may send the colon of `:runReport` percent-encoded."""
        if "%3" in request.path:
            request = replace(request, path=request.path.replace("%3A", ":").replace("%3a", ":"))
        return super().match(request)

    def authenticate(self, request: VendorRequest) -> VendorResponse | None:
        """Ask for a bearer token, but not for the Measurement Protocol, whose secret is in the query."""
        if not request.path.startswith("/v1beta/"):
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip() or any(word in token for word in _REFUSED_WORDS):
            return _error(401)
        return None

    def not_found(self, request: VendorRequest) -> VendorResponse:
        """Answer a path that Google does not have."""
        return _error(404)

    def too_many_requests(self, retry_after_s: float) -> VendorResponse:
        """Return the 429 of the token quota; Google sends no Retry-After of itself [unverified]."""
        return replace(_error(429), headers={"Retry-After": f"{retry_after_s:g}"})

    def failure(self, status: int) -> VendorResponse:
        """Return an error of that status in Google's shape."""
        return _error(status)

    def truth(self) -> dict[str, Any]:
        """Return the kept events, their counts by name and as key events, and how many were dropped why."""
        counts = Counter(event.name for event in self._store.kept)
        return {
            "events": [event.as_json() for event in self._store.kept],
            "counts": dict(counts),
            "key_events": {name: counts[name] for name in self._key_events if name in counts},
            "key_event_definitions": sorted(self._key_events),
            "dropped": dict(self._store.dropped),
        }

    # ---- Measurement Protocol --------------------------------------------------------------------

    def _collect(self, request: VendorRequest) -> VendorResponse:
        """Answer 204 whatever is sent, and keep what is good; with wrong credentials nothing is."""
        if _is_credential(request.param("measurement_id"), "G-") and _is_credential(request.param("api_secret")):
            self._store.collect(request.body)
        else:
            self._store.dropped["CREDENTIALS"] += 1
        return VendorResponse(204)

    def _validate(self, request: VendorRequest) -> VendorResponse:
        """Say what is wrong with a body; credentials are not looked at, as at Google, and nothing is kept."""
        _, findings = read(request.body)
        return VendorResponse(200, {"validationMessages": [finding.as_json() for finding in findings]})

    # ---- Data API --------------------------------------------------------------------------------

    def _run_report(self, request: VendorRequest, property: str) -> VendorResponse:
        asked = _object(request)
        today = datetime.fromtimestamp(self.now(), UTC).date()
        try:
            report = run_report(asked, self._store.kept, self._key_events, today)
        except InvalidReport as error:
            raise _Refused(400, str(error)) from None
        self._tokens_used += _TOKENS_PER_REPORT
        if asked.get("returnPropertyQuota"):
            report["propertyQuota"] = self._quota()
        return VendorResponse(200, report)

    def _quota(self) -> dict[str, Any]:
        def spent(limit: int, consumed: int = _TOKENS_PER_REPORT) -> dict[str, int]:
            return {"consumed": consumed, "remaining": max(0, limit - self._tokens_used)}

        return {
            "tokensPerDay": spent(_TOKENS_PER_DAY),
            "tokensPerHour": spent(_TOKENS_PER_HOUR),
            "concurrentRequests": {"consumed": 0, "remaining": 10},
            "serverErrorsPerProjectPerHour": {"consumed": 0, "remaining": 10},
            "potentiallyThresholdedRequestsPerHour": {"consumed": 0, "remaining": 120},
            "tokensPerProjectPerHour": spent(_TOKENS_PER_PROJECT_PER_HOUR),
        }

    def _metadata(self, _: VendorRequest, property: str) -> VendorResponse:
        dimensions = [{"apiName": one.name, "uiName": one.label, "category": "Event"} for one in DIMENSIONS.values()]
        metrics = [
            {"apiName": one.name, "uiName": one.label, "category": "Event", "type": one.type}
            for one in METRICS.values()
        ]
        name = f"properties/{property}/metadata"
        return VendorResponse(200, {"name": name, "dimensions": dimensions, "metrics": metrics})

    # ---- Admin API -------------------------------------------------------------------------------

    def _add_key_event(self, name: str, counting_method: str, *, custom: bool) -> dict[str, Any]:
        created = datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds")
        self._key_events[name] = {
            "id": str(next(self._key_event_ids)),
            "eventName": name,
            "createTime": created.replace("+00:00", "Z"),
            "deletable": custom,
            "custom": custom,
            "countingMethod": counting_method,
        }
        return self._key_events[name]

    def _list_key_events(self, _: VendorRequest, property: str) -> VendorResponse:
        listed = [_resource(property, one) for one in self._key_events.values()]
        return VendorResponse(200, {"keyEvents": listed} if listed else {})

    def _create_key_event(self, request: VendorRequest, property: str) -> VendorResponse:
        asked = _object(request)
        name, method = asked.get("eventName"), asked.get("countingMethod")
        if not isinstance(name, str) or not name:
            raise _Refused(400, "The event_name field is required.")
        if method not in _COUNTING_METHODS:
            raise _Refused(400, "The counting_method field is required: ONCE_PER_EVENT or ONCE_PER_SESSION.")
        if name in self._key_events:
            raise _Refused(409, f"A key event with the event_name {name} already exists.")
        created = self._add_key_event(name, method, custom=True)
        if isinstance(asked.get("defaultValue"), Mapping):
            created["defaultValue"] = asked["defaultValue"]
        return VendorResponse(200, _resource(property, created))

    def _get_key_event(self, _: VendorRequest, property: str, id: str) -> VendorResponse:
        return VendorResponse(200, _resource(property, self._key_event(id)))

    def _delete_key_event(self, _: VendorRequest, property: str, id: str) -> VendorResponse:
        found = self._key_event(id)
        if not found["deletable"]:
            raise _Refused(400, f"The key event {found['eventName']} cannot be deleted.")
        del self._key_events[found["eventName"]]
        return VendorResponse(200, {})

    def _key_event(self, id: str) -> dict[str, Any]:
        for one in self._key_events.values():
            if one["id"] == id:
                return one
        raise _Refused(404)

    @staticmethod
    def _refusing(handler: Handler) -> Handler:
        """Wrap a handler of one property: its refusals become answers, and the property must be a number."""

        def handle(request: VendorRequest, property: str, **parameters: str) -> VendorResponse:
            if not property.isdecimal():
                message = f"Property '{property}' is not a valid property ID: it is a number."
                return _error(400, message)
            try:
                return handler(request, property=property, **parameters)
            except _Refused as refused:
                return refused.response

        return handle


def _error(status: int, message: str | None = None) -> VendorResponse:
    name, usual = _STATUSES.get(status, ("INTERNAL", "Internal error encountered."))
    return VendorResponse(status, {"error": {"code": status, "message": message or usual, "status": name}})


def _object(request: VendorRequest) -> Mapping[str, Any]:
    try:
        body = request.json() if request.body else {}
    except ValueError:
        body = None
    if not isinstance(body, Mapping):
        raise _Refused(400, "Invalid JSON payload received.")
    return body


def _is_credential(value: str | None, prefix: str = "") -> bool:
    """Take what is there, as with tokens: all but what calls itself invalid, revoked or expired."""
    if not value or not value.startswith(prefix):
        return False
    return not any(word in value for word in _REFUSED_WORDS)


def _resource(property: str, key_event: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in key_event.items() if name != "id"}
    return {"name": f"properties/{property}/keyEvents/{key_event['id']}", **shown}
