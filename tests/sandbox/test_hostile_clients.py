"""What a sandbox on a developer's machine may be sent by others: web pages, endless bodies, bottomless JSON."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from newfuse.errors import ConfigurationError
from newfuse.sandbox import SANDBOX_CREDENTIALS, Sandbox, SandboxServer, application, environment
from newfuse.sandbox.doubles import doubles_of
from newfuse.sandbox.json_text import MOST_LEVELS
from newfuse.sandbox.vendor import VendorRequest

# Deep enough for Python's parser to give up, and deep enough only for what reads its result.
DEPTHS = [100_000, MOST_LEVELS + 1]
# Google answers these with 2xx whatever is in them: one drops it, the other lists what is wrong.
# https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference#response_codes
NEVER_REFUSING = {"/mp/collect", "/debug/mp/collect"}


def nested(depth: int, opening: str, closing: str) -> str:
    return opening * depth + "1" + closing * depth


def bottomless(depth: int) -> list[bytes]:
    deep_list, deep_object = nested(depth, "[", "]"), nested(depth, '{"a":', "}")
    inner = nested(depth - 1, "[", "]")
    fields = ("properties", "inputs", "events", "filterGroups", "operations", "merge_fields", "dimensionFilter")
    return [deep_list.encode(), deep_object.encode(), *(f'{{"{name}":{inner}}}'.encode() for name in fields)]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("slug", sorted(doubles_of(None).classes))
def test_json_without_a_bottom_is_the_vendors_400_on_every_route_that_takes_a_body(slug: str, depth: int):
    sandbox = Sandbox(rate_limits=False)
    vendor = sandbox.vendors[slug]
    credentials = SANDBOX_CREDENTIALS[slug]
    key = credentials.get("api_key") or credentials["access_token"]
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    query = tuple((name, credentials[name]) for name in ("measurement_id", "api_secret") if name in credentials)
    shape = vendor.failure(400).body
    assert isinstance(shape, dict)
    answered = set()
    for route in vendor.routes:
        if route.method in {"GET", "DELETE"}:
            continue
        path = re.sub(r"\{\w+\}", "1", route.template)
        for body in bottomless(depth):
            answer = sandbox.handle(slug, VendorRequest(route.method, path, query, headers, body))
            if path in NEVER_REFUSING:
                assert answer.status in {200, 204}, route
                continue
            assert answer.status in {400, 404}, (route, body[:40], answer)  # 404: there is no "1"
            assert isinstance(answer.body, dict)
            assert set(shape) <= set(answer.body), route
            answered.add(answer.status)
    assert 400 in answered


@pytest.mark.parametrize("depth", DEPTHS)
def test_json_without_a_bottom_is_a_400_of_the_control_routes_too(http: httpx.Client, depth: int):
    for body in bottomless(depth):
        answer = http.post("/_sandbox/faults", content=body)
        assert (400, "body") == (answer.status_code, answer.json()["field"])
    assert [] == http.get("/_sandbox/faults").json()


def test_json_of_the_most_levels_is_read(hubspot: httpx.Client):
    inner = nested(MOST_LEVELS - 1, "[", "]")
    answer = hubspot.post("/crm/v3/objects/contacts", content=f'{{"properties":{inner}}}')
    assert "levels" not in answer.json()["message"]


@pytest.mark.parametrize("given", [[], {}, ["hubspot"], None, 1])
def test_a_slug_that_is_no_text_is_named(given: Any, http: httpx.Client):
    answer = http.post("/_sandbox/faults", json={"slug": given, "kind": "slow"})
    assert (400, "slug") == (answer.status_code, answer.json()["field"])


CONTROL = [("GET", ""), ("GET", "/log"), ("GET", "/truth"), ("GET", "/faults"), ("POST", "/faults")]
CONTROL += [("DELETE", "/faults"), ("POST", "/reset")]
PATHS = [(method, f"/_sandbox{path}") for method, path in CONTROL]
PATHS += [("POST", "/stripe/v1/customers"), ("GET", "/hubspot/crm/v3/objects/contacts"), ("POST", "/ga4/mp/collect")]


@pytest.mark.parametrize(
    ("field", "headers"),
    [
        ("host", {"Host": "rebound.example"}),
        ("host", {"Host": "rebound.example:{port}"}),
        ("host", {"Host": "127.0.0.1.rebound.example:{port}"}),
        ("host", {"Host": "localhost.rebound.example"}),
        ("host", {"Host": "notlocalhost:{port}"}),
        ("host", {"Host": "10.0.0.1:{port}"}),
        ("host", {"Host": ""}),
        ("host", {"Host": "[::1"}),
        ("host", {"Host": "user@127.0.0.1:{port}@rebound.example"}),
        ("origin", {"Origin": "https://rebound.example"}),
        ("origin", {"Origin": "null"}),
        ("origin", {"Origin": "http://localhost:3000"}),
        ("origin", {"Origin": "http://127.0.0.1"}),
        ("origin", {"Origin": "http://127.0.0.1:{port}.rebound.example"}),
        ("sec-fetch-site", {"Sec-Fetch-Site": "cross-site"}),
        ("sec-fetch-site", {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_what_a_web_page_of_another_origin_sends_is_refused_and_changes_nothing(
    field: str, headers: dict[str, str], http: httpx.Client, sandbox: SandboxServer
):
    before = http.get("/_sandbox").json(), sandbox.sandbox.truth()
    sent = {name: value.replace("{port}", str(sandbox.port)) for name, value in headers.items()}
    for method, path in PATHS:
        answer = http.request(method, path, headers=sent, content=b"{}")
        assert (403, field) == (answer.status_code, answer.json()["field"]), (method, path)
        assert "web page" in answer.json()["error"]
    assert before == (http.get("/_sandbox").json(), sandbox.sandbox.truth())
    assert () == sandbox.sandbox.log


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:{port}"},
        {"Host": "LocalHost.:{port}"},
        {"Host": "vendors.localhost:{port}"},
        {"Host": "127.0.0.2:{port}"},
        {"Host": "[::1]:{port}"},
        {"Host": "127.0.0.1:9999"},  # through a tunnel or a proxy of this machine
        {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
        {"Host": "localhost:9999", "Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "none"},  # an address typed into the browser
    ],
)
def test_a_plain_client_needs_no_header_and_may_use_any_name_of_this_machine(
    headers: dict[str, str], http: httpx.Client, sandbox: SandboxServer
):
    sent = {name: value.replace("{port}", str(sandbox.port)) for name, value in headers.items()}
    assert 200 == http.get("/_sandbox", headers=sent).status_code
    assert 200 == http.post("/_sandbox/reset", headers=sent).status_code
    assert 401 == http.get("/stripe/v1/balance", headers=sent).status_code


async def test_a_sandbox_named_by_an_address_it_refuses_is_told_with_the_way_out(sandbox: SandboxServer):
    with pytest.raises(ConfigurationError, match=r"HTTP 403 .* use its loopback address, such as http://127\.0\.0\.1"):
        await environment.at(f"http://0.0.0.0:{sandbox.port}")


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(application, "BODY_LIMIT_BYTES", 1_000)
    return 1_000


def pieces(size: int) -> Iterator[bytes]:
    """A body whose length is not said beforehand."""
    for _ in range(size // 100):
        yield b"x" * 100


@pytest.mark.parametrize("path", ["/_sandbox/faults", "/hubspot/crm/v3/objects/contacts", "/nobody"])
def test_a_body_beyond_the_limit_is_refused_and_the_connection_goes_on(
    path: str, http: httpx.Client, sandbox: SandboxServer, small_limit: int
):
    for body in (b"x" * (small_limit + 1), pieces(small_limit + 100)):
        answer = http.post(path, content=body)
        assert (413, "body") == (answer.status_code, answer.json()["field"])
        assert "1,000 bytes" in answer.json()["error"]
    assert () == sandbox.sandbox.log
    assert 200 == http.get("/_sandbox").status_code


def test_a_body_of_just_the_limit_is_taken(http: httpx.Client, small_limit: int):
    for body in (b"x" * small_limit, pieces(small_limit)):
        assert 400 == http.post("/_sandbox/faults", content=body).status_code


def test_a_length_that_is_no_number_is_not_a_fault_of_the_sandbox(sandbox: SandboxServer):
    sent = b"POST /_sandbox/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999999\r\n\r\n"
    assert b"413" in raw(sandbox.port, sent).partition(b"\r\n")[0]


def raw(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        return connection.recv(65_536)


def test_headers_beyond_the_limit_are_refused(sandbox: SandboxServer):
    answer = raw(sandbox.port, b"GET /_sandbox HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert json.loads(httpx.get(sandbox.url + "/_sandbox").content)
