from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

START = 1_800_000_000  # where the clock of conftest.py stands: 2027-01-15T08:00:00Z
COLLECT = "/mp/collect?measurement_id=G-SANDBOX001&api_secret=sandbox-secret"
VALIDATE = "/debug/mp/collect?measurement_id=G-SANDBOX001&api_secret=sandbox-secret"
PROPERTY = "/v1beta/properties/123456789"
PURCHASE = {
    "name": "purchase",
    "params": {"transaction_id": "T1", "value": 29.99, "currency": "USD", "items": [{"item_id": "premium"}]},
}


def body(*events: Any, **more: Any) -> dict[str, Any]:
    return {"client_id": "client.1", "events": list(events), **more}


def event(name: str = "upgrade", **params: Any) -> dict[str, Any]:
    return {"name": name, "params": params}


def report(ga4: httpx.Client, **asked: Any) -> dict[str, Any]:
    whole = {"dateRanges": [{"startDate": "7daysAgo", "endDate": "today"}], **asked}
    answer = ga4.post(f"{PROPERTY}:runReport", json=whole)
    assert 200 == answer.status_code, answer.text
    return answer.json()


def names(*given: str) -> list[dict[str, str]]:
    return [{"name": name} for name in given]


def table(answer: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        tuple(cell["value"] for cell in row.get("dimensionValues", []) + row.get("metricValues", []))
        for row in answer.get("rows", [])
    ]


# ---- collection --------------------------------------------------------------------------------------------------


def test_collected_events_are_kept_and_counted_by_name_and_as_key_events(ga4: httpx.Client, truth: Any):
    answer = ga4.post(COLLECT, json=body(event(label="premium_plan"), event(), PURCHASE, user_id="u1"))
    assert (204, b"") == (answer.status_code, answer.content)
    kept = truth("ga4")
    assert {"upgrade": 2, "purchase": 1} == kept["counts"]
    assert {"purchase": 1} == kept["key_events"]
    assert {
        "id": "event-1",
        "name": "upgrade",
        "client_id": "client.1",
        "user_id": "u1",
        "params": {"label": "premium_plan"},
        "at": "2027-01-15T08:00:00+00:00",
    } == kept["events"][0]


def test_the_same_event_sent_twice_is_kept_twice_but_a_purchase_once_by_its_transaction_id(
    ga4: httpx.Client, truth: Any
):
    for _ in range(2):
        ga4.post(COLLECT, json=body(event(), PURCHASE))
    assert {"upgrade": 2, "purchase": 1} == truth("ga4")["counts"]
    assert {"DUPLICATE_TRANSACTION": 1} == truth("ga4")["dropped"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?measurement_id=G-SANDBOX001",
        "?measurement_id=G-SANDBOX001&api_secret=",
        "?measurement_id=G-SANDBOX001&api_secret=revoked",
        "?measurement_id=UA-12345-1&api_secret=sandbox-secret",
    ],
)
def test_with_missing_or_wrong_credentials_the_answer_is_204_and_nothing_is_kept(
    ga4: httpx.Client, truth: Any, query: str
):
    assert 204 == ga4.post(f"/mp/collect{query}", json=body(event())).status_code
    assert ([], {"CREDENTIALS": 1}) == (truth("ga4")["events"], truth("ga4")["dropped"])


@pytest.mark.parametrize(
    ("sent", "dropped"),
    [
        ({"events": [event()]}, {"VALUE_REQUIRED": 1}),
        (body(*[event()] * 26), {"EXCEEDED_MAX_ENTITIES": 26}),
        (body(event(), event("_bad")), {"NAME_INVALID": 1}),
        (body(event(), event("session_start")), {"NAME_RESERVED": 1}),
        (body(event(), {**event(), "timestamp_micros": str(int(START - 80 * 3600) * 10**6)}), {"TOO_OLD": 1}),
        ([], {"VALUE_INVALID": 1}),
    ],
)
def test_what_google_would_drop_is_answered_by_204_and_dropped(
    ga4: httpx.Client, truth: Any, sent: Any, dropped: dict[str, int]
):
    assert 204 == ga4.post(COLLECT, json=sent).status_code
    assert dropped == truth("ga4")["dropped"]


def test_an_event_from_the_future_is_counted_now(ga4: httpx.Client, truth: Any):
    ga4.post(COLLECT, json=body({**event(), "timestamp_micros": 10**19 - 1}))
    assert "2027-01-15T08:00:00+00:00" == truth("ga4")["events"][0]["at"]


def test_an_event_is_counted_at_its_own_time(ga4: httpx.Client, truth: Any):
    yesterday = int(START - 86_400) * 10**6
    ga4.post(COLLECT, json=body({**event(), "timestamp_micros": yesterday}))
    assert "2027-01-14T08:00:00+00:00" == truth("ga4")["events"][0]["at"]


