"""What the records' pipeline needs of the job it works for."""

from __future__ import annotations

from typing import Any, Protocol

from newfuse.integrations import Integration
from newfuse.records.dataset import Dataset
from newfuse.types import JSON


class Work(Protocol):
    """A job as records see it; `newfuse.Job` is one."""

    def dataset(self, name: str) -> Dataset:
        """Return a dataset by its handle."""
        ...

    def reference(self, own: str) -> str:
        """Return the reference that a write is known by."""
        ...

    async def integration(self, id: str) -> Integration:  # noqa: A002 - the registry's word for it
        """Return an integration, connected."""
        ...

    def progress(self, done: int, expected: int, note: str = "") -> None:
        """Tell whoever watches how many records are done."""
        ...

    def note(self, text: str) -> None:
        """Put a sentence into the task's report."""
        ...

    def fact(self, name: str, value: JSON, unit: str, **source: JSON) -> Any:
        """Record a measured value."""
        ...

    def measured(self, name: str) -> JSON:
        """Return what the job has measured under a name; None when it has not."""
        ...
