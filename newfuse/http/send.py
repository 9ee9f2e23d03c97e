"""Sends one request once: rate gate, breaker, httpx, record, and the reading of what came back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from newfuse.errors import CircuitOpen, InvalidArguments, NewFuseError, RateLimited, Unavailable, UnreadableAnswer
from newfuse.http.rate_limit import MAX_HOLD_S
from newfuse.http.record import CallRecord, Recorder
from newfuse.http.response import (
    ApiResponse,
    Describe,
    Expect,
    Fault,
    Masker,
    UndecodableError,
    decode,
    describe,
    error_for,
    request_id,
)
from newfuse.http.retry import (
    REFUSED_UNSEEN,
    REPEATED_STATUSES,
    Delivery,
    Failed,
    Safety,
    parse_retry_after,
)
from newfuse.http.session import SENDING
from newfuse.log import logger

if TYPE_CHECKING:
    import httpx

    from newfuse.http.breaker import Breaker
    from newfuse.http.context import CallContext
    from newfuse.http.rate_limit import RateGate
    from newfuse.http.session import Session
    from newfuse.types import JSON

_log = logger("http")

PATH_EXTENSION = "newfuse.path"
"""Key of `request.extensions` under which an Auth finds the path below the base URL."""

# Connecting gets half of the time, so that running out of it can be told from waiting for an answer.
CONNECT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Call:
    """A request ready to be sent, as often as its safety allows."""

    id: str
    method: str
    url: str
    path: str
    template: str
    host: str
    headers: list[tuple[bytes, bytes]]
    content: bytes
    safety: Safety
    context: CallContext
    expect: Expect


class Sender:
    """Sends the requests of one account, one at a time each, and records every one of them."""

    def __init__(
        self,
        session: Session,
        *,
        integration: str,
        auth: httpx.Auth | None,
        gate: RateGate,
        breaker: Breaker | None,
        recorder: Recorder | None,
        describe: Describe | None,
        masker: Masker,
        timeout_s: float,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._integration = integration
        self._auth = auth
        self._gate = gate
        self._breaker = breaker
        self._recorder = recorder
        self._describe = describe
        self._masker = masker
        self._timeout_s = timeout_s
        connect_s = timeout_s * CONNECT_SHARE
        self._timeout = {"connect": connect_s, "read": timeout_s, "write": timeout_s, "pool": connect_s}
        self._wall_clock = wall_clock
        self._last_failure = ""  # the last that counted for the breaker: whoever is refused hears of it

    async def attempt(self, call: Call, number: int) -> ApiResponse:
        """Send the request once.

        Args:
            call: The request.
            number: 1 for the first attempt.

        Returns:
            The answer, when it is a success.

        Raises:
            Failed: It brought no success; says whether it may have been carried out.
        """
        context = call.context
        record = CallRecord(
            call_id=call.id,
            attempt=number,
            run_id=context.run_id,
            task=context.task,
            agent=context.agent,
            integration=self._integration,
            action=context.action,
            method=call.method,
            host=call.host,
            template=call.template,
            status=None,
            error=None,
            sent=False,
            started_at=datetime.now(UTC),
            latency_ms=0.0,
            waited_ms=0.0,
            bytes_out=len(call.content),
            bytes_in=0,
            request_id=None,
            tls=None,
        )
        try:
            if not context.probe:
                self._refuse_early()
            record.waited_ms = await self._gate.acquire() * 1000
            try:
                return await self._through_breaker(call, record)
            finally:
                self._gate.release()
        except Failed as failed:
            record.error = record.error or type(failed.error).__name__
            raise
        except BaseException as exc:
            record.error = type(exc).__name__
            raise
        finally:
            self._write_down(record)

    def _refuse_early(self) -> None:
        if self._breaker is not None and (wait_s := self._breaker.retry_after_s()) is not None:
            raise self._refused(wait_s)
        held_s = self._gate.held_for_s()
        if held_s > MAX_HOLD_S:
            error = RateLimited(
                f"the vendor's quota is spent for another {held_s:.0f} s",
                retry_after_s=held_s,
                integration=self._integration,
            )
            raise Failed(error, Delivery.NOT_RECEIVED, retry=False)

    def _refused(self, wait_s: float) -> Failed:
        error = CircuitOpen(
            f"too many calls in a row failed (the last: {self._last_failure}); "
            f"nothing is sent for another {wait_s:.0f} s",
            retry_after_s=wait_s,
            integration=self._integration,
        )
        return Failed(error, Delivery.NOT_RECEIVED, retry=False)

    async def _through_breaker(self, call: Call, record: CallRecord) -> ApiResponse:
        breaker = self._breaker
        if breaker is None or call.context.probe:
            response = await self._exchange(call, record)
            return self._read(call, response, record)
        if not breaker.enter():
            raise self._refused(breaker.retry_after_s() or 0.0)
        try:
            response = await self._exchange(call, record)
        except Failed as failed:
            breaker.failed()
            self._last_failure = failed.error.message
            raise
        except BaseException:
            breaker.abandoned()
            raise
        if response.status_code >= 500:
            breaker.failed()
            self._last_failure = f"HTTP {response.status_code}"
        else:
            breaker.succeeded()
        return self._read(call, response, record)

    async def _exchange(self, call: Call, record: CallRecord) -> httpx.Response:
        import httpx

        client = await self._session.client()
        try:
            request = httpx.Request(
                call.method,
                call.url,
                headers=call.headers,
                content=call.content or None,
                extensions={"timeout": self._timeout, PATH_EXTENSION: call.path},
            )
        except httpx.InvalidURL:  # longer than httpx takes; its text would repeat the values
            problem = f"the values and params make it {len(call.url)} characters long, or unreadable"
            raise InvalidArguments("cannot build the URL", [(call.template, problem)]) from None
        record.started_at = datetime.now(UTC)
        began = time.perf_counter()
        token = SENDING.set(True)
        try:
            async with asyncio.timeout(self._timeout_s):
                record.sent = True
                response = await client.send(request, auth=self._auth)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            record.sent = False
            record.error = type(exc).__name__
            reason = self._reason(exc, call)
            error = Unavailable(f"could not connect to {call.host} ({reason})", integration=self._integration)
            raise Failed(error, Delivery.NOT_RECEIVED, retry=True) from exc
        except (httpx.TimeoutException, TimeoutError) as exc:
            record.error = type(exc).__name__
            self._reason(exc, call)
            said = f"{call.host} did not answer within {self._timeout_s:g} s"
            raise self._uncertain(said) from exc
        except NewFuseError:  # from the authentication, before anything left
            record.sent = False
            raise
        except httpx.RequestError as exc:
            record.error = type(exc).__name__
            reason = self._reason(exc, call)
            raise self._uncertain(f"the connection to {call.host} broke ({reason})") from exc
        finally:
            SENDING.reset(token)
            record.latency_ms = (time.perf_counter() - began) * 1000
        return response

    def _uncertain(self, said: str) -> Failed:
        return Failed(Unavailable(said, integration=self._integration), Delivery.UNCERTAIN, retry=None)

    def _reason(self, exc: Exception, call: Call) -> str:
        """Name the failure, and take what may be secret off it: the request it holds, and words with a URL."""
        import httpx

        if isinstance(exc, httpx.RequestError):
            exc.request = httpx.Request(call.method, f"{urlsplit(call.url).scheme}://{call.host}/")
        name = type(exc).__name__
        said = self._masker.text(str(exc))
        reason = name if not said or "://" in said else f"{name}: {said}"
        below: BaseException | None = exc
        while below is not None:  # httpx's own, httpcore's, the operating system's
            words = str(below)
            if "://" in words or self._masker.text(words, len(words)) != words:
                below.args = (reason,)
            below = below.__cause__ or below.__context__
        return reason

    def _read(self, call: Call, response: httpx.Response, record: CallRecord) -> ApiResponse:
        status = response.status_code
        headers = dict(response.headers.items())
        record.status = status
        record.bytes_in = response.num_bytes_downloaded
        record.request_id = request_id(headers)
        record.tls = _tls(response)
        self._gate.observe(headers)
        try:
            body = decode(response.content, headers.get("content-type"), response.charset_encoding)
        except UndecodableError as exc:
            if status < 300:
                raise self._unreadable(f"the answer cannot be read: {exc}", record) from exc
            body = response.text
        if status < 300 and (problem := call.expect.problem(status, response.content, body)) is not None:
            raise self._unreadable(f"the answer is not {self._integration}'s: {problem}", record)
        if status < 300 or status == 304:
            return ApiResponse(status, response.headers, body, record.request_id, record.latency_ms, call.url)
        raise self._failure(call, status, headers, body, record)

    def _unreadable(self, said: str, record: CallRecord) -> Failed:
        error = UnreadableAnswer(
            said, integration=self._integration, status=record.status, request_id=record.request_id
        )
        return Failed(error, Delivery.UNCERTAIN, retry=None)

    def _failure(self, call: Call, status: int, headers: Mapping[str, str], body: JSON, record: CallRecord) -> Failed:
        if status < 400:
            said = self._redirected(headers)
            return replace(self._unreadable(said, record), retry=False)
        fault, is_own = self._fault(status, headers, body)
        is_foreign = not is_own and status < 500 and status not in REFUSED_UNSEEN
        if is_foreign and status not in {401, 403}:
            said = self._foreign(status, body, fault)
            return replace(self._unreadable(said, record), retry=None if status == 408 else False)
        header_s = parse_retry_after(headers, now=self._wall_clock)
        wait_s = fault.retry_after_s if fault is not None and fault.retry_after_s is not None else header_s
        about: dict[str, Any] = {"integration": self._integration, "request_id": record.request_id}
        about["detail"] = self._masker.detail(body)
        error = error_for(status, fault, retry_after_s=wait_s, **about)
        if status == 429 and wait_s is not None:
            self._gate.hold(wait_s)
        delivery = Delivery.UNCERTAIN if is_foreign else _delivery(status, fault)
        return Failed(error, delivery, _retry(status, fault, call.safety), wait_s)

    def _fault(self, status: int, headers: Mapping[str, str], body: JSON) -> tuple[Fault | None, bool]:
        """Return what the answer says, masked, and whether it is in the vendor's own form.

        Where the integration does not say what that form is, any JSON that names an error counts.
        """
        fault: Fault | None = None
        if self._describe is not None:
            try:
                fault = self._describe(status, headers, body)
            except Exception:
                _log.exception("the description of %s's errors failed", self._integration)
        is_own = fault is not None
        fault = fault or describe(body)
        if fault is None:
            return None, False
        is_own = is_own or (self._describe is None and not isinstance(body, str))
        code = self._masker.text(str(fault.code)) if fault.code is not None else None
        return replace(fault, message=self._masker.text(fault.message), code=code), is_own

    def _foreign(self, status: int, body: JSON, fault: Fault | None) -> str:
        what = "an empty body" if body is None else "a body of another form"
        said = f" ({fault.message})" if fault is not None else ""
        return (
            f"HTTP {status} with {what} than {self._integration}'s refusals have{said}: something on the way may have "
            "answered, which says nothing about the request"
        )

    def _redirected(self, headers: Mapping[str, str]) -> str:
        try:
            target = urlsplit(headers.get("location", "")).hostname
        except ValueError:
            target = None
        where = f"to {self._masker.text(target)}" if target else "elsewhere"
        return f"the answer redirects {where}, which is not followed: correct base_url or the path"

    def _write_down(self, record: CallRecord) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder(record)
        except Exception:
            _log.exception("the call recorder failed")


def _delivery(status: int, fault: Fault | None) -> Delivery:
    if status == 429 or (fault is not None and fault.processed is False):
        return Delivery.NOT_RECEIVED
    if fault is not None and fault.retry and status == 409:
        # Stripe's idempotency_key_in_use: an earlier request with this key is still being worked on.
        return Delivery.UNCERTAIN
    # 408: the vendor stopped waiting for the rest of a request, and may have acted on what it had.
    return Delivery.UNCERTAIN if status >= 500 or status == 408 else Delivery.ANSWERED


def _retry(status: int, fault: Fault | None, safety: Safety) -> bool | None:
    """Return what the answer says about repeating: True, False, or None: only if that is safe."""
    asked = fault.retry if fault is not None else None
    if asked is not None and not (asked and safety is Safety.ONCE and status >= 500):
        return asked
    if status == 429:
        return True
    if status in REPEATED_STATUSES or status == 408:
        return None
    return False


def _tls(response: httpx.Response) -> str | None:
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("ssl_object") if stream is not None else None
    return connection.version() if connection is not None else None
