"""Facts: every number a report prints, with where it was measured."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from newfuse.types import JSON


class Fact(BaseModel):
    """One measured value.

    Attributes:
        id: Short and unique in its run, e.g. `f012`; reports cite it.
        name: Dotted name, e.g. `crm.contacts_created`.
        value: A number, a text, a truth value, or None for "not measured".
        unit: What is counted, e.g. `contacts`, `usd minor units`, `ms`, `%`.
        source: Where it can be followed to: `{"kind": "effects" | "calls" | "dataset" | "vendor" | "derived", ...}`
            with the task, integration, action or dataset it was taken from.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    value: JSON
    unit: str
    source: dict[str, JSON]


class FactBook:
    """The facts of one run, by task; a fact measured again replaces the earlier one under the same id."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str], Fact] = {}
        self._lock = threading.Lock()

    def add(self, task: str, name: str, value: JSON, unit: str, source: dict[str, JSON]) -> Fact:
        """Record one fact of a task and return it."""
        with self._lock:
            known = self._facts.get((task, name))
            id_ = known.id if known is not None else f"f{len(self._facts) + 1:03d}"
            fact = Fact(id=id_, name=name, value=value, unit=unit, source={"task": task, **source})
            self._facts[(task, name)] = fact
            return fact

    def of(self, task: str) -> list[Fact]:
        """Return a task's facts in the order they were first recorded."""
        return [fact for (owner, _), fact in self._facts.items() if owner == task]

    def get(self, name: str, task: str | None = None) -> Fact | None:
        """Return the fact of that name, of one task or of whichever has it; None when it was not measured."""
        for (owner, known), fact in self._facts.items():
            if known == name and task in {None, owner}:
                return fact
        return None

    def __iter__(self) -> Iterator[Fact]:
        """Iterate over all facts in the order of their ids."""
        return iter(list(self._facts.values()))
