"""Lists and their members: upsert, batch, compliance, tags, segments, merge fields, webhooks."""

from __future__ import annotations

from typing import Any

import pytest

from newfuse.sandbox.mailchimp.state import subscriber_hash

JANE, LEFT, BOUNCED = "jane.smith@example.com", "left.last.year@example.com", "bounced.mail@example.com"
ADA = "ada@example.com"


def upsert(account: Any, email: str, **more: Any) -> Any:
    path = account.member_path(account.active_customers, email)
    return account.put(path, {"email_address": email, "status_if_new": "subscribed", **more})


def emails(rows: list[Any]) -> list[str]:
    return [row["email_address"] for row in rows]


def counts(account: Any) -> tuple[int, int, int]:
    writes = account.writes
    return writes["members_created"], writes["members_updated"], writes["members_unchanged"]


def test_put_creates_then_changes_then_leaves_alone(account: Any) -> None:
    created = upsert(account, ADA, merge_fields={"FNAME": "Ada"})
    assert (subscriber_hash(ADA), "subscribed", "Ada") == (
        created["id"],
        created["status"],
        created["merge_fields"]["FNAME"],
    )
    account.at += 60
    changed = upsert(account, ADA, merge_fields={"FNAME": "Ada", "LNAME": "Byron"})
    account.at += 60
    assert changed == upsert(account, ADA, merge_fields={"FNAME": "Ada", "LNAME": "Byron"})
    assert created["last_changed"] < changed["last_changed"]
    assert (1, 1, 1) == counts(account)


def test_the_hash_is_of_the_lower_case_address_and_an_address_serves_too(account: Any) -> None:
    upsert(account, "Ada@Example.com")
    path = f"/lists/{account.active_customers}/members/"
    by_hash = account.get(path + subscriber_hash("ada@example.com"))
    assert by_hash == account.get(path + "ADA%40example.com")
    assert "Ada@Example.com" == by_hash["email_address"]


def test_put_of_a_new_address_needs_the_status_it_is_to_have(account: Any) -> None:
    problem = account.refused(
        "PUT", account.member_path(account.active_customers, ADA), {"email_address": ADA, "status": "subscribed"}
    )
    assert ["status_if_new"] == [error["field"] for error in problem["errors"]]
    assert (0, 0, 0) == counts(account)


def test_put_under_a_hash_of_another_spelling_is_member_exists(account: Any) -> None:
    path = f"/lists/{account.active_customers}/members/{'0' * 32}"
    problem = account.refused("PUT", path, {"email_address": JANE, "status_if_new": "subscribed"})
    assert ("Member Exists", f"{JANE} is already a list member. Use PUT to insert or update list members.") == (
        problem["title"],
        problem["detail"],
    )


def test_put_keeps_the_status_of_someone_who_is_there(account: Any) -> None:
    assert "unsubscribed" == upsert(account, LEFT)["status"]


@pytest.mark.parametrize("email", [LEFT, BOUNCED])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_who_left_or_bounced_cannot_be_subscribed_again(account: Any, method: str, email: str) -> None:
    body = {"email_address": email, "status_if_new": "subscribed", "status": "subscribed"}
    problem = account.refused(method, account.member_path(account.active_customers, email), body)
    assert (400, "Member In Compliance State") == (problem["status"], problem["title"])
    assert problem["detail"].startswith(f"{email} is in a compliance state")
    assert "subscribed" != account.vendor.truth()["lists"][account.active_customers]["members"][email]


def test_who_left_can_be_asked_again(account: Any) -> None:
    assert "pending" == upsert(account, LEFT, status="pending")["status"]


def test_whom_the_account_unsubscribed_it_can_subscribe_again(account: Any) -> None:
    left = upsert(account, JANE, status="unsubscribed")
    assert "N/A (Unsubscribed by an admin)" == left["unsubscribe_reason"]
    assert "subscribed" == upsert(account, JANE, status="subscribed")["status"]


