"""What comes back from an action: records, and for writes what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from newfuse.errors import NewFuseError


class Record(BaseModel):
    """Base of the records connectors return; fields may be read as attributes or as keys."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    def __getitem__(self, name: str) -> Any:
        """Return a field by name.

        Raises:
            KeyError: There is no such field.
        """
        if name not in type(self).__pydantic_fields__:
            raise KeyError(name)
        return getattr(self, name)


class WriteStatus(StrEnum):
    """What became of one write."""

    CONFIRMED = "confirmed"
    SKIPPED = "skipped"
    """Confirmed earlier with the same contents; nothing was sent."""
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What the vendor said to one item of a batch: a value, or an error."""

    value: Any = None
    error: NewFuseError | None = None


@dataclass(frozen=True, slots=True)
class Performed:
    """What became of one write: its value when confirmed or skipped, else its error.

    `key` is the ledger's key, by which the effect can be found again.
    """

    status: WriteStatus
    key: str
    value: Any = None
    error: NewFuseError | None = None
