"""Where an account's credentials come from, and where they never go."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integrations.conftest import DeskVendor
from integrations.desk import Desk
from newfuse import AllOf, Bearer, ConfigurationError, CustomAuth, Integration, IntegrationType, MissingCredential
from newfuse.auth import CredentialField
from newfuse.config import app_at
from newfuse.effects import Ledger
from newfuse.environment import LIVE, Environment
from newfuse.integrations import integration_in, pointed_elsewhere
from newfuse.integrations.catalog import available_integrations

Make = Callable[..., Any]


HOST = CustomAuth(
    lambda *_: None, needs=(CredentialField("host", secret=False), CredentialField("note", optional=True))
)


class Shop(Integration):
    """A vendor that serves each of its customers from a host of their own."""

    slug = "shop"
    type = IntegrationType.CRM
    base_url = "https://shop.test"
    auth = AllOf(Bearer(field="api_key"), HOST)

    def api_url(self) -> str:
        return f"https://{self.credentials()['host'].get_secret_value()}"


@pytest.fixture
def shop(make: Make) -> Shop:
    integration: Shop = make(Shop)
    return integration


def write(folder: Path, **values: str) -> None:
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")


def found(integration: Integration) -> dict[str, str]:
    return {name: secret.get_secret_value() for name, secret in integration.credentials().items()}


def test_a_dotenv_file_of_the_current_folder_opens_no_account(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, DESK_API_KEY="of-a-stranger")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingCredential):
        make(api_key=None).credentials()


def test_a_key_of_the_environment_does_not_go_to_a_host_that_a_file_names(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SHOP_API_KEY", "of-the-environment")
    write(tmp_path, SHOP_HOST="shop.example")
    with app_at(tmp_path), pytest.raises(MissingCredential) as failure:
        shop.api_url()
    assert (
        "SHOP_HOST in .env stands apart from SHOP_API_KEY in the environment: "
        "keep the settings of one account in one place"
    ) in str(failure.value)


def test_the_place_that_holds_them_all_is_taken_whole(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_API_KEY", "of-the-environment")
    write(tmp_path, SHOP_HOST="shop.example", SHOP_API_KEY="of-the-file")
    with app_at(tmp_path):
        assert {"api_key": "of-the-file", "host": "shop.example"} == found(shop)
        monkeypatch.setenv("SHOP_HOST", "shop.test")
        assert {"api_key": "of-the-environment", "host": "shop.test"} == found(shop)
        monkeypatch.delenv("SHOP_API_KEY")
        assert {"api_key": "of-the-file", "host": "shop.example"} == found(shop)


def test_what_is_given_is_completed_from_one_place(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_HOST", "shop.test")
    write(tmp_path, SHOP_API_KEY="of-the-file")
    with app_at(tmp_path):
        assert {"api_key": "given", "host": "shop.test"} == found(make(Shop, api_key="given"))


# --- sandboxes --------------------------------------------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog with the shop in it, as a plugin's."""
    monkeypatch.setattr("newfuse.integrations.catalog.available_integrations", lambda: {"shop": Shop, "desk": Desk})