def test_who_follows_the_unsubscribe_link_is_in_compliance_state(account: Any) -> None:
    account.vendor.unsubscribe(account.active_customers, JANE, reason="Too many")
    path = account.member_path(account.active_customers, JANE)
    assert ("unsubscribed", "Too many") == (account.get(path)["status"], account.get(path)["unsubscribe_reason"])
    assert "Member In Compliance State" == account.refused("PATCH", path, {"status": "subscribed"})["title"]


def test_post_adds_a_new_address_and_refuses_a_known_one(account: Any) -> None:
    assert ["vip", "new"] == [
        tag["name"] for tag in account.add(account.active_customers, ADA, tags=["vip", "new"])["tags"]
    ]
    body = {"email_address": ADA.upper(), "status": "subscribed"}
    assert "Member Exists" == account.refused("POST", f"/lists/{account.active_customers}/members", body)["title"]


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example", "ada@.com", "a..b@example.com"]
)
def test_what_is_no_address_is_refused(account: Any, email: str) -> None:
    body = {"email_address": email, "status": "subscribed"}
    problem = account.refused("POST", f"/lists/{account.active_customers}/members", body)
    assert ("Invalid Resource", "Please provide a valid email address.") == (problem["title"], problem["detail"])


def test_a_status_that_cannot_be_set_is_refused(account: Any) -> None:
    path = account.member_path(account.active_customers, JANE)
    problem = account.refused("PATCH", path, {"status": "archived"})
    assert "not one of the accepted values" in problem["errors"][0]["message"]


def test_delete_archives_and_the_member_can_come_back(account: Any) -> None:
    path = account.member_path(account.active_customers, JANE)
    account.delete(path)
    assert "archived" == account.get(path)["status"]
    assert JANE not in emails(account.get(f"/lists/{account.active_customers}/members")["members"])
    archived = account.get(f"/lists/{account.active_customers}/members", status="archived")
    assert [JANE] == emails(archived["members"])
    assert 405 == account.refused("DELETE", path)["status"]
    assert "subscribed" == upsert(account, JANE)["status"]


def test_a_member_deleted_for_good_cannot_be_imported_again(account: Any) -> None:
    path = account.member_path(account.active_customers, JANE)
    assert account.post(path + "/actions/delete-permanent") is None
    assert 404 == account.refused("GET", path)["status"]
    body = {"email_address": JANE, "status": "subscribed", "status_if_new": "subscribed"}
    for method, where in (("PUT", path), ("POST", f"/lists/{account.active_customers}/members")):
        assert "Forgotten Email Not Subscribed" == account.refused(method, where, body)["title"]


def test_patch_changes_the_address_and_with_it_the_hash(account: Any) -> None:
    moved = account.patch(account.member_path(account.active_customers, JANE), {"email_address": ADA})
    assert subscriber_hash(ADA) == moved["id"]
    assert 404 == account.refused("GET", account.member_path(account.active_customers, JANE))["status"]
    clash = account.refused("PATCH", account.member_path(account.active_customers, ADA), {"email_address": BOUNCED})
    assert "Member Exists" == clash["title"]


def test_members_are_filtered_by_status_and_by_change(account: Any) -> None:
    path = f"/lists/{account.active_customers}/members"
    assert [LEFT] == emails(account.get(path, status="unsubscribed")["members"])
    account.at += 10
    upsert(account, ADA)
    assert [ADA] == emails(account.get(path, since_last_changed="2027-01-15T08:00:05+00:00")["members"])
    assert 3 == account.get(path, before_last_changed="2027-01-15T08:00:05Z")["total_items"]
    assert "Invalid Resource" == account.refused("GET", path, since_last_changed="soon")["title"]


def test_unknown_merge_fields_are_dropped_and_wrong_ones_refused(account: Any) -> None:
    assert "SHOE" not in upsert(account, ADA, merge_fields={"FNAME": "Ada", "SHOE": 38})["merge_fields"]
    fields = f"/lists/{account.active_customers}/merge-fields"
    account.post(fields, {"name": "Age", "type": "number", "tag": "AGE"})
    account.post(fields, {"name": "Plan", "type": "text", "tag": "PLAN", "required": True})
    path = account.member_path(account.active_customers, ADA)
    problem = account.refused("PATCH", path, {"merge_fields": {"AGE": "old", "FNAME": "x" * 300}})
    assert "Your merge fields were invalid." == problem["detail"]
    assert ["FNAME", "AGE", "PLAN"] == [error["field"] for error in problem["errors"]]
    saved = account.patch(path, {"merge_fields": {"AGE": "36"}}, skip_merge_validation="true")
    assert (36.0, "") == (saved["merge_fields"]["AGE"], saved["merge_fields"]["PLAN"])


