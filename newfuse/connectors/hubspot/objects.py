"""The calls that every object type of the CRM shares.

https://developers.hubspot.com/docs/api-reference/crm-objects-v3
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from newfuse import Cursor, Expect, Integration
from newfuse.connectors.hubspot.failure import item_error
from newfuse.connectors.hubspot.records import ObjectType, PropertyValue, SearchFilter, as_texts
from newfuse.errors import InvalidArguments, VendorError

LIST_PAGE = 100  # most records on one page of a list
SEARCH_PAGE = 200  # and of a search
SEARCH_MOST = 10_000  # HubSpot pages no further through one search
BATCH_MOST = 100  # most inputs of one batch request

_NEXT = Cursor(param="after", at="paging.next.after")


async def create(vendor: Integration, kind: ObjectType, properties: Mapping[str, PropertyValue]) -> Mapping[str, Any]:
    """Create one record."""
    row: Mapping[str, Any] = await vendor.api.post(f"/crm/v3/objects/{kind}", json={"properties": as_texts(properties)})
    return row


async def update(
    vendor: Integration, kind: ObjectType, record_id: str, properties: Mapping[str, PropertyValue]
) -> Mapping[str, Any]:
    """Change properties of one record."""
    row: Mapping[str, Any] = await vendor.api.patch(
        f"/crm/v3/objects/{kind}/{{id}}",
        values={"id": record_id},
        json={"properties": as_texts(properties)},
    )
    return row


async def get(
    vendor: Integration,
    kind: ObjectType,
    record_id: str,
    properties: Iterable[str],
    *,
    id_property: str | None = None,
) -> Mapping[str, Any]:
    """Read one record by its id, or by the value of a unique property."""
    row: Mapping[str, Any] = await vendor.api.get(
        f"/crm/v3/objects/{kind}/{{id}}",
        values={"id": record_id},
        params={"properties": list(properties), "idProperty": id_property},
    )
    return row


async def archive(vendor: Integration, kind: ObjectType, record_id: str) -> None:
    """Put one record into the recycling bin; one that is not there changes nothing."""
    path = f"/crm/v3/objects/{kind}/{{id}}"
    await vendor.api.delete(path, values={"id": record_id}, expect=Expect.NOTHING)


async def list_rows(
    vendor: Integration, kind: ObjectType, properties: Sequence[str], limit: int | None
) -> list[Mapping[str, Any]]:
    """Read records in the order of their ids, page after page, to the end or to the limit.

    Raises:
        VendorError: HubSpot's paging broke off before either.
    """
    pages = vendor.api.pages(
        f"/crm/v3/objects/{kind}",
        style=_NEXT,
        items="results",
        params={"limit": min(limit or LIST_PAGE, LIST_PAGE), "properties": list(properties)},
        limit=limit,
    )
    rows = await pages.collect()
    return _whole(vendor, rows, complete=pages.complete, reason=pages.reason, limit=limit)


async def search_rows(
    vendor: Integration,
    kind: ObjectType,
    *,
    filters: Sequence[SearchFilter],
    query: str | None,
    properties: Sequence[str],
    sort: str | None,
    limit: int,
) -> list[Mapping[str, Any]]:
    """Search records; what was written in the last moments may not be found yet.

    https://developers.hubspot.com/docs/api-reference/search/guide

    Raises:
        VendorError: HubSpot's paging broke off before its end and before the limit.
    """
    asked: dict[str, Any] = {"limit": min(limit, SEARCH_PAGE), "properties": list(properties)}
    if filters:
        alike = [one.model_dump(by_alias=True, exclude_none=True) for one in filters]
        asked["filterGroups"] = [{"filters": alike}]
    if query:
        asked["query"] = query
    if sort:
        asked["sorts"] = [sort]
    pages = vendor.api.pages(
        f"/crm/v3/objects/{kind}/search",
        style=_NEXT,
        items="results",
        method="POST",
        json=asked,
        limit=limit,
    )
    rows = await pages.collect()
    return _whole(vendor, rows, complete=pages.complete, reason=pages.reason, limit=limit)


async def read_batch(
    vendor: Integration,
    kind: ObjectType,
    keys: Sequence[str],
    properties: Sequence[str],
    *,
    id_property: str | None = None,
) -> list[Mapping[str, Any]]:
    """Read up to 100 records at once; those that do not exist are left out (HubSpot names them in a 207).

    Raises:
        VendorError: One of them could not be read for another reason.
    """
    asked: dict[str, Any] = {
        "inputs": [{"id": key} for key in dict.fromkeys(keys)],
        "properties": list(properties),
        "propertiesWithHistory": [],
    }
    if id_property is not None:
        asked["idProperty"] = id_property
    # A POST that changes nothing, so that it may be repeated.
    answer = await vendor.api.post(f"/crm/v3/objects/{kind}/batch/read", json=asked, repeatable=True)
    for error in answer.get("errors") or []:
        if error.get("category") != "OBJECT_NOT_FOUND":  # not read is not the same as not there
            raise item_error(vendor.slug, error)
    rows: list[Mapping[str, Any]] = answer["results"]
    return rows


def only_one(action: str, **given: Any) -> str:
    """Return the name of the one argument that was given.

    Raises:
        InvalidArguments: None of them was, or more than one.
    """
    named = [name for name, value in given.items() if value]
    if len(named) != 1:
        raise InvalidArguments(action, [(" / ".join(given), "give exactly one of them, and not empty")])
    return named[0]


def carries(row: Mapping[str, Any], properties: Mapping[str, PropertyValue], *, but: str | None = None) -> bool:
    """Say whether a record has the property values that were sent, the property `but` left aside."""
    found = row.get("properties") or {}
    wanted = as_texts(properties).items()
    return all((found.get(name) or "").strip() == value.strip() for name, value in wanted if name != but)


def _whole(
    vendor: Integration,
    rows: list[Mapping[str, Any]],
    *,
    complete: bool,
    reason: str,
    limit: int | None,
) -> list[Mapping[str, Any]]:
    if not complete and (limit is None or len(rows) < limit):
        raise VendorError(f"the list is not complete: {reason}", integration=vendor.slug)
    return rows