# ---- validation --------------------------------------------------------------------------------------------------


def findings(ga4: httpx.Client, sent: Any) -> list[tuple[str, str]]:
    answer = ga4.post(VALIDATE, json=sent)
    assert 200 == answer.status_code
    for message in answer.json()["validationMessages"]:
        assert {"fieldPath", "description", "validationCode"} == set(message)
    return [(one["fieldPath"], one["validationCode"]) for one in answer.json()["validationMessages"]]


def test_a_good_body_has_no_validation_messages_and_is_not_kept(ga4: httpx.Client, truth: Any):
    assert [] == findings(ga4, body(event(label="x"), PURCHASE, user_properties={"plan": {"value": "pro"}}))
    assert [] == truth("ga4")["events"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"events": [event()]}, [("client_id", "VALUE_REQUIRED")]),
        ({"client_id": 5, "events": [event()]}, [("client_id", "VALUE_INVALID")]),
        ({"client_id": "c"}, [("events", "VALUE_REQUIRED")]),
        (body(*[event()] * 26), [("events", "EXCEEDED_MAX_ENTITIES")]),
        (body(event("_badEventName")), [("events", "NAME_INVALID")]),
        (body(event("9lives")), [("events", "NAME_INVALID")]),
        (body(event("with space")), [("events", "NAME_INVALID")]),
        (body(event("x" * 41)), [("events", "NAME_INVALID")]),
        (body(event("ga_mine")), [("events", "NAME_RESERVED")]),
        (body(event("first_visit")), [("events", "NAME_RESERVED")]),
        (body({"params": {}}), [("events", "VALUE_REQUIRED")]),
        (body("upgrade"), [("events", "VALUE_INVALID")]),
        (body(event(**{f"p{n}": n for n in range(26)})), [("events.params", "EXCEEDED_MAX_ENTITIES")]),
        (body(event(google_x=1)), [("events.params", "NAME_RESERVED")]),
        (body(event(label="x" * 101)), [("events.params.label", "VALUE_OUT_OF_BOUNDS")]),
        (body(event(page_location="x" * 1000)), []),
        (body(event(value=5)), [("events.params.currency", "VALUE_REQUIRED")]),
        (body(event(value="5", currency="USD")), [("events.params.value", "VALUE_INVALID")]),
        (body(event(value=5, currency="usd")), [("events.params.currency", "VALUE_INVALID")]),
        (body(event("search")), [("events.params.search_term", "VALUE_REQUIRED")]),
        (body(event("view_promotion", items=[{}])), [("events.params.items", "VALUE_REQUIRED")]),
        (body(event(), user_properties={"user_id": {"value": 1}}), [("user_properties", "NAME_RESERVED")]),
        (body(event(), user_properties={"plan": {}}), [("user_properties", "VALUE_REQUIRED")]),
        (
            body(event(), user_properties={"plan": {"value": "x" * 37}}),
            [("user_properties", "VALUE_OUT_OF_BOUNDS")],
        ),
        (body(event(), timestamp_micros="now"), [("timestamp_micros", "VALUE_INVALID")]),
        (body(event(), colour="red"), [("colour", "VALUE_INVALID")]),
        ([], [("", "VALUE_INVALID")]),
    ],
)
def test_validation_names_the_field_and_the_code(ga4: httpx.Client, sent: Any, expected: list[tuple[str, str]]):
    assert expected == findings(ga4, sent)


def test_validation_says_it_in_googles_words(ga4: httpx.Client):
    # The example of https://developers.google.com/analytics/devguides/collection/protocol/ga4/validating-events
    answer = ga4.post(VALIDATE, json=body(event("_badEventName"))).json()["validationMessages"][0]
    assert (
        "Event at index: [0] has invalid name [_badEventName]. Names must start with an alphabetic character."
        == answer["description"]
    )


@pytest.mark.parametrize(
    "sent",
    [
        body(event(label="x")),
        body(PURCHASE),
        body(event("search", search_term="x")),
        body(event(value=5)),
        body(event("search")),
        body(event("with space")),
        body(event("x" * 41)),
        body(*[event()] * 26),
        body(event(google_x=1)),
        body({"name": "purchase", "params": {"value": 1, "currency": "USD"}}),
        body(event(), user_properties={"x" * 25: {"value": 1}}),
    ],
)
def test_validation_agrees_with_the_schema_of_googles_event_builder(ga4: httpx.Client, specs: Path, sent: Any):
    schema = json.loads((specs / "google" / "ga4-measurement-protocol.schema.json").read_text())
    good = jsonschema.Draft7Validator(schema).is_valid(sent)
    assert good == (findings(ga4, sent) == [])


# ---- reports -----------------------------------------------------------------------------------------------------