def test_merge_fields_are_listed_and_a_tag_is_taken_once(account: Any) -> None:
    path = f"/lists/{account.active_customers}/merge-fields"
    assert ["FNAME", "LNAME", "ADDRESS", "PHONE", "BIRTHDAY"] == [
        field["tag"] for field in account.get(path)["merge_fields"]
    ]
    made = account.post(path, {"name": "Favourite colour", "type": "text"})
    assert "FAVOURITEC" == made["tag"]
    assert made == account.get(f"{path}/{made['merge_id']}")
    assert (
        "already exists" in account.refused("POST", path, {"name": "First", "tag": "fname", "type": "text"})["detail"]
    )
    account.delete(f"{path}/{made['merge_id']}")
    assert "FAVOURITEC" not in account.get(account.member_path(account.active_customers, JANE))["merge_fields"]


def test_a_batch_saves_what_it_can_and_lists_what_it_cannot(account: Any) -> None:
    members = [
        {"email_address": ADA, "status": "subscribed", "merge_fields": {"FNAME": "Ada"}},
        {"email_address": JANE, "status": "subscribed", "merge_fields": {"LNAME": "Jones"}},
        {"email_address": LEFT, "status": "subscribed"},
        {"email_address": "nobody", "status": "subscribed"},
        {"email_address": ADA.upper(), "status": "subscribed"},
        {"email_address": "grace@example.com"},
    ]
    answer = account.post(f"/lists/{account.active_customers}", {"members": members, "update_existing": True})
    assert ([ADA], [JANE]) == (emails(answer["new_members"]), emails(answer["updated_members"]))
    assert (1, 1, 4) == (answer["total_created"], answer["total_updated"], answer["error_count"])
    assert [LEFT, "nobody", ADA.upper(), "grace@example.com"] == emails(answer["errors"])
    assert {"ERROR_GENERIC"} == {error["error_code"] for error in answer["errors"]}
    assert "compliance state" in answer["errors"][0]["error"]
    assert (1, 1, 0) == counts(account)


def test_a_batch_touches_existing_members_only_when_told_to(account: Any) -> None:
    path, member = f"/lists/{account.active_customers}", {"email_address": JANE, "status": "subscribed"}
    answer = account.post(path, {"members": [member]})
    assert "ERROR_CONTACT_EXISTS" == answer["errors"][0]["error_code"]
    assert "update_existing:true" in answer["errors"][0]["error"]
    again = account.post(path, {"members": [member, member], "update_existing": True}, skip_duplicate_check="true")
    assert (1, 0) == (again["total_updated"], again["error_count"])
    assert (0, 0, 1) == counts(account)


def test_a_batch_of_more_than_500_is_refused_whole(account: Any) -> None:
    members = [{"email_address": f"m{n}@example.com", "status": "subscribed"} for n in range(501)]
    path = f"/lists/{account.active_customers}"
    assert "Invalid Resource" == account.refused("POST", path, {"members": members})["title"]
    assert 500 == account.post(path, {"members": members[:500]})["total_created"]


def test_a_batch_can_replace_the_tags_of_members(account: Any) -> None:
    upsert(account, JANE, tags=["old", "kept"])
    member = {"email_address": JANE, "tags": ["kept", "new"]}
    account.post(
        f"/lists/{account.active_customers}", {"members": [member], "update_existing": True, "sync_tags": True}
    )
    assert {"old": [], "kept": [JANE], "new": [JANE]} == account.vendor.truth()["tags"][account.active_customers]


