"""A custom integration in three steps: its config, the integration, and a factory with defaults."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NotRequired, TypedDict, Unpack

import httpx
import pytest

from newfuse import AuthType, Bearer, Integration, IntegrationRegistry, IntegrationType, Record, action
from newfuse.effects import Ledger


class CustomServiceConfig(TypedDict):
    """Step 1: what may be configured."""

    api_key: NotRequired[str]
    custom_endpoint: NotRequired[str]
    name: NotRequired[str]
    logo_url: NotRequired[str]
    region: NotRequired[str]


class Done(Record):
    """What the service answers."""

    result: str


class CustomService(Integration):
    """Step 2: the integration."""

    slug = "custom-service"
    name = "Custom Service"
    type = IntegrationType.AUTOMATION
    description = "Integration with Custom Service"
    base_url = "https://api.customservice.com"
    doc_url = "https://docs.example.com/custom-service"
    auth = Bearer(field="api_key")
    triggers = ("custom_trigger_1", "custom_trigger_2")
    supports_webhooks = True
    supports_polling = True

    async def check(self) -> None:
        """Ask for the service's state."""
        await self.api.get("/status")

    @action(effect="read")
    async def custom_action_1(self, query: str) -> Done:
        """Look something up.

        Args:
            query: What to look for.
        """
        return Done.model_validate(await self.api.get("/one", params={"query": query, "region": self.config.region}))

    @action(effect="write", once="natural")
    async def custom_action_2(self, key: str, value: str) -> Done:
        """Set a value.

        Args:
            key: Whose.
            value: To what.
        """
        return Done.model_validate(await self.api.put("/two/{key}", values={"key": key}, json={"value": value}))


def create_custom_service_integration(
    *, ledger: Ledger, transport: Any, **config: Unpack[CustomServiceConfig]
) -> CustomService:
    """Step 3: defaults, over which the caller's values win."""
    given: dict[str, Any] = dict(config)
    if endpoint := given.pop("custom_endpoint", None):
        given["base_url"] = endpoint
    defaults = {"logo_url": "https://example.com/custom-service-logo.png", "region": "eu"}
    return CustomService(ledger=ledger, transport=transport, recorder=lambda call: None, **{**defaults, **given})


@pytest.fixture
def requests() -> list[httpx.Request]:
    return []


@pytest.fixture
def create(requests: list[httpx.Request], ledger: Ledger) -> Callable[..., CustomService]:
    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"result": request.url.path})

    return lambda **config: create_custom_service_integration(
        ledger=ledger, transport=httpx.MockTransport(handle), **config
    )


def test_the_factorys_defaults(create: Callable[..., CustomService]):
    config = create().config
    assert (
        "custom-service",
        "Custom Service",
        IntegrationType.AUTOMATION,
        "Integration with Custom Service",
        AuthType.API_KEY,
        "https://example.com/custom-service-logo.png",
        "https://docs.example.com/custom-service",
        "https://api.customservice.com",
        True,
    ) == (
        config.id,
        config.name,
        config.type,
        config.description,
        config.auth_type,
        config.logo_url,
        config.doc_url,
        config.base_url,
        config.webhook_support,
    )


def test_the_callers_values_win(create: Callable[..., CustomService]):
    config = create(
        name="Mine", logo_url="https://mine.test/logo.png", region="us", custom_endpoint="https://mine.test/api"
    ).config
    assert ("Mine", "https://mine.test/logo.png", "us", "https://mine.test/api") == (
        config.name,
        config.logo_url,
        config.region,
        config.base_url,
    )


def test_its_capabilities_are_derived(create: Callable[..., CustomService]):
    assert {
        "actions": ["custom_action_1", "custom_action_2"],
        "triggers": ["custom_trigger_1", "custom_trigger_2"],
        "supports_webhooks": True,
        "supports_polling": True,
    } == create().capabilities.model_dump()


async def test_it_works_like_any_other(create: Callable[..., CustomService], requests: list[httpx.Request]):
    registry = IntegrationRegistry()
    registry.register_integration(create(api_key="cs_key", custom_endpoint="https://mine.test/api"))
    await registry.connect_integration("custom-service")
    assert "/api/one" == (await registry.execute_action("custom-service", "custom_action_1", {"query": "x"})).result
    for _ in range(2):
        value = {"key": "7", "value": "y"}
        done = await registry.execute_action("custom-service", "custom_action_2", value, reference="a")
        assert "/api/two/7" == done.result
    await registry.disconnect_all()
    assert ["GET", "GET", "PUT"] == [request.method for request in requests]
    assert {"Bearer cs_key"} == {request.headers["authorization"] for request in requests}
    assert ("eu", {"value": "y"}) == (requests[1].url.params["region"], json.loads(requests[2].content))
