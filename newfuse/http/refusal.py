"""What an answer that is no success says about the request: refused, in doubt, or nothing at all.

Only the vendor, in its own form, settles what became of a request. A gateway's page, a redirect or a bare refusal says
nothing about it, and leaves a write in doubt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from newfuse.errors import UnreadableAnswer
from newfuse.http.response import AnswerMasker, Describe, Fault, describe, error_for
from newfuse.http.retry import REFUSED_UNSEEN, REPEATED_STATUSES, Delivery, Failed, Safety, parse_retry_after
from newfuse.log import logger
from newfuse.types import JSON

_log = logger("http")


@dataclass(frozen=True, slots=True)
class Refusals:
    """Reads the answers of one account that are no success.

    Attributes:
        integration: Slug that errors speak for.
        describe: The connector's reading of its vendor's own errors; None where it says nothing of them.
        masker: Takes secrets out of what is shown.
        wall_clock: Epoch seconds.
    """

    integration: str
    describe: Describe | None
    masker: AnswerMasker
    wall_clock: Callable[[], float] = time.time

    def unreadable(self, said: str, status: int | None, request_id: str | None, *, retry: bool | None = None) -> Failed:
        """Return the failure of an attempt that was answered by something that is not the vendor's word."""
        error = UnreadableAnswer(said, integration=self.integration, status=status, request_id=request_id)
        return Failed(error, Delivery.UNCERTAIN, retry)

    def read(
        self, status: int, headers: Mapping[str, str], body: JSON, request_id: str | None, safety: Safety
    ) -> Failed:
        """Return the failure of an attempt, by its answer.

        Args:
            status: HTTP status, 3xx to 5xx.
            headers: With lower-case names, masked.
            body: Decoded and masked.
            request_id: The vendor's id of the request, or None.
            safety: Why the request may be repeated.
        """
        if status < 400:
            return self.unreadable(self._redirected(headers), status, request_id, retry=False)
        fault, is_own = self._fault(status, headers, body)
        is_foreign = not is_own and status < 500 and status not in REFUSED_UNSEEN
        if is_foreign and status not in {401, 403}:
            retry = None if status == 408 else False
            return self.unreadable(self._foreign(status, body, fault), status, request_id, retry=retry)
        header_s = parse_retry_after(headers, now=self.wall_clock)
        wait_s = fault.retry_after_s if fault is not None and fault.retry_after_s is not None else header_s
        about: dict[str, Any] = {"integration": self.integration, "request_id": request_id}
        about["detail"] = self.masker.detail(body)
        error = error_for(status, fault, retry_after_s=wait_s, **about)
        delivery = Delivery.UNCERTAIN if is_foreign else _delivery(status, fault)
        return Failed(error, delivery, _retry(status, fault, safety), wait_s)

    def _fault(self, status: int, headers: Mapping[str, str], body: JSON) -> tuple[Fault | None, bool]:
        """Return what the answer says, masked, and whether it is in the vendor's own form.

        Where the integration does not say what that form is, any JSON that names an error counts.
        """
        fault: Fault | None = None
        if self.describe is not None:
            try:
                fault = self.describe(status, headers, body)
            except Exception:
                _log.exception("the description of %s's errors failed", self.integration)
        is_own = fault is not None
        fault = fault or describe(body)
        if fault is None:
            return None, False
        is_own = is_own or (self.describe is None and not isinstance(body, str))
        code = self.masker.text(str(fault.code)) if fault.code is not None else None
        return replace(fault, message=self.masker.text(fault.message), code=code), is_own

    def _foreign(self, status: int, body: JSON, fault: Fault | None) -> str:
        what = "an empty body" if body is None else "a body of another form"
        said = f" ({fault.message})" if fault is not None else ""
        return (
            f"HTTP {status} with {what} than {self.integration}'s refusals have{said}: something on the way may have "
            "answered, which says nothing about the request"
        )

    def _redirected(self, headers: Mapping[str, str]) -> str:
        try:
            target = urlsplit(headers.get("location", "")).hostname
        except ValueError:
            target = None
        where = f"to {self.masker.text(target)}" if target else "elsewhere"
        return f"the answer redirects {where}, which is not followed: correct base_url or the path"


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
