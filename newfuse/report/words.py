"""The words in which a crew's console and reports speak; a crew that gives none speaks plainly of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict


class Words(BaseModel):
    """What a crew calls itself, its work and what it works on.

    Attributes:
        title: The crew's title, e.g. `Parcel Returns`; the words of its name when not given.
        work: What one task's work is called, in the singular, e.g. `Integration`: it stands before `Status`, `Success
            Rate` and the like. Empty: they stand alone.
        performer: What an agent is called, e.g. `Specialist`.
        icon: Stands before the crew's title on the console.
        records: The records of a dataset, and what for, e.g. `{"parcels": "parcels to take back"}`.
        money: What moves money, in the plural.
        yield_heading: Heading of what a run says of its yield on the console.
        not_measured: What people expect of the crew and nothing measures; the console says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    work: str = ""
    performer: str = "Agent"
    icon: str = "📦"
    records: Mapping[str, str] = {}
    money: str = "transfers of money"
    yield_heading: str = "Data"
    not_measured: Sequence[str] = ()

    def of(self, what: str) -> str:
        """Return a noun of the run with the word for the work before it, e.g. `Integration Status`."""
        return f"{self.work} {what}".strip()

    def records_of(self, dataset: str) -> str:
        """Return what the records of a dataset are called, in the plural."""
        return self.records.get(dataset, f"records of {dataset}")

    @property
    def tasks(self) -> str:
        """What completed tasks are called, in the plural."""
        return f"{self.work}s" if self.work else "Tasks"
