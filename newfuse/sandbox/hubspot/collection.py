"""The records of one object type: kept, unique by their unique properties, found by search a little later."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from newfuse.sandbox.hubspot.refusal import conflict, not_found
from newfuse.sandbox.hubspot.schema import Schema

# "It may take a few moments for newly created or updated objects to appear in search results"
# (https://developers.hubspot.com/docs/guides/api/crm/search#limitations). 5 s stands for these moments: long
# enough that a search right after a write fails to find it, short enough to wait for in a demonstration.
SEARCH_LAG_S: Final = 5.0


@dataclass(slots=True)
class Writes:
    """How often records really changed."""

    created: int = 0
    updated: int = 0  # an update that changed at least one property
    unchanged: int = 0  # an update that changed none
    archived: int = 0


@dataclass(slots=True)
class Record:
    """One record. `properties` is replaced, never altered, so that search can keep what it has indexed."""

    id: str
    properties: dict[str, str]
    created_at: str
    updated_at: str
    archived: bool = False
    archived_at: str | None = None
    indexed: dict[str, str] | None = None  # what search shows until `indexed_at`; None: nothing yet
    indexed_at: float = 0.0  # epoch seconds from which search shows `properties`

    def searchable(self, now: float) -> dict[str, str] | None:
        """Return the properties that search knows at that moment, None if it does not know the record."""
        return self.properties if now >= self.indexed_at else self.indexed

    def as_json(self, shown: tuple[str, ...] | None = None) -> dict[str, Any]:
        """Return the record with the properties that are to be shown; None shows all that are set."""
        answer: dict[str, Any] = {
            "id": self.id,
            "properties": (self.properties if shown is None else {name: self.properties.get(name) for name in shown}),
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "archived": self.archived,
        }
        if self.archived_at is not None:
            answer["archivedAt"] = self.archived_at
        return answer


class Collection:
    """The records of one object type."""

    def __init__(self, schema: Schema, writes: Writes, new_id: Callable[[], int], now: Callable[[], float]) -> None:
        """Start without records.

        Args:
            schema: What the records are.
            writes: Counts what changes.
            new_id: Makes the ids of created records, each greater than the one before.
            now: The clock, in epoch seconds.
        """
        self.schema = schema
        self.records: dict[str, Record] = {}
        self._writes = writes
        self._new_id = new_id
        self._now = now
        self._order: list[int] = []  # ids, ascending: the order of lists
        self._by_unique: dict[str, dict[str, str]] = {}  # property → value → id

    def find(self, key: str, id_property: str | None = None, *, archived: bool = False) -> Record | None:
        """Return a record by its id, or by the value of a unique property."""
        if id_property is None or id_property == "hs_object_id":
            found = self.records.get(key)
        else:
            found = self.records.get(self._by_unique.get(id_property, {}).get(key.strip().lower(), ""))
        return found if found is not None and found.archived == archived else None

    def owner(self, properties: dict[str, str], but: str | None = None) -> tuple[str, str] | None:
        """Return the (property, record id) that has one of these unique values, not counting `but`."""
        for name in self.schema.unique:
            value = properties.get(name)
            taken = self._by_unique.get(name, {}).get(value.lower()) if value else None
            if taken is not None and taken != but:
                return name, taken
        return None

    def get(self, key: str, id_property: str | None = None, *, archived: bool = False) -> Record:
        """Return a record.

        Raises:
            Refused: 404.
        """
        found = self.find(key, id_property, archived=archived)
        if found is None:
            raise not_found()
        return found

    def create(self, properties: dict[str, str]) -> Record:
        """Keep a new record of cleaned properties.

        Raises:
            Refused: 409, another record has a unique value.
        """
        taken = self.owner(properties)
        if taken is not None:
            raise conflict(self.schema.singular, taken[1])
        number = self._new_id()
        at = timestamp(self._now())
        record = self.place(str(number), properties, at)
        record.indexed_at = self._now() + SEARCH_LAG_S
        self._writes.created += 1
        return record

    def place(self, record_id: str, properties: dict[str, str], at: str) -> Record:
        """Put a record of a given id there, known to search at once and counted as no write: seed data."""
        system = {"hs_object_id": record_id, "createdate": at, self.schema.modified: at}
        kept = {name: value for name, value in properties.items() if value} | system
        record = Record(record_id, kept, created_at=at, updated_at=at)
        self.records[record_id] = record
        insort(self._order, int(record_id))
        self._index(record)
        return record

    def update(self, record: Record, properties: dict[str, str]) -> bool:
        """Change a record by cleaned properties, and say whether that changed anything.

        Raises:
            Refused: 409, another record has a unique value.
        """
        taken = self.owner(properties, but=record.id)
        if taken is not None:
            raise conflict(self.schema.singular, taken[1])
        current = record.properties
        if all(current.get(name, "") == value for name, value in properties.items()):
            self._writes.unchanged += 1
            return False
        now = self._now()
        record.indexed = record.searchable(now)
        record.indexed_at = now + SEARCH_LAG_S
        self._unindex(record)
        record.updated_at = timestamp(now)
        changed = {**current, **properties, self.schema.modified: record.updated_at}
        record.properties = {name: value for name, value in changed.items() if value}
        self._index(record)
        self._writes.updated += 1
        return True

    def archive(self, record: Record) -> None:
        """Take a record out of all but reads that ask for archived ones; its unique values become free."""
        self._unindex(record)
        record.archived = True
        record.archived_at = timestamp(self._now())
        self._writes.archived += 1

    def page(self, after: int, limit: int, *, archived: bool = False) -> tuple[list[Record], int | None]:
        """Return the next records by ascending id, and the id to go on after (None at the end)."""
        found: list[Record] = []
        for position in range(bisect_right(self._order, after), len(self._order)):
            record = self.records[str(self._order[position])]
            if record.archived != archived:
                continue
            if len(found) == limit:
                return found, int(found[-1].id)
            found.append(record)
        return found, None

    def __iter__(self) -> Iterator[Record]:
        """Go through every record, by ascending id."""
        return (self.records[str(number)] for number in self._order)

    def truth(self) -> dict[str, dict[str, Any]]:
        """Return every record by its id: its properties, and whether it is archived."""
        return {record.id: {**record.properties, "archived": record.archived} for record in self}

    def _index(self, record: Record) -> None:
        for name in self.schema.unique:
            if value := record.properties.get(name):
                self._by_unique.setdefault(name, {})[value.lower()] = record.id

    def _unindex(self, record: Record) -> None:
        for name in self.schema.unique:
            if value := record.properties.get(name):
                self._by_unique.get(name, {}).pop(value.lower(), None)


def timestamp(at: float) -> str:
    """Return a moment as HubSpot writes it: ISO 8601 in UTC with milliseconds and a Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
