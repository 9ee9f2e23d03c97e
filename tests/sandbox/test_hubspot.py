from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from newfuse.sandbox import SandboxServer
from newfuse.sandbox.hubspot.collection import SEARCH_LAG_S

CONTACTS = "/crm/v3/objects/contacts"
SEARCH = f"{CONTACTS}/search"


def create(hubspot: httpx.Client, **properties: Any) -> dict[str, Any]:
    answer = hubspot.post(CONTACTS, json={"properties": properties})
    assert 201 == answer.status_code, answer.text
    return answer.json()


def find(hubspot: httpx.Client, *filters: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = hubspot.post(SEARCH, json={"filterGroups": [{"filters": list(filters)}], **more})
    assert 200 == answer.status_code, answer.text
    return answer.json()


def equal(name: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": "EQ", "value": value}


def invalid(answer: httpx.Response) -> list[tuple[str, str]]:
    """The properties that an answer refuses, read from the list that HubSpot puts into the message."""
    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.json()["category"])
    start, _, listed = answer.json()["message"].partition(": ")
    assert "Property values were not valid" == start
    return [(one["name"], one["error"]) for one in json.loads(listed)]


# ---- seed, reading -----------------------------------------------------------------------------------------------


def test_the_seed_has_one_to_update_a_person_twice_and_an_invalid_record(hubspot: httpx.Client, truth: Any):
    jane = hubspot.get(f"{CONTACTS}/12345", params={"properties": "email,company,lifecyclestage"}).json()
    assert ("jane.smith@example.com", "Innovation", "lead") == (
        jane["properties"]["email"],
        jane["properties"]["company"],
        jane["properties"]["lifecyclestage"],
    )
    contacts = truth("hubspot")["contacts"]
    one, other = contacts["12401"], contacts["12402"]
    same = ("firstname", "lastname", "company", "phone")
    assert [one[name] for name in same] == [other[name] for name in same]
    assert one["email"] != other["email"]
    assert "email" not in contacts["12403"]
    assert not any(character.isdigit() for character in contacts["12403"]["phone"])
    assert (1, 1) == (len(truth("hubspot")["companies"]), len(truth("hubspot")["deals"]))


def test_a_contact_is_read_by_id_and_by_email_whatever_its_case(hubspot: httpx.Client):
    by_email = hubspot.get(f"{CONTACTS}/Jane.Smith%40example.com", params={"idProperty": "email"})
    assert "12345" == by_email.json()["id"]
    shown = {"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"}
    assert shown == set(by_email.json()["properties"])


def test_an_id_that_does_not_exist_is_a_404(hubspot: httpx.Client):
    answer = hubspot.get(f"{CONTACTS}/999")
    assert 404 == answer.status_code
    body = answer.json()
    assert answer.headers["x-hubspot-correlation-id"] == body.pop("correlationId")
    assert {"status": "error", "message": "resource not found", "category": "OBJECT_NOT_FOUND"} == body


def test_a_list_is_paged_by_after_until_the_end(hubspot: httpx.Client):
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = hubspot.get(CONTACTS, params={"limit": 4, **after}).json()
        seen += [contact["id"] for contact in page["results"]]
        if "paging" not in page:
            break
        after = {"after": page["paging"]["next"]["after"]}
    assert ["12345", "12401", "12402", "12403", "12404", "12405"] == seen
    assert 400 == hubspot.get(CONTACTS, params={"limit": 101}).status_code


def test_the_account_says_which_it_is(hubspot: httpx.Client):
    assert isinstance(hubspot.get("/account-info/v3/details").json()["portalId"], int)


# ---- creating and changing ---------------------------------------------------------------------------------------


def test_an_email_is_kept_in_lower_case_and_taken_once(hubspot: httpx.Client, truth: Any):
    contact = create(hubspot, email="Ada@Example.com", firstname="Ada")
    assert "ada@example.com" == contact["properties"]["email"]
    again = hubspot.post(CONTACTS, json={"properties": {"email": "ADA@example.com"}})
    assert (409, "CONFLICT") == (again.status_code, again.json()["category"])
    assert f"Contact already exists. Existing ID: {contact['id']}" == again.json()["message"]
    assert 1 == truth("hubspot")["writes"]["created"]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"email": "a@example.com", "shoe_size": "42"}, [("shoe_size", "PROPERTY_DOESNT_EXIST")]),
        ({"email": "not-an-email"}, [("email", "INVALID_EMAIL")]),
        ({"email": "a@b"}, [("email", "INVALID_EMAIL")]),
        ({"lifecyclestage": "king"}, [("lifecyclestage", "INVALID_OPTION")]),
        ({"hs_object_id": "5"}, [("hs_object_id", "READ_ONLY_VALUE")]),
        (
            {"email": "x", "lifecyclestage": "king", "lifecycle_stage": "lead"},
            [
                ("email", "INVALID_EMAIL"),
                ("lifecyclestage", "INVALID_OPTION"),
                ("lifecycle_stage", "PROPERTY_DOESNT_EXIST"),
            ],
        ),
    ],
)
def test_values_that_are_not_valid_are_all_named_and_nothing_is_written(
    hubspot: httpx.Client, truth: Any, properties: dict[str, str], expected: list[tuple[str, str]]
):
    assert expected == invalid(hubspot.post(CONTACTS, json={"properties": properties}))
    assert expected == invalid(hubspot.patch(f"{CONTACTS}/12345", json={"properties": properties}))
    assert {"created": 0, "updated": 0, "unchanged": 0, "archived": 0} == truth("hubspot")["writes"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"properties": 5}', b'{"properties": {"email": {}}}'])
