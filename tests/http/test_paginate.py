"""Lists in pages: read to the end, cut short, or going round in circles."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from newfuse.errors import Unavailable, UnreadableAnswer
from newfuse.http import ApiClient, ApiConfig, Cursor, LinkNext, Offset, PageNumber, RetryPolicy
from newfuse.http.paginate import header_links

ROWS = [{"id": f"row_{number}"} for number in range(7)]


class Shop:
    """A vendor whose list is cut by the given function."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.requests: list[httpx.Request] = []
        self.records = []
        self.answer = answer

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert len(self.requests) < 50
        return self.answer(request)

    def client(self) -> ApiClient:
        return ApiClient(
            ApiConfig(base_url="http://vendor.test/api"),
            integration="shop",
            recorder=self.records.append,
            retry=RetryPolicy(attempts=1),
            transport=httpx.MockTransport(self.handle),
        )


def stripe(request: httpx.Request) -> httpx.Response:
    after = request.url.params.get("starting_after")
    start = next((index + 1 for index, row in enumerate(ROWS) if row["id"] == after), 0)
    return httpx.Response(200, json={"data": ROWS[start : start + 3], "has_more": start + 3 < len(ROWS)})


def hubspot_search(request: httpx.Request) -> httpx.Response:
    start = int(json.loads(request.content).get("after", 0))
    body = {"total": len(ROWS), "results": ROWS[start : start + 3]}
    if start + 3 < len(ROWS):
        body["paging"] = {"next": {"after": str(start + 3)}}
    return httpx.Response(200, json=body)


def numbered(request: httpx.Request) -> httpx.Response:
    page = int(request.url.params["page"])
    return httpx.Response(200, json={"items": ROWS[(page - 1) * 3 : page * 3], "pages": 3})


def mailchimp(request: httpx.Request) -> httpx.Response:
    start, count = int(request.url.params["offset"]), int(request.url.params["count"])
    return httpx.Response(200, json={"members": ROWS[start : start + count], "total_items": len(ROWS)})


def linked(request: httpx.Request) -> httpx.Response:
    start = int(request.url.params.get("from", 0))
    headers = {}
    if start + 3 < len(ROWS):
        link = f'<http://vendor.test/api/rows?from=0>; rel="first", </api/rows?from={start + 3}>; rel="next last"'
        headers["Link"] = link
    return httpx.Response(200, json=ROWS[start : start + 3], headers=headers)


def paypal(request: httpx.Request) -> httpx.Response:
    start = int(request.url.params.get("from", 0))
    links = [{"rel": "self", "href": str(request.url)}]
    if start + 3 < len(ROWS):
        links.append({"rel": "next", "href": f"?from={start + 3}"})
    return httpx.Response(200, json={"items": ROWS[start : start + 3], "links": links})


STYLES = {
    "stripe": (stripe, {"style": Cursor(param="starting_after", last_item="id", more="has_more"), "items": "data"}),
    "hubspot": (
        hubspot_search,
        {
            "style": Cursor(param="after", at="paging.next.after"),
            "items": "results",
            "method": "POST",
            "json": {"limit": 3},
            "total": "total",
        },
    ),
    "numbered": (numbered, {"style": PageNumber(pages="pages"), "items": "items"}),
    "numbered by size": (numbered, {"style": PageNumber(size=3), "items": "items"}),
    "numbered to the empty page": (numbered, {"style": PageNumber(), "items": "items"}),
    "mailchimp": (
        mailchimp,
        {"style": Offset(size_param="count", size=3), "items": "members", "total": "total_items"},
    ),
    "offset by size": (mailchimp, {"style": Offset(size_param="count", size=3), "items": "members"}),
    "link header": (linked, {"style": LinkNext()}),
    "link in the body": (paypal, {"style": LinkNext(at="links"), "items": "items"}),
}


@pytest.mark.parametrize("name", STYLES)
async def test_every_style_reads_the_whole_list(name):
    answer, arguments = STYLES[name]
    shop = Shop(answer)
    async with shop.client() as api:
        pages = api.pages("/rows", params={"kept": "yes"}, **arguments)
        assert (False, "not read yet") == (pages.complete, pages.reason)
        assert ROWS == await pages.collect()
    assert (True, 7) == (pages.complete, pages.count)
    assert "total" not in arguments or 7 == pages.total
    assert {"/rows"} == {record.template for record in shop.records}
    assert "yes" == shop.requests[0].url.params["kept"]


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("limit", [1, 3, 4])
async def test_a_limit_cuts_and_says_so(name, limit):
    answer, arguments = STYLES[name]
    shop = Shop(answer)
    async with shop.client() as api:
        pages = api.pages("/rows", limit=limit, **arguments)
        assert ROWS[:limit] == await pages.collect()
    assert (False, f"stopped at the limit of {limit} items") == (pages.complete, pages.reason)
    assert (limit + 2) // 3 == len(shop.requests)


async def test_a_limit_that_the_list_just_fills_is_complete():
    shop = Shop(stripe)
    async with shop.client() as api:
        pages = api.pages("/rows", limit=7, **STYLES["stripe"][1])
        assert ROWS == await pages.collect()
    assert pages.complete


async def test_a_cursor_that_comes_twice_ends_the_list():
    shop = Shop(lambda r: httpx.Response(200, json={"results": [{"n": len(shop.requests)}], "next": "same"}))
    async with shop.client() as api:
        pages = api.pages("/rows", style=Cursor(param="after", at="next"), items="results")
        await pages.collect()
    assert (False, "the vendor gave the same cursor or link twice") == (pages.complete, pages.reason)
    assert 2 == len(shop.requests)