def test_a_report_counts_events_users_key_events_and_value_by_name(ga4: httpx.Client):
    ga4.post(COLLECT, json=body(event(), event(), PURCHASE))
    ga4.post(COLLECT, json={**body(event()), "client_id": "client.2"})
    answer = report(
        ga4,
        dimensions=names("eventName"),
        metrics=names("eventCount", "totalUsers", "activeUsers", "keyEvents", "eventValue"),
    )
    assert [("upgrade", "3", "2", "2", "0", "0"), ("purchase", "1", "1", "1", "1", "29.99")] == table(answer)
    assert 2 == answer["rowCount"]
    assert "analyticsData#runReport" == answer["kind"]
    assert {"name": "eventCount", "type": "TYPE_INTEGER"} == answer["metricHeaders"][0]


def test_a_report_splits_by_day_and_keeps_to_its_dates(ga4: httpx.Client, clock: Any):
    ga4.post(COLLECT, json=body(event()))
    clock.advance(86_400)
    ga4.post(COLLECT, json=body(event()))
    by_day = {"dimensions": names("date"), "metrics": names("eventCount")}
    order = [{"dimension": {"dimensionName": "date"}}]
    assert [("20270115", "1"), ("20270116", "1")] == table(report(ga4, **by_day, orderBys=order))
    only = [{"startDate": "2027-01-15", "endDate": "yesterday"}]
    assert [("20270115", "1")] == table(report(ga4, **by_day, dateRanges=only))
    two = [{"startDate": "yesterday", "endDate": "yesterday"}, {"startDate": "today", "endDate": "today"}]
    split = report(ga4, metrics=names("eventCount"), dateRanges=two)
    assert [("date_range_0", "1"), ("date_range_1", "1")] == table(split)


def test_a_report_is_filtered_sorted_and_paged(ga4: httpx.Client):
    ga4.post(COLLECT, json=body(event("apple"), event("pear"), event("pear"), event("plum")))
    by_name = {"dimensions": names("eventName"), "metrics": names("eventCount")}
    starts = {"filter": {"fieldName": "eventName", "stringFilter": {"matchType": "BEGINS_WITH", "value": "P"}}}
    assert [("pear", "2"), ("plum", "1")] == table(report(ga4, **by_name, dimensionFilter=starts))
    denied = {"notExpression": starts}
    assert [("apple", "1")] == table(report(ga4, **by_name, dimensionFilter=denied))
    listed = {"filter": {"fieldName": "eventName", "inListFilter": {"values": ["apple", "plum"]}}}
    both = {"andGroup": {"expressions": [starts, listed]}}
    assert [("plum", "1")] == table(report(ga4, **by_name, dimensionFilter=both))
    order = [{"dimension": {"dimensionName": "eventName"}, "desc": True}]
    page = report(ga4, **by_name, orderBys=order, limit="1", offset=1)
    assert ([("pear", "2")], 3) == (table(page), page["rowCount"])


def test_an_empty_report_has_no_rows_and_the_quota_comes_when_asked_for(ga4: httpx.Client):
    answer = report(ga4, metrics=names("eventCount"), returnPropertyQuota=True)
    assert ("rows" in answer, "rowCount" in answer) == (False, False)
    assert 199_999 == answer["propertyQuota"]["tokensPerDay"]["remaining"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"metrics": names("sessionsPerMoonphase")}, "Field sessionsPerMoonphase is not a valid metric"),
        ({"dimensions": names("moonphase")}, "Field moonphase is not a valid dimension"),
        ({"metrics": names("eventCount"), "dateRanges": []}, "A dateRange is required"),
        (
            {"metrics": names("eventCount"), "dateRanges": [{"startDate": "soon", "endDate": "today"}]},
            "Invalid date: soon",
        ),
        (
            {"metrics": names("eventCount"), "dateRanges": [{"startDate": "today", "endDate": "yesterday"}]},
            "must not be after",
        ),
        ({}, "at least one dimension or metric"),
        ({"metrics": names("eventCount"), "limit": "x"}, "Invalid value at 'limit'"),
        ({"metrics": names("eventCount"), "cohortSpec": {"cohorts": []}}, "does not know cohortSpec"),
    ],
)
def test_a_report_that_cannot_be_is_refused_in_googles_shape(ga4: httpx.Client, asked: dict[str, Any], words: str):
    whole = {"dateRanges": [{"startDate": "today", "endDate": "today"}], **asked}
    answer = ga4.post(f"{PROPERTY}:runReport", json=whole)
    assert 400 == answer.status_code
    assert (400, "INVALID_ARGUMENT") == (answer.json()["error"]["code"], answer.json()["error"]["status"])
    assert words in answer.json()["error"]["message"]


