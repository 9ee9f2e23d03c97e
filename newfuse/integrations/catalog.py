"""The integrations there are: the app's own, those of plugins, and the connectors that are built in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from newfuse.config import app_root
from newfuse.effects import Ledger
from newfuse.environment import Environment
from newfuse.errors import ConfigurationError
from newfuse.extensions import Found, Kind, added, packaged
from newfuse.http import Recorder
from newfuse.http.url import parse_base
from newfuse.integrations.integration import Integration


def _attempt(integration: type[Integration]) -> None:
    """Make one, which reads its settings and contacts nothing."""
    lacking = [name for name in ("type", "base_url") if not hasattr(integration, name)]
    if lacking:
        raise ConfigurationError(f"the class {integration.__name__} has no {' and no '.join(lacking)}")
    parse_base(integration.base_url)
    integration()


INTEGRATIONS = Kind(
    name="integration", base=Integration, folder="integrations", group="newfuse.integrations", attempt=_attempt
)
BUILT_IN = "newfuse.connectors"


def available_integrations() -> dict[str, type[Integration]]:
    """Return every integration class by slug: the app's own before a plugin's, and that before a built-in one."""
    return dict(integrations_of(app_root()).classes)


@cache
def integrations_of(root: Path | None) -> Found[Integration]:
    """Return the integrations there are for an app, and what was left out; its files are imported.

    Args:
        root: The app's folder, or None to import no app's code.
    """
    built_in = packaged(INTEGRATIONS, BUILT_IN)
    found = built_in.with_added(added(INTEGRATIONS, root, built_in.classes))
    return replace(found, classes=dict(sorted(found.classes.items())))


def create_integration(slug: str, **settings: Any) -> Integration:
    """Make an integration by its slug, e.g. `create_integration("stripe", api_key="sk_test_...")`.

    Args:
        slug: Which one; see `available_integrations()`.
        **settings: Credentials, configuration and collaborators; see `Integration`.

    Raises:
        ConfigurationError: There is no such integration; the message lists those there are.
    """
    return _class_of(slug)(**settings)


def _class_of(slug: str) -> type[Integration]:
    classes = available_integrations()
    if slug not in classes:
        left_out = "".join(f" Left out: {one}." for one in integrations_of(app_root()).left_out)
        there_are = ", ".join(classes) or "none"
        raise ConfigurationError(f"No integration is called {slug!r}. There are: {there_are}.{left_out}")
    return classes[slug]


def integration_in(environment: Environment, slug: str, *, ledger: Ledger, recorder: Recorder) -> Integration:
    """Make the integration of that slug in one world.

    Raises:
        ConfigurationError: There is no such integration, or the sandbox has no such vendor: then nothing may be sent,
            for it would go to the vendor itself.
    """
    elsewhere = environment.elsewhere.get(slug)
    known = slug in available_integrations()
    if known and environment.mode == "sandbox" and slug not in environment.settings and elsewhere is None:
        there_are = ", ".join(environment.settings) or "none"
        raise ConfigurationError(
            f"The sandbox has no vendor {slug!r}. It has: {there_are}. Put a double of it into doubles/ of the app "
            "that the sandbox is started in, or point it at a server that plays it (--base-url)."
        )
    settings = dict(environment.settings.get(slug, {}))
    # What an integration did at a place of its own is known by that place: see VendorAccount.
    settings |= {"environment": environment.name} if elsewhere is None else {"base_url": elsewhere}
    integration = create_integration(slug, ledger=ledger, recorder=recorder, **settings)
    if environment.mode == "sandbox":
        integration.stay_in_sandbox()
    return integration


def pointed_elsewhere(environment: Environment, base_urls: Mapping[str, str]) -> Environment:
    """Return a world in which single integrations lead to other places.

    Args:
        environment: The world.
        base_urls: Where they lead, by slug.

    Raises:
        ConfigurationError: There is no such integration, an address is no URL, or it is the vendor's own in a sandbox.
    """
    places: dict[str, str] = {}
    for slug, url in base_urls.items():
        integration = _class_of(slug)
        try:
            base = parse_base(url)
        except ConfigurationError as exc:
            raise ConfigurationError(f"--base-url {slug}: {exc.for_model}") from None
        own = (parse_base(address) for address in (integration.base_url, *integration.routes.values()))
        if environment.mode == "sandbox" and base.origin in {one.origin for one in own}:
            raise ConfigurationError(
                f"--base-url {slug}={base.url} is the vendor itself, which only a run with --live may reach."
            )
        places[slug] = base.url
    return replace(environment, elsewhere={**environment.elsewhere, **places})
