"""One call: what goes out, what comes back, what is written down."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from datetime import UTC
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr, ValidationError

import newfuse.http
from newfuse.auth import Bearer, QueryKey
from newfuse.errors import (
    AuthenticationFailed,
    ConfigurationError,
    Conflict,
    Declined,
    InvalidArguments,
    NewFuseError,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    Unavailable,
    VendorError,
)
from newfuse.http import CALL, ApiConfig, Expect, Fault, RetryPolicy, calling
from newfuse.http.response import describe

ONCE = RetryPolicy(attempts=1)
SECRET = "sup3r-s3cret-value"


async def test_the_prefix_is_kept_and_values_are_encoded(vendor):
    shop = vendor()
    async with shop.client() as api:
        await api.get("/v1/customers/{id}/cards/{card}", {"limit": 3}, values={"id": "a/b?c d", "card": 7})
    assert "http://vendor.test/stripe/v1/customers/a%2Fb%3Fc%20d/cards/7?limit=3" == str(shop.requests[0].url)
    assert "/v1/customers/{id}/cards/{card}" == shop.records[0].template


async def test_the_calls_params_win_and_none_is_left_out(vendor):
    shop = vendor()
    config = ApiConfig(base_url="http://vendor.test", params={"a": 1, "b": 2, "c": 3})
    async with shop.client(config=config) as api:
        await api.get("/x", {"b": "two", "c": None, "d": ["p", "q"]})
    assert b"a=1&b=two&d=p&d=q" == shop.requests[0].url.query


async def test_headers_have_defaults_that_configuration_and_call_override(vendor):
    shop = vendor()
    config = ApiConfig(base_url="http://vendor.test", headers={"accept": "application/vnd.x+json", "X-A": "1"})
    async with shop.client(config=config) as api:
        await api.post("/x", json={}, headers={"x-a": "2", "CONTENT-TYPE": "application/vnd.y+json"})
        await api.get("/x")
        await api.post("/x", form={"a": 1})
    first, second, third = (request.headers for request in shop.requests)
    assert ("application/vnd.x+json", "2") == (first["Accept"], first["X-A"])
    assert ["application/vnd.y+json"] == first.get_list("Content-Type")
    assert "Content-Type" not in second
    assert "application/x-www-form-urlencoded" == third["Content-Type"]
    assert first["User-Agent"].startswith("newfuse/")


async def test_json_goes_out_compact_in_utf_8(vendor):
    shop = vendor()
    async with shop.client() as api:
        await api.post("/x", json={"name": "Zoë", "n": [1, None, True]})
    assert '{"name":"Zoë","n":[1,null,true]}'.encode() == shop.requests[0].content
    assert "application/json" == shop.requests[0].headers["Content-Type"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"json": {"a": float("nan")}},
        {"json": {"a": {1, 2}}},
        {"json": {"a": "\ud800"}},
        {"json": {}, "form": {}},
        {"headers": {"X-A": "1\r\nX-B: 2"}},
        {"headers": {"X A": "1"}},
        {"headers": {"X-A": "日本"}},
        {"values": {"id": "1"}},
        {"params": {"q": "a" * 70_000}},
    ],
    ids=str,
)
async def test_what_cannot_be_sent_is_refused_before_anything_is(vendor, arguments):
    shop = vendor()
    async with shop.client() as api:
        with pytest.raises(InvalidArguments) as caught:
            await api.post("/x", **arguments)
    assert [] == shop.requests
    assert len(str(caught.value)) < 300


async def test_an_absolute_url_is_taken_below_the_base_alone(vendor):
    shop = vendor()
    async with shop.client() as api:
        await api.get("http://vendor.test/stripe/v1/x?after=1")
        for outside in ("http://vendor.test/other", "https://vendor.test/stripe/x", "http://evil.test/stripe/x"):
            with pytest.raises(InvalidArguments):
                await api.get(outside)
    assert ["http://vendor.test/stripe/v1/x?after=1"] == [str(request.url) for request in shop.requests]
    assert "{link}" == shop.records[0].template


async def test_routes_send_a_prefix_to_another_host(vendor):
    shop = vendor()
    routes = {"/mp/": "https://collect.test", "/mp/eu/": "https://eu.test"}
    config = ApiConfig(base_url="https://data.test", routes=routes)
    async with shop.client(config=config) as api:
        for path in ("/mp/collect", "/mp/eu/collect", "/v1beta/x"):
            await api.post(path)
    assert ["collect.test", "eu.test", "data.test"] == [record.host for record in shop.records]
    assert ["collect.test", "eu.test", "data.test"] == [request.url.host for request in shop.requests]


def typed(content_type: str, content: bytes) -> httpx.Response:
    return httpx.Response(200, content=content, headers={"Content-Type": content_type})


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (httpx.Response(200, json={"a": 1}), {"a": 1}),
        (typed("application/problem+json", b'{"a":1}'), {"a": 1}),
        (typed("text/javascript; charset=UTF-8", b'{"a":1}'), {"a": 1}),
        (httpx.Response(200, content=b'{"a":1}'), {"a": 1}),
        (httpx.Response(200, content=b"plain"), "plain"),
        (httpx.Response(200, text="Everything's Chimpy!"), "Everything's Chimpy!"),
        (typed("text/csv; charset=latin-1", "né".encode("latin-1")), "né"),
        (typed("text/plain; charset=klingon", b"x"), "x"),
        (httpx.Response(204), None),
        (typed("application/json", b" \n"), None),
    ],
    ids=str,
)
async def test_bodies_are_decoded_by_their_type(vendor, answer, body):
    shop = vendor(answer)
    async with shop.client() as api:
        assert body == await api.get("/x", expect=Expect.ANYTHING)


async def test_request_returns_the_whole_answer_and_head_its_headers(vendor):
    headers = {"Request-Id": "req_9", "X-Total": "7"}
    shop = vendor(httpx.Response(201, json={}, headers=headers), httpx.Response(200, headers=headers))
    async with shop.client() as api:
        answer = await api.request("post", "/x")
        headers = await api.head("/x")
    assert (201, "req_9", "7") == (answer.status, answer.request_id, answer.headers["x-total"])
    assert "7" == headers["X-TOTAL"]
    assert ["POST", "HEAD"] == [request.method for request in shop.requests]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, AuthenticationFailed),
        (402, Declined),
        (403, PermissionDenied),
        (404, NotFound),
        (409, Conflict),
        (422, Rejected),
        (429, RateLimited),
        (500, Unavailable),
        (529, Unavailable),
    ],
)
async def test_a_status_becomes_the_error_that_says_what_to_do(vendor, status, error):
    body = {"error": {"message": "so it is", "code": "c_1"}}
    shop = vendor(httpx.Response(status, json=body, headers={"Request-Id": "r1"}))
    async with shop.client(retry=ONCE) as api:
        with pytest.raises(VendorError) as caught:
            await api.get("/x")
    assert error is type(caught.value)
    assert ("so it is", "c_1", status, "r1", "stripe") == (
        caught.value.message,
        caught.value.code,
        caught.value.status,
        caught.value.request_id,
        caught.value.integration,
    )
    assert "r1" not in caught.value.for_model
    assert "r1" in caught.value.for_log
    assert error.__name__ == shop.records[0].error


async def test_a_connectors_description_names_what_exists_already_and_its_mistakes_are_survived(vendor):
    answer = httpx.Response(409, json={"message": "Contact already exists. Existing ID: 12345"})
    shop = vendor(answer)
    async with shop.client(describe=lambda *_: Fault("exists", "CONFLICT", existing_id="12345")) as api:
        with pytest.raises(Conflict) as caught:
            await api.post("/x")
    assert "12345" == caught.value.existing_id
    async with shop.client(describe=lambda *_: 1 / 0) as api:
        with pytest.raises(OutcomeUnknown, match="Contact already exists"):  # nobody can say whose words these are
            await api.post("/x")


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "m", "type": "card_error", "code": "declined"}}, "m", "declined"),
        ({"error": "invalid_grant", "error_description": "expired"}, "expired", "invalid_grant"),
        ({"ok": False, "error": "channel_not_found"}, "channel_not_found", "channel_not_found"),
        ({"status": "error", "message": "m", "category": "VALIDATION_ERROR"}, "m", "VALIDATION_ERROR"),
        (
            {"type": "about:blank", "detail": "d", "errors": [{"field": "email", "message": "bad"}]},
            "d (email: bad)",
            "about:blank",
        ),
        ({"errors": [{"message": "no", "field": None}]}, "no", None),
        ({"detail": [{"loc": ["a"], "msg": "field required"}]}, "field required", None),
        ([{"message": "m", "errorCode": "E"}], "m", "E"),
        ("  too\n many ", "too many", None),
        ({"title": "t"}, "t", None),
    ],
    ids=str,
)
def test_common_error_shapes_are_read(body, message, code):
    assert Fault(message, code) == describe(body)


@pytest.mark.parametrize("body", [None, "", {}, [], 7, "<html>x</html>", {"error": None}, {"errors": []}], ids=repr)
def test_bodies_that_say_nothing_are_not_read_as_something(body):
    assert describe(body) is None


async def test_an_html_page_is_not_pasted_into_the_message(vendor):
    page = "<!DOCTYPE html><html><body>" + "x" * 5000
    shop = vendor(httpx.Response(502, html=page))
    async with shop.client(retry=ONCE) as api:
        with pytest.raises(Unavailable) as caught:
            await api.get("/x")
    assert "xxx" not in caught.value.for_log
    assert caught.value.detail is None


async def test_messages_and_details_are_cut(vendor):
    deep: dict[str, object] = {"message": "m" * 10_000, "list": ["y" * 10_000] * 500}
    for _ in range(30):
        deep = {"message": "m" * 10_000, "inner": deep}
    shop = vendor(httpx.Response(400, json=deep))
    async with shop.client() as api:
        with pytest.raises(Rejected) as caught:
            await api.post("/x")
    assert 300 == len(caught.value.message)
    assert len(json.dumps(caught.value.detail)) < 10_000


def everything_said(exc: BaseException) -> str:
    chain, parts = exc, []
    while chain is not None:
        parts += [str(chain), repr(chain), repr(vars(chain)), *map(repr, chain.args)]
        request = getattr(chain, "_request", None)
        parts += [repr(request), repr(getattr(request, "headers", None))]
        chain = chain.__cause__ or chain.__context__
    return "\n".join([*parts, "".join(traceback.format_exception(exc))])


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"error": {"message": f"Invalid API key: {SECRET}", "code": SECRET}}),
        httpx.Response(400, text=f"bad request to /x?api_secret={SECRET}"),
        httpx.Response(500, json={"echo": [f"Bearer {SECRET}"], "list": [{"x": SECRET}], SECRET: 1}),
        httpx.Response(307, headers={"Location": f"https://{SECRET}.test/?k={SECRET}"}),
        httpx.Response(200, content=f"{SECRET}".encode(), headers={"Content-Type": "application/json"}),
        (httpx.ConnectError, f"failed to reach http://vendor.test/x?api_secret={SECRET}"),
        (httpx.ReadError, f"broke with {SECRET}"),
        (httpx.ReadTimeout, f"http://vendor.test/x?api_secret={SECRET}"),
    ],
    ids=str,
)
@pytest.mark.parametrize("scheme", [Bearer(field="key"), QueryKey(name="api_secret", field="key")], ids=str)
async def test_secrets_are_in_no_error_record_log_or_repr(vendor, answer, scheme, caplog):
    if isinstance(answer, tuple):
        kind, text = answer
        answer = kind(text, request=httpx.Request("GET", f"http://vendor.test/x?api_secret={SECRET}"))
        answer.__cause__ = OSError(text)
    caplog.set_level(logging.DEBUG)
    shop = vendor(answer)
    auth = scheme.build({"key": SecretStr(SECRET)})
    hidden = {"headers": {"X-Api-Key": SECRET}, "params": {"secret": SECRET}}
    config = ApiConfig(base_url="http://vendor.test", **hidden)
    async with shop.client(retry=ONCE, auth=auth, config=config) as api:
        with pytest.raises(NewFuseError) as caught:
            await api.post("/x", json={})
        said = [repr(api), repr(auth), repr(config), repr(vars(api._sender)), repr(shop.records), caplog.text]
    error = caught.value
    said += [error.for_model, error.for_log, repr(vars(error))]
    chain = everything_said(error)
    assert SECRET not in "\n".join(said)
    assert SECRET not in chain
    assert len(shop.requests) == 1
    assert SECRET in str(shop.requests[0].url) + str(shop.requests[0].headers.get("authorization"))


async def test_a_record_says_who_called_and_what_it_cost(vendor):
    shop = vendor(httpx.Response(200, json={"id": 1}, headers={"X-HubSpot-Correlation-Id": "abc"}))
    async with shop.client() as api:
        with calling(run_id="r1", task="t", agent="a", action="create_x"):
            await api.post("/v1/{kind}", values={"kind": "x"}, json={"a": 1})
    (record,) = shop.records
    assert ("r1", "t", "a", "create_x") == (record.run_id, record.task, record.agent, record.action)
    assert ("stripe", "POST", "vendor.test", "/v1/{kind}") == (
        record.integration,
        record.method,
        record.host,
        record.template,
    )
    assert (200, None, True, 1, "abc") == (
        record.status,
        record.error,
        record.sent,
        record.attempt,
        record.request_id,
    )
    assert len(b'{"a":1}') == record.bytes_out
    assert UTC is record.started_at.tzinfo
    assert record.latency_ms > 0
    assert record.tls is None


async def test_a_recorder_that_fails_breaks_no_call(vendor):
    shop = vendor()
    api = shop.client()
    api._sender._recorder = lambda record: 1 / 0
    async with api:
        assert {"ok": True} == await api.get("/x")


async def test_an_auth_that_fails_is_recorded_as_not_sent_and_trips_no_breaker(vendor):
    class Broken(httpx.Auth):
        def auth_flow(self, request):
            raise ConfigurationError("no token")
            yield request

    shop = vendor()
    async with shop.client(auth=Broken()) as api:
        with pytest.raises(ConfigurationError):
            await api.post("/x")
    assert [("ConfigurationError", False)] == [(record.error, record.sent) for record in shop.records]


def test_the_context_is_restored_after_an_error():
    def act():
        with calling(run_id="r1", repeatable=True):
            with calling(task="t"):
                assert ("r1", "t", True) == (CALL.get().run_id, CALL.get().task, CALL.get().repeatable)
            assert CALL.get().task is None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act()
    assert CALL.get().run_id is None
    assert not CALL.get().repeatable


@pytest.mark.parametrize("changes", [{"timeout_s": 0}, {"timeout_s": -1}, {"timeout_s": 30_000}, {"x": 1}])
def test_a_configuration_that_cannot_be_meant_is_refused(changes):
    with pytest.raises(ValidationError):
        ApiConfig(base_url="http://vendor.test", **changes)


def test_importing_the_room_loads_no_http_library():
    script = (
        "import sys, newfuse.http, newfuse.auth;"
        "newfuse.http.ApiClient(newfuse.http.ApiConfig(base_url='http://x.test'), integration='x');"
        "print([name for name in ('httpx', 'tenacity', 'aiolimiter') if name in sys.modules])"
    )
    root = Path(newfuse.http.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert "[]" == done.stdout.strip()


async def test_an_unknown_outcome_says_what_to_do(vendor):
    shop = vendor(httpx.Response(500))
    async with shop.client() as api:
        with pytest.raises(OutcomeUnknown, match="look before sending it again"):
            await api.post("/x")
