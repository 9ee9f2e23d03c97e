"""The way of one call: validated arguments in, through the ledger if it writes, to the vendor and back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python

from newfuse.effects import Intent, Ledger, Outcome, Scope, Standing, State, Verdict, vendor_key
from newfuse.errors import EffectConflict, EffectUnknown, NewFuseError, OutcomeUnknown
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
        found = await _look_up(spec, lookup, arguments, standing)
        if isinstance(found, NewFuseError):
            return Performed(WriteStatus.UNKNOWN, key, error=found)
        if found is not None:
            await ledger.settle([Outcome(key, State.CONFIRMED, to_jsonable_python(found))])
            return Performed(WriteStatus.CONFIRMED, key, found)
        await ledger.retake(intent, standing, **about)
    sent = arguments
    if spec.once is Once.KEY and standing.arguments != intent.arguments:
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
        except OutcomeUnknown as exc:
            return Performed(WriteStatus.UNKNOWN, standing.key, error=exc)
        except NewFuseError as exc:
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
    intents = [
        Intent(scope, reference, content, spec.effect, spec.once)
        for reference, content in zip(references, contents, strict=True)
    ]
    standings = await ledger.begin(intents, **_about())
    performed: list[Performed | None] = [_standing_as_result(spec, standing) for standing in standings]
    to_send = [index for index, done in enumerate(performed) if done is None]
    if to_send:
        answers = await _send_batch(spec, method, {**arguments, spec.batch: [items[index] for index in to_send]})
        for index, answer in zip(to_send, answers, strict=True):
            performed[index] = _answer_as_result(answer, standings[index].key)
        await ledger.settle([_outcome(done) for index in to_send if (done := performed[index]) is not None])
    return [done for done in performed if done is not None]


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


def _standing_as_result(spec: ActionSpec, standing: Standing) -> Performed | None:
    if standing.verdict is Verdict.SEND:
        return None
    if standing.verdict is Verdict.DONE:
        return Performed(WriteStatus.SKIPPED, standing.key, standing.response)
    return Performed(WriteStatus.UNKNOWN, standing.key, error=EffectUnknown(standing.message or spec.name))


def _answer_as_result(answer: ItemResult, key: str) -> Performed:
    if answer.error is None:
        return Performed(WriteStatus.CONFIRMED, key, answer.value)
    unknown = isinstance(answer.error, (OutcomeUnknown, EffectUnknown))
    return Performed(WriteStatus.UNKNOWN if unknown else WriteStatus.FAILED, key, error=answer.error)


def _outcome(performed: Performed) -> Outcome:
    error = redact_text(performed.error.for_log) if performed.error is not None else None
    return Outcome(performed.key, State(performed.status.value), to_jsonable_python(performed.value), error)


def _about() -> dict[str, str | None]:
    call = CALL.get()
    return {"run_id": call.run_id, "task": call.task, "agent": call.agent}


async def _uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        raise


def references_of_their_own(count: int) -> list[str]:
    """Return references that make each of `count` items a write of its own."""
    return [f"call:{uuid.uuid4().hex}" for _ in range(count)]
