"""Authentication, errors, paging, seed data and the shape of every answer."""

from __future__ import annotations

from typing import Any

import pytest

from newfuse.sandbox.mailchimp import Mailchimp

JANE = "jane.smith@example.com"


@pytest.mark.parametrize("key", ["abc-us1", "0123456789abcdef-us21", "test_key-us10"])
@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_a_key_with_a_data_centre_is_let_in_by_either_scheme(account: Any, basic: Any, scheme: str, key: str) -> None:
    authorization = basic(key) if scheme == "Basic" else f"Bearer {key}"
    response = account.send("GET", "/ping", headers={"authorization": authorization})
    assert (200, {"health_status": "Everything's Chimpy!"}) == (response.status, response.body)


@pytest.mark.parametrize("key", ["abc", "abc-", "-us1", "invalid-us1", "revoked_1-us1", "Expired-us21", ""])
def test_a_key_that_cannot_work_is_refused(account: Any, basic: Any, key: str) -> None:
    problem = account.refused("GET", "/ping", headers={"authorization": basic(key)})
    assert {
        "type": "https://mailchimp.com/developer/marketing/docs/errors/",
        "title": "API Key Invalid",
        "status": 401,
        "detail": "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
        "instance": problem["instance"],
    } == problem


@pytest.mark.parametrize("authorization", ["Basic !!!", "Digest abc-us1", "Basic YWJj"])
def test_credentials_that_are_no_key_are_refused(account: Any, authorization: str) -> None:
    assert 401 == account.refused("GET", "/lists", headers={"authorization": authorization})["status"]


def test_a_request_without_a_key_is_told_so(account: Any) -> None:
    assert "API Key Missing" == account.refused("GET", "/lists", headers={})["title"]


def test_every_answer_has_its_own_request_id_and_no_rate_headers(account: Any) -> None:
    answers = [account.send("GET", "/ping"), account.send("GET", "/nothing"), account.vendor.too_many_requests(3.0)]
    assert 3 == len({answer.headers["x-request-id"] for answer in answers})
    names = {name for answer in answers for name in answer.headers}
    assert {"x-request-id", "content-type"} == names


def test_an_unknown_path_is_not_found_and_an_unknown_method_not_allowed(account: Any) -> None:
    assert "Resource Not Found" == account.refused("GET", "/nothing")["title"]
    response = account.send("PUT", "/lists")
    assert (405, "GET, POST", "Method Not Allowed") == (
        response.status,
        response.headers["allow"],
        response.body["title"],
    )


def test_a_method_can_be_overridden_in_a_post(account: Any) -> None:
    headers = {"authorization": "Bearer abc-us1", "x-http-method-override": "PATCH"}
    path = account.member_path(account.active_customers, JANE)
    assert account.send("POST", path, {"vip": True}, headers=headers).body["vip"] is True


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_is_a_parse_error(account: Any, raw: bytes) -> None:
    assert "JSON Parse Error" == account.refused("POST", "/lists", raw=raw)["title"]


def test_a_body_that_is_no_object_is_an_invalid_resource(account: Any) -> None:
    problem = account.refused("POST", "/campaigns", [1])
    assert [{"field": "", "message": "Schema describes object, array found instead"}] == problem["errors"]


def test_every_wrong_field_is_named_at_once(account: Any) -> None:
    problem = account.refused("POST", "/templates", {"name": 3})
    assert ("Invalid Resource", ["", "name"]) == (problem["title"], [error["field"] for error in problem["errors"]])
    assert "html" in problem["errors"][0]["message"]


@pytest.mark.parametrize("status", [400, 403, 404, 418, 500, 502, 503, 599])
def test_a_fault_is_a_problem_document_of_its_status(account: Any, status: int) -> None:
    failure = account.vendor.failure(status)
    assert (status, status) == (failure.status, failure.body["status"])
    assert failure.body["title"]
    assert failure.body["detail"]


