"""A job and a vendor without anything behind them: what the pipeline asks of either, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from newfuse import Dataset, Datasets, NewFuseError, Performed, Step, WriteStatus

Answer = Callable[[str], Performed]


def confirmed(reference: str) -> Performed:
    return Performed(WriteStatus.CONFIRMED, f"key of {reference}", {"id": reference})


@dataclass
class Vendor:
    """Answers writes as a test says; `asked` are the references, `batches` the items of each request."""

    answer: Answer = confirmed
    most_items: int | None = None
    asked: list[str] = field(default_factory=list)
    batches: list[list[Any]] = field(default_factory=list)
    read: list[Any] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def specs(self) -> dict[str, Any]:
        return {"make": SimpleNamespace(batch="things", most_items=self.most_items)}

    @property
    def config(self) -> Any:
        return SimpleNamespace(name="Acme")

    async def perform(self, action: str, arguments: Any, *, reference: str) -> Performed:
        self.asked.append(reference)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return self.answer(reference)

    async def perform_batch(self, action: str, arguments: Any, *, references: list[str]) -> list[Performed]:
        self.batches.append(list(arguments["things"]))
        return [await self.perform(action, {}, reference=reference) for reference in references]

    async def execute(self, action: str, arguments: Any) -> Any:
        self.read.append((action, arguments))
        return {"id": "read back"}


@dataclass
class Job:
    """A job: its vendor, or why there is none; `told` is how far it has come, `facts` what it measured."""

    vendor: Vendor
    unreachable: NewFuseError | None = None
    told: list[tuple[int, int]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    datasets: Datasets = field(default_factory=Datasets)

    async def integration(self, id: str) -> Any:  # noqa: A002 - the registry's word for it
        if self.unreachable is not None:
            raise self.unreachable
        return self.vendor

    def dataset(self, name: str) -> Dataset:
        return self.datasets.get(name)

    def reference(self, own: str) -> str:
        return own

    def progress(self, done: int, expected: int, note: str = "") -> None:
        self.told.append((done, expected))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def fact(self, name: str, value: Any, unit: str, **source: Any) -> None:
        self.facts[name], self.sources[name] = value, source

    def measured(self, name: str) -> Any:
        return self.facts.get(name)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def job(vendor: Vendor) -> Job:
    return Job(vendor)


@pytest.fixture
def step() -> Step:
    return Step(name="make", integration="acme", action="make", counts="things", doing="things", at_once=2)


@pytest.fixture
def things() -> Callable[[int], Dataset]:
    """Makes a dataset of some records that were read."""

    def make(count: int) -> Dataset:
        dataset = Dataset.from_rows("things", [{"number": index} for index in range(count)])
        for entry in dataset:
            entry.reference = f"t{entry.index}"
        return dataset

    return make