def test_a_body_that_is_no_record_is_a_400_in_hubspots_shape(hubspot: httpx.Client, body: bytes):
    answer = hubspot.post(CONTACTS, content=body)
    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.json()["category"])


def test_only_an_update_that_changes_something_counts_and_moves_the_time(hubspot: httpx.Client, truth: Any, clock: Any):
    clock.advance(60)
    same = hubspot.patch(f"{CONTACTS}/12345", json={"properties": {"firstname": "Jane"}}).json()
    assert "2026-01-15T09:00:00.000Z" == same["updatedAt"]
    changed = hubspot.patch(f"{CONTACTS}/12345", json={"properties": {"company": "Innovation Inc"}}).json()
    assert "2027-01-15T08:01:00.000Z" == changed["updatedAt"] == changed["properties"]["lastmodifieddate"]
    cleared = hubspot.patch(f"{CONTACTS}/12345", json={"properties": {"company": None}}).json()
    assert "company" not in cleared["properties"]
    assert {"created": 0, "updated": 2, "unchanged": 1, "archived": 0} == truth("hubspot")["writes"]


def test_an_email_cannot_be_changed_to_one_that_is_taken_and_a_freed_one_can(hubspot: httpx.Client):
    taken = hubspot.patch(f"{CONTACTS}/12404", json={"properties": {"email": "wei.chen@example.com"}})
    assert "Contact already exists. Existing ID: 12405" == taken.json()["message"]
    hubspot.patch(f"{CONTACTS}/12405", json={"properties": {"email": "wei@example.com"}})
    freed = hubspot.patch(f"{CONTACTS}/12404", json={"properties": {"email": "wei.chen@example.com"}})
    assert 200 == freed.status_code


def test_an_archived_contact_is_gone_but_for_those_who_ask_for_archived_ones(hubspot: httpx.Client, truth: Any):
    assert 204 == hubspot.delete(f"{CONTACTS}/12345").status_code
    assert 404 == hubspot.get(f"{CONTACTS}/12345").status_code
    archived = hubspot.get(f"{CONTACTS}/12345", params={"archived": "true"}).json()
    assert (True, "12345") == (archived["archived"], archived["id"])
    assert ["12345"] == [one["id"] for one in hubspot.get(CONTACTS, params={"archived": "true"}).json()["results"]]
    assert truth("hubspot")["contacts"]["12345"]["archived"]
    assert "12345" != create(hubspot, email="jane.smith@example.com")["id"]


def test_companies_and_deals_are_kept_too(hubspot: httpx.Client, truth: Any):
    company = hubspot.post("/crm/v3/objects/companies", json={"properties": {"name": "Tech Corp"}}).json()
    properties = {"dealname": "Big", "amount": 5, "dealstage": "closedwon", "pipeline": "default"}
    deal = hubspot.post("/crm/v3/objects/deals", json={"properties": properties}).json()
    assert "Tech Corp" == truth("hubspot")["companies"][company["id"]]["name"]
    assert "5" == truth("hubspot")["deals"][deal["id"]]["amount"]
    wrong = hubspot.post("/crm/v3/objects/deals", json={"properties": {"amount": "much", "dealstage": "won"}})
    assert [("amount", "INVALID_NUMERIC"), ("dealstage", "INVALID_OPTION")] == invalid(wrong)


# ---- batches -----------------------------------------------------------------------------------------------------


