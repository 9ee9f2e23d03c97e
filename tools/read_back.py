"""Reads from the vendor what an earlier run wrote, where the answer that was recorded is no longer kept."""

from __future__ import annotations

from typing import Any

from newfuse import Integration, NewFuseError, Performed, Pruned


async def answer_of(performed: Performed, integration: Integration, action: str, parameter: str) -> Any:
    """Return what a write answered; one whose answer was pruned is read from the vendor by its id.

    Args:
        performed: What became of the write.
        integration: Where it was done.
        action: The action that reads one by its id.
        parameter: Its parameter for the id.

    Raises:
        NewFuseError: It was pruned and cannot be read, or a person said that it happened and nobody knows its id.
    """
    if performed.value is None and performed.error is None:
        raise NewFuseError("a person said that this was done; what the vendor answered is not known")
    if not isinstance(performed.value, Pruned):
        return performed.value
    return await integration.execute(action, {parameter: performed.value["id"]})
