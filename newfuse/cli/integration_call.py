"""Runs single calls from the command line: one action of an integration, or a health call to each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from newfuse.cli.key_values import read_arguments, read_pairs
from newfuse.cli.store_access import opened_store
from newfuse.cli.world import opened_world
from newfuse.effects import Ledger
from newfuse.environment import Environment
from newfuse.errors import ConfigurationError, MissingCredential, UnknownAction
from newfuse.integrations import (
    Health,
    Integration,
    Performed,
    WriteStatus,
    available_integrations,
    create_integration,
    integration_in,
)
from newfuse.redact import redact_text
from newfuse.store import CallLog, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """One action to run, and where: `sandbox` as in `chosen_world`; without it and `base_url`, at the vendor itself."""

    slug: str
    action: str
    arguments: Sequence[str]
    sandbox: str | None
    base_url: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an action returned, as JSON values, and whether every write of it was confirmed."""

    value: Any
    is_confirmed: bool


async def call_action(asked: ActionCall, folder: Path) -> Answer:
    """Run one action; its calls and effects are recorded in the store of that folder.

    Raises:
        ConfigurationError: No such integration, a credential is missing, or the options contradict each other.
        InvalidArguments: No such action, or its arguments do not fit.
        VendorError, EffectError: What the vendor or the ledger refused.
    """
    if asked.sandbox is not None and asked.base_url is not None:
        raise ConfigurationError("--sandbox and --base-url exclude each other: both say where the call goes.")
    pairs = read_pairs(asked.arguments, what="argument")
    known = available_integrations()
    if asked.slug in known:  # a wrong name is refused before anything is opened
        specs = known[asked.slug].specs
        if asked.action not in specs:
            raise UnknownAction(known[asked.slug].name, asked.action, list(specs))
    async with (
        opened_store(folder) as store,
        _recording(store) as (ledger, call_log),
        _integration(asked, ledger, call_log) as integration,
        integration,
    ):
        arguments = read_arguments(pairs, integration.specs[asked.action].signature.arguments)
        return _answer(await integration.execute(asked.action, arguments))


async def check_health(sandbox: str | None, live: bool, folder: Path) -> dict[str, Health | MissingCredential]:
    """Make a health call to every integration of a world.

    Returns:
        By slug: how it went, or which credential it lacks (then nothing was called).

    Raises:
        ConfigurationError: The options contradict each other, or no sandbox answers.
    """
    known = available_integrations()
    async with (
        opened_store(folder) as store,
        _recording(store) as (ledger, call_log),
        opened_world(sandbox, live) as world,
    ):
        slugs = [slug for slug in known if live or slug in world.settings]
        return {slug: await _health(world, slug, ledger, call_log) for slug in slugs}


async def _health(world: Environment, slug: str, ledger: Ledger, call_log: CallLog) -> Health | MissingCredential:
    integration = integration_in(world, slug, ledger=ledger, recorder=call_log.record)
    try:
        integration.credentials()
    except MissingCredential as exc:
        return exc
    try:
        return await integration.health()
    finally:
        await integration.disconnect()


@asynccontextmanager
async def _recording(store: Store) -> AsyncIterator[tuple[Ledger, CallLog]]:
    ledger, call_log = Ledger(store), CallLog(store)
    try:
        yield ledger, call_log
    finally:
        await call_log.flush()
        ledger.owner.release()


@asynccontextmanager
async def _integration(asked: ActionCall, ledger: Ledger, call_log: CallLog) -> AsyncIterator[Integration]:
    if asked.sandbox is None:
        where = {} if asked.base_url is None else {"base_url": asked.base_url}
        yield create_integration(asked.slug, ledger=ledger, recorder=call_log.record, **where)
        return
    async with opened_world(asked.sandbox, live=False) as world:
        yield integration_in(world, asked.slug, ledger=ledger, recorder=call_log.record)


def _answer(value: Any) -> Answer:
    if isinstance(value, list) and any(isinstance(one, Performed) for one in value):
        confirmed = all(one.status in {WriteStatus.CONFIRMED, WriteStatus.SKIPPED} for one in value)
        return Answer([_performed(one) for one in value], confirmed)
    return Answer(to_jsonable_python(value, fallback=str), is_confirmed=True)


def _performed(one: Performed) -> dict[str, Any]:
    error = redact_text(one.error.for_model) if one.error is not None else None
    return {"status": one.status.value, "value": to_jsonable_python(one.value, fallback=str), "error": error}
