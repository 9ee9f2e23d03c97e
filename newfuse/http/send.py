"""Sends one request once: rate gate, breaker, httpx, record, and the reading of what came back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newfuse.errors import (
    AnswerTooLarge,
    CircuitOpen,
    InvalidArguments,
    NewFuseError,
    RateLimited,
    Unavailable,
)
from newfuse.http.bounds import MAX_BYTES_EXTENSION, AnswerTooLong, CannotUnpack, bytes_received
from newfuse.http.context import LISTENERS
from newfuse.http.rate_limit import MAX_HOLD_S, UNSAID_HOLD_S, HeldTooLong
from newfuse.http.record import CallRecord, Recorder
from newfuse.http.refusal import Refusals
from newfuse.http.response import (
    AnswerMasker,
    ApiResponse,
    Describe,
    Expect,
    UndecodableError,
    decode,
    request_id,
)
from newfuse.http.retry import Delivery, Failed, Safety
from newfuse.http.session import SENDING
from newfuse.log import logger

if TYPE_CHECKING:
    import httpx

    from newfuse.http.breaker import Breaker
    from newfuse.http.context import CallContext
    from newfuse.http.rate_limit import RateGate
    from newfuse.http.session import Session

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
    max_bytes: int


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
        masker: AnswerMasker,
        timeout_s: float,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._integration = integration
        self._auth = auth
        self._gate = gate
        self._breaker = breaker
        self._recorder = recorder
        self._refusals = Refusals(integration, describe, masker, wall_clock)
        self._masker = masker
        self._timeout_s = timeout_s
        connect_s = timeout_s * CONNECT_SHARE
        self._timeout = {"connect": connect_s, "read": timeout_s, "write": timeout_s, "pool": connect_s}
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
            record.waited_ms = await self._acquire() * 1000
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
            raise self._spent(held_s)

    async def _acquire(self) -> float:
        try:
            return await self._gate.acquire()
        except HeldTooLong as exc:  # as another of those who share the quota was told
            raise self._spent(exc.held_s) from None

    def _spent(self, held_s: float) -> Failed:
        error = RateLimited(
            f"the vendor's quota is spent for another {held_s:.0f} s",
            retry_after_s=held_s,
            integration=self._integration,
        )
        return Failed(error, Delivery.NOT_RECEIVED, retry=False)

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
                extensions={
                    "timeout": self._timeout,
                    PATH_EXTENSION: call.path,
                    MAX_BYTES_EXTENSION: call.max_bytes,
                },
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
                response = await client.send(request, auth=self._auth, stream=True)
                await self._load(response, record)
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
        except AnswerTooLong as exc:
            record.status = exc.status
            said = f"{exc}; ask for less at a time"
            too_large = AnswerTooLarge(said, integration=self._integration, status=exc.status)
            raise Failed(too_large, Delivery.UNCERTAIN, retry=False) from exc
        except CannotUnpack as exc:
            record.error = type(exc).__name__
            reason = self._reason(exc, call)
            raise self._uncertain(f"the answer of {call.host} cannot be read ({reason})") from exc
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

    async def _load(self, response: httpx.Response, record: CallRecord) -> None:
        try:
            await response.aread()
        except BaseException:
            await response.aclose()  # not read to its end: the connection goes too
            raise
        finally:
            record.bytes_in = bytes_received(response)

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
        kept = self._masker.headers(response.headers)
        headers = dict(kept.items())
        record.status = status
        record.request_id = request_id(headers)
        record.tls = _tls(response)
        self._gate.observe(headers)
        try:
            body = decode(response.content, headers.get("content-type"), response.charset_encoding)
        except UndecodableError as exc:
            if status < 300:
                raise self._refusals.unreadable(f"the answer cannot be read: {exc}", status, record.request_id) from exc
            body = response.text
        if status < 300 and (problem := call.expect.problem(status, response.content, body)) is not None:
            said = f"the answer is not {self._integration}'s: {problem}"
            raise self._refusals.unreadable(said, status, record.request_id)
        body = self._masker.body(response.content, body)
        if status < 300 or status == 304:
            return ApiResponse(status, kept, body, record.request_id, record.latency_ms, call.url)
        failed = self._refusals.read(status, headers, body, record.request_id, call.safety)
        if status == 429:
            self._gate.hold(failed.wait_s if failed.wait_s is not None else UNSAID_HOLD_S)
        raise failed

    def _write_down(self, record: CallRecord) -> None:
        for listener in LISTENERS.get():
            listener(record)
        if self._recorder is None:
            return
        try:
            self._recorder(record)
        except Exception:
            _log.exception("the call recorder failed")


def _tls(response: httpx.Response) -> str | None:
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("ssl_object") if stream is not None else None
    return connection.version() if connection is not None else None