def batch(hubspot: httpx.Client, operation: str, inputs: list[dict[str, Any]], **more: Any) -> httpx.Response:
    return hubspot.post(f"{CONTACTS}/batch/{operation}", json={"inputs": inputs, **more})


def by_email(email: str, **properties: Any) -> dict[str, Any]:
    return {"id": email, "idProperty": "email", "properties": {"email": email, **properties}}


def test_upsert_says_of_each_whether_it_is_new_and_changes_nothing_the_second_time(hubspot: httpx.Client, truth: Any):
    inputs = [
        by_email("john.doe@example.com", firstname="John", lifecyclestage="lead"),
        by_email("Jane.Smith@example.com", lifecyclestage="customer"),
    ]
    first, second = batch(hubspot, "upsert", inputs), batch(hubspot, "upsert", inputs)
    assert (200, "COMPLETE") == (first.status_code, first.json()["status"])
    assert [True, False] == [result["new"] for result in first.json()["results"]]
    assert "12345" == first.json()["results"][1]["id"]
    assert [False, False] == [result["new"] for result in second.json()["results"]]
    assert {"created": 1, "updated": 1, "unchanged": 2, "archived": 0} == truth("hubspot")["writes"]


def test_upsert_sets_the_email_it_goes_by_when_the_properties_leave_it_out(hubspot: httpx.Client):
    answer = batch(hubspot, "upsert", [{"id": "A@example.com", "idProperty": "email", "properties": {}}])
    assert "a@example.com" == answer.json()["results"][0]["properties"]["email"]


def test_a_batch_with_a_mistake_is_refused_whole_unless_every_input_has_a_trace_id(hubspot: httpx.Client, truth: Any):
    inputs = [by_email("good@example.com"), by_email("bad"), by_email("fine@example.com", shoe_size="4")]
    assert [("email", "INVALID_EMAIL")] == invalid(batch(hubspot, "upsert", inputs))
    assert 0 == truth("hubspot")["writes"]["created"]
    traced = [{**given, "objectWriteTraceId": f"row-{row}"} for row, given in enumerate(inputs)]
    answer = batch(hubspot, "upsert", traced)
    assert 207 == answer.status_code
    body = answer.json()
    assert ("COMPLETE", 2) == (body["status"], body["numErrors"])
    assert [("row-0", True)] == [(one["objectWriteTraceId"], one["new"]) for one in body["results"]]
    assert [["row-1"], ["row-2"]] == [error["context"]["objectWriteTraceId"] for error in body["errors"]]
    assert ["VALIDATION_ERROR"] * 2 == [error["category"] for error in body["errors"]]
    assert 1 == truth("hubspot")["writes"]["created"]


@pytest.mark.parametrize("operation", ["create", "read", "update", "upsert", "archive"])
def test_a_batch_takes_100_inputs_and_refuses_101(hubspot: httpx.Client, truth: Any, operation: str):
    inputs = [by_email(f"u{number}@example.com") for number in range(101)]
    over = batch(hubspot, operation, inputs)
    assert (400, "VALIDATION_ERROR") == (over.status_code, over.json()["category"])
    assert 0 == truth("hubspot")["writes"]["created"]
    assert batch(hubspot, operation, inputs[:100]).status_code in {200, 201, 204, 207}


@pytest.mark.parametrize("operation", ["update", "upsert"])
def test_a_batch_with_the_same_id_twice_is_refused(hubspot: httpx.Client, operation: str):
    inputs = [by_email("jane.smith@example.com"), by_email("Jane.Smith@example.com")]
    assert "Duplicate IDs" in batch(hubspot, operation, inputs).json()["message"]


def test_batch_create_is_a_conflict_when_one_exists_and_then_creates_none(hubspot: httpx.Client, truth: Any):
    inputs = [{"properties": {"email": "new@example.com"}}, {"properties": {"email": "wei.chen@example.com"}}]
    answer = batch(hubspot, "create", inputs)
    assert (409, "Contact already exists. Existing ID: 12405") == (
        answer.status_code,
        answer.json()["message"],
    )
    assert 0 == truth("hubspot")["writes"]["created"]
    assert 201 == batch(hubspot, "create", inputs[:1]).status_code


@pytest.mark.parametrize("operation", ["read", "update"])
def test_ids_that_do_not_exist_are_named_in_a_207_beside_the_results(hubspot: httpx.Client, operation: str):
    inputs = [{"id": "12345", "properties": {"city": "Rome"}}, {"id": "999", "properties": {"city": "Rome"}}]
    answer = batch(hubspot, operation, inputs)
    assert 207 == answer.status_code
    assert ["12345"] == [result["id"] for result in answer.json()["results"]]
    assert [("OBJECT_NOT_FOUND", ["999"])] == [
        (error["category"], error["context"]["ids"]) for error in answer.json()["errors"]
    ]


