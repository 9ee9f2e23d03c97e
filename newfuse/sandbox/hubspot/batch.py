"""`POST /crm/v3/objects/{type}/batch/…`: up to 100 inputs in one request.

A batch is taken as a whole or not at all, unless every input carries its own `objectWriteTraceId`: then it is
taken in part, and answered by 207 with the errors beside the results
(https://developers.hubspot.com/docs/api-reference/error-handling, "Multi-status errors"). Ids that do not
exist are answered by 207 in any case [unverified for `update`].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from newfuse.sandbox.hubspot.collection import Collection, Record, timestamp
from newfuse.sandbox.hubspot.refusal import Refused, bad_request, conflict, names

MAX_INPUTS: Final = 100

Write = Callable[[], dict[str, Any]]  # does one write that was found good, and returns its result


class Batch:
    """The batch operations on one object type."""

    def __init__(self, collection: Collection, now: Callable[[], float]) -> None:
        """Work on these records, by this clock."""
        self._collection = collection
        self._now = now

    def create(self, asked: Any) -> tuple[int, dict[str, Any]]:
        """Create records; returns status and body.

        Raises:
            Refused: 400 or 409; nothing was written.
        """
        seen: set[tuple[str, str]] = set()

        def prepare(given: Mapping[str, Any]) -> Write:
            properties = self._clean(given)
            taken = self._collection.owner(properties)
            if taken is not None:
                raise conflict(self._collection.schema.singular, taken[1])
            for name in self._collection.schema.unique:
                key = (name, properties.get(name, ""))
                if key[1] and key in seen:
                    raise bad_request(f"Duplicate {name} found in batch input: {key[1]}")
                seen.add(key)
            return lambda: self._collection.create(properties).as_json()

        return self._write(asked, prepare, created=True)

    def update(self, asked: Any) -> tuple[int, dict[str, Any]]:
        """Update records by id or by a unique property; returns status and body.

        Raises:
            Refused: 400 or 409; nothing was written.
        """
        inputs = _inputs(asked)
        self._refuse_duplicates(inputs)
        missing = [_id(given) for given in inputs if self._find(given) is None]

        def prepare(given: Mapping[str, Any]) -> Write | None:
            record = self._find(given)
            if record is None:
                return None
            properties = self._clean(given)
            self._refuse_taken(properties, record)

            def write() -> dict[str, Any]:
                self._collection.update(record, properties)
                return record.as_json()

            return write

        return self._write(asked, prepare, missing=missing)

    def upsert(self, asked: Any) -> tuple[int, dict[str, Any]]:
        """Update the records that exist and create the others; each result says by `new` which it was.

        Raises:
            Refused: 400 or 409; nothing was written.
        """
        inputs = _inputs(asked)
        self._refuse_duplicates(inputs)
        unique = self._collection.schema.unique

        def prepare(given: Mapping[str, Any]) -> Write:
            id_property = given.get("idProperty")
            if id_property not in (None, "hs_object_id", *unique):
                raise bad_request(f"Property {id_property} is not a unique property")
            record = self._find(given)
            if record is None and id_property in (None, "hs_object_id"):
                raise Refused(404, "OBJECT_NOT_FOUND", "resource not found", context={"ids": [_id(given)]})
            properties = self._clean(given)
            if id_property in unique and id_property not in properties:
                properties.update(self._collection.schema.clean({id_property: _id(given)}))
            self._refuse_taken(properties, record)

            def write() -> dict[str, Any]:
                if record is None:
                    return {**self._collection.create(properties).as_json(), "new": True}
                self._collection.update(record, properties)
                return {**record.as_json(), "new": False}

            return write

        return self._write(asked, prepare)

    def read(self, asked: Any) -> tuple[int, dict[str, Any]]:
        """Read records by id or by a unique property; those that do not exist are named in a 207.

        Raises:
            Refused: 400.
        """
        inputs = _inputs(asked)
        id_property = asked.get("idProperty")
        shown = names(asked, "properties") or self._collection.schema.shown
        records = [(given, self._collection.find(_id(given), id_property)) for given in inputs]
        found = {record.id: record for _, record in records if record is not None}
        missing = [_id(given) for given, record in records if record is None]
        results = [record.as_json(shown) for record in found.values()]
        return self._answer(timestamp(self._now()), results, self._missing(missing))

    def archive(self, asked: Any) -> None:
        """Archive records; ids that do not exist are passed over.

        Raises:
            Refused: 400.
        """
        for given in _inputs(asked):
            record = self._collection.find(_id(given))
            if record is not None:
                self._collection.archive(record)

    def _write(
        self,
        asked: Any,
        prepare: Callable[[Mapping[str, Any]], Write | None],
        *,
        created: bool = False,
        missing: Iterable[str] = (),
    ) -> tuple[int, dict[str, Any]]:
        """Look at every input before one is written, then write those that are good."""
        started = timestamp(self._now())
        inputs = _inputs(asked)
        in_part = all(given.get("objectWriteTraceId") for given in inputs)
        prepared: list[tuple[str | None, Write]] = []
        errors: list[dict[str, Any]] = []
        for given in inputs:
            trace_id = given.get("objectWriteTraceId")
            try:
                write = prepare(given)
            except Refused as refused:
                if not in_part:
                    raise
                errors.append(refused.batch_error(str(trace_id)))
                continue
            if write is not None:
                prepared.append((trace_id, write))
        results: list[dict[str, Any]] = []
        for trace_id, write in prepared:
            try:
                result = write()
            except Refused as refused:  # a unique value that an input before it has just taken
                errors.append(refused.batch_error(None if trace_id is None else str(trace_id)))
                continue
            results.append({**result, "objectWriteTraceId": trace_id} if trace_id else result)
        return self._answer(started, results, errors + self._missing(list(missing)), created=created)

    def _answer(
        self,
        started: str,
        results: list[dict[str, Any]],
        errors: list[dict[str, Any]],
        *,
        created: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": started,
            "completedAt": timestamp(self._now()),
        }
        if not errors:
            return (201 if created else 200), body
        return 207, {**body, "numErrors": len(errors), "errors": errors}

    def _missing(self, ids: list[str]) -> list[dict[str, Any]]:
        if not ids:
            return []
        message = (
            f"Could not get some {self._collection.schema.singular.upper()} objects, they may be deleted or "
            "not exist. Check that ids are valid."
        )
        return [Refused(404, "OBJECT_NOT_FOUND", message, context={"ids": ids}).batch_error(None)]

    def _clean(self, given: Mapping[str, Any]) -> dict[str, str]:
        return self._collection.schema.clean(given.get("properties", {}))

    def _find(self, given: Mapping[str, Any]) -> Record | None:
        return self._collection.find(_id(given), given.get("idProperty"))

    def _refuse_taken(self, properties: dict[str, str], record: Record | None) -> None:
        taken = self._collection.owner(properties, but=record.id if record else None)
        if taken is not None:
            raise conflict(self._collection.schema.singular, taken[1])

    def _refuse_duplicates(self, inputs: list[Mapping[str, Any]]) -> None:
        seen: set[str] = set()
        for key in (_id(given).strip().lower() for given in inputs):
            if key in seen:
                raise bad_request(f"Duplicate IDs found in batch input: [{key}]. IDs must be unique")
            seen.add(key)


def _inputs(asked: Any) -> list[Mapping[str, Any]]:
    inputs = asked.get("inputs") if isinstance(asked, Mapping) else None
    if not isinstance(inputs, list) or not all(isinstance(given, Mapping) for given in inputs):
        raise bad_request("Some required fields were not set: [inputs]")
    if not inputs:
        raise bad_request("At least one input is required")
    if len(inputs) > MAX_INPUTS:
        raise bad_request(f"The maximum number of inputs supported in a batch request is {MAX_INPUTS}")
    return inputs


def _id(given: Mapping[str, Any]) -> str:
    key = given.get("id")
    if not isinstance(key, str | int) or isinstance(key, bool) or key == "":
        raise bad_request("Some required fields were not set: [id]")
    return str(key)
