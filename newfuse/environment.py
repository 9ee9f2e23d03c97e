"""Which world a run works in: the vendors themselves, or a sandbox of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where integrations lead to.

    Attributes:
        mode: `sandbox` or `live`.
        name: Part of every effect's key: what was done in one world says nothing about another.
        settings: Settings of each integration by slug: base URL and credentials of a sandbox; nothing for the vendors
            themselves, whose credentials come from the environment.
        elsewhere: Where single integrations lead instead, by slug: a mock, a proxy, a double that is served apart.
    """

    mode: Literal["sandbox", "live"]
    name: str
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def places(self) -> str:
        """Every place of this world, for people: its name, and where single integrations lead instead."""
        return "; ".join([self.name, *self._elsewhere()])

    @property
    def lasting_name(self) -> str:
        """The name of what stays from one run to the next, by which a repetition that was begun is found again.

        An embedded sandbox is a new one in every run, while what an integration did elsewhere is still there.
        """
        return "; ".join([self.mode, *self._elsewhere()]) if self.elsewhere else self.name

    def _elsewhere(self) -> list[str]:
        return [f"{slug} at {url}" for slug, url in sorted(self.elsewhere.items())]


LIVE = Environment(mode="live", name="live")
"""The vendors themselves, with the credentials of the environment."""
