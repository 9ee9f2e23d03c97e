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
    """

    mode: Literal["sandbox", "live"]
    name: str
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


LIVE = Environment(mode="live", name="live")
"""The vendors themselves, with the credentials of the environment."""
