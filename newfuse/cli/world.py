"""Turns `--sandbox [URL]` and `--live` into the world a command works in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from newfuse.environment import LIVE, Environment
from newfuse.errors import ConfigurationError


def check_choice(sandbox: str | None, live: bool) -> None:
    """Refuse both at once.

    Raises:
        ConfigurationError: Both were given.
    """
    if live and sandbox is not None:
        raise ConfigurationError("--sandbox and --live exclude each other: the sandbox, or the vendors themselves.")


async def chosen_world(sandbox: str | None, live: bool) -> Environment | None:
    """Return the world that was asked for; None means an embedded sandbox.

    Args:
        sandbox: None when the option was not given, empty when it was given without a URL.
        live: Whether the vendors themselves were asked for.

    Raises:
        ConfigurationError: Both were given, or no sandbox answers at the URL.
    """
    check_choice(sandbox, live)
    if live:
        return LIVE
    if not sandbox:
        return None
    from newfuse.sandbox.environment import at

    return await at(sandbox)


@asynccontextmanager
async def opened_world(sandbox: str | None, live: bool) -> AsyncIterator[Environment]:
    """Yield the world that was asked for, with an embedded sandbox running as long as it is used."""
    world = await chosen_world(sandbox, live)
    if world is not None:
        yield world
        return
    from newfuse.sandbox.environment import embedded

    with embedded() as own:
        yield own
