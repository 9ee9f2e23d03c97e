"""Stripe's front door: keys, limits, versions, form bodies, idempotency keys, headers."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from newfuse.sandbox.credentials import SANDBOX_CREDENTIALS
from newfuse.sandbox.stripe import (
    account,
    balance,
    charges,
    customers,
    errors,
    events,
    form,
    keys,
    payment_intents,
    payment_methods,
    refunds,
    search,
    seed,
    truth,
)
from newfuse.sandbox.stripe.books import Books, Identifiers
from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.stripe.expansion import expand
from newfuse.sandbox.stripe.idempotency import IdempotencyKeys
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.rate_limit import RateLimits
from newfuse.sandbox.vendor import JSON, Handler, Vendor, VendorRequest, VendorResponse

DEFAULT_VERSION = "2023-08-16"  # of the OpenAPI description that this emulator is checked against
FORM = "application/x-www-form-urlencoded"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z_]+)?")

OPERATIONS: tuple[Operation, ...] = (
    *payment_intents.OPERATIONS,
    *charges.OPERATIONS,
    *refunds.OPERATIONS,
    *customers.OPERATIONS,
    *payment_methods.OPERATIONS,
    *balance.OPERATIONS,
    *account.OPERATIONS,
    *events.OPERATIONS,
)


class Stripe(Vendor):
    """Payments, refunds, customers and the balance of one Stripe account, in test and in live mode.

    Keys that begin with sk_test_, sk_live_, rk_test_ or rk_live_ are accepted, unless they contain "invalid",
    "revoked" or "expired"; the key decides the mode, and the two modes share no objects.
    """

    slug = "stripe"
    credentials = SANDBOX_CREDENTIALS["stripe"]

    def __init__(
        self,
        *,
        seed: int = 0,
        now: Callable[[], float] = time.time,
        rate_limit_per_s: float | None = None,
        search_lag_s: float = search.INDEXING_LAG_S,
    ) -> None:
        """Open the account with its seed data.

        Args:
            seed: Makes ids repeatable.
            now: The clock, in epoch seconds.
            rate_limit_per_s: Requests a second, for the account and each endpoint; None is Stripe's own: 25
                in test and 100 in live mode, 25 for an endpoint, 20 for search. `math.inf` switches limits
                off.
            search_lag_s: Seconds until search finds a change.
        """
        super().__init__(seed=seed, now=now)
        self._identifiers = Identifiers(seed)
        self._modes = {
            livemode: Books(livemode=livemode, identifiers=self._identifiers, now=now, search_lag_s=search_lag_s)
            for livemode in (False, True)
        }
        for livemode, books in self._modes.items():
            books.other = self._modes[not livemode]
        self._idempotency = IdempotencyKeys()
        self._limits = RateLimits(now, rate_limit_per_s)
        for operation in OPERATIONS:
            self.route(operation.method, operation.template, self._serve(operation))
        _seed(self._modes[False])

    def authenticate(self, request: VendorRequest) -> VendorResponse | None:
        """Answer 401 when the key is missing or not accepted."""
        try:
            keys.mode(request.headers)
        except StripeError as refusal:
            return self._refuse(refusal, headers={"WWW-Authenticate": 'Bearer realm="Stripe"'})
        return None

    def throttle(self, request: VendorRequest) -> VendorResponse | None:
        """Answer 429 beyond the account's or the endpoint's requests a second."""
        livemode = keys.mode(request.headers)
        matched = self.match(request)
        endpoint = f"{request.method} {matched[0].template}" if matched else "unknown"
        reason = self._limits.refusal(livemode=livemode, endpoint=endpoint)
        if reason is None:
            return None
        return self._refuse(
            errors.rate_limited(livemode=livemode),
            livemode=livemode,
            headers={"Stripe-Rate-Limited-Reason": reason},
        )

    def not_found(self, request: VendorRequest) -> VendorResponse:
        """Answer 404 for a method or path that Stripe, or this emulator, does not have."""
        return self._refuse(
            StripeError(
                f"Unrecognized request URL ({request.method}: {request.path}). Please see "
                "https://stripe.com/docs or we can help at https://support.stripe.com/.",
                status=404,
            )
        )

    def too_many_requests(self, retry_after_s: float) -> VendorResponse:
        """Answer 429; Retry-After, which Stripe does not document but its SDKs honour, is sent above 0."""
        headers = {"Stripe-Rate-Limited-Reason": "global-rate"}
        if retry_after_s > 0:
            headers["Retry-After"] = str(max(1, round(retry_after_s)))
        return self._refuse(errors.rate_limited(livemode=False), headers=headers)

    def failure(self, status: int) -> VendorResponse:
        """Answer a status in Stripe's shape: 401, 402, 403, 404, 409 (key in use), 429, and any 5xx."""
        return self._refuse(errors.of_status(status))

    def truth(self) -> dict[str, Any]:
        """Say what exists in both modes; see `newfuse.sandbox.stripe.truth.tell`."""
        for books in self._modes.values():
            books.catch_up()
        told: dict[str, Any] = copy.deepcopy(truth.tell(self._modes.values(), self._idempotency.replays))
        return told

    def _serve(self, operation: Operation) -> Handler:
        """Return the route handler of an operation."""

        def handler(request: VendorRequest, **path: str) -> VendorResponse:
            livemode = keys.mode(request.headers)
            version = request.headers.get("stripe-version", DEFAULT_VERSION)
            key = request.headers.get("idempotency-key") if request.method == "POST" else None
            headers = {"Stripe-Version": version, **({"Idempotency-Key": key} if key else {})}
            try:
                if not _VERSION.fullmatch(version):
                    headers["Stripe-Version"] = DEFAULT_VERSION
                    raise StripeError(f"Invalid Stripe API version: {version[:40]}")
                given = form.decode(_pairs(request))
                if key is None:
                    return self._execute(operation, request, path, given, version, livemode, None, headers)
                known = self._idempotency.find(
                    key, livemode=livemode, path=request.path, parameters=given, now=self.now()
                )
                if known is None:
                    return self._execute(operation, request, path, given, version, livemode, key, headers)
            except StripeError as refusal:
                return self._refuse(refusal, livemode=livemode, headers=headers)
            headers |= {"Idempotent-Replayed": "true", "Original-Request": known.request_id}
            return self._answer(known.status, copy.deepcopy(known.body), headers=headers)

        return handler

    def _execute(
        self,
        operation: Operation,
        request: VendorRequest,
        path: Mapping[str, str],
        given: dict[str, JSON],
        version: str,
        livemode: bool,
        key: str | None,
        headers: Mapping[str, str],
    ) -> VendorResponse:
        """Validate, run, and keep the outcome under the idempotency key if there is one.

        Raises:
            StripeError: Validation failed, before execution began.
        """
        books = self._modes[livemode]
        books.catch_up()
        call = Call(books, operation.shape.read(given), version)
        if operation.check is not None:
            operation.check(call)
        try:
            answer = expand(books, operation.run(call, **path), call.parameters.get("expand", []))
            response = self._answer(200, answer, headers=headers)
        except StripeError as refusal:
            response = self._refuse(refusal, livemode=livemode, headers=headers)
        if key is not None:
            self._idempotency.keep(
                key,
                livemode=livemode,
                path=request.path,
                parameters=given,
                now=self.now(),
                status=response.status,
                body=copy.deepcopy(response.body),
                request_id=response.headers["Request-Id"],
            )
        return response

    def _answer(
        self,
        status: int,
        body: JSON,
        *,
        headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> VendorResponse:
        sent = {
            "Request-Id": request_id or self._identifiers.next("req"),
            "Stripe-Version": DEFAULT_VERSION,
            **(headers or {}),
        }
        return VendorResponse(status, body, sent)

    def _refuse(
        self, refusal: StripeError, *, livemode: bool = False, headers: Mapping[str, str] | None = None
    ) -> VendorResponse:
        request_id = self._identifiers.next("req")
        logs = "https://dashboard.stripe.com/logs" if livemode else "https://dashboard.stripe.com/test/logs"
        # A request without a usable key belongs to no account, so it has no log to point at.
        log = {} if refusal.status == 401 else {"request_log_url": f"{logs}/{request_id}?t={int(self.now())}"}
        body = {"error": {**refusal.body, **log}}
        return self._answer(refusal.status, body, headers=headers, request_id=request_id)


def _seed(books: Books) -> None:
    seed.fill(books)


def _pairs(request: VendorRequest) -> list[tuple[str, str]]:
    """Return the parameters of a request, from its query and from its form body.

    Raises:
        StripeError: The body is not form-encoded (400): Stripe's v1 takes nothing else.
    """
    pairs = list(request.query)
    if not request.body:
        return pairs
    sent = request.headers.get("content-type", "")
    kind = sent.partition(";")[0].strip().lower()
    if kind == "application/json":
        raise StripeError(f"Invalid request (check that your POST content type is {FORM}). {errors.SUPPORT}")
    if kind != FORM:
        raise StripeError(
            f"Invalid request: unsupported Content-Type {sent[:80]}. If error persists and you need "
            "assistance, please contact support@stripe.com."
        )
    try:
        return pairs + request.form()
    except ValueError as exc:
        raise StripeError("Invalid request: the body is not a UTF-8 form.") from exc
