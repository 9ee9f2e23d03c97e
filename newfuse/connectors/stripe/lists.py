"""Reads Stripe's lists to the end, or to the number of items that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from newfuse import Cursor, Integration
from newfuse.errors import Unavailable
from newfuse.types import JSON

PAGE_SIZE = 100  # the most that one page holds: https://docs.stripe.com/api/pagination
DEFAULT_LIMIT = 100  # one request
MAX_LIMIT = 10_000  # a hundred requests: more belongs into a report of Stripe's own

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]

# https://docs.stripe.com/api/pagination
BY_LAST_ID = Cursor(param="starting_after", last_item="id", more="has_more")
# https://docs.stripe.com/api/pagination/search
BY_NEXT_PAGE = Cursor(param="page", at="next_page", more="has_more")


async def read_list(
    integration: Integration, path: str, *, style: Cursor, params: Mapping[str, Any], limit: int
) -> list[JSON]:
    """Return up to `limit` rows of a list; fewer mean that these are all there are.

    Raises:
        Unavailable: The vendor broke the list off before its end.
    """
    pages = integration.api.pages(
        path, style=style, items="data", params={**params, "limit": min(limit, PAGE_SIZE)}, limit=limit
    )
    rows = await pages.collect()
    if not pages.complete and len(rows) < limit:
        raise Unavailable(f"the list was cut short: {pages.reason}", integration=integration.slug)
    return rows
