"""Who may settle whether a write happened, and when.

- The vendor, by confirming the write or by refusing it in its own form (`settles`). What came from somebody else, or
  did not come, is raised by the HTTP room as unknown.
- A look-up that finds it, at any time; one that does not find it, only when the attempt is so old that it can be
  neither under way nor not yet shown (`is_old_enough`).
- A person, where neither is possible (`newfuse effects settle`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from newfuse.effects import Intent, Standing
from newfuse.errors import EffectUndecided, EffectUnknown, NewFuseError, Rejected
from newfuse.http.context import CALL, calling
from newfuse.integrations.action import ActionSpec
from newfuse.integrations.answers import readable
from newfuse.types import Effect

Method = Callable[..., Awaitable[Any]]
SHOWN_KEY = 12  # digits of the ledger's key in a message: enough to name it to `newfuse effects settle`


def settles(error: NewFuseError) -> bool:
    """Say whether the failure of a repetition tells what became of the attempt in doubt before it.

    A refusal does: a vendor that knows the key repeats its answer, and what it refuses now has not happened. That it
    cannot be reached, lets nobody in, or complains of the key itself says nothing.
    """
    return isinstance(error, Rejected) and "idempotency" not in (error.code or "").lower()


async def look_up(intent: Intent, spec: ActionSpec, lookup: Method, arguments: dict[str, Any]) -> Any:
    """Ask the vendor whether a write has happened.

    Returns:
        What the action would have returned, None when the vendor does not show it, or the error that kept it from
        being asked.
    """
    with calling(action=lookup.__name__, repeatable=True, natural=False, idempotency_key=None):
        try:
            with readable(intent.scope.integration, spec.name):
                return await lookup(**arguments)
        except NewFuseError as exc:
            return exc
        except Exception as exc:
            error = EffectUnknown(f"{spec.name} may have happened, and looking it up broke off: {type(exc).__name__}")
            error.__cause__ = exc
            return error


def carries_its_mark(spec: ActionSpec, intent: Intent, arguments: dict[str, Any]) -> bool:
    """Say whether the thing can be found by the write's own reference, whoever has made it."""
    return spec.mark is not None and intent.reference in str(arguments.get(spec.mark) or "")


def is_old_enough(begun_at: str | None, spec: ActionSpec) -> bool:
    """Say whether an attempt is so old that a vendor which does not show it has not carried it out."""
    return begun_at is None or datetime.now(UTC) >= _settled_from(begun_at, spec)


def not_shown(spec: ActionSpec, begun_at: str | None) -> str:
    """Return the advice for a write that the vendor does not show yet."""
    from_when = (
        _settled_from(begun_at, spec) if begun_at else datetime.now(UTC) + timedelta(seconds=spec.settles_after_s)
    )
    return f"The vendor does not show it yet, which is believed from {from_when:%H:%M:%S} UTC on: run again after that"


def nobody_can_tell(intent: Intent, spec: ActionSpec, standing: Standing) -> EffectUnknown:
    """Return the error of a write in doubt at a vendor that cannot be asked.

    One that an earlier run has reported already is `EffectUndecided`, so that it is counted once; money stays unknown
    money until somebody decides.
    """
    key = standing.key[:SHOWN_KEY]
    text = (
        f"an earlier {spec.name} may have happened ({standing.message}). The vendor cannot be asked, so it is not sent "
        f"again: a person decides, with `newfuse effects settle {key} --happened` or `--did-not`"
    )
    reported_before = standing.by_run is not None and standing.by_run != CALL.get().run_id
    return EffectUndecided(text) if reported_before and intent.kind is not Effect.MONEY else EffectUnknown(text)


def exists_already(spec: ActionSpec, standing: Standing, refusal: NewFuseError) -> EffectUnknown:
    """Return the error of a write in doubt whose repetition is refused because the thing is there, not as it was sent.

    An earlier attempt may have made it and somebody changed it since, or it may be another's.
    """
    return EffectUnknown(
        f"an earlier {spec.name} may have happened: {refusal.for_model.rstrip('.')}, and it is not as it was sent. A "
        f"person decides, with `newfuse effects settle {standing.key[:SHOWN_KEY]} --happened` or `--did-not`"
    )


def _settled_from(begun_at: str, spec: ActionSpec) -> datetime:
    return datetime.fromisoformat(begun_at) + timedelta(seconds=spec.settles_after_s)
