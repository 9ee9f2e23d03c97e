"""The registry: the one list of integrations, its log lines, and the events it passes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from integrations.conftest import DeskVendor
from integrations.desk import Desk
from newfuse import ConfigurationError, IntegrationRegistry, IntegrationType, NotConnected
from newfuse.events import EventBus

Make = Callable[..., Any]


@pytest.fixture
def registry() -> IntegrationRegistry:
    return IntegrationRegistry()


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    return [(record.name, record.levelname, record.getMessage()) for record in caplog.records]


def test_it_finds_what_was_registered(registry: IntegrationRegistry, make: Make):
    assert [] == registry.get_integrations()
    first, second = make(), make(id="other", type="crm")
    registry.register_integration(first)
    registry.register_integration(second)
    assert first is registry.get_integration("desk")
    assert registry.get_integration("nobody") is None
    assert [first, second] == registry.get_integrations()
    assert [first] == registry.get_integrations_by_type(IntegrationType.COMMUNICATION)
    assert [] == registry.get_integrations_by_type(IntegrationType.AI)
    assert (True, False) == (registry.has_integration("other"), registry.has_integration("nobody"))
    assert ["desk", "other"] == [one["id"] for one in registry.get_integrations_metadata()]
    assert (True, False) == (registry.remove_integration("desk"), registry.remove_integration("desk"))
    assert not registry.has_integration("desk")


def test_its_log_lines_are_these(registry: IntegrationRegistry, make: Make, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="newfuse"):
        registry.register_integration(make())
        registry.register_integration(make())
        registry.remove_integration("desk")
        registry.remove_integration("desk")
    name = "newfuse.IntegrationRegistry"
    assert [
        (name, "INFO", "Registered integration: Help Desk (desk)"),
        (name, "WARNING", "Integration with ID desk already exists. Replacing."),
        (name, "INFO", "Registered integration: Help Desk (desk)"),
        (name, "INFO", "Removed integration: Help Desk (desk)"),
    ] == lines(caplog)


async def test_it_passes_on_every_change_of_state(registry: IntegrationRegistry, make: Make, vendor: DeskVendor):
    told = []
    registry.on("*", told.append)
    desk = make()
    registry.register_integration(desk)
    vendor.answers = [httpx.Response(401, json={"message": "no"})]
    with pytest.raises(Exception, match="401"):
        await registry.connect_integration("desk")
    assert await registry.connect_integration("desk") is True
    desk.is_enabled = False
    assert await registry.disconnect_integration("desk") is True
    registry.remove_integration("desk")
    desk.is_enabled = True
    assert [
        "integration:registered",
        "integration:error",
        "integration:connected",
        "integration:updated",
        "integration:disconnected",
        "integration:removed",
    ] == [event.name for event in told]
    assert {"desk"} == {event.subject for event in told}


def test_a_replaced_integration_is_no_longer_heard(registry: IntegrationRegistry, make: Make):
    told = []
    registry.on("integration:updated", told.append)
    old, new = make(), make()
    registry.register_integration(old)
    registry.register_integration(new)
    old.is_enabled = False
    assert [] == told
    new.is_enabled = False
    registry.off("integration:updated", told.append)
    new.is_enabled = True
    assert 1 == len(told)


def test_integrations_that_share_a_bus_are_each_heard_once(registry: IntegrationRegistry, make: Make):
    bus, told = EventBus(), []
    registry.on("integration:updated", told.append)
    one, other = make(events=bus), make(id="other", events=bus)
    registry.register_integration(one)
    registry.register_integration(other)
    one.is_enabled = False
    assert ["desk"] == [event.subject for event in told]
    registry.remove_integration("desk")
    other.is_enabled = False
    assert ["desk", "other"] == [event.subject for event in told]


def test_the_registrys_own_bus_may_be_an_integrations_too(
    registry: IntegrationRegistry, make: Make, caplog: pytest.LogCaptureFixture
):
    told = []
    registry.on("*", told.append)
    desk = make(events=registry.events)
    registry.register_integration(desk)
    desk.is_enabled = False
    assert ["integration:registered", "integration:updated"] == [event.name for event in told]
    assert [] == [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_it_runs_actions_by_the_id_of_the_integration(
    registry: IntegrationRegistry, make: Make, vendor: DeskVendor
):
    registry.register_integration(make())
    with pytest.raises(NotConnected):
        await registry.execute_action("desk", "find_tickets", {"subject": "x"})
    await registry.connect_integration("desk")
    assert "1" == (await registry.execute_action("desk", "find_tickets", {"subject": "x"}))[0].id
    for _ in range(2):
        await registry.execute_action("desk", "open_ticket", {"subject": "x"}, reference="r1")
    assert 1 == len(vendor.writes())
    await registry.disconnect_all()
    assert not registry.get_integrations()[0].is_connected


@pytest.mark.parametrize("use", ["execute_action", "connect_integration", "disconnect_integration"])
async def test_an_unknown_id_names_those_there_are(registry: IntegrationRegistry, make: Make, use: str):
    registry.register_integration(make())
    arguments = ("nobody", "find_tickets") if use == "execute_action" else ("nobody",)
    with pytest.raises(ConfigurationError, match=r"Integration not found: nobody\. Registered: desk\."):
        await getattr(registry, use)(*arguments)


async def test_a_health_call_goes_to_every_enabled_integration(
    registry: IntegrationRegistry, make: Make, vendor: DeskVendor
):
    for name in ("a", "b", "off"):
        registry.register_integration(make(id=name))
    registry.get_integration("off").is_enabled = False
    vendor.answers = [httpx.Response(401, json={"message": "no"})]
    health = await registry.check_health()
    assert ({"a": False, "b": True}, health) == ({one: found.ok for one, found in health.items()}, registry.last_health)
    registry.remove_integration("a")
    assert {"b"} == set(registry.last_health)
    assert all(one._api is None for one in registry.get_integrations())


class Stuck(Desk):
    """A desk that cannot be left."""

    async def disconnect(self) -> bool:
        """Fail."""
        raise ConfigurationError("stuck")


async def test_one_that_cannot_disconnect_keeps_none_of_the_others(registry: IntegrationRegistry, make: Make):
    registry.register_integration(make(Stuck, id="stuck", api_key="x"))
    registry.register_integration(make())
    await registry.connect_integration("desk")
    with pytest.raises(ConfigurationError, match="stuck"):
        await registry.disconnect_all()
    assert not registry.get_integration("desk").is_connected
