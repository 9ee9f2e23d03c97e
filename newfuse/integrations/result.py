"""What comes back from an action: records, and for writes what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from newfuse.errors import AnswerPruned, NewFuseError


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


@dataclass(frozen=True)
class Pruned:
    """What is left of the answer to a write that was confirmed long ago: the vendor's id, or None where it had none.

    Whoever needs more reads it from the vendor; asking this for it raises `AnswerPruned`.
    """

    id: str | int | None = None

    def __getitem__(self, name: str) -> Any:
        """Return the id.

        Raises:
            AnswerPruned: Something else was asked for, or there is no id.
        """
        if name == "id" and self.id is not None:
            return self.id
        raise self._gone(name)

    def __getattr__(self, name: str) -> Any:
        """Refuse what is gone.

        Raises:
            AnswerPruned: Always; it is an AttributeError too.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._gone(name)

    def _gone(self, name: str) -> AnswerPruned:
        where = f"its id is {self.id}; read it back from the vendor" if self.id is not None else "nor is there an id"
        return AnswerPruned(f"the write is done, but the {name} of its answer is no longer kept: {where}")


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
