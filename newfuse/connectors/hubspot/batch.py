"""Batches in which one bad record does not stop the good ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from newfuse import Expect, Integration, ItemResult
from newfuse.connectors.hubspot.failure import item_error
from newfuse.connectors.hubspot.records import Archived, ObjectType, Updated, Upserted
from newfuse.errors import InvalidArguments, NewFuseError, OutcomeUnknown, Rejected

# A batch that HubSpot refuses as a whole is sent again in this many parts, until the bad records stand alone: one bad
# record among 100 costs 15 requests, 100 bad ones 157. Halves would cost 15 and 199.
PARTS = 4
TRACE = "objectWriteTraceId"  # of an input; comes back with the record's result or error

Input = Mapping[str, Any]
Read = Callable[[Mapping[str, Any]], Any]
Send = Callable[[Sequence[int]], Awaitable[Mapping[int, ItemResult]]]


async def upsert_batch(
    vendor: Integration, kind: ObjectType, inputs: Sequence[dict[str, str]], id_property: str
) -> list[ItemResult]:
    """Create or update records by a unique property; an input is a record's properties, that one included.

    https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-upsert

    Returns:
        An `Upserted` or an error for each input, in their order.
    """
    keys = [given.get(id_property, "").strip() for given in inputs]
    wire: dict[int, Input] = {
        index: {
            "id": key,
            "idProperty": id_property,
            "properties": {name: value for name, value in given.items() if name != id_property},
            TRACE: str(index),
        }
        for index, (key, given) in enumerate(zip(keys, inputs, strict=True))
        if key
    }
    missing = InvalidArguments("hubspot.upsert", [(id_property, "is needed to tell which record is meant")])

    def upserted(row: Mapping[str, Any]) -> Upserted:
        return Upserted(id=str(row["id"]), new=row.get("new"))

    found = await _write(vendor, f"/crm/v3/objects/{kind}/batch/upsert", wire, upserted, id_property)
    return [found.get(index) or ItemResult(error=missing) for index in range(len(inputs))]


async def update_batch(vendor: Integration, kind: ObjectType, inputs: Sequence[Input]) -> list[ItemResult]:
    """Update records by id; an input is `{"id", "properties"}`.

    https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-update

    Returns:
        An `Updated` or an error for each input, in their order.
    """

    def updated(row: Mapping[str, Any]) -> Updated:
        return Updated(id=str(row["id"]))

    wire = {index: {**given, TRACE: str(index)} for index, given in enumerate(inputs)}
    found = await _write(vendor, f"/crm/v3/objects/{kind}/batch/update", wire, updated)
    return [found[index] for index in range(len(inputs))]


async def archive_batch(vendor: Integration, kind: ObjectType, ids: Sequence[str]) -> list[ItemResult]:
    """Put records into the recycling bin; ids that are not there change nothing.

    Returns:
        An `Archived` or an error for each id, in their order.
    """

    async def send(part: Sequence[int]) -> Mapping[int, ItemResult]:
        inputs = [{"id": ids[index]} for index in part]
        path = f"/crm/v3/objects/{kind}/batch/archive"
        await vendor.api.post(path, json={"inputs": inputs}, expect=Expect.NOTHING)
        return {index: ItemResult(Archived(id=ids[index])) for index in part}

    found = await _in_parts(vendor, range(len(ids)), send)
    return [found[index] for index in range(len(ids))]


async def _write(
    vendor: Integration, path: str, wire: Mapping[int, Input], read: Read, id_property: str | None = None
) -> Mapping[int, ItemResult]:
    async def send(part: Sequence[int]) -> Mapping[int, ItemResult]:
        answer = await vendor.api.post(path, json={"inputs": [wire[index] for index in part]})
        if not isinstance(answer, Mapping) or not isinstance(answer.get("results"), list):
            raise OutcomeUnknown("the answer to the batch holds no results", integration=vendor.slug)
        keys = {index: str(wire[index]["id"]) for index in part}
        return _read_answer(vendor.slug, keys, answer, read, id_property)

    return await _in_parts(vendor, list(wire), send)


def _read_answer(
    slug: str, keys: Mapping[int, str], answer: Mapping[str, Any], read: Read, id_property: str | None
) -> dict[int, ItemResult]:
    """Find the result or the error of each input; those that the answer does not mention are left out.

    Args:
        slug: Slug that errors speak for.
        keys: What each input was named by: its id, or the value of its unique property.
        answer: HubSpot's answer to a batch, 200, 201 or 207.
        read: Makes a value of a result.
        id_property: The unique property; None for HubSpot's id.
    """
    by_trace = {str(index): index for index in keys}
    by_key = {key.lower(): index for index, key in keys.items()}
    results, errors = answer["results"], answer.get("errors") or []
    alone: list[int | None] = [*keys] if len(keys) == len(results) + len(errors) == 1 else []
    found: dict[int, ItemResult] = {}
    for row in results:
        key = row.get("id") if id_property is None else (row.get("properties") or {}).get(id_property)
        for place in alone or [by_trace.get(_trace(row), by_key.get(str(key).lower()))]:
            if place is not None:
                found[place] = ItemResult(read(row))
    for error in errors:
        context = error.get("context") or {}
        places = [by_trace.get(str(trace)) for trace in context.get(TRACE) or []]
        places += [by_key.get(str(key).lower()) for key in context.get("ids") or []]
        for place in alone or places:
            if place is not None:
                found.setdefault(place, ItemResult(error=item_error(slug, error)))
    return found


def _trace(row: Mapping[str, Any]) -> str:
    return str(row.get(TRACE))


async def _in_parts(vendor: Integration, indices: Sequence[int], send: Send) -> dict[int, ItemResult]:
    """Send all at once; what was refused as a whole, or not answered, again in smaller parts.

    Everything sent here may be sent twice. The order is kept, so of two inputs for one record (which HubSpot refuses
    within one request) the later one wins.
    """
    if not indices:
        return {}
    try:
        found = dict(await send(indices))
    except Rejected as exc:
        if len(indices) == 1:
            return {indices[0]: ItemResult(error=exc)}
        found = {}
    except NewFuseError as exc:
        return {index: ItemResult(error=exc) for index in indices}
    left = [index for index in indices if index not in found]
    if len(indices) == 1 and left:
        silent = OutcomeUnknown("HubSpot's answer does not mention this record", integration=vendor.slug)
        return {indices[0]: ItemResult(error=silent)}
    size = -(-len(left) // PARTS)
    for start in range(0, len(left), size or 1):
        found |= await _in_parts(vendor, left[start : start + size], send)
    return found
