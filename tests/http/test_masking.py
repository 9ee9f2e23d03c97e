"""A vendor that repeats our own key: it is masked where answers enter, and nothing else of them is."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from newfuse.auth import Basic, Bearer, HeaderKey, QueryKey
from newfuse.errors import OutcomeUnknown, Rejected, VendorError
from newfuse.http import ApiConfig, Expect, LinkNext, RetryPolicy
from newfuse.redact import MASK

ONCE = RetryPolicy(attempts=1)
KEY = "dk7/Q+zeta=90&omega"  # of no vendor's shape
SPELLINGS = {
    "plain": KEY,
    "percent-encoded": quote(KEY, safe=""),
    "escaped for JSON": KEY.replace("/", "\\/"),
    "base64": b64encode(KEY.encode()).decode(),
    "base64 with a name": b64encode(f"newfuse:{KEY}".encode()).decode(),
}
SCHEMES = {
    "basic": Basic(username="newfuse", password_field="key"),
    "user": Basic(username_field="key"),
    "bearer": Bearer(field="key"),
    "header": HeaderKey(field="key"),
    "query": QueryKey(name="api_secret", field="key"),
}


def authorized(scheme: str) -> dict[str, Any]:
    return {"auth": SCHEMES[scheme].build({"key": SecretStr(KEY)}), "retry": ONCE}


def leaks(shown: str) -> list[str]:
    return [way for way, written in SPELLINGS.items() if written[4:] in shown]  # by half is too much as well


@pytest.mark.parametrize("way", SPELLINGS)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_our_key_is_masked_in_what_a_vendor_answers(vendor, scheme: str, way: str):
    written = SPELLINGS[way]
    body = {"id": "cus_123", "name": f"audience {written}", "rows": [{written: [f"Basic {written}"]}], "n": 90}
    shop = vendor(httpx.Response(200, json=body, headers={"X-Request-Id": f"r-{written}", "X-Echo": written}))
    async with shop.client(**authorized(scheme)) as api:
        answer = await api.request("GET", "/x")
    assert [] == leaks(f"{answer.body}{dict(answer.headers)}{answer.request_id}{shop.records}")
    assert MASK in str(answer.body["name"])
    assert MASK in str(answer.headers["x-echo"])
    assert MASK in str(shop.records[0].request_id)
    assert ("cus_123", 90) == (answer.body["id"], answer.body["n"])


@pytest.mark.parametrize("way", SPELLINGS)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_our_key_is_masked_in_what_a_vendor_refuses_with(vendor, scheme: str, way: str):
    written = SPELLINGS[way]
    for content in (
        json.dumps({"error": {"message": f"no {written}", "code": written, "param": {written: [written]}}}).encode(),
        f"/x?api_secret={written} is refused".encode(),
    ):
        shop = vendor(httpx.Response(400, content=content, headers={"Request-Id": written}))
        async with shop.client(**authorized(scheme)) as api:
            with pytest.raises((Rejected, OutcomeUnknown)) as caught:  # a text is not the vendor's own form
                await api.post("/x")
        error = caught.value
        assert [] == leaks(f"{error.for_model}{error.for_log}{vars(error)!r}{shop.records}")
        assert MASK in error.message


@pytest.mark.parametrize(
    "content",
    [
        f"it is {KEY}".encode(),
        json.dumps({"a": KEY}, ensure_ascii=True).encode("utf-16"),
        ('{"a": "' + "".join(f"\\u{ord(char):04X}" for char in KEY) + '"}').encode(),
    ],
    ids=["text", "UTF-16", "escaped throughout"],
)
async def test_our_key_is_masked_in_texts_and_in_unusual_json(vendor, content: bytes):
    shop = vendor(httpx.Response(200, content=content))
    async with shop.client(**authorized("bearer")) as api:
        body = await api.get("/x", expect=Expect.ANYTHING)
    assert [] == leaks(str(body))
    assert MASK in str(body)


async def test_keys_among_params_and_headers_are_our_own_too(vendor):
    shop = vendor(httpx.Response(200, json={"a": KEY, "b": "sess-0123456789", "c": "the bearer"}))
    headers = {"Authorization": "Bearer sess-0123456789"}
    config = ApiConfig(base_url="http://vendor.test", params={"api_key": KEY}, headers=headers)
    async with shop.client(config=config) as api:
        assert {"a": MASK, "b": MASK, "c": "the bearer"} == await api.get("/x")


async def test_what_a_program_works_with_is_handed_on_as_it_came(vendor):
    body = {
        "id": "pi_3Nc4vMLkdIwHu7ix1fKmDp2q",
        "client_secret": "pi_3Nc4vMLkdIwHu7ix1fKmDp2q_secret_abcdefghijklmnopq",
        "card": "4242 4242 4242 4242",
        "text": 'line\nbreak "quoted" \\ é €',
        "url": "https://a.test/x?y=%2F+&z=1",
    }
    shop = vendor(httpx.Response(200, json=body, headers={"Request-Id": "req_Q5sL1yXhKqmRfT"}))
    async with shop.client(**authorized("basic")) as api:
        answer = await api.request("GET", "/x")
    assert body == answer.body
    assert "req_Q5sL1yXhKqmRfT" == answer.request_id == shop.records[0].request_id


async def test_an_endless_request_id_is_cut(vendor):
    shop = vendor(httpx.Response(200, json={}, headers={"Request-Id": "r" * 5_000}))
    async with shop.client() as api:
        await api.get("/x")
    assert 200 == len(shop.records[0].request_id)


@pytest.mark.parametrize("scheme", ["query", "bearer"])
@pytest.mark.parametrize("way", ["in the body", "in a header"])
async def test_a_vendors_link_is_followed_with_our_key_and_not_with_its_mask(vendor, scheme: str, way: str):
    link = f"http://vendor.test/stripe/x?api_secret={quote(KEY, safe='')}&after=2"
    if way == "in a header":
        style = LinkNext()
        first = httpx.Response(200, json=[1], headers={"Link": f'<{link}>; rel="next"'})
        second, items = httpx.Response(200, json=[2]), None
    else:
        style = LinkNext(at="next")
        first, second = httpx.Response(200, json={"items": [1], "next": link}), httpx.Response(200, json={"items": [2]})
        items = "items"
    shop = vendor(first, second)
    async with shop.client(**authorized(scheme)) as api:
        assert [1, 2] == await api.pages("/x", style=style, items=items).collect()
    asked = shop.requests[1].url.params
    assert {"after": "2", **({"api_secret": KEY} if scheme == "query" else {})} == dict(asked)


async def test_a_link_gets_back_the_key_that_is_among_the_configured_params(vendor):
    link = f"/stripe/x?after=2&token={quote(KEY, safe='')}&fields=a"
    shop = vendor(httpx.Response(200, json={"items": [1], "next": link}), httpx.Response(200, json={"items": [2]}))
    config = ApiConfig(base_url="http://vendor.test/stripe", params={"token": KEY, "fields": "b"})
    async with shop.client(config=config) as api:
        assert [1, 2] == await api.pages("/x", style=LinkNext(at="next"), items="items").collect()
        await api.get(f"http://vendor.test/stripe/x?token={MASK}&after=3")
    assert {"after": "2", "token": KEY, "fields": "a"} == dict(shop.requests[1].url.params)
    assert {"after": "3", "token": KEY, "fields": "b"} == dict(shop.requests[2].url.params)


async def test_a_connectors_own_reading_of_errors_sees_no_key_either(vendor):
    seen = []
    shop = vendor(httpx.Response(409, json={"message": KEY}, headers={"X-Echo": KEY}))
    described = {"describe": lambda *answer: seen.append(answer)}
    async with shop.client(**authorized("basic"), **described) as api:
        with pytest.raises(VendorError):
            await api.post("/x")
    assert 1 == len(seen)
    assert [] == leaks(repr(seen))
