"""HubSpot: one account (a "portal") with its contacts, companies and deals.

Paths and shapes: the official SDK, hubspot-api-client 12. Behaviour: https://developers.hubspot.com/docs.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, ClassVar, Final

from newfuse.sandbox.credentials import SANDBOX_CREDENTIALS
from newfuse.sandbox.hubspot import schema, seed
from newfuse.sandbox.hubspot.batch import Batch
from newfuse.sandbox.hubspot.collection import Collection, Writes
from newfuse.sandbox.hubspot.refusal import Refused, bad_request
from newfuse.sandbox.hubspot.rolling_window import RollingWindow
from newfuse.sandbox.hubspot.search import search
from newfuse.sandbox.vendor import JSON, Handler, Vendor, VendorRequest, VendorResponse

# Professional; free and starter have 100 and 250,000.
# https://developers.hubspot.com/changelog/increasing-our-api-limits
REQUESTS_PER_INTERVAL: Final = 190
INTERVAL_S: Final = 10.0
REQUESTS_PER_DAY: Final = 650_000
# Search has a limit of its own, and its answers carry no rate headers
# (https://developers.hubspot.com/docs/guides/api/crm/search#rate-limits).
SEARCHES_PER_SECOND: Final = 5
DAY_S: Final = 86_400.0
MAX_LIST_LIMIT: Final = 100
DEFAULT_LIST_LIMIT: Final = 10
MAX_INT64_DIGITS: Final = 19
CORRELATION_HEADER: Final = "x-hubspot-correlation-id"
_MISSING_CREDENTIALS: Final = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
    "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
_FAILURES: Final = {
    400: ("VALIDATION_ERROR", "Invalid request"),
    401: ("INVALID_AUTHENTICATION", _MISSING_CREDENTIALS),
    403: ("MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."),
    404: ("OBJECT_NOT_FOUND", "resource not found"),
    409: ("CONFLICT", "conflict"),
}
_ACCOUNT: Final = {
    "portalId": 12345678,
    "accountType": "DEVELOPER_TEST",
    "timeZone": "US/Eastern",
    "companyCurrency": "USD",
    "additionalCurrencies": [],
    "utcOffset": "-05:00",
    "utcOffsetMilliseconds": -18_000_000,
    "uiDomain": "app.hubspot.com",
    "dataHostingLocation": "na1",
}


class HubSpot(Vendor):
    """The emulator of HubSpot CRM v3."""

    slug: ClassVar[str] = "hubspot"
    credentials = SANDBOX_CREDENTIALS["hubspot"]

    def __init__(
        self,
        *,
        seed: int = 0,
        now: Callable[[], float] = time.time,
        requests_per_interval: int = REQUESTS_PER_INTERVAL,
    ) -> None:
        """Start with the seeded account.

        Args:
            seed: Makes correlation ids repeatable.
            now: The clock, in epoch seconds.
            requests_per_interval: The limit in any 10 seconds; HubSpot's depends on the subscription.
        """
        super().__init__(seed=seed, now=now)
        self._random = random.Random(seed)
        self._burst = RollingWindow(requests_per_interval, INTERVAL_S)
        self._searches = RollingWindow(SEARCHES_PER_SECOND, 1.0)
        self._day, self._today = 0, 0
        self._writes = Writes()
        self._collections: dict[str, Collection] = {}
        self._seed_records()
        self.route("GET", "/account-info/v3/details", lambda _: VendorResponse(200, _ACCOUNT))
        for collection in self._collections.values():
            self._serve_objects(collection)
            self._serve_properties(collection)

    def _seed_records(self) -> None:
        numbers = count(seed.FIRST_NEW_ID)
        seeded = (
            (schema.contacts(), seed.CONTACTS),
            (schema.companies(), seed.COMPANIES),
            (schema.deals(), seed.DEALS),
        )
        for object_schema, records in seeded:
            collection = Collection(object_schema, self._writes, lambda: next(numbers), self.now)
            self._collections[object_schema.plural] = collection
            for record_id, properties in records.items():
                collection.place(record_id, properties, seed.SEEDED_AT)

    # ---- one request -----------------------------------------------------------------------------

    def handle(self, request: VendorRequest) -> VendorResponse:
        """Answer one request, with HubSpot's correlation id and rate headers."""
        try:
            response = super().handle(request)
        except Refused as refused:
            response = self._refuse(refused)
        headers = dict(response.headers)
        headers.setdefault(CORRELATION_HEADER, self._correlation_id())
        if self.rate_limited and response.status != 401 and not _is_search(request):
            headers.update(self._rate_headers())
        return VendorResponse(response.status, response.body, headers)

    def authenticate(self, request: VendorRequest) -> VendorResponse | None:
        """Take every bearer token but those that call themselves invalid, revoked or expired."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return self.failure(401)
        if "expired" in token:
            message = "The OAuth token used to make this call expired 60 second(s) ago."
            return self._refuse(Refused(401, "EXPIRED_AUTHENTICATION", message))
        if "invalid" in token or "revoked" in token:
            message = f"{_MISSING_CREDENTIALS}. The token given is not valid"
            return self._refuse(Refused(401, "INVALID_AUTHENTICATION", message))
        return None

    def throttle(self, request: VendorRequest) -> VendorResponse | None:
        """Hold to the limits of the subscription."""
        now = self.now()
        if _is_search(request):
            if self._searches.take(now):
                return None
            wait_s = self._searches.wait_s(now)
            return self._limited("SECONDLY", "You have reached your secondly limit.", wait_s)
        if int(now // DAY_S) != self._day:
            self._day, self._today = int(now // DAY_S), 0
        if not self._burst.take(now):
            return self.too_many_requests(self._burst.wait_s(now))
        if self._today >= REQUESTS_PER_DAY:
            tomorrow_s = (self._day + 1) * DAY_S - now
            return self._limited("DAILY", "You have reached your daily limit.", tomorrow_s)
        self._today += 1
        return None

    def _rate_headers(self) -> dict[str, str]:
        return {
            "X-HubSpot-RateLimit-Max": str(self._burst.limit),
            "X-HubSpot-RateLimit-Remaining": str(self._burst.remaining(self.now())),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(INTERVAL_S * 1000)),
            "X-HubSpot-RateLimit-Daily": str(REQUESTS_PER_DAY),
            "X-HubSpot-RateLimit-Daily-Remaining": str(REQUESTS_PER_DAY - self._today),
        }

    # ---- errors ----------------------------------------------------------------------------------

    def not_found(self, request: VendorRequest) -> VendorResponse:
        """Answer a path that HubSpot does not have."""
        return self._refuse(Refused(404, "OBJECT_NOT_FOUND", "resource not found"))

    def too_many_requests(self, retry_after_s: float) -> VendorResponse:
        """Return the 429 of the limit in ten seconds."""
        message = "You have reached your ten_secondly_rolling limit."
        return self._limited("TEN_SECONDLY_ROLLING", message, retry_after_s)

    def failure(self, status: int) -> VendorResponse:
        """Return an error of that status in HubSpot's shape."""
        category, message = _FAILURES.get(status, ("INTERNAL_ERROR", "internal error"))
        return self._refuse(Refused(status, category, message))

    def _limited(self, policy: str, message: str, retry_after_s: float) -> VendorResponse:
        correlation_id = self._correlation_id()
        body = {
            "status": "error",
            "message": message,
            "errorType": "RATE_LIMIT",
            "correlationId": correlation_id,
            "policyName": policy,
            "category": "RATE_LIMITS",
        }
        # Retry-After is not in HubSpot's documentation; clients that heed it do no harm [unverified].
        return VendorResponse(429, body, {CORRELATION_HEADER: correlation_id, "Retry-After": f"{retry_after_s:g}"})

    def _refuse(self, refused: Refused) -> VendorResponse:
        correlation_id = self._correlation_id()
        return VendorResponse(refused.status, refused.body(correlation_id), {CORRELATION_HEADER: correlation_id})

    def _correlation_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    # ---- objects ---------------------------------------------------------------------------------

    def _serve_objects(self, collection: Collection) -> None:
        root = f"/crm/v3/objects/{collection.schema.plural}"
        batch = Batch(collection, self.now)

        def create(request: VendorRequest) -> VendorResponse:
            record = collection.create(collection.schema.clean(_properties(request)))
            return VendorResponse(201, record.as_json())

        def get(request: VendorRequest, id: str) -> VendorResponse:
            record = collection.get(id, request.param("idProperty"), archived=_archived(request))
            return VendorResponse(200, record.as_json(_shown(request, collection)))

        def list_page(request: VendorRequest) -> VendorResponse:
            limit = _whole(request, "limit", DEFAULT_LIST_LIMIT)
            if not 1 <= limit <= MAX_LIST_LIMIT:
                raise bad_request(f"limit must be between 1 and {MAX_LIST_LIMIT}, but was {limit}")
            after = _whole(request, "after", 0)
            records, go_on = collection.page(after, limit, archived=_archived(request))
            shown = _shown(request, collection)
            body: dict[str, Any] = {"results": [record.as_json(shown) for record in records]}
            if go_on is not None:
                link = f"https://api.hubapi.com{root}?limit={limit}&after={go_on}"
                body["paging"] = {"next": {"after": str(go_on), "link": link}}
            return VendorResponse(200, body)

        def update(request: VendorRequest, id: str) -> VendorResponse:
            record = collection.get(id, request.param("idProperty"))
            collection.update(record, collection.schema.clean(_properties(request)))
            return VendorResponse(200, record.as_json())

        def archive(_: VendorRequest, id: str) -> VendorResponse:
            # HubSpot answers 204 also for an id that does not exist.
            record = collection.find(id)
            if record is not None:
                collection.archive(record)
            return VendorResponse(204)

        def batch_archive(request: VendorRequest) -> VendorResponse:
            batch.archive(_json(request))
            return VendorResponse(204)

        def batched(operation: Callable[[Any], tuple[int, dict[str, Any]]]) -> Handler:
            return lambda request: VendorResponse(*operation(_json(request)))

        self.route("POST", f"{root}/batch/upsert", batched(batch.upsert))
        self.route("POST", f"{root}/batch/read", batched(batch.read))
        self.route("POST", f"{root}/batch/create", batched(batch.create))
        self.route("POST", f"{root}/batch/update", batched(batch.update))
        self.route("POST", f"{root}/batch/archive", batch_archive)
        self.route(
            *("POST", f"{root}/search"),
            lambda request: VendorResponse(200, search(collection, _json(request), self.now())),
        )
        self.route("POST", root, create)
        self.route("GET", root, list_page)
        self.route("GET", root + "/{id}", get)
        self.route("PATCH", root + "/{id}", update)
        self.route("DELETE", root + "/{id}", archive)

    def _serve_properties(self, collection: Collection) -> None:
        root = f"/crm/v3/properties/{collection.schema.plural}"
        definitions = collection.schema.properties

        def list_all(_: VendorRequest) -> VendorResponse:
            return VendorResponse(200, {"results": [one.as_json() for one in definitions.values()]})

        def get(_: VendorRequest, name: str) -> VendorResponse:
            if name not in definitions:
                raise Refused(404, "OBJECT_NOT_FOUND", f"Property {name} does not exist")
            return VendorResponse(200, definitions[name].as_json())

        self.route("GET", root, list_all)
        self.route(
            *("POST", root),
            lambda request: VendorResponse(201, collection.schema.define(_json(request)).as_json()),
        )
        self.route("GET", root + "/{name}", get)

    def truth(self) -> dict[str, Any]:
        """Return every record by object type and id, and how often records really changed."""
        writes = self._writes
        return {
            **{name: collection.truth() for name, collection in self._collections.items()},
            "writes": {
                "created": writes.created,
                "updated": writes.updated,
                "unchanged": writes.unchanged,
                "archived": writes.archived,
            },
        }


def _is_search(request: VendorRequest) -> bool:
    return request.method == "POST" and request.path.endswith("/search")


def _json(request: VendorRequest) -> JSON:
    try:
        return request.json()
    except ValueError as error:
        raise bad_request(f"Invalid input JSON: {error}") from None


def _properties(request: VendorRequest) -> Any:
    body = _json(request)
    if not isinstance(body, Mapping) or "properties" not in body:
        raise bad_request("Some required fields were not set: [properties]")
    return body["properties"]


def _shown(request: VendorRequest, collection: Collection) -> tuple[str, ...]:
    """Return the properties asked for, by commas or by repetition, and those that HubSpot always shows."""
    asked = [name for key, value in request.query if key == "properties" for name in value.split(",") if name]
    if not asked:
        return collection.schema.shown
    return tuple(dict.fromkeys((*asked, "hs_object_id", "createdate", collection.schema.modified)))


def _archived(request: VendorRequest) -> bool:
    return request.param("archived", "false") == "true"


def _whole(request: VendorRequest, name: str, default: int) -> int:
    value = request.param(name) or str(default)
    if not value.isdecimal() or len(value) > MAX_INT64_DIGITS:
        raise bad_request(f"{name} must be a whole number")
    return int(value)
