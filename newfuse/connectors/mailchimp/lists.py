"""Reads Mailchimp's collections to the end, or to the number of items that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from newfuse import Integration, Offset
from newfuse.errors import Unavailable
from newfuse.types import JSON

PAGE_SIZE = 1000  # "Maximum value is 1000": specification, parameter `count`
DEFAULT_LIMIT = 100
MAX_LIMIT = 100_000  # a hundred requests

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]


async def read_list(
    integration: Integration,
    path: str,
    *,
    items: str,
    limit: int,
    values: Mapping[str, str | int] | None = None,
    params: Mapping[str, Any] | None = None,
) -> list[JSON]:
    """Return up to `limit` rows of a collection; fewer mean that these are all there are.

    Raises:
        Unavailable: The vendor broke the collection off before its end.
    """
    style = Offset(size_param="count", size=min(limit, PAGE_SIZE))
    # https://mailchimp.com/developer/marketing/docs/methods-parameters/#pagination
    pages = integration.api.pages(
        path, style=style, items=items, values=values, params=params, total="total_items", limit=limit
    )
    rows = await pages.collect()
    if not pages.complete and len(rows) < limit:
        raise Unavailable(f"the collection was cut short: {pages.reason}", integration=integration.slug)
    return rows