def test_tags_are_given_taken_listed_and_searched(account: Any) -> None:
    path = account.member_path(account.active_customers, JANE) + "/tags"
    wanted = [{"name": "VIP", "status": "active"}, {"name": "visitor", "status": "active"}]
    assert account.post(path, {"tags": wanted}) is None
    assert ["VIP", "visitor"] == [tag["name"] for tag in account.get(path)["tags"]]
    found = account.get(f"/lists/{account.active_customers}/tag-search", name="vi")
    assert ["VIP", "visitor"] == [tag["name"] for tag in found["tags"]]
    account.post(path, {"tags": [{"name": "vip", "status": "inactive"}, {"name": "visitor", "status": "active"}]})
    assert ["visitor"] == [tag["name"] for tag in account.get(path)["tags"]]
    assert 3 == account.writes["tags_changed"]
    problem = account.refused("POST", path, {"tags": [{"name": "x", "status": "on"}]})
    assert "Invalid Resource" == problem["title"]


def test_a_tag_is_a_static_segment(account: Any) -> None:
    account.post(
        account.member_path(account.active_customers, JANE) + "/tags", {"tags": [{"name": "a", "status": "active"}]}
    )
    segments = account.get(f"/lists/{account.active_customers}/segments")["segments"]
    assert [("a", "static", 1)] == [(row["name"], row["type"], row["member_count"]) for row in segments]


def test_static_segments_take_and_lose_members(account: Any) -> None:
    path = f"/lists/{account.active_customers}/segments"
    upsert(account, ADA)
    made = account.post(path, {"name": "chosen", "static_segment": [JANE, "stranger@example.com"]})
    assert ("static", 1) == (made["type"], made["member_count"])
    one = f"{path}/{made['id']}"
    changed = account.post(one, {"members_to_add": [ADA, LEFT], "members_to_remove": [JANE]})
    assert ([ADA], [JANE]) == (emails(changed["members_added"]), emails(changed["members_removed"]))
    assert [LEFT] == changed["errors"][0]["email_addresses"]
    assert [ADA] == emails(account.get(one + "/members")["members"])
    account.post(one + "/members", {"email_address": JANE})
    account.delete(f"{one}/members/{subscriber_hash(ADA)}")
    assert [JANE] == emails(account.get(one + "/members")["members"])
    assert ("renamed", 0) == (
        account.patch(one, {"name": "renamed", "static_segment": []})["name"],
        account.get(one)["member_count"],
    )
    account.delete(one)
    assert 404 == account.refused("GET", one)["status"]
    assert "subscribed" == account.get(account.member_path(account.active_customers, JANE))["status"]


@pytest.mark.parametrize(
    ("match", "conditions", "expected"),
    [
        ("all", [("EmailAddress", "EMAIL", "ends", "@example.com")], ["ada@example.com", JANE]),
        ("all", [("EmailAddress", "merge0", "is", "ADA@example.com")], [ADA]),
        ("all", [("TextMerge", "FNAME", "is", "jane")], [JANE]),
        ("all", [("TextMerge", "merge1", "starts", "a")], [ADA]),
        ("all", [("TextMerge", "LNAME", "blank", None)], [ADA]),
        ("all", [("TextMerge", "FNAME", "is", "Ada"), ("TextMerge", "LNAME", "is", "Smith")], []),
        ("any", [("TextMerge", "FNAME", "is", "Ada"), ("TextMerge", "LNAME", "is", "Smith")], [ADA, JANE]),
        ("all", [("VIP", "gmonkey", "member", None)], [ADA]),
        ("all", [("Language", "language", "not", "fr")], [JANE]),
        ("all", [("Date", "timestamp_opt", "greater", "2026-12-31")], [ADA]),
        ("all", [("MemberRating", "rating", "greater", 2)], []),
    ],
)
def test_saved_segments_follow_their_conditions(
    account: Any, match: str, conditions: list[tuple[str, str, str, Any]], expected: list[str]
) -> None:
    upsert(account, ADA, merge_fields={"FNAME": "Ada"}, vip=True, language="fr")
    rows = [{"condition_type": kind, "field": field, "op": op, "value": value} for kind, field, op, value in conditions]
    path = f"/lists/{account.active_customers}/segments"
    made = account.post(path, {"name": "s", "options": {"match": match, "conditions": rows}})
    members = account.get(f"{path}/{made['id']}/members")["members"]
    assert (sorted(expected), len(expected)) == (sorted(emails(members)), made["member_count"])