def test_the_colon_of_a_method_may_come_percent_encoded(ga4: httpx.Client):
    asked = {"metrics": names("eventCount"), "dateRanges": [{"startDate": "today", "endDate": "today"}]}
    assert 200 == ga4.post(f"{PROPERTY}%3ArunReport", json=asked).status_code


def test_metadata_lists_what_reports_take(ga4: httpx.Client):
    metadata = ga4.get(f"{PROPERTY}/metadata").json()
    assert "properties/123456789/metadata" == metadata["name"]
    assert {"date", "eventName"} <= {one["apiName"] for one in metadata["dimensions"]}
    assert {"eventCount", "keyEvents"} <= {one["apiName"] for one in metadata["metrics"]}


# ---- key events --------------------------------------------------------------------------------------------------


def test_a_created_key_event_counts_the_events_of_its_name(ga4: httpx.Client, truth: Any):
    ga4.post(COLLECT, json=body(event("sign_up")))
    asked = {"eventName": "sign_up", "countingMethod": "ONCE_PER_EVENT"}
    created = ga4.post(f"{PROPERTY}/keyEvents", json=asked)
    assert 200 == created.status_code
    assert created.json() == ga4.get(f"/v1beta/{created.json()['name']}").json()
    assert {"sign_up": 1} == truth("ga4")["key_events"]
    assert [("1",)] == table(report(ga4, metrics=names("conversions")))
    listed = ga4.get(f"{PROPERTY}/keyEvents").json()["keyEvents"]
    assert ["purchase", "sign_up"] == [one["eventName"] for one in listed]
    again = ga4.post(f"{PROPERTY}/keyEvents", json=asked)
    assert (409, "ALREADY_EXISTS") == (again.status_code, again.json()["error"]["status"])
    assert 200 == ga4.delete(f"/v1beta/{created.json()['name']}").status_code
    assert 404 == ga4.get(f"/v1beta/{created.json()['name']}").status_code


@pytest.mark.parametrize("asked", [{}, {"eventName": "x"}, {"eventName": "", "countingMethod": "ONCE_PER_EVENT"}])
def test_a_key_event_needs_a_name_and_a_counting_method(ga4: httpx.Client, asked: dict[str, str]):
    answer = ga4.post(f"{PROPERTY}/keyEvents", json=asked)
    assert (400, "INVALID_ARGUMENT") == (answer.status_code, answer.json()["error"]["status"])


# ---- credentials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "Basic x", "Bearer", "Bearer expired-token"])
def test_reports_need_a_bearer_token(http: httpx.Client, header: str | None):
    answer = http.get(f"/ga4{PROPERTY}/metadata", headers={"Authorization": header} if header else {})
    assert (401, "UNAUTHENTICATED") == (answer.status_code, answer.json()["error"]["status"])


def test_a_property_is_a_number(ga4: httpx.Client):
    answer = ga4.get("/v1beta/properties/G-SANDBOX001/metadata")
    assert (400, "INVALID_ARGUMENT") == (answer.status_code, answer.json()["error"]["status"])


# ---- the vendor's discovery documents ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "document", "name"),
    [
        ("POST", f"{PROPERTY}:runReport", "analyticsdata", "RunReportResponse"),
        ("GET", f"{PROPERTY}/metadata", "analyticsdata", "Metadata"),
        ("POST", f"{PROPERTY}/keyEvents", "analyticsadmin", "GoogleAnalyticsAdminV1betaKeyEvent"),
        ("GET", f"{PROPERTY}/keyEvents", "analyticsadmin", "GoogleAnalyticsAdminV1betaListKeyEventsResponse"),
    ],
)
def test_answers_have_the_shapes_of_the_discovery_documents(
    ga4: httpx.Client, specs: Path, method: str, path: str, document: str, name: str
):
    ga4.post(COLLECT, json=body(event(), PURCHASE))
    asked = {
        "dateRanges": [{"startDate": "today", "endDate": "today"}],
        "dimensions": names("eventName", "date"),
        "metrics": names("eventCount", "eventValue"),
        "returnPropertyQuota": True,
        "eventName": "upgrade",
        "countingMethod": "ONCE_PER_SESSION",
        "defaultValue": {"numericValue": 5, "currencyCode": "USD"},
    }
    answer = ga4.request(method, path, json=asked if method == "POST" else None)
    schemas = json.loads((specs / "google" / f"{document}.v1beta.discovery.json").read_text())["schemas"]
    # Discovery schemas are JSON Schema draft 3 with `$ref` by id; what they do not name must not be sent.
    for schema in schemas.values():
        schema.pop("id", None)
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
    text = json.dumps(schemas).replace('"$ref": "', '"$ref": "#/schemas/')
    jsonschema.validate(answer.json(), {"schemas": json.loads(text), "$ref": f"#/schemas/{name}"})