@pytest.mark.parametrize("style", [PageNumber(), Offset(), Cursor(param="after", last_item="id")], ids=str)
async def test_a_vendor_that_ignores_the_page_is_noticed(style):
    shop = Shop(lambda r: httpx.Response(200, json={"results": ROWS[:3]}))
    async with shop.client() as api:
        pages = api.pages("/rows", style=style, items="results")
        assert ROWS[:3] == await pages.collect()
    assert not pages.complete
    assert "twice" in pages.reason
    assert 2 == len(shop.requests)


async def test_links_that_go_round_end_the_list():
    def round_trip(request):
        page = int(request.url.params.get("p", 0))
        return httpx.Response(200, json=[{"p": page}], headers={"Link": f"</api/rows?p={(page + 1) % 3}>; rel=next"})

    shop = Shop(round_trip)
    async with shop.client() as api:
        pages = api.pages("/rows", style=LinkNext())
        await pages.collect()
    assert (False, "the vendor gave the same cursor or link twice") == (pages.complete, pages.reason)
    assert len(shop.requests) <= 5


@pytest.mark.parametrize("link", ["https://evil.test/api/rows", "/elsewhere", "//evil.test/api/rows"])
async def test_a_link_that_leads_out_of_the_base_is_not_followed(link):
    shop = Shop(lambda r: httpx.Response(200, json={"items": ROWS[:3], "next": link}))
    async with shop.client() as api:
        pages = api.pages("/rows", style=LinkNext(at="next"), items="items")
        assert ROWS[:3] == await pages.collect()
    assert (False, "the next page's link leads out of the base URL") == (pages.complete, pages.reason)
    assert 1 == len(shop.requests)


async def test_fewer_items_than_announced_is_not_complete():
    shop = Shop(lambda r: httpx.Response(200, json={"results": ROWS[:3], "total": 10}))
    async with shop.client() as api:
        pages = api.pages("/rows", style=Cursor(param="after", at="next"), items="results", total="total")
        await pages.collect()
    assert (False, "the vendor announced 10 items and gave 3") == (pages.complete, pages.reason)


async def test_going_on_from_a_cursor_is_not_mistaken_for_a_short_list():
    shop = Shop(lambda r: httpx.Response(200, json={"results": ROWS[:3], "total": 10}))
    async with shop.client() as api:
        style = Cursor(param="after", at="next")
        pages = api.pages("/rows", style=style, items="results", total="total", params={"after": "7"})
        await pages.collect()
    assert pages.complete


async def test_more_without_a_cursor_is_not_complete():
    shop = Shop(lambda r: httpx.Response(200, json={"data": [], "has_more": True}))
    async with shop.client() as api:
        pages = api.pages("/rows", **STYLES["stripe"][1])
        assert [] == await pages.collect()
    assert not pages.complete


NOT_THE_LIST = [
    httpx.Response(200, json={"results": {"oops": 1}}),
    httpx.Response(200, json={"results": None}),
    httpx.Response(200, json={}),
    httpx.Response(200, json=[]),
    httpx.Response(200, content=b"null", headers={"Content-Type": "application/json"}),
    httpx.Response(200, html="<html>Back soon</html>"),
    httpx.Response(200),
    httpx.Response(204),
]


@pytest.mark.parametrize("answer", NOT_THE_LIST, ids=lambda answer: answer.text or str(answer.status_code))
async def test_an_answer_without_a_list_is_unreadable_and_not_an_empty_list(answer):
    shop = Shop(lambda r: httpx.Response(answer.status_code, headers=answer.headers, content=answer.content))
    async with shop.client() as api:
        pages = api.pages("/rows", style=PageNumber(), items="results")
        with pytest.raises(UnreadableAnswer):
            await pages.collect()
    assert not pages.complete


async def test_only_where_the_vendor_leaves_empty_lists_out_is_an_absent_list_empty():
    shop = Shop(lambda r: httpx.Response(200, json={}))
    async with shop.client() as api:
        pages = api.pages("/rows", style=PageNumber(), items="results", absent_is_empty=True)
        assert [] == await pages.collect()
    assert pages.complete


async def read_into(read, pages):
    async for row in pages:
        read.append(row)


async def test_a_failure_in_the_middle_is_raised_and_leaves_its_mark():
    shop = Shop(lambda r: stripe(r) if len(shop.requests) < 3 else httpx.Response(503))
    read = []
    async with shop.client() as api:
        pages = api.pages("/rows", **STYLES["stripe"][1])
        with pytest.raises(Unavailable):
            await read_into(read, pages)
    assert ROWS[:6] == read
    assert (False, "failed after 6 items (Unavailable)") == (pages.complete, pages.reason)


async def test_a_caller_that_stops_early_leaves_an_incomplete_list():
    shop = Shop(stripe)
    async with shop.client() as api:
        pages = api.pages("/rows", **STYLES["stripe"][1])
        async for _ in pages:
            break
    assert (False, "the caller stopped before the end", 1) == (pages.complete, pages.reason, pages.count)


async def test_an_empty_list_is_complete_after_one_request():
    shop = Shop(lambda r: httpx.Response(200, json={"results": []}))
    async with shop.client() as api:
        for style in (PageNumber(), Offset(), Cursor(param="a", at="n"), Cursor(param="a", last_item="id"), LinkNext()):
            pages = api.pages("/rows", style=style, items="results")
            assert [] == await pages.collect()
            assert pages.complete
    assert 5 == len(shop.requests)


def test_link_headers_are_read_as_rfc_8288_writes_them():
    header = '<https://a.test/?q=1,2>; title="a, <b>; c"; rel="next", <x>; rel=prev ,<y>;rel="last next";foo'
    assert {"next": "https://a.test/?q=1,2", "prev": "x", "last": "y"} == header_links(header)
    assert {} == header_links("nonsense")