def test_a_fault_of_401_or_429_is_the_vendors_own(account: Any) -> None:
    assert "API Key Invalid" == account.vendor.failure(401).body["title"]
    assert account.vendor.failure(429).body["detail"] == account.vendor.too_many_requests(1).body["detail"]


def test_too_many_requests_speaks_of_connections_and_names_no_time(account: Any) -> None:
    response = account.vendor.too_many_requests(30.0)
    assert (429, "Too Many Requests") == (response.status, response.body["title"])
    assert "You have exceeded the limit of 10 simultaneous connections." == response.body["detail"]
    assert "retry-after" not in response.headers


def test_the_root_counts_the_subscribers_of_the_account(account: Any) -> None:
    assert 2 == account.get("/")["total_subscribers"] == account.get("")["total_subscribers"]


def test_the_seeded_account_holds_what_the_sample_job_needs(account: Any) -> None:
    lists = {row["name"]: row for row in account.get("/lists")["lists"]}
    assert {"new_subscribers": account.new_subscribers, "active_customers": account.active_customers} == {
        name: row["id"] for name, row in lists.items()
    }
    assert 1 == lists["active_customers"]["stats"]["member_count"]
    members = account.get(f"/lists/{account.active_customers}/members")["members"]
    assert {"subscribed": JANE} == {m["status"]: m["email_address"] for m in members if m["status"] == "subscribed"}
    assert ["cleaned", "subscribed", "unsubscribed"] == sorted(member["status"] for member in members)
    names = {row["name"]: row["id"] for row in account.get("/templates")["templates"]}
    assert {"welcome_template_v2", "product_update_template"} == set(names)
    assert all("*|UNSUB|*" in template.html for template in account.vendor.state.templates.values())
    automations = account.get("/automations")["automations"]
    assert [("Welcome series", "save")] == [(row["settings"]["title"], row["status"]) for row in automations]


def test_the_same_seed_gives_the_same_ids_and_another_gives_others(account: Any, make_account: Any) -> None:
    ids = [make_account(seed).campaign(account.new_subscribers) for seed in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2]
    assert 10 == len(ids[0])


def test_pages_are_cut_by_count_and_offset_and_count_all_items(account: Any) -> None:
    for number in range(12):
        account.add(account.new_subscribers, f"reader{number:02}@example.com")
    path = f"/lists/{account.new_subscribers}/members"
    first, last = account.get(path), account.get(path, count=5, offset=10)
    assert (10, 3, 13, 13) == (len(first["members"]), len(last["members"]), first["total_items"], last["total_items"])
    assert [] == account.get(path, count=5, offset=99)["members"]


@pytest.mark.parametrize("query", [{"count": 1001}, {"count": "many"}, {"offset": -1}, {"count": "²"}])
def test_a_page_outside_its_bounds_is_refused(account: Any, query: dict[str, Any]) -> None:
    assert "Invalid Resource" == account.refused("GET", "/lists", **query)["title"]


def test_fields_keep_and_exclude_fields_drop_dotted_paths(account: Any) -> None:
    kept = account.get("/lists", fields="lists.id,lists.stats.member_count,total_items")
    assert {"lists", "total_items"} == set(kept)
    assert {"id", "stats"} == set(kept["lists"][0])
    assert {"member_count"} == set(kept["lists"][0]["stats"])
    dropped = account.get("/lists", exclude_fields="lists.contact,constraints")
    assert "constraints" not in dropped
    assert "contact" not in dropped["lists"][0]
    assert "id" in dropped["lists"][0]


def test_nothing_was_written_before_the_first_request() -> None:
    truth = Mailchimp().truth()
    assert {
        "members_created": 0,
        "members_updated": 0,
        "members_unchanged": 0,
        "campaigns_created": 0,
    } == truth["writes"]
    assert ([], {}) == (truth["messages"], truth["campaigns"])
