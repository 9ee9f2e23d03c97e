"""The way of one call: validated arguments in, through the ledger if it writes, to the vendor and back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python

from newfuse.effects import Intent, Ledger, Outcome, Scope, Standing, State, Verdict, vendor_key
from newfuse.errors import (
    Conflict,
    EffectConflict,
    EffectUnknown,
    NewFuseError,
    OutcomeUnknown,
    Rejected,
    UnreadableAnswer,
)
from newfuse.http.context import CALL, calling
from newfuse.integrations.action import ActionSpec
from newfuse.integrations.answers import readable
from newfuse.integrations.result import ItemResult, Performed, WriteStatus
from newfuse.integrations.settlement import (
    Method,
    carries_its_mark,
    exists_already,
    is_old_enough,
    look_up,
    nobody_can_tell,
    not_shown,
    settles,
)
from newfuse.redact import redact_text
from newfuse.types import Once

T = TypeVar("T")


async def read(integration: str, spec: ActionSpec, method: Method, arguments: dict[str, Any]) -> Any:
    """Run an action that changes nothing.

    Raises:
        UnreadableAnswer: The answer is not what the action returns.
    """
    with (
        calling(action=spec.name, repeatable=True, natural=False, idempotency_key=None),
        readable(integration, spec.name),
    ):
        return await method(**arguments)


async def write(
    ledger: Ledger,
    spec: ActionSpec,
    method: Method,
    arguments: dict[str, Any],
    *,
    scope: Scope,
    reference: str | None,
    lookup: Method | None,
    key_lifetime_s: float | None,
) -> Performed:
    """Run an action that writes, once.

    Args:
        ledger: Where the intent is recorded before anything is sent.
        spec: The action.
        method: What sends it.
        arguments: Validated arguments.
        scope: Whose world it touches.
        reference: What makes two calls the same write; None makes this call a write of its own.
        lookup: Tells whether an unsettled call happened; None when the vendor cannot be asked.
        key_lifetime_s: How long the vendor remembers an idempotency key.

    Returns:
        What became of it; never raises for a vendor's answer.
    """
    assert spec.once is not None
    intent = Intent(
        scope=scope,
        reference=reference if reference is not None else f"call:{uuid.uuid4().hex}",
        arguments=to_jsonable_python(arguments),
        kind=spec.effect,
        once=spec.once,
        key_lifetime_s=key_lifetime_s,
        can_be_asked=lookup is not None,
    )
    # An interrupted caller must not leave a write without its outcome: what was begun is finished and settled.
    return await _uninterrupted(_Write(ledger, spec, method, lookup).run(intent, arguments))


@dataclass(frozen=True, slots=True)
class _Write:
    """One write on its way: how it is sent, and how the vendor is asked whether it happened."""

    ledger: Ledger
    spec: ActionSpec
    method: Method
    lookup: Method | None

    async def run(self, intent: Intent, arguments: dict[str, Any]) -> Performed:
        [standing] = await self.ledger.begin([intent], **_about())
        key = standing.key
        if standing.verdict is Verdict.DONE:
            return Performed(WriteStatus.SKIPPED, key, self.spec.revive(standing.response))
        if standing.verdict is Verdict.CONFLICT:
            return Performed(WriteStatus.FAILED, key, error=EffectConflict(standing.message))
        if standing.verdict is Verdict.BUSY:
            return Performed(WriteStatus.UNKNOWN, key, error=EffectUnknown("another process is still at this write"))
        if standing.verdict is Verdict.UNDECIDED:
            return Performed(WriteStatus.UNKNOWN, key, error=nobody_can_tell(intent, self.spec, standing))
        if standing.verdict is Verdict.CHANGED:
            return await self._settle_former(intent, arguments, standing)
        async with _never_left_open(self.ledger, [key]):
            performed = await self._settle(intent, arguments, standing)
        # What is still in doubt keeps the reason it had at first, so that it does not grow with every run.
        why = standing.message if standing.verdict is Verdict.UNSETTLED else None
        await self.ledger.settle([_outcome(performed, self.spec, why=why)])
        return performed

    async def _settle_former(self, intent: Intent, arguments: dict[str, Any], standing: Standing) -> Performed:
        """Settle what was begun under the same reference with other contents, as it was recorded, then see anew."""
        former = replace(intent, arguments=standing.arguments)
        found = await self.run(former, self._recorded(standing))
        if found.status is not WriteStatus.UNKNOWN or found.error is None:
            return await self.run(intent, arguments)
        error = EffectUnknown(
            f"a {self.spec.name} with this reference and other contents was begun, and it is not known whether it "
            f"happened; this one waits until that is settled ({found.error.for_model})"
        )
        return Performed(WriteStatus.UNKNOWN, found.key, error=error)

    async def _settle(self, intent: Intent, arguments: dict[str, Any], standing: Standing) -> Performed:
        """Find out whether it has happened, where that is in doubt, and send it unless it has or may have."""
        unsettled = standing.verdict is Verdict.UNSETTLED
        if self.lookup is None and unsettled:
            return Performed(WriteStatus.UNKNOWN, standing.key, error=nobody_can_tell(intent, self.spec, standing))
        if self.lookup is not None and (unsettled or carries_its_mark(self.spec, intent, arguments)):
            found = await look_up(intent, self.spec, self.lookup, arguments)
            if isinstance(found, NewFuseError):
                # What is not in doubt was not sent.
                status = WriteStatus.UNKNOWN if unsettled else WriteStatus.FAILED
                return Performed(status, standing.key, error=found)
            if found is not None:
                return Performed(WriteStatus.CONFIRMED, standing.key, found)
            if unsettled and not is_old_enough(standing.begun_at, self.spec):
                error = EffectUnknown(f"an earlier {self.spec.name} may have happened ({standing.message})")
                error.advise(not_shown(self.spec, standing.begun_at))
                return Performed(WriteStatus.UNKNOWN, standing.key, error=error)
        if not unsettled:
            return await self._send(intent, arguments, standing)
        await self.ledger.retake(intent, standing, **_about())
        sent = await self._send(intent, arguments, replace(standing, begun_at=None))  # no doubt is left
        if self.lookup is not None and isinstance(sent.error, Conflict):
            # It exists all the same. Whether the earlier attempt made it, the look-up may still find.
            found = await look_up(intent, self.spec, self.lookup, arguments)
            if found is not None and not isinstance(found, NewFuseError):
                return Performed(WriteStatus.CONFIRMED, standing.key, found)
            return Performed(WriteStatus.UNKNOWN, standing.key, error=exists_already(self.spec, standing, sent.error))
        return sent

    async def _send(self, intent: Intent, arguments: dict[str, Any], standing: Standing) -> Performed:
        by_key = self.spec.once is Once.KEY
        if by_key and standing.begun_at is not None:
            # The vendor compares what comes under a key it knows: send what was recorded, in the recorded order.
            arguments = self._recorded(standing)
        natural = self.spec.once is Once.NATURAL
        with calling(
            action=self.spec.name,
            repeatable=natural,
            natural=natural,
            idempotency_key=vendor_key(standing.key, standing.attempt) if by_key else None,
        ):
            performed = await self._answer(intent, arguments, standing)
        if performed.status is not WriteStatus.UNKNOWN or self.lookup is None:
            return performed
        found = await look_up(intent, self.spec, self.lookup, arguments)
        if found is not None and not isinstance(found, NewFuseError):
            return Performed(WriteStatus.CONFIRMED, standing.key, found)
        assert performed.error is not None
        performed.error.advise(not_shown(self.spec, standing.begun_at))
        return performed

    async def _answer(self, intent: Intent, arguments: dict[str, Any], standing: Standing) -> Performed:
        try:
            with readable(intent.scope.integration, self.spec.name):
                value = await self.method(**arguments)
        except (OutcomeUnknown, EffectUnknown, UnreadableAnswer) as exc:
            return Performed(WriteStatus.UNKNOWN, standing.key, error=exc)
        except NewFuseError as exc:
            in_doubt = standing.begun_at is not None and not settles(exc)
            return Performed(WriteStatus.UNKNOWN if in_doubt else WriteStatus.FAILED, standing.key, error=exc)
        except Exception as exc:  # a fault of ours after the request may have left: nobody can tell
            error = EffectUnknown(f"{self.spec.name} broke off: {type(exc).__name__}")
            error.__cause__ = exc
            return Performed(WriteStatus.UNKNOWN, standing.key, error=error)
        return Performed(WriteStatus.CONFIRMED, standing.key, value)

    def _recorded(self, standing: Standing) -> dict[str, Any]:
        recorded: dict[str, Any] = self.spec.signature.arguments.model_validate(standing.arguments).__dict__
        return recorded


async def write_batch(
    ledger: Ledger,
    spec: ActionSpec,
    method: Method,
    arguments: dict[str, Any],
    *,
    scope: Scope,
    references: Sequence[str],
) -> list[Performed]:
    """Run a batch action; only the items not confirmed earlier are sent, in one call.

    Args:
        ledger: Where each item's intent is recorded before anything is sent.
        spec: The action; its `batch` names the list parameter.
        method: What sends it; returns one ItemResult per item sent.
        arguments: Validated arguments.
        scope: Whose world it touches.
        references: One per item: what makes two writes the same write.

    Returns:
        What became of each item, in their order.
    """
    assert spec.batch is not None
    return await _uninterrupted(_write_batch(ledger, spec, method, arguments, scope, references))


async def _write_batch(
    ledger: Ledger,
    spec: ActionSpec,
    method: Method,
    arguments: dict[str, Any],
    scope: Scope,
    references: Sequence[str],
) -> list[Performed]:
    assert spec.batch is not None
    assert spec.once is not None
    items = list(arguments[spec.batch])
    contents = to_jsonable_python(items)
    shared = to_jsonable_python({name: value for name, value in arguments.items() if name != spec.batch})
    if shared:  # the same item for another list or under another option is not the same write
        contents = [{**shared, spec.batch: content} for content in contents]
    intents = [
        Intent(scope, reference, content, spec.effect, spec.once)
        for reference, content in zip(references, contents, strict=True)
    ]
    standings = await ledger.begin(intents, **_about())
    to_send = [index for index, standing in enumerate(standings) if standing.verdict is Verdict.SEND]
    sent: dict[str, Performed] = {}
    if to_send:
        async with _never_left_open(ledger, [standings[index].key for index in to_send]):
            asked = {**arguments, spec.batch: [items[index] for index in to_send]}
            answers = await _send_batch(scope.integration, spec, method, asked)
            for index, answer in zip(to_send, answers, strict=True):
                standing = standings[index]
                sent[standing.key] = _answer_as_result(answer, standing)
        await ledger.settle([_outcome(done, spec) for done in sent.values()])
    return [_result(spec, standing, sent) for standing in standings]


async def _send_batch(
    integration: str, spec: ActionSpec, method: Method, arguments: dict[str, Any]
) -> list[ItemResult]:
    assert spec.batch is not None
    count = len(arguments[spec.batch])
    with calling(action=spec.name, repeatable=True, natural=True, idempotency_key=None):
        try:
            with readable(integration, spec.name):
                answers: list[ItemResult] = await method(**arguments)
        except NewFuseError as exc:
            return [ItemResult(error=exc)] * count
        except Exception as exc:
            error = EffectUnknown(f"{spec.name} broke off: {type(exc).__name__}")
            error.__cause__ = exc
            return [ItemResult(error=error)] * count
    if len(answers) != count:
        lost = EffectUnknown(f"{spec.name} answered {len(answers)} of {count} items")
        return [ItemResult(error=lost)] * count
    return answers


def _result(spec: ActionSpec, standing: Standing, sent: dict[str, Performed]) -> Performed:
    if standing.verdict is Verdict.SEND:
        return sent[standing.key]
    if standing.verdict is Verdict.SAME:
        first = sent[standing.key]
        return replace(first, status=WriteStatus.SKIPPED) if first.status is WriteStatus.CONFIRMED else first
    if standing.verdict is Verdict.DONE:
        return Performed(WriteStatus.SKIPPED, standing.key, standing.response)
    if standing.verdict is Verdict.CONFLICT:
        return Performed(WriteStatus.FAILED, standing.key, error=EffectConflict(standing.message))
    return Performed(WriteStatus.UNKNOWN, standing.key, error=EffectUnknown(standing.message or spec.name))


def _answer_as_result(answer: ItemResult, standing: Standing) -> Performed:
    if answer.error is None:
        return Performed(WriteStatus.CONFIRMED, standing.key, answer.value)
    unknown = isinstance(answer.error, (OutcomeUnknown, EffectUnknown, UnreadableAnswer))
    unknown = unknown or (standing.begun_at is not None and not settles(answer.error))
    return Performed(WriteStatus.UNKNOWN if unknown else WriteStatus.FAILED, standing.key, error=answer.error)


def _outcome(performed: Performed, spec: ActionSpec, *, why: str | None = None) -> Outcome:
    error = redact_text(performed.error.for_log) if performed.error is not None else None
    if performed.status is WriteStatus.UNKNOWN and why is not None:
        error = why
    value = to_jsonable_python(performed.value, serialize_unknown=True)  # a done write must be recorded as done
    spent = spec.once is Once.KEY and performed.status is WriteStatus.FAILED and isinstance(performed.error, Rejected)
    return Outcome(performed.key, State(performed.status.value), value, error, key_spent=spent)


def _about() -> dict[str, str | None]:
    call = CALL.get()
    return {"run_id": call.run_id, "task": call.task, "agent": call.agent}


@asynccontextmanager
async def _never_left_open(ledger: Ledger, keys: Sequence[str]) -> AsyncIterator[None]:
    """Settle effects as unknown when their sending breaks off: the event loop is being closed, or a fault of ours."""
    try:
        yield
    except BaseException as exc:
        error = f"broke off before the outcome was known ({type(exc).__name__})"
        await ledger.settle([Outcome(key, State.UNKNOWN, error=error) for key in keys])
        raise


async def _uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():  # whoever cancels may do so more than once
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: asyncio need not complain that nobody asked
        raise


def references_of_their_own(count: int) -> list[str]:
    """Return references that make each of `count` items a write of its own."""
    return [f"call:{uuid.uuid4().hex}" for _ in range(count)]
