"""Reads lists that vendors cut into pages, and says whether the list was read to its end."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from newfuse.errors import UnreadableAnswer
from newfuse.http.response import ApiResponse
from newfuse.types import JSON

NOT_READ = "not read yet"
CALLER_STOPPED = "the caller stopped before the end"
END = "read to the end"


@dataclass(frozen=True, slots=True)
class Page:
    """One page as a style sees it.

    Attributes:
        response: The answer.
        items: Its items.
        number: 0 for the first page.
        count: Items read so far, this page's included.
        total: Items the vendor announced, or None.
    """

    response: ApiResponse
    items: list[Any]
    number: int
    count: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Next:
    """How to ask for the next page: parameters to set, or a link to follow."""

    params: Mapping[str, Any] | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The list ends here; `complete` says whether that is its end."""

    complete: bool = True
    reason: str = END


class PageStyle(Protocol):
    """A vendor's way of cutting lists into pages."""

    def first(self) -> Mapping[str, Any]:
        """Return the parameters of the first page."""
        ...

    def after(self, page: Page) -> Next | Stop:
        """Return how to go on after a page."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The answer, or its last item, holds what to send for the next page.

    Attributes:
        param: Parameter that takes the cursor.
        at: Dotted path of the next cursor in the body, e.g. `paging.next.after`; absent or empty: the end.
        last_item: Field of the page's last item that is the cursor, e.g. `id` (Stripe); instead of `at`.
        more: Dotted path of a boolean that says whether there is more, e.g. `has_more`.
    """

    param: str
    at: str | None = None
    last_item: str | None = None
    more: str | None = None

    def first(self) -> Mapping[str, Any]:
        """Return nothing: the first page needs no cursor."""
        return {}

    def after(self, page: Page) -> Next | Stop:
        """Find the next cursor."""
        body = page.response.body
        if self.more is not None and not dig(body, self.more):
            return Stop()
        if self.at is not None:
            cursor = dig(body, self.at)
        else:
            cursor = dig(page.items[-1], self.last_item or "id") if page.items else None
        if cursor is None or cursor == "":
            if self.more is not None:
                return Stop(complete=False, reason="the vendor says there is more and gives no cursor")
            if self.at is None and page.items:
                field = self.last_item or "id"
                return Stop(complete=False, reason=f"the last item has no {field} to go on from")
            return Stop()
        return Next(params={self.param: cursor})


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNumber:
    """Pages are numbered.

    Attributes:
        param: Parameter that takes the number.
        start: Number of the first page.
        size_param: Parameter that takes the page size, if it is to be sent.
        size: Items a full page has; a shorter one is the last, unless the vendor's figures say otherwise.
        pages: Dotted path of the number of pages in the body.
    """

    param: str = "page"
    start: int = 1
    size_param: str | None = None
    size: int | None = None
    pages: str | None = None

    def first(self) -> Mapping[str, Any]:
        """Return the first page's number, and the size."""
        return {self.param: self.start, **_size(self.size_param, self.size)}

    def after(self, page: Page) -> Next | Stop:
        """Count on until the last page."""
        pages = _whole(dig(page.response.body, self.pages)) if self.pages is not None else None
        if pages is not None and page.number + 1 >= pages:
            return Stop()
        if not page.items or (pages is None and _exhausted(page, self.size)):
            return Stop()
        return Next(params={**self.first(), self.param: self.start + page.number + 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """Pages begin at a number of items.

    Attributes:
        param: Parameter that takes the number of items to skip.
        start: Items skipped by the first page.
        size_param: Parameter that takes the page size, if it is to be sent.
        size: Items a full page has; a shorter one is the last, unless the vendor's total says otherwise.
    """

    param: str = "offset"
    start: int = 0
    size_param: str | None = None
    size: int | None = None

    def first(self) -> Mapping[str, Any]:
        """Return the first offset, and the size."""
        return {self.param: self.start, **_size(self.size_param, self.size)}

    def after(self, page: Page) -> Next | Stop:
        """Skip what has been read."""
        if not page.items or (page.total is not None and self.start + page.count >= page.total):
            return Stop()
        if page.total is None and _exhausted(page, self.size):
            return Stop()
        return Next(params={**self.first(), self.param: self.start + page.count})


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNext:
    """The answer holds the next page's URL; links that lead out of the base URL are not followed.

    Attributes:
        at: Dotted path in the body of the URL, or of a list of `{"rel", "href"}` (PayPal); without it the
            `Link` header is read (RFC 8288).
        rel: Relation of the wanted link.
    """

    at: str | None = None
    rel: str = "next"

    def first(self) -> Mapping[str, Any]:
        """Return nothing: the first page is the plain path."""
        return {}

    def after(self, page: Page) -> Next | Stop:
        """Find the link."""
        if self.at is None:
            link = header_links(page.response.headers.get("link", "")).get(self.rel)
        else:
            found = dig(page.response.body, self.at)
            if isinstance(found, list):
                entries = (entry for entry in found if isinstance(entry, Mapping))
                found = next((entry.get("href") for entry in entries if entry.get("rel") == self.rel), None)
            link = found if isinstance(found, str) else None
        return Next(link=link) if link else Stop()


Fetch = Callable[[str | None, Mapping[str, Any]], Awaitable[ApiResponse | None]]
"""Gets one page by link (None when it leads elsewhere) or by the style's parameters."""


class Pages:
    """The items of a list, page after page: `async for item in pages`, or `await pages.collect()`.

    It never loops: a cursor or link that comes twice, or a page that repeats the one before, ends it.

    Attributes:
        complete: Whether the list was read to its end.
        reason: Why reading ended.
        count: Items handed out.
        total: Items the vendor announced, or None.
        pages_read: Requests that brought a page.
    """

    def __init__(
        self,
        fetch: Fetch,
        style: PageStyle,
        *,
        integration: str,
        items: str | None,
        total: str | None = None,
        limit: int | None = None,
        resumed: bool = False,
        absent_is_empty: bool = False,
    ) -> None:
        """Describe the list; `ApiClient.pages` does this."""
        self.complete = False
        self.reason = NOT_READ
        self.count = 0
        self.total: int | None = None
        self.pages_read = 0
        self._fetch = fetch
        self._style = style
        self._integration = integration
        self._absent_is_empty = absent_is_empty
        self._items_at = items
        self._total_at = total
        self._limit = limit
        self._resumed = resumed
        self._next: Next | Stop = Next(params=style.first())
        self._seen: set[str] = set()
        self._page: list[Any] = []
        self._position = 0
        self._received = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while self._position >= len(self._page):
            if isinstance(self._next, Stop):
                self.complete, self.reason = self._next.complete, self._next.reason
                raise StopAsyncIteration
            if self._limit is not None and self.count >= self._limit:
                self._cut()
            await self._turn(self._next)
        if self._limit is not None and self.count >= self._limit:
            self._cut()
        item = self._page[self._position]
        self._position += 1
        self.count += 1
        return item

    async def collect(self) -> list[Any]:
        """Return all items that are left; look at `complete` afterwards."""
        return [item async for item in self]

    def _cut(self) -> None:
        self.reason = f"stopped at the limit of {self._limit} items"
        self._next = Stop(complete=False, reason=self.reason)
        self._page = []
        raise StopAsyncIteration

    async def _turn(self, step: Next) -> None:
        self.reason = CALLER_STOPPED
        try:
            response = await self._fetch(step.link, step.params or {})
        except BaseException as exc:
            self.reason = f"failed after {self._received} items ({type(exc).__name__})"
            raise
        if response is None:
            self._end(complete=False, reason="the next page's link leads out of the base URL")
            return
        former = self._page
        self._page = self._items(response)
        if self.pages_read and self._page and self._page == former:
            self._end(complete=False, reason="the vendor sent the same page twice")
            return
        self.pages_read += 1
        self._position = 0
        self._received += len(self._page)
        if self._total_at is not None:
            found = _whole(dig(response.body, self._total_at))
            self.total = found if found is not None else self.total
        self._next = self._checked(
            self._style.after(Page(response, self._page, self.pages_read - 1, self._received, self.total))
        )

    def _items(self, response: ApiResponse) -> list[Any]:
        """Return the items of a page.

        Raises:
            UnreadableAnswer: There is no list where one belongs; that is not an empty list.
        """
        body = response.body
        items = dig(body, self._items_at) if self._items_at else body
        if isinstance(items, list):
            return items
        if items is None and self._absent_is_empty and isinstance(body, Mapping):
            return []
        self.reason = f"the answer holds no list at {self._items_at or 'its top'}"
        raise UnreadableAnswer(
            f"{self.reason}: it is not the list that was asked for",
            integration=self._integration,
            status=response.status,
            request_id=response.request_id,
        )

    def _checked(self, step: Next | Stop) -> Next | Stop:
        if isinstance(step, Stop):
            short = self.total is not None and not self._resumed and self._received < self.total
            if step.complete and short:
                return Stop(False, f"the vendor announced {self.total} items and gave {self._received}")
            return step
        mark = step.link or repr(step.params)
        if mark in self._seen:
            return Stop(complete=False, reason="the vendor gave the same cursor or link twice")
        self._seen.add(mark)
        return step

    def _end(self, *, complete: bool, reason: str) -> None:
        self._page, self._position = [], 0
        self._next = Stop(complete, reason)


def dig(body: JSON, path: str) -> JSON:
    """Return what lies at a dotted path of nested mappings, or None.

    Args:
        body: Decoded JSON.
        path: Names separated by dots, e.g. `paging.next.after`.
    """
    for name in path.split("."):
        if not isinstance(body, Mapping):
            return None
        body = body.get(name)
    return body


_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,\"]*))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def header_links(header: str) -> dict[str, str]:
    """Return the URLs of a `Link` header by relation; a link may have several (RFC 8288, 3.3).

    Args:
        header: The header's value.
    """
    links: dict[str, str] = {}
    for url, attributes in _LINK.findall(header):
        found = _REL.search(attributes)
        for rel in ((found[1] or found[2]) if found else "").lower().split():
            links.setdefault(rel, url)
    return links


def _size(param: str | None, size: int | None) -> dict[str, int]:
    return {param: size} if param is not None and size is not None else {}


def _exhausted(page: Page, size: int | None) -> bool:
    if page.total is not None:
        return page.count >= page.total
    return size is not None and len(page.items) < size


def _whole(value: JSON) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) else None
