"""The default crew, run within this process over real HTTP."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from e2e.commands import Ran
from e2e.vendors import Vendors
from newfuse.environment import Environment
from newfuse.sandbox import SandboxServer
from newfuse.sandbox.environment import world_of

CALLS_PER_S = 1_000  # the vendors' own limits are switched off, so ours have nothing to protect


class Inside:
    """Runs on one sandbox and one store."""

    def __init__(self, server: SandboxServer, folder: Path) -> None:
        self.server = server
        self.vendors = Vendors(server.url)
        self.folder = folder
        self.store = folder / "store"
        self._runs = 0

    def world(self, **overrides: dict[str, Any]) -> Environment:
        """Return the sandbox's world, with settings of single vendors replaced."""
        world = world_of(self.server.url, self.server.sandbox.instance_id, self.server.sandbox.vendors)
        settings = {
            slug: {**given, "calls_per_s": CALLS_PER_S, **overrides.get(slug, {})}
            for slug, given in world.settings.items()
        }
        return dataclasses.replace(world, settings=settings)

    async def run(
        self, data: dict[str, list[Any]], *, repeat: bool = False, world: Environment | None = None, **options: Any
    ) -> Ran:
        """Run the crew to its end."""
        from crews.api_integration import crew

        self._runs += 1
        out = self.folder / f"out{self._runs}"
        output = await crew.arun(
            data,
            environment=world or self.world(),
            model="runbook",
            out=out,
            store=self.store,
            repeat=repeat,
            **options,
        )
        return Ran(output.exit_code, "", "", out, self.store)
