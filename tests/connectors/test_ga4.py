"""GA4: the wire as Google describes it, and what the sandbox really keeps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.spec_check import Specification, read_json, schema_problems
from connectors.vendor_recorder import Asked, VendorRecorder
from newfuse.connectors.ga4 import GA4
from newfuse.effects import Ledger
from newfuse.errors import (
    AuthenticationFailed,
    Conflict,
    EffectUnknown,
    InvalidArguments,
    MissingCredential,
    OutcomeUnknown,
    RateLimited,
    Rejected,
)
from newfuse.http import CallRecord
from newfuse.integrations import WriteStatus
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer
from newfuse.sandbox.faults import Fault

CREDENTIALS = SANDBOX_CREDENTIALS["ga4"]
COLLECTION = {name: CREDENTIALS[name] for name in ("measurement_id", "api_secret")}
SIGN_UP = {"name": "sign_up", "params": {"method": "email"}}
KEY_EVENT = {"name": "properties/1/keyEvents/2", "eventName": "sign_up", "countingMethod": "ONCE_PER_EVENT"}


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
async def ga4(server: SandboxServer, ledger: Ledger, calls: list[CallRecord]) -> AsyncIterator[GA4]:
    async with GA4(base_url=f"{server.url}/ga4", ledger=ledger, recorder=calls.append, **CREDENTIALS) as connected:
        calls.clear()
        yield connected


@pytest.fixture
async def recorded(ledger: Ledger) -> AsyncIterator[Callable[..., Any]]:
    """Makes a connected GA4 over a recorder with the given answer."""
    made: list[GA4] = []

    async def make(answer: Any = (200, {}), **settings: Any) -> tuple[GA4, VendorRecorder]:
        vendor = VendorRecorder(answer)
        given = {**CREDENTIALS, **settings}
        ga4 = GA4(ledger=ledger, recorder=lambda _: None, transport=vendor.transport, **given)
        made.append(ga4)
        await ga4.connect()
        vendor.asked.clear()
        return ga4, vendor

    yield make
    for ga4 in made:
        await ga4.disconnect()


# The least that each of Google's answers holds, in one.
WELL = {
    "kind": "analyticsData#runReport",
    "name": "properties/123456789/metadata",
    "dimensions": [],
    "metrics": [],
    "validationMessages": [],
}


def collects(asked: Asked) -> tuple[int, Any]:
    """Answer as the Measurement Protocol does: 204 and nothing else."""
    return (204, None) if asked.path == "/mp/collect" else (200, WELL)


def truth(server: SandboxServer) -> dict[str, Any]:
    kept: dict[str, Any] = server.sandbox.truth("ga4")["ga4"]
    return kept


# --- the wire ---------------------------------------------------------------------------------------------------------


async def test_events_go_out_with_the_secret_in_the_query_and_no_token(recorded: Callable[..., Any]):
    ga4, vendor = await recorded(collects)
    sent = await ga4.execute(
        "send_events",
        {
            "client_id": "555.123",
            "user_id": "u-1",
            "timestamp_micros": 1_800_000_000_000_000,
            "user_properties": {"plan": "pro"},
            "events": [SIGN_UP, {"name": "login"}],
        },
    )
    assert 2 == sent.events
    [asked] = vendor.asked
    assert ("POST", "www.google-analytics.com", "/mp/collect") == (asked.method, asked.url.host, asked.path)
    assert COLLECTION == dict(asked.url.params)
    assert "authorization" not in asked.headers
    assert {
        "client_id": "555.123",
        "user_id": "u-1",
        "timestamp_micros": 1_800_000_000_000_000,
        "user_properties": {"plan": {"value": "pro"}},
        "events": [SIGN_UP, {"name": "login", "params": {}}],
    } == asked.body


async def test_a_conversion_is_an_event_with_its_value(recorded: Callable[..., Any]):
    ga4, vendor = await recorded(collects)
    purchase = {"name": "purchase", "value": 99.99, "currency": "USD", "transaction_id": "T-1", "params": {"tax": 1}}
    await ga4.execute("send_conversions", {"client_id": "1.2", "conversions": [purchase]})
    expected = {"name": "purchase", "params": {"tax": 1, "value": 99.99, "currency": "USD", "transaction_id": "T-1"}}
    assert {"client_id": "1.2", "events": [expected]} == vendor.last.body


async def test_reports_and_key_events_have_hosts_of_their_own_and_never_see_the_secret(recorded: Callable[..., Any]):
    def answer(asked: Asked) -> tuple[int, Any]:
        return 200, KEY_EVENT if asked.method == "POST" and asked.path.endswith("keyEvents") else WELL

    ga4, vendor = await recorded(answer)
    await ga4.execute("run_report", {"metrics": ["eventCount"], "dimensions": ["date"], "order_by": "-eventCount"})
    await ga4.execute("list_report_fields")
    await ga4.execute("list_key_events")
    await ga4.execute("create_key_event", {"event_name": "sign_up"})
    root = "/v1beta/properties/123456789"
    assert [
        ("POST", "analyticsdata.googleapis.com", f"{root}:runReport"),
        ("GET", "analyticsdata.googleapis.com", f"{root}/metadata"),
        ("GET", "analyticsadmin.googleapis.com", f"{root}/keyEvents?pageSize=200"),
        ("POST", "analyticsadmin.googleapis.com", f"{root}/keyEvents"),
    ] == [(asked.method, asked.url.host, asked.target) for asked in vendor.asked]
    assert {"Bearer sandbox-token"} == {asked.headers["authorization"] for asked in vendor.asked}
    assert {
        "dimensions": [{"name": "date"}],
        "metrics": [{"name": "eventCount"}],
        "dateRanges": [{"startDate": "28daysAgo", "endDate": "today"}],
        "limit": "10000",
        "offset": "0",
        "orderBys": [{"metric": {"metricName": "eventCount"}, "desc": True}],
    } == vendor.asked[0].body


async def test_a_replaced_base_url_takes_every_request(recorded: Callable[..., Any]):
    ga4, vendor = await recorded((200, WELL), base_url="http://127.0.0.1:9/ga4")
    await ga4.execute("validate_events", {"client_id": "1.2", "events": [SIGN_UP]})
    await ga4.execute("run_report", {"metrics": ["eventCount"]})
    await ga4.execute("list_key_events")
    assert {("127.0.0.1", "/ga4/")} == {(asked.url.host, asked.path[:5]) for asked in vendor.asked}


SPEC_CALLS: dict[str, dict[str, Any]] = {
    "send_events": {"client_id": "1.2", "user_properties": {"plan": "pro"}, "events": [SIGN_UP]},
    "send_conversions": {
        "client_id": "1.2",
        "conversions": [{"name": "generate_lead", "value": 5.0, "currency": "EUR", "params": {}}],
    },
    "validate_events": {"client_id": "1.2", "user_id": "u", "timestamp_micros": 1, "events": [SIGN_UP]},
    "run_report": {
        "metrics": ["eventCount"],
        "dimensions": ["eventName"],
        "order_by": "eventName",
        "dimension_filter": {"filter": {"fieldName": "eventName", "stringFilter": {"value": "purchase"}}},
    },
    "list_report_fields": {},
    "list_key_events": {},
    "create_key_event": {"event_name": "sign_up"},
}


@pytest.mark.parametrize("action", SPEC_CALLS)
async def test_every_request_fits_googles_description(recorded: Callable[..., Any], specs: Path, action: str):
    ga4, vendor = await recorded(lambda asked: (204, None) if asked.path == "/mp/collect" else (200, KEY_EVENT | WELL))
    assert set(GA4.specs) == set(SPEC_CALLS)
    await ga4.execute(action, SPEC_CALLS[action])
    asked = vendor.last
    if asked.path.endswith("/mp/collect"):
        assert COLLECTION == dict(asked.url.params)
        schema = read_json(specs / "google" / "ga4-measurement-protocol.schema.json")
        assert [] == schema_problems(schema, asked.body)
    else:
        api = asked.url.host.partition(".")[0]
        description = Specification(read_json(specs / "google" / f"{api}.v1beta.openapi.json"))
        content = json.dumps(asked.body).encode() if asked.body is not None else b""
        kind = asked.headers.get("content-type")
        assert [] == description.problems(asked.method, asked.path, asked.url.query.decode(), content, kind)


def test_googles_description_tells_right_from_wrong(specs: Path):
    data = Specification(read_json(specs / "google" / "analyticsdata.v1beta.openapi.json"))
    report = ("POST", "/v1beta/properties/1:runReport")
    assert [] == data.problems(*report, "", b'{"metrics": [{"name": "eventCount"}]}', "application/json")
    assert 1 == len(data.problems(*report, "api_secret=x", b"{}", "application/json"))
    assert 1 == len(data.problems(*report, "", b'{"metric": []}', "application/json"))
    assert 1 == len(data.problems(*report, "", b'{"metrics": "eventCount"}', "application/json"))
    schema = read_json(specs / "google" / "ga4-measurement-protocol.schema.json")
    assert [] != schema_problems(schema, {"client_id": "1.2", "events": [{"name": "1st", "params": {}}]})


# --- events at the sandbox --------------------------------------------------------------------------------------------


async def test_sent_events_are_kept_once_each(ga4: GA4, server: SandboxServer):
    sent = await ga4.execute("send_events", {"client_id": "1.2", "events": [SIGN_UP, {"name": "login"}]})
    assert 2 == sent.events
    assert {"sign_up": 1, "login": 1} == truth(server)["counts"]


async def test_validation_says_what_is_wrong_and_stores_nothing(ga4: GA4, server: SandboxServer):
    bad = {"name": "generate_lead", "params": {"value": 5}}
    [finding] = await ga4.execute("validate_events", {"client_id": "1.2", "events": [bad]})
    assert ("VALUE_REQUIRED", "events.params.currency") == (finding.validation_code, finding["field_path"])
    assert [] == await ga4.execute("validate_events", {"client_id": "1.2", "events": [SIGN_UP]})
    assert {} == truth(server)["counts"]


async def test_a_name_google_would_drop_is_refused_here_and_explained_there(ga4: GA4, calls: list[CallRecord]):
    given = {"client_id": "1.2", "events": [{"name": "1st visit"}]}
    with pytest.raises(InvalidArguments, match=r"events\.0\.name"):
        await ga4.execute("send_events", given)
    assert [] == calls
    [finding] = await ga4.execute("validate_events", given)
    assert "NAME_INVALID" == finding.validation_code


@pytest.mark.parametrize(
    "params",
    [
        {"client_id": "1.2", "events": []},
        {"client_id": "1.2", "events": [SIGN_UP] * 26},
        {"client_id": "", "events": [SIGN_UP]},
        {"client_id": "1.2", "events": [{"name": "x", "params": {f"p{number}": 1 for number in range(26)}}]},
    ],
    ids=["none", "too many", "no client", "too many params"],
)
async def test_what_google_drops_without_a_word_is_refused_before_it_is_sent(
    ga4: GA4, calls: list[CallRecord], params: dict[str, Any]
):
    with pytest.raises(InvalidArguments):
        await ga4.execute("send_events", params)
    assert [] == calls


async def test_events_whose_answer_was_lost_are_unknown_and_never_sent_again(ga4: GA4, server: SandboxServer):
    server.sandbox.faults.add(Fault("ga4", "commit_then_drop", path="/mp/collect", count=1))
    given = {"client_id": "1.2", "events": [SIGN_UP]}
    with pytest.raises(OutcomeUnknown):
        await ga4.execute("send_events", given, reference="sign-up-1")
    with pytest.raises(EffectUnknown):
        await ga4.execute("send_events", given, reference="sign-up-1")
    assert {"sign_up": 1} == truth(server)["counts"]


async def test_events_sent_before_are_skipped(ga4: GA4, server: SandboxServer):
    given = {"client_id": "1.2", "events": [SIGN_UP]}
    statuses = [(await ga4.perform("send_events", given, reference="sign-up-1")).status for _ in range(2)]
    assert [WriteStatus.CONFIRMED, WriteStatus.SKIPPED] == statuses
    assert {"sign_up": 1} == truth(server)["counts"]


async def test_a_purchase_counts_as_a_key_event(ga4: GA4, server: SandboxServer):
    items = {"items": [{"item_id": "plan"}]}
    purchase = {"name": "purchase", "value": 99.99, "currency": "USD", "transaction_id": "T-1", "params": items}
    await ga4.execute("send_conversions", {"client_id": "1.2", "conversions": [purchase]})
    assert {"purchase": 1} == truth(server)["key_events"]
    report = await ga4.execute("run_report", {"metrics": ["keyEvents", "eventValue"], "dimensions": ["transactionId"]})
    assert [{"transactionId": "T-1", "keyEvents": "1", "eventValue": "99.99"}] == report.rows


# --- reports and key events -------------------------------------------------------------------------------------------


async def test_a_report_is_sorted_filtered_and_cut_and_says_how_long_it_is(ga4: GA4):
    await ga4.execute("send_events", {"client_id": "1.2", "events": [SIGN_UP, {"name": "a"}, {"name": "b"}, SIGN_UP]})
    asked = {"metrics": ["eventCount"], "dimensions": ["eventName"], "limit": 2}
    first = await ga4.execute("run_report", {**asked, "order_by": "-eventCount"})
    assert ({"eventName": "sign_up", "eventCount": "2"}, 2, 3) == (first.rows[0], len(first.rows), first.row_count)
    rest = await ga4.execute("run_report", {**asked, "order_by": "eventName", "offset": 2})
    assert ["sign_up"] == [row["eventName"] for row in rest.rows]
    only_b = {"filter": {"fieldName": "eventName", "stringFilter": {"value": "b"}}}
    assert 1 == (await ga4.execute("run_report", {**asked, "dimension_filter": only_b})).row_count


async def test_a_report_without_rows_is_empty(ga4: GA4):
    report = await ga4.execute("run_report", {"metrics": ["eventCount"]})
    assert ([], 0, "USD") == (report.rows, report.row_count, report.currency_code)


async def test_an_unknown_metric_is_refused_in_googles_words(ga4: GA4):
    with pytest.raises(Rejected, match="Field clicks is not a valid metric") as caught:
        await ga4.execute("run_report", {"metrics": ["clicks"]})
    assert "INVALID_ARGUMENT" == caught.value.code


async def test_the_fields_a_report_may_have_are_listed(ga4: GA4):
    fields = await ga4.execute("list_report_fields")
    assert "eventName" in fields.dimensions
    assert "keyEvents" in fields.metrics


async def test_a_key_event_whose_creation_was_lost_is_found_again(ga4: GA4, server: SandboxServer):
    server.sandbox.faults.add(Fault("ga4", "commit_then_drop", path="/v1beta/", method="POST", count=1))
    performed = await ga4.perform("create_key_event", {"event_name": "sign_up"}, reference="goal-1")
    assert (WriteStatus.CONFIRMED, "sign_up") == (performed.status, performed.value.event_name)
    assert ["purchase", "sign_up"] == [one.event_name for one in await ga4.execute("list_key_events")]
    with pytest.raises(Conflict):
        await ga4.execute("create_key_event", {"event_name": "sign_up"})


async def test_a_spent_quota_says_when_to_come_back(ga4: GA4, server: SandboxServer):
    server.sandbox.faults.add(Fault("ga4", "rate_limit", path="/v1beta/", retry_after_s=120.0))
    with pytest.raises(RateLimited) as caught:
        await ga4.execute("run_report", {"metrics": ["eventCount"]})
    assert ("RESOURCE_EXHAUSTED", 120.0) == (caught.value.code, caught.value.retry_after_s)


# --- credentials ------------------------------------------------------------------------------------------------------


async def test_events_need_no_token_and_reports_name_what_they_need(
    server: SandboxServer, ledger: Ledger, calls: list[CallRecord]
):
    async with GA4(base_url=f"{server.url}/ga4", ledger=ledger, recorder=calls.append, **COLLECTION) as ga4:
        assert ["/debug/mp/collect"] == [call.template for call in calls]
        await ga4.execute("send_events", {"client_id": "1.2", "events": [SIGN_UP]})
        with pytest.raises(MissingCredential, match="GA4_PROPERTY_ID"):
            await ga4.execute("run_report", {"metrics": ["eventCount"]})


async def test_reports_need_no_secret(server: SandboxServer, ledger: Ledger, calls: list[CallRecord]):
    reporting = {name: CREDENTIALS[name] for name in ("property_id", "access_token")}
    async with GA4(base_url=f"{server.url}/ga4", ledger=ledger, recorder=calls.append, **reporting) as ga4:
        assert [] == (await ga4.execute("run_report", {"metrics": ["eventCount"]})).rows


async def test_connecting_checks_the_token_too(server: SandboxServer, ledger: Ledger):
    given = {**CREDENTIALS, "access_token": "expired-token"}
    ga4 = GA4(base_url=f"{server.url}/ga4", ledger=ledger, recorder=lambda _: None, **given)
    with pytest.raises(AuthenticationFailed):
        await ga4.connect()


def test_without_any_credentials_it_says_where_it_looked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GA4_MEASUREMENT_ID", "G-TEST00001")
    with pytest.raises(MissingCredential) as caught:
        GA4().credentials()
    assert ["argument api_secret=", "GA4_API_SECRET", "GOOGLE_ANALYTICS_KEY"] == [
        place.removeprefix("environment variable ").removesuffix(" (or .env)") for place in caught.value.looked_in
    ]


def test_the_usual_environment_names_are_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GA4_MEASUREMENT_ID", "G-TEST00001")
    monkeypatch.setenv("GOOGLE_ANALYTICS_KEY", "from-the-seed")
    found = GA4().credentials()
    assert "from-the-seed" == found["api_secret"].get_secret_value()