def test_batch_read_goes_by_email_and_shows_what_is_asked_for(hubspot: httpx.Client):
    inputs = [{"id": "alex.rivera@example.com"}, {"id": "12402"}]
    answer = batch(hubspot, "read", inputs[:1], idProperty="email", properties=["phone"])
    assert (200, "+1-555-0142") == (answer.status_code, answer.json()["results"][0]["properties"]["phone"])


def test_batch_archive_archives_and_passes_over_what_is_not_there(hubspot: httpx.Client, truth: Any):
    assert 204 == batch(hubspot, "archive", [{"id": "12401"}, {"id": "999"}]).status_code
    assert 1 == truth("hubspot")["writes"]["archived"]


# ---- search ------------------------------------------------------------------------------------------------------


def test_search_finds_seeded_contacts_at_once_and_new_ones_after_the_lag(hubspot: httpx.Client, clock: Any):
    assert 1 == find(hubspot, equal("email", "jane.smith@example.com"))["total"]
    create(hubspot, email="new@example.com")
    assert 0 == find(hubspot, equal("email", "new@example.com"))["total"]
    clock.advance(SEARCH_LAG_S)
    assert 1 == find(hubspot, equal("email", "new@example.com"))["total"]


def test_search_shows_an_updated_contact_as_it_was_until_the_lag_is_over(hubspot: httpx.Client, clock: Any):
    hubspot.patch(f"{CONTACTS}/12345", json={"properties": {"lifecyclestage": "customer"}})
    assert "12345" in {one["id"] for one in find(hubspot, equal("lifecyclestage", "lead"))["results"]}
    clock.advance(SEARCH_LAG_S)
    assert "12345" in {one["id"] for one in find(hubspot, equal("lifecyclestage", "customer"))["results"]}


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ([{"propertyName": "email", "operator": "NOT_HAS_PROPERTY"}], ["12403"]),
        ([{"propertyName": "lifecyclestage", "operator": "HAS_PROPERTY"}, equal("lastname", "chen")], ["12405"]),
        ([{"propertyName": "lastname", "operator": "NEQ", "value": "rivera"}, equal("city", "x")], []),
        ([{"propertyName": "lastname", "operator": "IN", "values": ["chen", "garcia"]}], ["12404", "12405"]),
        (
            [{"propertyName": "lastname", "operator": "NOT_IN", "values": ["chen", "garcia", "rivera", "okafor"]}],
            ["12345"],
        ),
        ([{"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "northwind"}], ["12402"]),
        ([{"propertyName": "company", "operator": "CONTAINS_TOKEN", "value": "Fab*"}], ["12405"]),
        ([{"propertyName": "hs_object_id", "operator": "GT", "value": "12404"}], ["12405"]),
        ([{"propertyName": "hs_object_id", "operator": "LT", "value": "12401"}], ["12345"]),
        (
            [{"propertyName": "hs_object_id", "operator": "BETWEEN", "value": "12402", "highValue": "12403"}],
            ["12402", "12403"],
        ),
    ],
)
def test_each_operator_of_search_filters(hubspot: httpx.Client, filters: list[dict[str, Any]], ids: list[str]):
    assert ids == [one["id"] for one in find(hubspot, *filters)["results"]]


def test_search_groups_are_alternatives_and_query_looks_into_the_text_properties(hubspot: httpx.Client, clock: Any):
    groups = [{"filters": [equal("lastname", "Chen")]}, {"filters": [equal("lastname", "Smith")]}]
    either = hubspot.post(SEARCH, json={"filterGroups": groups}).json()
    assert ["12345", "12405"] == [one["id"] for one in either["results"]]
    assert ["12401", "12402"] == [
        one["id"] for one in hubspot.post(SEARCH, json={"query": "northwind t"}).json()["results"]
    ]


def test_search_is_sorted_and_paged(hubspot: httpx.Client):
    sort = [{"propertyName": "hs_object_id", "direction": "DESCENDING"}]
    first = find(hubspot, sorts=sort, limit=4, properties=["email"])
    second = find(hubspot, sorts=sort, limit=4, after=first["paging"]["next"]["after"])
    ids = [one["id"] for one in first["results"] + second["results"]]
    assert ["12405", "12404", "12403", "12402", "12401", "12345"] == ids
    assert (6, False) == (second["total"], "paging" in second)


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 201},
        {"limit": "many"},
        {"after": 9999, "limit": 10},
        {"filterGroups": [{"filters": [equal("shoe_size", "4")]}]},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "LIKE", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ"}]}]},
        {"filterGroups": [{"filters": [equal("city", "x")] * 7}]},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": "all"},
        {"properties": "email"},
        {"sorts": ["shoe_size"]},
    ],
)
def test_a_search_that_cannot_be_is_a_400(hubspot: httpx.Client, asked: dict[str, Any]):
    answer = hubspot.post(SEARCH, json=asked)
    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.json()["category"])


