"""The one way to a vendor's API: a client for one account whose calls are safe and counted."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from newfuse.errors import InvalidArguments
from newfuse.http.bounds import ACCEPT_ENCODING, MAX_ANSWER_BYTES
from newfuse.http.breaker import Breaker, BreakerChange, BreakerPolicy
from newfuse.http.config import ApiConfig
from newfuse.http.context import CALL
from newfuse.http.encode import encode_body, encode_query
from newfuse.http.headers import raw_headers
from newfuse.http.paginate import Cursor, Offset, PageNumber, Pages, PageStyle
from newfuse.http.rate_limit import Clock, RateGate, RateLimit, SharedQuota, Sleep
from newfuse.http.record import Recorder
from newfuse.http.response import AnswerMasker, ApiResponse, Describe, Expect
from newfuse.http.retry import SAFE_METHODS, Retrier, RetryPolicy, Safety
from newfuse.http.send import Call, Sender
from newfuse.http.session import LOOPBACK, Session
from newfuse.http.url import BaseUrl, parse_base, parse_template, without_params
from newfuse.redact import MASK, SECRET_NAMES
from newfuse.types import JSON

if TYPE_CHECKING:
    import httpx

Values = Mapping[str, str | int]
Params = Mapping[str, Any]


class ReadOptions(TypedDict, total=False):
    """What `get` and `head` take beside path and query; see `ApiClient.request`."""

    values: Values | None
    headers: Mapping[str, str] | None
    expect: Expect


class WriteOptions(ReadOptions, total=False):
    """What `post`, `put`, `patch` and `delete` take beside the path; see `ApiClient.request`."""

    params: Params | None
    json: JSON
    form: Params | None
    repeatable: bool | None


# What stands in records for a URL that came from a vendor's answer: it has no template and may hold values.
LINK_TEMPLATE = "{link}"


class ApiClient:
    """Calls one account's API: `get`, `post` and the others return the decoded body, `request` the whole answer.

    Paths are templates (`/v1/payment_intents/{id}`) whose `values` are percent-encoded; records keep the
    template. Errors are those of `newfuse.errors`; a request is repeated only when that cannot do anything
    twice.
    """

    def __init__(
        self,
        config: ApiConfig,
        *,
        integration: str,
        auth: httpx.Auth | None = None,
        recorder: Recorder | None = None,
        retry: RetryPolicy | None = None,
        rate_limit: RateLimit | None = None,
        shared_quota: SharedQuota | None = None,
        breaker: BreakerPolicy | None = BreakerPolicy(),  # noqa: B008  (frozen)
        on_breaker_change: BreakerChange | None = None,
        idempotency_header: str | None = None,
        describe: Describe | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
    ) -> None:
        """Describe the account; nothing is opened before the first call.

        Args:
            config: Where the API lies.
            integration: Slug under which calls are recorded and errors speak.
            auth: Adds the credentials, from a scheme of `newfuse.auth`.
            recorder: Told every request sent.
            retry: How often and how patiently to repeat.
            rate_limit: The account's quota; without one only the number of simultaneous requests is bounded.
            shared_quota: What of that quota others use too; without it the client has the quota to itself.
            breaker: When to stop asking a failing vendor; None: never.
            on_breaker_change: Told when the breaker changes its state.
            idempotency_header: Header of the vendor's idempotency key, e.g. `Idempotency-Key`. Only with it
                does `CallContext.idempotency_key` make a write repeatable.
            describe: Reads the vendor's own error bodies.
            transport: Replaces the network, in tests.
            sleep: Waits, in seconds; replaced in tests.
            clock: Monotonic seconds; replaced in tests.
            wall_clock: Epoch seconds; replaced in tests.

        Raises:
            InvalidArguments: A default header cannot be sent.
        """
        self.config = config
        self.integration = integration
        self.retry = retry or RetryPolicy()
        self.gate = RateGate(rate_limit, shared=shared_quota, sleep=sleep, clock=clock, wall_clock=wall_clock)
        self.breaker = Breaker(breaker, clock=clock, on_change=on_breaker_change) if breaker else None
        self._base = parse_base(config.base_url)
        self._routes = sorted(
            ((prefix, parse_base(url)) for prefix, url in config.routes.items()), key=lambda r: -len(r[0])
        )
        self._headers = raw_headers({"Accept": "application/json", "Accept-Encoding": ACCEPT_ENCODING})
        self._headers |= raw_headers({"User-Agent": f"newfuse/{_version()}"} | dict(config.headers))
        self._idempotency_header = idempotency_header
        self._session = Session(
            connections=self.gate.concurrency,
            loopback=self._base.hostname in LOOPBACK and not self._routes,
            transport=transport,
        )
        self._sender = Sender(
            self._session,
            integration=integration,
            auth=auth,
            gate=self.gate,
            breaker=self.breaker,
            recorder=recorder,
            describe=describe,
            masker=AnswerMasker(_secrets(config, auth)),
            timeout_s=config.timeout_s,
            wall_clock=wall_clock,
        )
        self._retrier = Retrier(self.retry, sleep=sleep, clock=clock)

    def __repr__(self) -> str:
        return f"ApiClient({self.integration!r}, {self.config.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; a later call would open new ones."""
        await self._session.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        values: Values | None = None,
        params: Params | None = None,
        json: JSON = None,
        form: Params | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        expect: Expect = Expect.ANYTHING,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> ApiResponse:
        """Make one call, repeated where that is safe.

        Args:
            method: HTTP method.
            path: Path template below the base URL, or an absolute URL below it (a vendor's link).
            values: A value for every placeholder of the path.
            params: Query parameters: None is left out, a list repeats its key; they win over the configured
                ones.
            json: Body to send as JSON.
            form: Body to send as a form, nested in Stripe's notation; not together with `json`.
            headers: Headers of this call; they win over the configured ones.
            repeatable: Whether repeating it is harmless; by default GET, HEAD and OPTIONS are and for others
                the call context says so.
            expect: What the body of a success must be.
            max_bytes: Most bytes the answer may have, as transferred and as unpacked.

        Returns:
            The successful answer.

        Raises:
            InvalidArguments: Path, values, params, headers or body cannot be sent; nothing was.
            RetryLater: Rate limit, 5xx or no connection, after the repetitions allowed.
            UnreadableAnswer: What came was not the vendor's: another body than expected, or a redirect or refusal
                that is not in the vendor's own form.
            AnswerTooLarge: The answer to a read was cut off at `max_bytes`.
            OutcomeUnknown: A write may have been carried out and no answer tells.
            ReconnectNeeded: The credentials are wrong or lack a permission.
            Rejected: The vendor refused the request.
        """
        return await self._call(
            method,
            path,
            values=values,
            params=params,
            json=json,
            form=form,
            headers=headers,
            repeatable=repeatable,
            expect=expect,
            max_bytes=max_bytes,
        )

    async def _call(
        self,
        method: str,
        path: str,
        *,
        link: str | None = None,
        values: Values | None = None,
        params: Params | None = None,
        json: JSON = None,
        form: Params | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        expect: Expect = Expect.JSON,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> ApiResponse:
        method = method.upper()
        content, content_type = encode_body(json, form)
        context = CALL.get()
        raw = dict(self._headers)
        if content_type is None:
            raw.pop("content-type", None)
        else:
            raw.setdefault("content-type", (b"Content-Type", content_type))
        key_header = self._idempotency_header if method not in SAFE_METHODS else None
        if key_header is not None and context.idempotency_key is not None:
            raw |= raw_headers({key_header: context.idempotency_key})
        if headers:
            raw |= raw_headers(headers)
        keyed = key_header is not None and key_header.lower() in raw
        natural = repeatable is None and context.natural and method not in SAFE_METHODS
        if repeatable is None:
            repeatable = method in SAFE_METHODS or context.repeatable
        safety = Safety.REPEATABLE if repeatable else Safety.KEYED if keyed else Safety.ONCE
        if natural:
            safety = Safety.NATURAL
        base, relative, template = self._locate(path, values)
        url = link or base.url + relative
        given = {**self.config.params, **(params or {})}
        if link is not None:  # it says all but what was masked in it: our own secrets
            url, masked = without_params(url, MASK)
            given = {name: value for name, value in self.config.params.items() if name in masked}
        query = encode_query(given)
        if query:
            url = f"{url}{'&' if '?' in url else '?'}{query}"
        call = Call(
            id=uuid.uuid4().hex,
            method=method,
            url=url,
            path=relative,
            template=template,
            host=base.host,
            headers=list(raw.values()),
            content=content,
            safety=safety,
            context=context,
            expect=expect,
            max_bytes=max_bytes,
        )
        return await self._retrier.run(lambda number: self._sender.attempt(call, number), safety)

    def _locate(self, path: str, values: Values | None) -> tuple[BaseUrl, str, str]:
        if "://" in path.partition("?")[0]:
            bases = (self._base, *(base for _, base in self._routes))
            base = next((base for base in bases if base.resolve(path, at=base.url)), None)
            resolved = base.resolve(path, at=base.url) if base is not None else None
            if base is None or resolved is None:
                problem = f"leads out of {self.config.base_url}"
                raise InvalidArguments("cannot build the URL", [("path", problem)])
            return base, without_params(resolved, MASK)[0][len(base.url) :], LINK_TEMPLATE
        template = parse_template(path)
        base = next((base for prefix, base in self._routes if template.text.startswith(prefix)), self._base)
        return base, template.fill(values), template.text

    async def get(self, path: str, params: Params | None = None, **options: Unpack[ReadOptions]) -> JSON:
        """GET and return the decoded body; arguments and errors as for `request`, but JSON is expected."""
        return (await self._call("GET", path, params=params, **options)).body

    async def head(self, path: str, params: Params | None = None, **options: Unpack[ReadOptions]) -> Mapping[str, str]:
        """HEAD and return the answer's headers, as it has no body; arguments and errors as for `request`."""
        options["expect"] = Expect.NOTHING
        return (await self._call("HEAD", path, params=params, **options)).headers

    async def post(self, path: str, **options: Unpack[WriteOptions]) -> JSON:
        """POST and return the decoded body; arguments and errors as for `request`, but JSON is expected."""
        return (await self._call("POST", path, **options)).body

    async def put(self, path: str, **options: Unpack[WriteOptions]) -> JSON:
        """PUT and return the decoded body; arguments and errors as for `request`, but JSON is expected."""
        return (await self._call("PUT", path, **options)).body

    async def patch(self, path: str, **options: Unpack[WriteOptions]) -> JSON:
        """PATCH and return the decoded body; arguments and errors as for `request`, but JSON is expected."""
        return (await self._call("PATCH", path, **options)).body

    async def delete(self, path: str, **options: Unpack[WriteOptions]) -> JSON:
        """DELETE and return the decoded body; arguments and errors as for `request`, but JSON is expected."""
        return (await self._call("DELETE", path, **options)).body

    def pages(
        self,
        path: str,
        *,
        style: PageStyle,
        items: str | None = None,
        values: Values | None = None,
        params: Params | None = None,
        method: str = "GET",
        json: Mapping[str, Any] | None = None,
        total: str | None = None,
        limit: int | None = None,
        headers: Mapping[str, str] | None = None,
        absent_is_empty: bool = False,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Pages:
        """Read a list page by page; nothing is sent before the iteration begins.

        Args:
            path: Path template of the list.
            style: How the vendor cuts it: `Cursor`, `PageNumber`, `Offset` or `LinkNext`.
            items: Dotted path of the items in the body, e.g. `results`; None when the body is the list.
            values: A value for every placeholder of the path.
            params: Query parameters of every page.
            method: HTTP method; a POST is taken for a search that changes nothing.
            json: Body of every page; when given, the style's parameters go there and not into the query.
            total: Dotted path of the number of items the vendor announces.
            limit: Most items to hand out.
            headers: Headers of every page.
            absent_is_empty: The vendor leaves an empty list out of its answer (Google's JSON does); otherwise an answer
                without one is unreadable, and no empty list.
            max_bytes: Most bytes one page may have.

        Returns:
            An async iterator over the items, which knows afterwards whether the list was complete.
        """
        at = self.config.base_url

        async def fetch(link: str | None, step: Mapping[str, Any]) -> ApiResponse | None:
            nonlocal at
            target = None
            if link is not None:
                target = self._locate(path, values)[0].resolve(link, at=at)
                if target is None:
                    return None
            query, body = dict(params or {}), json
            if json is None:
                query |= step
            else:
                body = {**json, **step}
            response = await self._call(
                method,
                path,
                link=target,
                values=values,
                params=query,
                json=body,
                headers=headers,
                repeatable=True,
                max_bytes=max_bytes,
            )
            at = response.url
            return response

        resumed = isinstance(style, Cursor) and style.param in {**(params or {}), **(json or {})}
        resumed = resumed or (isinstance(style, Offset) and style.start > 0)
        resumed = resumed or (isinstance(style, PageNumber) and style.start > 1)
        return Pages(
            fetch,
            style,
            integration=self.integration,
            items=items,
            total=total,
            limit=limit,
            resumed=resumed,
            absent_is_empty=absent_is_empty,
        )


def _secrets(config: ApiConfig, auth: httpx.Auth | None) -> list[str]:
    given = {**config.params, **config.headers}
    named = [str(value) for name, value in given.items() if SECRET_NAMES.search(name)]
    named += [value.rpartition(" ")[2] for value in named]  # a token behind the name of its scheme
    return [*named, *(secret.get_secret_value() for secret in getattr(auth, "secrets", ()))]


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("newfuse")
    except PackageNotFoundError:
        return "0"