def test_a_sandbox_is_given_no_credential_of_the_environment(
    known: None, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    for name in ("SHOP_API_KEY", "SHOP_HOST", "SHOP_NOTE", "DESK_API_KEY"):
        monkeypatch.setenv(name, "of-the-environment")
    # Whoever answers at `--sandbox URL` says which vendors it has.
    settings = {"shop": {"base_url": "http://sandbox.example/shop", "host": "given"}, "desk": {}}
    world = Environment(mode="sandbox", name="sandbox:1", settings=settings)
    made = {slug: integration_in(world, slug, ledger=ledger, recorder=lambda _: None) for slug in settings}
    assert {"api_key": "sandbox", "host": "given"} == found(made["shop"])
    assert {"api_key": "sandbox"} == found(made["desk"])
    live = integration_in(LIVE, "desk", ledger=ledger, recorder=lambda _: None)
    assert {"api_key": "of-the-environment"} == found(live)


# --- another place ----------------------------------------------------------------------------------------------------


SANDBOX = Environment(mode="sandbox", name="sandbox:1", settings={"shop": {"base_url": "http://sandbox.example/shop"}})
PLACE = "https://mock.example/desk"


def test_a_place_of_its_own_is_part_of_what_an_integration_did(
    known: None, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DESK_API_KEY", "of-the-environment")
    for world, key in ((SANDBOX, "sandbox"), (LIVE, "of-the-environment")):
        pointed = pointed_elsewhere(world, {"desk": f"{PLACE}/"})
        desk = integration_in(pointed, "desk", ledger=ledger, recorder=lambda _: None)
        assert (PLACE, f"at {PLACE}") == (desk.config.base_url, desk.config.environment)
        assert {"api_key": key} == found(desk)
    shop = integration_in(pointed_elsewhere(SANDBOX, {"desk": PLACE}), "shop", ledger=ledger, recorder=lambda _: None)
    assert ("http://sandbox.example/shop", "sandbox:1") == (shop.config.base_url, shop.config.environment)


def test_with_live_no_key_goes_to_a_place_beyond_this_machine_in_the_clear(
    known: None, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DESK_API_KEY", "of-the-environment")
    desk = integration_in(
        pointed_elsewhere(LIVE, {"desk": "http://mock.example"}), "desk", ledger=ledger, recorder=lambda _: None
    )
    with pytest.raises(ConfigurationError, match=r"would go to http://mock\.example over plain http"):
        desk.credentials()


@pytest.mark.parametrize(
    ("slug", "url", "message"),
    [
        ("acme", "http://127.0.0.1:1", "No integration is called 'acme'. There are: shop, desk."),
        ("desk", "127.0.0.1:9000", "--base-url desk: base_url must begin with http:// or https://"),
        ("desk", "http://user:word@127.0.0.1", "--base-url desk: base_url may hold no user"),
        ("desk", "https://desk.test/v2", "is the vendor itself, which only a run with --live may reach."),
    ],
)
def test_a_place_that_cannot_be_is_refused(known: None, slug: str, url: str, message: str):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        pointed_elsewhere(SANDBOX, {slug: url})


def test_with_live_the_vendors_own_address_is_the_vendor(known: None, ledger: Ledger):
    pointed = pointed_elsewhere(LIVE, {"desk": "https://desk.test"})
    desk = integration_in(pointed, "desk", ledger=ledger, recorder=lambda _: None)
    assert "live" == desk.config.environment


def test_a_world_is_named_by_all_its_places_and_by_what_of_it_lasts():
    assert ("sandbox:1", "sandbox:1") == (SANDBOX.places, SANDBOX.lasting_name)
    pointed = replace(SANDBOX, elsewhere={"shop": "http://b", "desk": "http://a"})
    assert "sandbox:1; desk at http://a; shop at http://b" == pointed.places
    assert "sandbox; desk at http://a; shop at http://b" == pointed.lasting_name


# --- plain http -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["an-api-key", None])
async def test_no_key_goes_over_plain_http_beyond_this_machine(
    make: Make, vendor: DeskVendor, given: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DESK_API_KEY", "of-the-environment")
    desk = make(api_key=given, base_url="http://desk.example/api")
    with pytest.raises(ConfigurationError, match=r"would go to http://desk\.example/api over plain http"):
        await desk.connect()
    assert [] == vendor.requests


@pytest.mark.parametrize(
    "base_url", ["https://desk.example", "http://127.0.0.1:9", "http://localhost:9/desk", "http://[::1]:9"]
)
async def test_a_key_goes_over_tls_and_to_this_machine(make: Make, vendor: DeskVendor, base_url: str):
    async with make(base_url=base_url):
        pass
    assert [f"{base_url}/me"] == [str(request.url) for request in vendor.requests]


async def test_a_vendor_without_credentials_is_reached_over_plain_http(make: Make, vendor: DeskVendor):
    class Open(Integration):
        """A vendor that asks nobody who they are."""

        slug = "open"
        type = IntegrationType.CRM
        base_url = "https://open.test"

        async def check(self) -> None:
            await self.api.get("/me")

    async with make(Open, base_url="http://open.example"):
        pass
    assert ["http://open.example/me"] == [str(request.url) for request in vendor.requests]


def test_the_built_in_vendors_are_reached_over_tls():
    assert {"https"} == {integration.base_url.partition(":")[0] for integration in available_integrations().values()}
