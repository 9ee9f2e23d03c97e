"""What every integration keeps to, built in or plugged in."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pydantic import BaseModel

from newfuse import available_integrations, create_integration
from newfuse.effects import Ledger
from newfuse.errors import (
    ConfigurationError,
    IntegrationDisabled,
    InvalidArguments,
    NotConnected,
    UnknownAction,
    VendorError,
)
from newfuse.events import Event, EventBus
from newfuse.integrations import ActionSpec, Integration
from newfuse.integrations.result import ItemResult
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer
from newfuse.types import Effect, IntegrationType, Once

SLUGS = sorted(available_integrations())
ACTIONS = [
    pytest.param(spec, id=f"{slug}.{name}")
    for slug in SLUGS
    for name, spec in sorted(available_integrations()[slug].specs.items())
]
NOWHERE = "http://127.0.0.1:9"  # RFC 863's port, on which nothing listens here
SECRET = "topsecret0000000000000000000000000-us1"


def make(slug: str, **settings: Any) -> Integration:
    """Make an integration that can reach nothing but what its settings name."""
    given = {"base_url": NOWHERE, "recorder": lambda _: None, **SANDBOX_CREDENTIALS.get(slug, {}), **settings}
    return create_integration(slug, **given)


def any_action(integration: Integration) -> str:
    return min(integration.specs)


# --- what it says of itself -------------------------------------------------------------------------------------------


def test_there_are_integrations_to_hold_to_this():
    assert {"ga4", "hubspot", "mailchimp", "stripe"} <= set(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_it_says_what_it_is(slug: str):
    integration = make(slug)
    metadata = integration.get_metadata()
    assert slug == integration.slug == metadata["id"]
    assert integration.name
    assert len(integration.description.split()) > 3
    assert isinstance(integration.type, IntegrationType)
    assert (integration.doc_url or "").startswith("https://")
    assert type(integration).base_url.startswith("https://")
    assert sorted(integration.specs) == integration.capabilities.actions == metadata["capabilities"]["actions"]
    assert (False, True) == (metadata["is_connected"], metadata["is_enabled"])


@pytest.mark.parametrize("spec", ACTIONS)
def test_an_action_is_described_down_to_every_argument(spec: ActionSpec):
    first = spec.description.partition("\n")[0]
    assert first.endswith((".", "?"))
    for name, field in spec.signature.arguments.model_fields.items():
        assert field.description, name
    schema = spec.signature.arguments.model_json_schema()
    assert set(spec.signature.arguments.model_fields) == set(schema.get("properties", {}))


@pytest.mark.parametrize("spec", ACTIONS)
def test_an_action_says_what_it_does_and_how_it_happens_once(spec: ActionSpec):
    assert (spec.effect is Effect.READ) == (spec.once is None)
    assert (spec.once is Once.LOOKUP) == (spec.lookup is not None)
    if spec.name.startswith(("get_", "find_", "list_", "search_")):
        assert Effect.READ == spec.effect
    if spec.name.startswith(("delete_", "archive_")):
        assert Effect.DESTRUCTIVE == spec.effect


@pytest.mark.parametrize("slug", SLUGS)
def test_a_look_up_takes_what_its_action_takes(slug: str):
    cls = available_integrations()[slug]
    for spec in cls.specs.values():
        if spec.lookup is not None:
            every_argument = dict.fromkeys(spec.signature.arguments.model_fields)
            assert inspect.signature(getattr(cls, spec.lookup)).bind(None, **every_argument)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_key_needs_a_header_to_travel_in(slug: str):
    cls = available_integrations()[slug]
    if any(spec.once is Once.KEY for spec in cls.specs.values()):
        assert cls.idempotency_header


@pytest.mark.parametrize("spec", ACTIONS)
def test_a_result_can_be_kept_and_revived(spec: ActionSpec):
    assert Any is not spec.signature.returns
    if spec.batch is not None:
        assert list[ItemResult] == spec.signature.returns
    else:
        assert None is spec.revive(None)


# --- its states -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SLUGS)
async def test_before_connecting_it_says_what_to_do(slug: str):
    integration = make(slug)
    with pytest.raises(NotConnected, match=r"Call connect\(\) first"):
        await integration.execute(any_action(integration), {})


@pytest.mark.parametrize("slug", SLUGS)
async def test_disabled_it_refuses_everything(slug: str):
    integration = make(slug)
    integration.is_enabled = False
    with pytest.raises(IntegrationDisabled):
        await integration.connect()
    with pytest.raises(IntegrationDisabled):
        await integration.execute(any_action(integration), {})


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_unreachable_vendor_is_an_error_an_event_and_no_secret(slug: str):
    events: list[Event] = []
    bus = EventBus()
    bus.on("*", events.append)
    fields = [field.name for field in available_integrations()[slug].auth.fields]
    integration = make(slug, events=bus, **dict.fromkeys(fields, SECRET))
    integration.retry = type(integration.retry)(attempts=1)  # type: ignore[misc]
    with pytest.raises(VendorError) as caught:
        await integration.connect()
    assert not integration.is_connected
    assert ["integration:error"] == [event.name for event in events]
    shown = [str(caught.value), repr(caught.value), caught.value.for_log, repr(events), repr(integration)]
    shown += [repr(integration.config), str(integration.get_metadata()), repr(integration._given)]
    assert SECRET not in "".join(shown)


@pytest.mark.parametrize("slug", SLUGS)
def test_without_credentials_it_names_what_is_missing(slug: str):
    integration = create_integration(slug, base_url=NOWHERE)
    if integration.auth.fields:
        with pytest.raises(ConfigurationError, match=slug):
            integration._open()


# --- at the sandbox ---------------------------------------------------------------------------------------------------

IN_SANDBOX = [slug for slug in SLUGS if slug in SANDBOX_CREDENTIALS]


@pytest.mark.parametrize("slug", IN_SANDBOX)
async def test_it_connects_tells_and_disconnects(slug: str, server: SandboxServer, ledger: Ledger):
    events: list[Event] = []
    bus = EventBus()
    bus.on("*", events.append)
    calls: list[Any] = []
    integration = make(slug, base_url=f"{server.url}/{slug}", events=bus, ledger=ledger, recorder=calls.append)
    before = integration.updated_at
    assert await integration.connect()
    assert integration.is_connected
    assert integration.updated_at > before
    health = await integration.health()
    assert (True, None) == (health.ok, health.error)
    assert health.latency_ms > 0
    assert await integration.disconnect()
    assert not await integration.disconnect()
    assert ["integration:connected", "integration:disconnected"] == [event.name for event in events]
    assert len(calls) == len(server.sandbox.log)


@pytest.mark.parametrize("slug", IN_SANDBOX)
async def test_an_unknown_action_lists_the_known_ones(slug: str, server: SandboxServer, ledger: Ledger):
    async with make(slug, base_url=f"{server.url}/{slug}", ledger=ledger) as integration:
        with pytest.raises(UnknownAction) as caught:
            await integration.execute("make_coffee")
        assert all(name in str(caught.value) for name in integration.specs)


@pytest.mark.parametrize("slug", IN_SANDBOX)
async def test_an_argument_that_does_not_exist_is_named(slug: str, server: SandboxServer, ledger: Ledger):
    async with make(slug, base_url=f"{server.url}/{slug}", ledger=ledger) as integration:
        requests = len(server.sandbox.log)
        for name in integration.specs:
            with pytest.raises(InvalidArguments, match="no_such_argument"):
                await integration.execute(name, {"no_such_argument": 1})
        assert requests == len(server.sandbox.log)


@pytest.mark.parametrize("slug", IN_SANDBOX)
async def test_reads_without_needs_give_what_their_signature_says(slug: str, server: SandboxServer, ledger: Ledger):
    async with make(slug, base_url=f"{server.url}/{slug}", ledger=ledger) as integration:
        tried = 0
        for name, spec in integration.specs.items():
            needs = any(field.is_required() for field in spec.signature.arguments.model_fields.values())
            if spec.effect is not Effect.READ or needs:
                continue
            try:
                value = await integration.execute(name)
            except InvalidArguments:  # one of several is needed
                continue
            kept = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            kept = [row.model_dump(mode="json") for row in kept] if isinstance(kept, list) else kept
            assert value == spec.revive(kept), name
            tried += 1
        assert tried
