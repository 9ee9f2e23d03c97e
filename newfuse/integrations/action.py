"""`@action`: what one thing an integration can do looks like from outside."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from newfuse.effects.pruning import is_pruned
from newfuse.integrations.result import Pruned
from newfuse.integrations.schema import Signature, read_signature
from newfuse.log import logger
from newfuse.types import Effect, Once

F = TypeVar("F", bound=Callable[..., Any])

_log = logger("integrations")
_MARK = "__newfuse_action__"


SETTLES_AFTER_S = 300.0
"""When a look-up's "not there" is believed: longer than the longest request with its repetitions (120 s and the last
one's 30 s, `newfuse.http`) and as long again for a vendor that is slow to carry it out or to show it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the decorator was told."""

    effect: Effect
    once: Once | None
    lookup: str | None
    batch: str | None
    scopes: tuple[str, ...]
    mark: str | None = None
    settles_after_s: float = SETTLES_AFTER_S


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action: its name, effect, way of happening once, and schema.

    Attributes:
        name: Verb and noun, e.g. `create_contact`.
        effect: What it does to the world outside.
        once: How it is kept from happening twice; None for reads.
        lookup: Name of the method that tells whether an unsettled call happened, or None.
        batch: Name of the parameter whose items are separate records, or None.
        scopes: Permissions the credentials need, in the vendor's words.
        signature: Arguments, text and return type.
        mark: Name of the parameter that may hold the write's reference, by which the look-up finds it, or None.
        settles_after_s: Age of an attempt, in seconds, from which the look-up's "not there" is believed.
    """

    name: str
    effect: Effect
    once: Once | None
    lookup: str | None
    batch: str | None
    scopes: tuple[str, ...]
    signature: Signature
    mark: str | None = None
    settles_after_s: float = SETTLES_AFTER_S

    @property
    def description(self) -> str:
        """The text a model is shown."""
        return self.signature.description

    def revive(self, response: Any) -> Any:
        """Turn a stored answer back into what the action returned.

        Of one that was pruned a `Pruned` is returned, with the vendor's id. An answer that an earlier version stored in
        another shape is returned as the JSON it is: the write is done, and must not look as if it were not.
        """
        if response is None:
            return None
        if is_pruned(response):
            return [_pruned(one) for one in response] if isinstance(response, list) else _pruned(response)
        try:
            return _adapter(self.signature.returns).validate_python(response)
        except ValidationError:
            _log.warning("the stored answer of %s has another shape by now and is returned as JSON", self.name)
            return response


def _pruned(left: dict[str, Any]) -> Pruned:
    return Pruned(left.get("id"))


@cache
def _adapter(returns: Any) -> TypeAdapter[Any]:
    return TypeAdapter(returns)


def action(
    *,
    effect: Literal["read", "write", "money", "destructive"],
    once: Literal["key", "natural", "lookup", "none"] | None = None,
    lookup: str | None = None,
    batch: str | None = None,
    scopes: tuple[str, ...] | list[str] = (),
    mark: str | None = None,
    settles_after_s: float = SETTLES_AFTER_S,
) -> Callable[[F], F]:
    """Make an async method of an Integration one of its actions.

    Args:
        effect: `read` may be repeated freely; the others go through the effect ledger.
        once: How a write is kept from happening twice; required for every effect but `read`.
        lookup: Name of a method, taking the action's arguments, that returns the action's result if it has
            happened at the vendor, else None. Required for `once="lookup"`.
        batch: Name of the list parameter whose items are separate records; the method then returns one
            `ItemResult` per item, in order.
        scopes: Permissions the credentials need, in the vendor's words.
        mark: Name of a text parameter by which the look-up finds the thing, e.g. a campaign's title. Where a call's
            mark holds its reference, the look-up comes before the first sending too, so that another store, or a copy
            of this one, does not do it again.
        settles_after_s: Age of an attempt from which the look-up's "not there" is believed: the vendor's lag and the
            longest request, in seconds.

    Raises:
        TypeError: The declaration contradicts itself.
    """
    if effect == "read" and (once or lookup or batch):
        raise TypeError("a read needs neither once, lookup nor batch")
    if effect != "read" and once is None:
        raise TypeError(f"an action with effect {effect!r} must say how it happens once: key, natural, lookup or none")
    if effect not in set(Effect) or (once is not None and once not in set(Once)):
        raise TypeError(f"effect is one of {', '.join(Effect)}; once is one of {', '.join(Once)}")
    if once == "lookup" and lookup is None:
        raise TypeError("once='lookup' needs lookup=, the method that finds out")
    if mark is not None and lookup is None:
        raise TypeError("mark= needs lookup=, the method that finds the thing by it")
    if batch is not None and once != "natural":
        raise TypeError("a batch is sent again whole after a lost answer, so it must be once='natural'")
    told = Mark(Effect(effect), Once(once) if once else None, lookup, batch, tuple(scopes), mark, settles_after_s)

    def decorate(function: F) -> F:
        setattr(function, _MARK, told)
        return function

    return decorate


def _check_lookup(cls: type, name: str, lookup: str, method: Callable[..., Any]) -> None:
    finder = getattr(cls, lookup, None)
    if not inspect.iscoroutinefunction(finder):
        raise TypeError(f"{cls.__name__}.{name}: lookup names {lookup!r}, which is not there as an async method.")
    given = dict.fromkeys(inspect.signature(method).parameters)
    try:
        inspect.signature(finder).bind(**given)
    except TypeError as exc:
        raise TypeError(f"{cls.__name__}.{name}: its lookup {lookup} must take the same arguments: {exc}.") from None


def read_actions(cls: type) -> dict[str, ActionSpec]:
    """Return the specs of a class's actions, by name.

    Raises:
        TypeError: A declaration is incomplete; see `read_signature`.
    """
    specs: dict[str, ActionSpec] = {}
    for name in dir(cls):
        member = getattr(cls, name, None)
        told: Mark | None = getattr(member, _MARK, None)
        if told is None or member is None:
            continue
        if not inspect.iscoroutinefunction(member):
            raise TypeError(f"{cls.__name__}.{name}: an action is an async method.")
        signature = read_signature(member)
        if told.lookup is not None:
            _check_lookup(cls, name, told.lookup, member)
        for word, parameter in (("batch", told.batch), ("mark", told.mark)):
            if parameter is not None and parameter not in signature.arguments.model_fields:
                raise TypeError(f"{cls.__name__}.{name}: {word} names {parameter!r}, which it does not take.")
        specs[name] = ActionSpec(
            name,
            told.effect,
            told.once,
            told.lookup,
            told.batch,
            told.scopes,
            signature,
            told.mark,
            told.settles_after_s,
        )
    return specs
