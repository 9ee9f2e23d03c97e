"""HubSpot: the wire as its official SDK has it, and the state it leaves behind at the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from connectors.vendor_recorder import Asked, VendorRecorder
from newfuse.connectors.hubspot import HubSpot
from newfuse.connectors.hubspot.failure import describe_failure
from newfuse.effects import Ledger
from newfuse.errors import (
    AuthenticationFailed,
    Conflict,
    EffectUnknown,
    InvalidArguments,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from newfuse.http import CallRecord
from newfuse.integrations import WriteStatus
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer
from newfuse.sandbox.faults import Fault

CONTACTS = "/crm/v3/objects/contacts"
ROW = {
    "id": "1",
    "properties": {"email": "ada@example.com"},
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00Z",
    "archived": False,
}
BATCH = {"status": "COMPLETE", "results": [], "startedAt": "2026-01-01T00:00:00Z"}


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
async def hubspot(server: SandboxServer, ledger: Ledger, calls: list[CallRecord]) -> AsyncIterator[HubSpot]:
    credentials = SANDBOX_CREDENTIALS["hubspot"]
    async with HubSpot(
        base_url=f"{server.url}/hubspot", ledger=ledger, recorder=calls.append, **credentials
    ) as connected:
        calls.clear()
        yield connected


@pytest.fixture
async def recorded(ledger: Ledger) -> AsyncIterator[Callable[..., Any]]:
    """Makes a connected HubSpot over a recorder with the given answer."""
    made: list[HubSpot] = []

    async def make(answer: Any = (200, {})) -> tuple[HubSpot, VendorRecorder]:
        vendor = VendorRecorder(answer)
        hubspot = HubSpot(api_key="pat-na1-test", ledger=ledger, recorder=lambda _: None, transport=vendor.transport)
        made.append(hubspot)
        hubspot._open()
        hubspot.is_connected = True
        return hubspot, vendor

    yield make
    for hubspot in made:
        await hubspot.disconnect()


def by_email(server: SandboxServer) -> dict[str, Any]:
    """Return what the sandbox really holds."""
    return {row.get("email"): row for row in server.sandbox.truth("hubspot")["hubspot"]["contacts"].values()}


# --- the wire: method, target and body as sent by the official SDK, hubspot-api-client 12.0.0 ------------------------

READ_PROPERTIES = "properties=email&properties=firstname"

SENT_BY_THE_SDK = {
    "create_contact": (
        {"properties": {"email": "ada@example.com"}},
        ROW,
        ("POST", CONTACTS, {"properties": {"email": "ada@example.com"}}),
    ),
    "update_contact": (
        {"contact_id": "1", "properties": {"firstname": "Ada"}},
        ROW,
        ("PATCH", f"{CONTACTS}/1", {"properties": {"firstname": "Ada"}}),
    ),
    "get_contact": (
        {"contact_id": "a@b.c", "properties": ["email", "firstname"], "id_property": "email"},
        ROW,
        ("GET", f"{CONTACTS}/a%40b.c?{READ_PROPERTIES}&idProperty=email", None),
    ),
    "get_contacts": (
        {"property": ["email", "firstname"], "count": 10, "after": "5"},
        {"results": [ROW]},
        ("GET", f"{CONTACTS}?limit=10&after=5&{READ_PROPERTIES}", None),
    ),
    "delete_contact": ({"contact_id": "1"}, None, ("DELETE", f"{CONTACTS}/1", None)),
    "create_contacts": (
        {"contacts": [{"email": "a@b.c"}]},
        {**BATCH, "results": [ROW]},
        ("POST", f"{CONTACTS}/batch/create", {"inputs": [{"properties": {"email": "a@b.c"}}]}),
    ),
    "update_contacts": (
        {"contacts": [{"id": "1", "properties": {"firstname": "A"}}]},
        {**BATCH, "results": [{**ROW, "objectWriteTraceId": "0"}]},
        (
            "POST",
            f"{CONTACTS}/batch/update",
            {"inputs": [{"objectWriteTraceId": "0", "id": "1", "properties": {"firstname": "A"}}]},
        ),
    ),
    "upsert_contacts": (
        {"contacts": [{"email": "a@b.c", "firstname": "A"}]},
        {**BATCH, "results": [{**ROW, "objectWriteTraceId": "0", "new": True}]},
        (
            "POST",
            f"{CONTACTS}/batch/upsert",
            {
                "inputs": [
                    {
                        "idProperty": "email",
                        "objectWriteTraceId": "0",
                        "id": "a@b.c",
                        "properties": {"firstname": "A"},
                    }
                ]
            },
        ),
    ),
    "batch_read_contacts": (
        {"emails": ["A@b.c"], "properties": ["email"]},
        {**BATCH, "results": [ROW]},
        (
            "POST",
            f"{CONTACTS}/batch/read",
            {
                "propertiesWithHistory": [],
                "idProperty": "email",
                "inputs": [{"id": "a@b.c"}],
                "properties": ["email"],
            },
        ),
    ),
    "archive_contacts": (
        {"contact_ids": ["1"]},
        None,
        ("POST", f"{CONTACTS}/batch/archive", {"inputs": [{"id": "1"}]}),
    ),
    "search_contacts": (
        {
            "query": "x",
            "limit": 10,
            "sort": "createdate",
            "properties": ["email"],
            "filters": [{"propertyName": "email", "operator": "EQ", "value": "a@b.c"}],
        },
        {"total": 1, "results": [ROW]},
        (
            "POST",
            f"{CONTACTS}/search",
            {
                "query": "x",
                "limit": 10,
                "sorts": ["createdate"],
                "properties": ["email"],
                "filterGroups": [{"filters": [{"propertyName": "email", "value": "a@b.c", "operator": "EQ"}]}],
            },
        ),
    ),
    "create_company": (
        {"properties": {"name": "X"}},
        ROW,
        ("POST", "/crm/v3/objects/companies", {"properties": {"name": "X"}}),
    ),
    "list_properties": ({}, {"results": []}, ("GET", "/crm/v3/properties/contacts", None)),
    "create_property": (
        {"name": "x", "label": "X"},
        {"name": "x", "label": "X", "type": "string", "fieldType": "text"},
        (
            "POST",
            "/crm/v3/properties/contacts",
            {"name": "x", "label": "X", "type": "string", "fieldType": "text", "groupName": "contactinformation"},
        ),
    ),
}


@pytest.mark.parametrize("action", SENT_BY_THE_SDK)
async def test_a_request_is_the_one_the_official_sdk_sends(recorded: Callable[..., Any], action: str):
    params, answer, expected = SENT_BY_THE_SDK[action]
    hubspot, vendor = await recorded((204 if answer is None else 200, answer))
    await hubspot.execute(action, params)
    assert [expected] == [(asked.method, asked.target, asked.body) for asked in vendor.asked]
    assert "Bearer pat-na1-test" == vendor.last.headers["authorization"]
    assert "api.hubapi.com" == vendor.last.url.host


async def test_values_go_out_as_texts_as_the_sdk_types_them(recorded: Callable[..., Any]):
    hubspot, vendor = await recorded((201, ROW))
    await hubspot.execute("create_contact", {"properties": {"email": "a@b.c", "score": 7, "vip": True, "phone": None}})
    assert {"email": "a@b.c", "score": "7", "vip": "true", "phone": ""} == vendor.last.body["properties"]


# --- one contact ------------------------------------------------------------------------------------------------------


async def test_the_page_of_contacts_has_hubspots_own_shape(hubspot: HubSpot):
    page = await hubspot.execute("get_contacts", {"property": ["email", "firstname", "lastname"], "count": 3})
    assert 3 == len(page["results"])
    assert ("12345", "jane.smith@example.com", "Jane") == (
        page["results"][0]["id"],
        page["results"][0]["properties"]["email"],
        page["results"][0]["properties"]["firstname"],
    )


async def test_a_created_contact_can_be_read_by_id_and_by_address(hubspot: HubSpot, server: SandboxServer):
    made = await hubspot.execute("create_contact", {"properties": {"email": "john.doe@example.com", "firstname": "J"}})
    by_id = await hubspot.execute("get_contact", {"contact_id": made.id})
    by_address = await hubspot.execute("get_contact", {"contact_id": "john.doe@example.com", "id_property": "email"})
    assert made.id == by_id["id"] == by_address.id
    assert "J" == by_id.firstname == by_email(server)["john.doe@example.com"]["firstname"]


async def test_a_contact_that_exists_is_a_conflict_that_names_its_id(hubspot: HubSpot):
    with pytest.raises(Conflict) as caught:
        await hubspot.execute("create_contact", {"properties": {"email": "jane.smith@example.com"}})
    assert "12345" == caught.value.existing_id


async def test_an_unknown_contact_is_not_found(hubspot: HubSpot):
    with pytest.raises(NotFound):
        await hubspot.execute("get_contact", {"contact_id": "999"})
    assert [] == await hubspot.execute("find_contacts", {"email": "nobody@example.com"})


async def test_a_misspelt_property_is_named_in_words(hubspot: HubSpot):
    with pytest.raises(Rejected) as caught:
        await hubspot.execute("update_contact", {"contact_id": "12345", "properties": {"lifecycle_stage": "lead"}})
    assert 'lifecycle_stage: Property "lifecycle_stage" does not exist' in caught.value.message
    assert "[{" not in caught.value.message


async def test_what_search_does_not_know_yet_is_found_by_address(hubspot: HubSpot):
    await hubspot.execute("create_contact", {"properties": {"email": "new@example.com"}})
    condition = {"propertyName": "email", "operator": "EQ", "value": "new@example.com"}
    assert [] == await hubspot.execute("search_contacts", {"filters": [condition]})
    [found] = await hubspot.execute("find_contacts", {"email": "NEW@example.com"})
    assert "new@example.com" == found.email


async def test_a_deleted_contact_is_archived_and_deleting_again_changes_nothing(hubspot: HubSpot):
    for _ in range(2):
        answer = await hubspot.execute("delete_contact", {"contact_id": "12405"})
        assert ("12405", True) == (answer.id, answer.archived)
    with pytest.raises(NotFound):
        await hubspot.execute("get_contact", {"contact_id": "12405"})


async def test_a_list_is_read_page_after_page(hubspot: HubSpot, calls: list[CallRecord]):
    addresses = [f"person{number}@example.com" for number in range(100)]
    await hubspot.execute("create_contacts", {"contacts": [{"email": address} for address in addresses]})
    calls.clear()
    listed = await hubspot.execute("list_contacts")
    assert 106 == len(listed) == len({contact.id for contact in listed})
    assert 2 == len(calls)
    assert 101 == len(await hubspot.execute("list_contacts", {"limit": 101}))


async def test_a_search_is_sorted_and_cut_at_the_limit(hubspot: HubSpot):
    has_name = {"propertyName": "lastname", "operator": "HAS_PROPERTY"}
    found = await hubspot.execute("search_contacts", {"filters": [has_name], "sort": "-firstname", "limit": 2})
    assert ["Wei", "Sam"] == [contact.firstname for contact in found]


# --- once -------------------------------------------------------------------------------------------------------------


async def test_a_creation_whose_answer_was_lost_is_settled_by_reading(hubspot: HubSpot, server: SandboxServer):
    server.sandbox.faults.add(Fault("hubspot", "commit_then_drop", path=CONTACTS, method="POST", count=1))
    properties = {"email": "john.doe@example.com", "firstname": "John"}
    performed = await hubspot.perform("create_contact", {"properties": properties}, reference="lead-1")
    assert WriteStatus.CONFIRMED == performed.status
    assert "John" == performed.value.firstname
    again = await hubspot.perform("create_contact", {"properties": properties}, reference="lead-1")
    assert (WriteStatus.SKIPPED, performed.value.id) == (again.status, again.value.id)
    posts = [entry for entry in server.sandbox.log if entry.method == "POST"]
    assert 1 == len(posts)
    assert 1 == server.sandbox.truth("hubspot")["hubspot"]["writes"]["created"]


async def test_an_older_contact_with_other_values_is_not_taken_for_the_new_one(hubspot: HubSpot):
    assert None is await hubspot.created_contact({"email": "jane.smith@example.com", "company": "Elsewhere"})
    found = await hubspot.created_contact({"email": "Jane.Smith@example.com", "company": "Innovation"})
    assert found is not None
    assert "12345" == found.id
    assert None is await hubspot.created_contact({"email": "nobody@example.com"})


async def test_without_an_address_nobody_can_tell_and_nothing_is_sent_again(hubspot: HubSpot, server: SandboxServer):
    server.sandbox.faults.add(Fault("hubspot", "commit_then_drop", path=CONTACTS, method="POST", count=1))
    for _ in range(2):
        performed = await hubspot.perform("create_contact", {"properties": {"firstname": "X"}}, reference="nameless")
        assert WriteStatus.UNKNOWN == performed.status
    assert 1 == len([entry for entry in server.sandbox.log if entry.method == "POST"])


async def test_a_company_whose_answer_was_lost_stays_unknown(hubspot: HubSpot, server: SandboxServer):
    server.sandbox.faults.add(Fault("hubspot", "commit_then_drop", path="/crm/v3/objects/companies", count=1))
    with pytest.raises(OutcomeUnknown):
        await hubspot.execute("create_company", {"properties": {"name": "Acme"}}, reference="acme")
    with pytest.raises(EffectUnknown):
        await hubspot.execute("create_company", {"properties": {"name": "Acme"}}, reference="acme")
    assert 1 == len([entry for entry in server.sandbox.log if entry.method == "POST"])


async def test_a_lost_batch_creation_is_settled_by_reading(hubspot: HubSpot, server: SandboxServer):
    server.sandbox.faults.add(Fault("hubspot", "commit_then_drop", path=f"{CONTACTS}/batch/create", count=1))
    given = {"contacts": [{"email": "a@example.com", "firstname": "A"}, {"email": "b@example.com"}]}
    performed = await hubspot.perform("create_contacts", given, reference="two")
    assert WriteStatus.CONFIRMED == performed.status
    assert {"a@example.com", "b@example.com"} == {contact.email for contact in performed.value}
    assert 2 == server.sandbox.truth("hubspot")["hubspot"]["writes"]["created"]


async def test_a_batch_creation_with_one_that_exists_creates_none(hubspot: HubSpot, server: SandboxServer):
    given = {"contacts": [{"email": "a@example.com"}, {"email": "jane.smith@example.com"}]}
    with pytest.raises(Conflict) as caught:
        await hubspot.execute("create_contacts", given)
    assert "12345" == caught.value.existing_id
    assert "a@example.com" not in by_email(server)


async def test_a_property_whose_creation_was_lost_is_found_again(hubspot: HubSpot, server: SandboxServer):
    server.sandbox.faults.add(Fault("hubspot", "commit_then_drop", path="/crm/v3/properties", method="POST", count=1))
    given = {"name": "tier", "label": "Tier", "type": "enumeration", "field_type": "select", "options": ["a", "b"]}
    performed = await hubspot.perform("create_property", given, reference="tier")
    assert (WriteStatus.CONFIRMED, ["a", "b"]) == (performed.status, performed.value.options)
    with pytest.raises(Conflict):
        await hubspot.execute("create_property", given)


# --- batches ----------------------------------------------------------------------------------------------------------


async def test_an_upsert_says_of_each_contact_whether_it_is_new(hubspot: HubSpot, calls: list[CallRecord]):
    given = [
        {"email": "john.doe@example.com", "firstname": "John"},
        {"email": "jane.smith@example.com", "lifecyclestage": "customer"},
    ]
    john, jane = await hubspot.execute("upsert_contacts", {"contacts": given})
    assert (True, False, "12345") == (john.value.new, jane.value.new, jane.value["id"])
    assert 1 == len(calls)


async def test_bad_contacts_are_told_by_name_and_the_good_ones_go_through(hubspot: HubSpot, server: SandboxServer):
    given = [
        {"email": "good@example.com"},
        {"email": "not an address"},
        {"firstname": "Nobody"},
        {"email": "stage@example.com", "lifecyclestage": "sometimes"},
        {"email": "fine@example.com"},
    ]
    results = await hubspot.execute("upsert_contacts", {"contacts": given})
    statuses = [performed.status.value for performed in results]
    assert ["confirmed", "failed", "failed", "failed", "confirmed"] == statuses
    assert "Email address not an address is invalid" in results[1].error.message
    assert isinstance(results[2].error, InvalidArguments)
    assert "sometimes was not one of the allowed options" in results[3].error.message
    assert {"good@example.com", "fine@example.com"} <= by_email(server).keys()


async def test_one_bad_contact_in_a_batch_refused_whole_costs_few_requests(recorded: Callable[..., Any]):
    def whole_or_not_at_all(asked: Asked) -> tuple[int, Any]:
        inputs = asked.body["inputs"]
        if any(given["id"] == "bad@example.com" for given in inputs):
            return 400, {"status": "error", "message": "bad@example.com is blocked", "category": "VALIDATION_ERROR"}
        rows = [
            {**ROW, "id": f"id-{given['id']}", "new": True, "properties": {"email": given["id"]}} for given in inputs
        ]
        return 200, {**BATCH, "results": rows}  # no trace ids: results are found by address

    hubspot, vendor = await recorded(whole_or_not_at_all)
    addresses = [f"person{number}@example.com" for number in range(99)]
    addresses.insert(41, "bad@example.com")
    results = await hubspot.execute("upsert_contacts", {"contacts": [{"email": address} for address in addresses]})
    for address, performed in zip(addresses, results, strict=True):
        if address == "bad@example.com":
            assert "bad@example.com is blocked" == performed.error.message
        else:
            assert f"id-{address}" == performed.value.id
    assert 15 == len(vendor.asked)


async def test_a_batch_of_nothing_but_bad_contacts_ends(recorded: Callable[..., Any]):
    hubspot, vendor = await recorded((400, {"status": "error", "message": "no", "category": "VALIDATION_ERROR"}))
    given = {"contacts": [{"email": f"person{number}@example.com"} for number in range(100)]}
    results = await hubspot.execute("upsert_contacts", given)
    assert {"VALIDATION_ERROR"} == {performed.error.code for performed in results}
    assert 157 == len(vendor.asked)


async def test_a_contact_the_answer_passes_over_is_asked_for_alone_and_then_unknown(recorded: Callable[..., Any]):
    hubspot, _ = await recorded((200, BATCH))
    [lost, _] = await hubspot.execute("upsert_contacts", {"contacts": [{"email": "a@b.co"}, {"email": "c@b.co"}]})
    assert WriteStatus.UNKNOWN == lost.status


async def test_wrong_credentials_stop_a_batch_at_once(recorded: Callable[..., Any]):
    hubspot, vendor = await recorded((401, {"status": "error", "message": "no", "category": "INVALID_AUTHENTICATION"}))
    given = {"contacts": [{"email": f"person{number}@example.com"} for number in range(50)]}
    results = await hubspot.execute("upsert_contacts", given)
    assert {AuthenticationFailed} == {type(performed.error) for performed in results}
    assert 1 == len(vendor.asked)


async def test_one_contact_twice_in_a_batch_ends_with_the_later_values(hubspot: HubSpot, server: SandboxServer):
    given = [{"email": "twice@example.com", "firstname": name} for name in ("First", "Second")]
    results = await hubspot.execute("upsert_contacts", {"contacts": given})
    assert [None, None] == [performed.error for performed in results]
    assert "Second" == by_email(server)["twice@example.com"]["firstname"]


async def test_hubspots_own_shape_of_a_batch_input_is_taken(hubspot: HubSpot, server: SandboxServer):
    given = {"id": "v@example.com", "idProperty": "email", "properties": {"firstname": "Vendor"}}
    [performed] = await hubspot.execute("upsert_contacts", {"contacts": [given]})
    assert performed.error is None
    assert "Vendor" == by_email(server)["v@example.com"]["firstname"]


async def test_more_than_a_hundred_are_refused_before_anything_is_sent(hubspot: HubSpot, calls: list[CallRecord]):
    with pytest.raises(InvalidArguments, match="contacts"):
        await hubspot.execute("upsert_contacts", {"contacts": [{"email": "a@b.c"}] * 101})
    assert [] == calls


async def test_an_unknown_id_among_updates_is_told_alone(hubspot: HubSpot, server: SandboxServer):
    given = [{"id": "12345", "properties": {"phone": "+1"}}, {"id": "777", "properties": {"phone": "+2"}}]
    done, missing = await hubspot.execute("update_contacts", {"contacts": given})
    assert "12345" == done.value.id
    assert isinstance(missing.error, NotFound)
    assert "+1" == by_email(server)["jane.smith@example.com"]["phone"]


async def test_an_upsert_done_before_is_not_sent_again(hubspot: HubSpot, calls: list[CallRecord]):
    given = {"contacts": [{"email": "john.doe@example.com"}]}
    [first] = await hubspot.perform_batch("upsert_contacts", given, references=["john.doe@example.com"])
    calls.clear()
    [second] = await hubspot.perform_batch("upsert_contacts", given, references=["john.doe@example.com"])
    assert (WriteStatus.SKIPPED, first.value["id"]) == (second.status, second.value["id"])
    assert [] == calls


async def test_many_contacts_are_read_and_archived_at_once(hubspot: HubSpot):
    addresses = ["Jane.Smith@example.com", "nobody@example.com", "wei.chen@example.com"]
    found = await hubspot.execute("batch_read_contacts", {"emails": addresses})
    assert {"12345", "12405"} == {contact.id for contact in found}
    results = await hubspot.execute("archive_contacts", {"contact_ids": ["12345", "12405"]})
    assert [True, True] == [performed.value.archived for performed in results]
    assert [] == await hubspot.execute("batch_read_contacts", {"ids": ["12345", "12405"]})
    with pytest.raises(InvalidArguments):
        await hubspot.execute("batch_read_contacts", {})


async def test_what_could_not_be_read_is_not_taken_for_absent(recorded: Callable[..., Any]):
    error = {"status": "error", "category": "INTERNAL_ERROR", "message": "try again", "context": {"ids": ["1"]}}
    hubspot, _ = await recorded((207, {**BATCH, "numErrors": 1, "errors": [error]}))
    with pytest.raises(Unavailable, match="try again"):
        await hubspot.execute("find_contacts", {"email": "ada@example.com"})


# --- companies, deals, properties -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("single", "plural", "properties", "change"),
    [
        ("company", "companies", {"name": "Acme", "domain": "acme.example.com"}, {"city": "Rome"}),
        ("deal", "deals", {"dealname": "Acme: plan", "amount": 2999}, {"dealstage": "closedwon"}),
    ],
)
async def test_companies_and_deals_are_created_changed_and_found(
    hubspot: HubSpot, clock: Any, single: str, plural: str, properties: dict[str, Any], change: dict[str, str]
):
    made = await hubspot.execute(f"create_{single}", {"properties": properties})
    changed = await hubspot.execute(f"update_{single}", {f"{single}_id": made.id, "properties": change})
    read = await hubspot.execute(f"get_{single}", {f"{single}_id": made.id})
    [(name, value)] = change.items()
    assert value == changed[name] == read[name]
    clock.at += 60
    condition = {"propertyName": name, "operator": "EQ", "value": value}
    assert [made.id] == [row.id for row in await hubspot.execute(f"search_{plural}", {"filters": [condition]})]
    assert 2 == len(await hubspot.execute(f"list_{plural}"))


async def test_properties_are_listed_with_the_values_they_take(hubspot: HubSpot):
    known = {one.name: one for one in await hubspot.execute("list_properties")}
    assert "customer" in known["lifecyclestage"].options
    assert known["email"].has_unique_value
    assert known["createdate"].read_only
    assert "lifecycle_stage" not in known


# --- failures ---------------------------------------------------------------------------------------------------------


async def test_an_invalid_token_is_refused_at_connecting(server: SandboxServer, ledger: Ledger):
    hubspot = HubSpot(api_key="pat-invalid-1", base_url=f"{server.url}/hubspot", ledger=ledger, recorder=lambda _: None)
    with pytest.raises(AuthenticationFailed) as caught:
        await hubspot.connect()
    assert "pat-invalid-1" not in str(caught.value)
    assert not hubspot.is_connected


async def test_the_daily_limit_is_not_waited_for(recorded: Callable[..., Any]):
    limit = {
        "status": "error",
        "message": "You have reached your daily limit.",
        "policyName": "DAILY",
        "errorType": "RATE_LIMIT",
    }
    hubspot, vendor = await recorded((429, limit))
    with pytest.raises(RateLimited):
        await hubspot.execute("get_contacts")
    assert 1 == len(vendor.asked)


def test_the_ten_second_limit_says_how_long_to_wait():
    body = {"status": "error", "message": "You have reached your limit.", "policyName": "TEN_SECONDLY_ROLLING"}
    fault = describe_failure(429, {}, body)
    assert fault is not None
    assert 10.0 == fault.retry_after_s
    told = describe_failure(429, {"retry-after": "2"}, body)
    assert told is not None
    assert None is told.retry_after_s


@pytest.mark.parametrize("body", [None, "<html>", {"error": "x"}, [1]])
def test_an_answer_that_is_not_hubspots_is_left_to_the_engine(body: Any):
    assert None is describe_failure(502, {}, body)


def test_a_message_that_only_looks_like_a_list_is_kept_as_it_is():
    fault = describe_failure(400, {}, {"status": "error", "message": "Wrong: [{oops", "category": "VALIDATION_ERROR"})
    assert fault is not None
    assert "Wrong: [{oops" == fault.message
