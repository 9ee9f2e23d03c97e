"""Finds the integrations there are: plugins by entry point, built-in connectors by walking their package."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeGuard

from newfuse.effects import Ledger
from newfuse.environment import Environment
from newfuse.errors import ConfigurationError
from newfuse.http import Recorder
from newfuse.integrations.integration import Integration
from newfuse.log import logger

ENTRY_POINTS = "newfuse.integrations"
BUILT_IN = "newfuse.connectors"

_log = logger("catalog")


@cache
def available_integrations() -> dict[str, type[Integration]]:
    """Return every integration class by slug; a plugin replaces a built-in of the same slug, and is logged."""
    found = _built_in()
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            plugin = entry.load()
        except Exception:
            _log.exception("the plugin %s could not be loaded", entry.name)
            continue
        if not _is_whole(plugin):
            _log.error("the plugin %s is no Integration class with a slug", entry.name)
            continue
        if plugin.slug in found:
            _log.warning("the plugin %s replaces the built-in integration %s", entry.value, plugin.slug)
        found[plugin.slug] = plugin
    return dict(sorted(found.items()))


def create_integration(slug: str, **settings: Any) -> Integration:
    """Make an integration by its slug, e.g. `create_integration("stripe", api_key="sk_test_...")`.

    Args:
        slug: Which one; see `available_integrations()`.
        **settings: Credentials, configuration and collaborators; see `Integration`.

    Raises:
        ConfigurationError: There is no such integration; the message lists those there are.
    """
    classes = available_integrations()
    if slug not in classes:
        raise ConfigurationError(f"No integration is called {slug!r}. There are: {', '.join(classes) or 'none'}.")
    return classes[slug](**settings)


def integration_in(environment: Environment, slug: str, *, ledger: Ledger, recorder: Recorder) -> Integration:
    """Make the integration of that slug in one world.

    Raises:
        ConfigurationError: There is no such integration, or the sandbox has no such vendor: then nothing may be sent,
            for it would go to the vendor itself.
    """
    known = slug in available_integrations()
    if known and environment.mode == "sandbox" and slug not in environment.settings:
        there_are = ", ".join(environment.settings) or "none"
        raise ConfigurationError(f"The sandbox has no vendor {slug!r}. It has: {there_are}.")
    settings = environment.settings.get(slug, {})
    integration = create_integration(slug, ledger=ledger, recorder=recorder, environment=environment.name, **settings)
    if environment.mode == "sandbox":
        integration.stay_in_sandbox()
    return integration


def _is_whole(found: Any) -> TypeGuard[type[Integration]]:
    return inspect.isclass(found) and issubclass(found, Integration) and isinstance(getattr(found, "slug", None), str)


def _built_in() -> dict[str, type[Integration]]:
    package = importlib.import_module(BUILT_IN)
    found: dict[str, type[Integration]] = {}
    for module in pkgutil.iter_modules(package.__path__, f"{BUILT_IN}."):
        for member in vars(importlib.import_module(module.name)).values():
            if _is_whole(member) and member.__module__.startswith(module.name):
                found[member.slug] = member
    return found