def test_a_segment_can_be_of_a_tag_and_show_others_than_subscribed(account: Any) -> None:
    path = f"/lists/{account.active_customers}/segments"
    tag = account.post(path, {"name": "t", "static_segment": [JANE, LEFT]})["id"]
    condition = {"condition_type": "StaticSegment", "field": "static_segment", "op": "static_is", "value": tag}
    made = account.post(path, {"name": "tagged", "options": {"conditions": [condition]}})["id"]
    assert [JANE] == emails(account.get(f"{path}/{made}/members")["members"])
    everyone = account.get(f"{path}/{made}/members", include_unsubscribed="true")["members"]
    assert [JANE, LEFT] == emails(everyone)


@pytest.mark.parametrize(
    "condition",
    [
        {"condition_type": "Aim", "field": "aim", "op": "open", "value": "any"},
        {"condition_type": "TextMerge", "field": "SHOE", "op": "is", "value": "38"},
        {"condition_type": "TextMerge", "field": ["FNAME"], "op": "is", "value": "38"},
        {"condition_type": "EmailAddress", "field": "EMAIL", "op": "near", "value": "x"},
        {"condition_type": "EmailAddress", "field": "EMAIL", "op": "is"},
        "EMAIL is x",
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_refused(account: Any, condition: Any) -> None:
    body = {"name": "s", "options": {"match": "all", "conditions": [condition]}}
    problem = account.refused("POST", f"/lists/{account.active_customers}/segments", body)
    assert "options.conditions.item:0" == problem["errors"][0]["field"]


def test_lists_are_created_changed_counted_and_deleted(account: Any) -> None:
    body = {
        "name": "Beta",
        "permission_reminder": "You asked.",
        "email_type_option": False,
        "contact": {"company": "C", "address1": "1 St", "city": "Oslo", "country": "NO"},
        "campaign_defaults": {"from_name": "C", "from_email": "c@example.com", "subject": "", "language": "en"},
    }
    made = account.post("/lists", body)
    assert made == account.get(f"/lists/{made['id']}")
    account.add(made["id"], ADA)
    account.add(made["id"], "gone@example.com", "unsubscribed")
    assert "Gamma" == account.patch(f"/lists/{made['id']}", {"name": "Gamma"})["name"]
    stats = account.get(f"/lists/{made['id']}", include_total_contacts="true")["stats"]
    assert (1, 1, 2) == (stats["member_count"], stats["unsubscribe_count"], stats["total_contacts"])
    assert [made["id"]] == [row["id"] for row in account.get("/lists", email=ADA)["lists"]]
    account.delete(f"/lists/{made['id']}")
    assert 404 == account.refused("GET", f"/lists/{made['id']}/members")["status"]


def test_a_list_needs_its_contact_and_defaults(account: Any) -> None:
    problem = account.refused("POST", "/lists", {"name": "x", "contact": {"company": "C"}})
    message = problem["errors"][0]["message"]
    assert message.startswith("Required fields were not provided: permission_reminder")
    assert "contact.city" in message
    assert "contact.company" not in message


def test_webhooks_are_kept_once_for_an_address(account: Any) -> None:
    path = f"/lists/{account.active_customers}/webhooks"
    made = account.post(path, {"url": "https://example.com/hook", "events": {"subscribe": True}})
    assert (True, False) == (made["events"]["subscribe"], made["events"]["cleaned"])
    assert made == account.get(f"{path}/{made['id']}")
    assert "Invalid Resource" == account.refused("POST", path, {"url": "https://example.com/hook"})["title"]
    assert "Invalid Resource" == account.refused("POST", path, {"url": "ftp://example.com"})["title"]
    account.delete(f"{path}/{made['id']}")
    assert 0 == account.get(path)["total_items"]
