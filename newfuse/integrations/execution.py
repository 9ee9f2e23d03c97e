"""The way of one call: validated arguments in, through the ledger if it writes, to the vendor and back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python

from newfuse.effects import Intent, Ledger, Outcome, Scope, Standing, State, Verdict, vendor_key
from newfuse.errors import EffectConflict, EffectUnknown, NewFuseError, OutcomeUnknown, Rejected
from newfuse.http.context import CALL, calling
from newfuse.integrations.action import ActionSpec
from newfuse.integrations.result import ItemResult, Performed, WriteStatus
from newfuse.redact import redact_text
from newfuse.types import Once

T = TypeVar("T")
Method = Callable[..., Awaitable[Any]]


async def read(spec: ActionSpec, method: Method, arguments: dict[str, Any]) -> Any:
    """Run an action that changes nothing."""
    with calling(action=spec.name, repeatable=True, natural=False, idempotency_key=None):
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
    )
    # An interrupted caller must not leave a write without its outcome: what was begun is finished and settled.
    return await _uninterrupted(_write(ledger, spec, method, arguments, intent, lookup))


async def _write(
    ledger: Ledger,
    spec: ActionSpec,
    method: Method,
    arguments: dict[str, Any],
    intent: Intent,
    lookup: Method | None,
) -> Performed:
    about = _about()
    [standing] = await ledger.begin([intent], **about)
    key = standing.key
    if standing.verdict is Verdict.DONE:
        return Performed(WriteStatus.SKIPPED, key, spec.revive(standing.response))
    if standing.verdict is Verdict.CONFLICT:
        return Performed(WriteStatus.FAILED, key, error=EffectConflict(standing.message))
    if standing.verdict is Verdict.BUSY:
        return Performed(WriteStatus.UNKNOWN, key, error=EffectUnknown("another process is still at this write"))
    if standing.verdict is Verdict.UNSETTLED:
        async with _never_left_open(ledger, [key]):
            found = await _look_up(spec, lookup, arguments, standing)
            if found is None:
                await ledger.retake(intent, standing, **about)
        if found is not None:
            failed = isinstance(found, NewFuseError)
            performed = (
                Performed(WriteStatus.UNKNOWN, key, error=found)
                if failed
                else Performed(WriteStatus.CONFIRMED, key, found)
            )
            await ledger.settle([_outcome(performed)])
            return performed
        standing = replace(standing, begun_at=None)  # no doubt is left
    async with _never_left_open(ledger, [key]):
        sent = arguments
        if spec.once is Once.KEY and standing.begun_at is not None:
            # The vendor compares what comes under a key it knows: send what was recorded, in the recorded order.
            sent = spec.signature.arguments.model_validate(standing.arguments).__dict__
        performed = await _send(spec, method, sent, standing)
        if performed.status is WriteStatus.UNKNOWN and lookup is not None:
            performed = await _settle_by_look_up(spec, lookup, arguments, performed, standing)
    await ledger.settle([_outcome(performed)])
    return performed


async def _send(spec: ActionSpec, method: Method, arguments: dict[str, Any], standing: Standing) -> Performed:
    once_by_key = spec.once is Once.KEY
    with calling(
        action=spec.name,
        repeatable=spec.once is Once.NATURAL,
        natural=spec.once is Once.NATURAL,
        idempotency_key=vendor_key(standing.key, standing.attempt) if once_by_key else None,
    ):
        try:
            value = await method(**arguments)
        except (OutcomeUnknown, EffectUnknown) as exc:
            return Performed(WriteStatus.UNKNOWN, standing.key, error=exc)
        except NewFuseError as exc:
            if standing.begun_at is not None and not _settles(exc):
                return Performed(WriteStatus.UNKNOWN, standing.key, error=exc)
            return Performed(WriteStatus.FAILED, standing.key, error=exc)
        except Exception as exc:  # a fault of ours after the request may have left: nobody can tell
            error = EffectUnknown(f"{spec.name} broke off: {type(exc).__name__}")
            error.__cause__ = exc
            return Performed(WriteStatus.UNKNOWN, standing.key, error=error)
    return Performed(WriteStatus.CONFIRMED, standing.key, value)


async def _look_up(spec: ActionSpec, lookup: Method | None, arguments: dict[str, Any], standing: Standing) -> Any:
    if lookup is None:
        return EffectUnknown(
            f"an earlier {spec.name} may have happened ({standing.message}) and the vendor cannot be asked; "
            "it is not sent again"
        )
    with calling(action=lookup.__name__, repeatable=True, natural=False, idempotency_key=None):
        try:
            return await lookup(**arguments)
        except NewFuseError as exc:
            return exc
        except Exception as exc:
            error = EffectUnknown(f"{spec.name} may have happened, and looking it up broke off: {type(exc).__name__}")
            error.__cause__ = exc
            return error


def _settles(error: NewFuseError) -> bool:
    """Say whether the failure of a repetition tells what became of the attempt in doubt before it.

    A refusal does: a vendor that knows the key repeats its answer, and what it refuses now has not happened. That it
    cannot be reached, lets nobody in, or complains of the key itself says nothing.
    """
    return isinstance(error, Rejected) and "idempotency" not in (error.code or "").lower()


async def _settle_by_look_up(
    spec: ActionSpec, lookup: Method, arguments: dict[str, Any], performed: Performed, standing: Standing
) -> Performed:
    found = await _look_up(spec, lookup, arguments, standing)
    if found is None or isinstance(found, NewFuseError):
        return performed  # not seen yet is not proof that it did not happen: a later run asks again
    return Performed(WriteStatus.CONFIRMED, performed.key, found)


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
            answers = await _send_batch(spec, method, {**arguments, spec.batch: [items[index] for index in to_send]})
            for index, answer in zip(to_send, answers, strict=True):
                standing = standings[index]
                sent[standing.key] = _answer_as_result(answer, standing)
        await ledger.settle([_outcome(done) for done in sent.values()])
    return [_result(spec, standing, sent) for standing in standings]


async def _send_batch(spec: ActionSpec, method: Method, arguments: dict[str, Any]) -> list[ItemResult]:
    assert spec.batch is not None
    count = len(arguments[spec.batch])
    with calling(action=spec.name, repeatable=True, natural=True, idempotency_key=None):
        try:
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
    unknown = isinstance(answer.error, (OutcomeUnknown, EffectUnknown))
    unknown = unknown or (standing.begun_at is not None and not _settles(answer.error))
    return Performed(WriteStatus.UNKNOWN if unknown else WriteStatus.FAILED, standing.key, error=answer.error)


def _outcome(performed: Performed) -> Outcome:
    error = redact_text(performed.error.for_log) if performed.error is not None else None
    value = to_jsonable_python(performed.value, serialize_unknown=True)  # a done write must be recorded as done
    return Outcome(performed.key, State(performed.status.value), value, error)


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
