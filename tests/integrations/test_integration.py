"""One interface for every vendor: connect, execute, disconnect, and say what state it is in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from integrations.conftest import KEY, DeskVendor
from integrations.desk import Desk
from newfuse import (
    AuthenticationFailed,
    AuthType,
    ConfigurationError,
    IntegrationDisabled,
    IntegrationType,
    InvalidArguments,
    MissingCredential,
    NotConnected,
    Rejected,
)
from newfuse.config import app_at
from newfuse.effects import Ledger
from newfuse.errors import UnknownAction, UnreadableAnswer
from newfuse.integrations import WriteStatus

Make = Callable[..., Any]


async def test_it_connects_runs_an_action_and_disconnects(make: Make, vendor: DeskVendor):
    desk = make()
    assert await desk.connect() is True
    assert desk.is_connected
    [ticket] = await desk.execute("find_tickets", {"subject": "Help"})
    assert ("1", "Help") == (ticket.id, ticket["subject"])
    assert {f"Bearer {KEY}"} == {request.headers["authorization"] for request in vendor.requests}
    assert await desk.disconnect() is True
    assert not desk.is_connected
    assert await desk.disconnect() is False


def test_it_says_what_it_is(make: Make):
    desk = make()
    assert ("desk", "Help Desk", IntegrationType.COMMUNICATION, AuthType.API_KEY) == (
        desk.id,
        desk.config.name,
        desk.config.type,
        desk.config.auth_type,
    )
    capabilities = desk.capabilities
    assert ["find_tickets", "open_ticket", "update_tickets"] == capabilities.actions
    assert (["ticket_opened"], True, False) == (
        capabilities.triggers,
        capabilities.supports_webhooks,
        capabilities.supports_polling,
    )
    metadata = desk.get_metadata()
    assert {"id", "name", "type", "capabilities", "is_connected", "is_enabled", "last_updated"} <= set(metadata)
    assert "communication" == json.loads(json.dumps(metadata))["type"]


def test_no_secret_is_shown(make: Make):
    desk = make(
        session_token="extra-secret-1",
        options={"client_secret": "extra-secret-2"},
        default_headers={"X-Api-Key": "extra-secret-3"},
        description="uses sk_live_0123456789",
    )
    for shown in (repr(desk), repr(desk.config), str(desk.config), repr(vars(desk))):
        for secret in (KEY, "extra-secret", "sk_live_0123456789"):
            assert secret not in shown
    assert KEY not in str(desk.get_metadata())
    assert "extra-secret-1" == desk.config.session_token


def test_the_callers_values_win_and_others_are_kept(make: Make):
    desk = make(id="desk-eu", name="EU Desk", type="crm", timeout_s=5, colour="red")
    assert ("desk-eu", "EU Desk", IntegrationType.CRM, 5.0, "red") == (
        desk.id,
        desk.config.name,
        desk.config.type,
        desk.config.timeout_s,
        desk.config.colour,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout_s": "SECRET"},
        {"type": "SECRET"},
        {"default_headers": {"Authorization": ["SECRET"]}},
        {"base_url": "ftp://SECRET"},
        {"base_url": "https://user:SECRET@desk.test"},
        {"base_url": 7},
    ],
)
def test_a_setting_that_does_not_fit_is_named_without_its_value(make: Make, settings: dict):
    with pytest.raises(ConfigurationError) as failure:
        make(**settings)
    assert next(iter(settings)) in str(failure.value)
    assert "SECRET" not in str(failure.value)


async def test_not_connected_says_the_way_out(make: Make, vendor: DeskVendor):
    desk = make()
    for use in (
        desk.execute("find_tickets", {"subject": "x"}),
        desk.perform("open_ticket", {"subject": "x"}, reference="r"),
        desk.perform_batch("update_tickets", {"tickets": []}, references=[]),
    ):
        with pytest.raises(NotConnected) as failure:
            await use
        assert "Not connected to Help Desk. Call connect() first." == str(failure.value)
    with pytest.raises(NotConnected):
        _ = desk.api
    assert [] == vendor.requests


async def test_a_disabled_integration_refuses_everything(desk: Desk, vendor: DeskVendor):
    seen = len(vendor.requests)
    desk.is_enabled = False
    for use in (
        desk.execute("find_tickets", {"subject": "x"}),
        desk.perform("open_ticket", {"subject": "x"}, reference="r"),
        desk.perform_batch("update_tickets", {"tickets": []}, references=[]),
        desk.connect(),
    ):
        with pytest.raises(IntegrationDisabled, match="Help Desk is disabled"):
            await use
    health = await desk.health()
    assert not health.ok
    assert "is disabled" in str(health.error)
    assert seen == len(vendor.requests)
    desk.is_enabled = True
    assert await desk.execute("find_tickets", {"subject": "x"})


async def test_an_unknown_action_lists_those_there_are(desk: Desk):
    with pytest.raises(UnknownAction, match="choose one of find_tickets, open_ticket, update_tickets"):
        await desk.execute("close_ticket")


@pytest.mark.parametrize("params", ["subject", ["subject"], [("subject", "x")], 5])
async def test_arguments_that_are_no_object_are_refused(desk: Desk, params: Any):
    with pytest.raises(InvalidArguments, match="arguments: must be an object"):
        await desk.execute("find_tickets", params)


async def test_invalid_arguments_reach_neither_ledger_nor_vendor(desk: Desk, vendor: DeskVendor, ledger: Ledger):
    with pytest.raises(InvalidArguments):
        await desk.execute("open_ticket", {"subject": 5}, reference="r")
    assert [] == vendor.writes()
    assert [] == await ledger.counts("run")


async def test_a_batch_with_too_few_references_is_refused(desk: Desk, vendor: DeskVendor):
    with pytest.raises(InvalidArguments, match="references: 1 given for 2 items"):
        await desk.perform_batch("update_tickets", {"tickets": [{}, {}]}, references=["r"])
    assert [] == vendor.writes()


async def test_the_wrong_door_is_a_fault_of_the_caller(desk: Desk, vendor: DeskVendor):
    with pytest.raises(TypeError, match="is no single write"):
        await desk.perform("find_tickets", {"subject": "x"}, reference="r")
    with pytest.raises(TypeError, match="is no single write"):
        await desk.perform("update_tickets", {"tickets": []}, reference="r")
    with pytest.raises(TypeError, match="is no batch"):
        await desk.perform_batch("open_ticket", {"subject": "x"}, references=["r"])
    assert [] == vendor.writes()


async def test_a_refusal_is_raised_by_execute_and_returned_by_perform(desk: Desk, vendor: DeskVendor):
    vendor.answers = [httpx.Response(422, json={"message": "too long"}) for _ in range(2)]
    with pytest.raises(Rejected, match="too long"):
        await desk.execute("open_ticket", {"subject": "x"})
    performed = await desk.perform("open_ticket", {"subject": "x"}, reference="r")
    assert (WriteStatus.FAILED, Rejected) == (performed.status, type(performed.error))


# --- events and state -------------------------------------------------------------------------------------------------


async def test_every_change_of_state_is_told_and_touches_the_time(make: Make, monkeypatch: pytest.MonkeyPatch):
    desk = make()
    told = []
    desk.events.on("*", told.append)
    for change in (desk.connect, lambda: setattr(desk, "is_enabled", False), desk.disconnect):
        desk.updated_at = datetime(2020, 1, 1, tzinfo=UTC)
        done = change()
        if asyncio.iscoroutine(done):
            await done
        assert desk.updated_at.year > 2020
    desk.is_enabled = False  # it was before
    assert ["integration:connected", "integration:updated", "integration:disconnected"] == [e.name for e in told]
    assert {"desk"} == {event.subject for event in told}
    assert {"is_enabled": False} == told[1].detail
    assert desk.created_at < told[0].at < told[-1].at


async def test_a_failed_connect_is_told_raised_and_closes_what_it_opened(make: Make, vendor: DeskVendor):
    desk = make()
    told = []
    desk.events.on("integration:error", told.append)
    vendor.answers = [httpx.Response(401, json={"message": f"bad key {KEY}"})]
    with pytest.raises(AuthenticationFailed):
        await desk.connect()
    assert (False, None) == (desk.is_connected, desk._api)
    [event] = told
    assert "connect" == event.detail["during"]
    assert KEY not in str(event)


async def test_a_connection_that_was_lost_is_no_longer_connected(desk: Desk, vendor: DeskVendor):
    vendor.answers = [httpx.Response(401, json={"message": "revoked"})]
    with pytest.raises(AuthenticationFailed):
        await desk.connect()
    with pytest.raises(NotConnected):
        await desk.execute("find_tickets", {"subject": "x"})


class Odd(Desk):
    """A desk whose answer to the check is of another shape."""

    slug = "odd"

    async def check(self) -> None:
        """Break off."""
        raise KeyError(KEY)


async def test_a_check_that_breaks_off_leaves_nothing_open_and_shows_nothing(make: Make):
    odd = make(Odd, api_key=KEY)
    told = []
    odd.events.on("*", told.append)
    with pytest.raises(UnreadableAnswer):
        await odd.connect()
    assert (False, None) == (odd.is_connected, odd._api)
    health = await odd.health()
    said = "odd: the answer is not what check returns (a part of it is missing)"
    assert (False, said) == (health.ok, health.error)
    assert ["integration:error"] == [event.name for event in told]
    assert KEY not in str(told)


async def test_a_cancelled_connect_leaves_nothing_open(make: Make):
    class Slow(Desk):
        slug = "slow"

        async def check(self) -> None:
            await asyncio.Event().wait()

    slow = make(Slow, api_key=KEY)
    connecting = asyncio.ensure_future(slow.connect())
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert (False, None) == (slow.is_connected, slow._api)


async def test_a_health_call_measures_and_leaves_the_state_as_it_is(make: Make, vendor: DeskVendor):
    desk = make()
    good = await desk.health()
    assert (True, None) == (good.ok, good.error)
    assert good.latency_ms > 0
    assert (False, None) == (desk.is_connected, desk._api)
    vendor.answers = [httpx.Response(401, json={"message": "no"})]
    bad = await desk.health()
    assert not bad.ok
    assert "401" in str(bad.error)
    async with desk:
        await desk.health()
        assert await desk.execute("find_tickets", {"subject": "x"})


# --- credentials ------------------------------------------------------------------------------------------------------


async def test_a_missing_credential_lists_every_place(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    desk = make(api_key=None)
    told = []
    desk.events.on("*", told.append)
    with pytest.raises(MissingCredential) as failure:
        await desk.connect()
    assert (
        "desk: no api_key was given. Looked in: argument api_key=; environment variable DESK_API_KEY (or .env); "
        "environment variable DESK_TOKEN (or .env)."
    ) == str(failure.value)
    assert ["integration:error"] == [event.name for event in told]


def test_the_argument_wins_over_the_environment_and_that_over_the_file(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path
):
    (tmp_path / ".env").write_text("DESK_API_KEY=from-file\n", encoding="utf-8")
    desk = make(api_key=None)

    def found(integration: Desk) -> str:
        with app_at(tmp_path):
            return integration.credentials()["api_key"].get_secret_value()

    assert "from-file" == found(desk)
    monkeypatch.setenv("DESK_API_KEY", "   ")
    assert "from-file" == found(desk), "a blank variable is none"
    monkeypatch.setenv("DESK_TOKEN", "other-name")
    assert "from-file" == found(desk)
    monkeypatch.setenv("DESK_API_KEY", "from-environment")
    assert "from-environment" == found(desk)
    assert "given" == found(make(api_key=SecretStr("given")))


def test_a_slug_that_no_shell_takes_becomes_a_name_that_it_does(make: Make, monkeypatch: pytest.MonkeyPatch):
    class Dashed(Desk):
        slug = "help-desk"

    monkeypatch.setenv("HELP_DESK_API_KEY", "from-environment")
    assert "from-environment" == make(Dashed, api_key=None).credentials()["api_key"].get_secret_value()


# --- worlds -----------------------------------------------------------------------------------------------------------


async def keys(*integrations: Desk) -> list[str]:
    found = []
    for integration in integrations:
        async with integration:
            found.append((await integration.perform("open_ticket", {"subject": "x"}, reference="r1")).key)
    return found


async def test_the_same_reference_in_another_world_is_another_effect(make: Make, vendor: DeskVendor):
    worlds = [
        make(),
        make(base_url="http://127.0.0.1:8420/desk"),
        make(base_url="http://127.0.0.1:8421/desk"),
        make(environment="sandbox"),
        make(account="second"),
    ]
    assert len(worlds) == len(set(await keys(*worlds)))
    assert len(worlds) == len(vendor.writes())


@pytest.mark.parametrize(
    "same", ["https://desk.test", "https://desk.test/", "https://DESK.test", "https://desk.test:443"]
)
async def test_the_vendors_own_address_is_the_vendors_own_world_however_it_is_written(
    make: Make, vendor: DeskVendor, same: str
):
    assert 1 == len(set(await keys(make(), make(base_url=same))))
    assert 1 == len(vendor.writes())


async def test_a_trailing_slash_makes_no_other_world(make: Make):
    assert 1 == len(set(await keys(make(base_url="http://127.0.0.1:1/d"), make(base_url="http://127.0.0.1:1/d/"))))


async def test_requests_go_below_the_replaced_address(make: Make, vendor: DeskVendor):
    async with make(base_url="http://127.0.0.1:8420/desk") as desk:
        await desk.execute("find_tickets", {"subject": "x"})
    assert {"http://127.0.0.1:8420/desk/me", "http://127.0.0.1:8420/desk/tickets"} == {
        str(request.url.copy_with(query=None)) for request in vendor.requests
    }