# ---- properties --------------------------------------------------------------------------------------------------


def test_a_property_of_ones_own_can_be_defined_and_then_written(hubspot: httpx.Client):
    definition = {
        "name": "plan",
        "label": "Plan",
        "type": "enumeration",
        "fieldType": "select",
        "groupName": "contactinformation",
        "options": [{"label": "Pro", "value": "pro"}],
    }
    assert 201 == hubspot.post("/crm/v3/properties/contacts", json=definition).status_code
    assert 409 == hubspot.post("/crm/v3/properties/contacts", json=definition).status_code
    names = {one["name"] for one in hubspot.get("/crm/v3/properties/contacts").json()["results"]}
    assert {"email", "lifecyclestage", "plan"} <= names
    assert "pro" == create(hubspot, email="a@example.com", plan="pro")["properties"]["plan"]
    refused = hubspot.post(CONTACTS, json={"properties": {"plan": "basic"}})
    assert [("plan", "INVALID_OPTION")] == invalid(refused)
    assert 400 == hubspot.post("/crm/v3/properties/contacts", json={"name": "x"}).status_code


# ---- credentials and limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "category"),
    [
        (None, "INVALID_AUTHENTICATION"),
        ("Bearer", "INVALID_AUTHENTICATION"),
        ("Basic abc", "INVALID_AUTHENTICATION"),
        ("Bearer pat-invalid", "INVALID_AUTHENTICATION"),
        ("Bearer pat-revoked", "INVALID_AUTHENTICATION"),
        ("Bearer pat-expired", "EXPIRED_AUTHENTICATION"),
    ],
)
def test_without_a_good_token_nothing_is_answered_but_401(http: httpx.Client, token: str | None, category: str):
    answer = http.get(f"/hubspot{CONTACTS}", headers={"Authorization": token} if token else {})
    assert (401, "error", category) == (answer.status_code, answer.json()["status"], answer.json()["category"])


def test_the_limit_is_190_in_any_ten_seconds_and_the_headers_count_down(hubspot: httpx.Client, clock: Any):
    first = hubspot.get("/account-info/v3/details")
    assert ("190", "189", "10000", "650000", "649999") == tuple(
        first.headers[f"x-hubspot-ratelimit-{name}"]
        for name in ("max", "remaining", "interval-milliseconds", "daily", "daily-remaining")
    )
    clock.advance(4)
    assert {200} == {hubspot.get("/account-info/v3/details").status_code for _ in range(189)}
    over = hubspot.get("/account-info/v3/details")
    assert (429, "6", "0") == (
        over.status_code,
        over.headers["retry-after"],
        over.headers["x-hubspot-ratelimit-remaining"],
    )
    assert ("RATE_LIMIT", "TEN_SECONDLY_ROLLING") == (over.json()["errorType"], over.json()["policyName"])
    clock.advance(6)
    assert [200, 429] == [hubspot.get("/account-info/v3/details").status_code for _ in range(2)]


def test_search_has_five_a_second_of_its_own_and_no_rate_headers(hubspot: httpx.Client, clock: Any):
    answers = [hubspot.post(SEARCH, json={}) for _ in range(6)]
    assert [200] * 5 + [429] == [answer.status_code for answer in answers]
    assert "SECONDLY" == answers[-1].json()["policyName"]
    assert not any(name.startswith("x-hubspot-ratelimit") for name in answers[0].headers)
    clock.advance(1)
    assert 200 == hubspot.post(SEARCH, json={}).status_code


def test_an_unknown_path_is_a_404_in_hubspots_shape(hubspot: httpx.Client, sandbox: SandboxServer):
    assert "error" == hubspot.get("/crm/v3/objects/unicorns").json()["status"]
    assert [(404, None)] == [(entry.status, entry.template) for entry in sandbox.sandbox.log]
