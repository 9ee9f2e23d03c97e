"""Every answer against the vendor's own OpenAPI document: types, values and names."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

JANE = "jane.smith@example.com"
# What the API shows although the document leaves it out in places: problems name the fields that are wrong, and
# members inside batch and segment answers carry what members carry elsewhere.
EXTRA = {
    "errors",
    "list_is_active",
    "contact_id",
    "full_name",
    "web_id",
    "consents_to_one_to_one_messaging",
    "source",
    "region",
    "unsubscribe_reason",
    "tags",
    "tags_count",
}


def strict(schema: Any) -> Any:
    """Return the schema with properties it does not name forbidden."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(value) for name, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and "additionalProperties" not in closed:
        closed["properties"] = {**dict.fromkeys(EXTRA, True), **closed["properties"]}
        closed["additionalProperties"] = False
    return closed


class Document:
    """The vendor's document: checks an answer by the operation it answers, and remembers which were seen."""

    def __init__(self, specs: Path) -> None:
        self.paths = json.loads((specs / "mailchimp.json").read_text())["paths"]
        self.seen: set[tuple[str, str]] = set()
        self._validators: dict[tuple[str, ...], Any] = {}

    def operation(self, method: str, path: str) -> tuple[str, str]:
        """Return the method and path template of a request; literal segments win."""
        found = [
            template for template in self.paths if self._fits(template, path) and method.lower() in self.paths[template]
        ]
        assert found, f"the vendor's document has no {method} {path}"
        return method.lower(), min(found, key=lambda template: template.count("{"))

    def check(self, method: str, path: str, status: int, body: Any) -> None:
        operation = self.operation(method, path)
        self.seen.add(operation)
        answers = self.paths[operation[1]][operation[0]]["responses"]
        answer = answers.get(str(status)) if status < 400 else answers["default"]
        assert answer is not None, f"{operation} has no answer {status}"
        if body is None:
            assert not answer.get("content")
            return
        key = (*operation, "error" if status >= 400 else "ok")
        if key not in self._validators:
            schema = strict(copy.deepcopy(answer["content"]["application/json"]["schema"]))
            self._validators[key] = jsonschema.Draft7Validator(schema)
        errors = [f"{error.json_path}: {error.message[:300]}" for error in self._validators[key].iter_errors(body)]
        assert [] == errors, operation

    @staticmethod
    def _fits(template: str, path: str) -> bool:
        return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


@pytest.fixture
def document(specs: Path) -> Document:
    return Document(specs)


@pytest.fixture
def checked(account: Any, document: Document) -> Any:
    """An account each of whose answers is checked."""
    plain = account.send

    def send(method: str, path: str, body: Any = None, **more: Any) -> Any:
        response = plain(method, path, body, **more)
        document.check(method, path or "/", response.status, response.body)
        return response

    account.send = send
    return account


def visit_lists(account: Any) -> None:
    list_path = f"/lists/{account.active_customers}"
    member = account.member_path(account.active_customers, JANE)
    account.get("/lists", include_total_contacts="true")
    body = {
        "name": "Beta",
        "permission_reminder": "You asked.",
        "email_type_option": False,
        "contact": {"company": "C", "address1": "1 St", "city": "Oslo", "country": "NO"},
        "campaign_defaults": {"from_name": "C", "from_email": "c@example.com", "subject": "", "language": "en"},
    }
    made = account.post("/lists", body)
    account.patch(f"/lists/{made['id']}", {"name": "Gamma"})
    account.delete(f"/lists/{made['id']}")
    rows = [{"email_address": email, "status": "subscribed"} for email in ("a@example.com", JANE, "bad")]
    account.post(list_path, {"members": rows, "update_existing": True})
    account.get(list_path)
    account.get(list_path + "/members", count=100)
    account.add(account.active_customers, "b@example.com", tags=["x"])
    account.put(member, {"email_address": JANE, "status_if_new": "subscribed", "location": {"latitude": 1.5}})
    account.patch(member, {"vip": True})
    account.get(member)
    account.post(member + "/tags", {"tags": [{"name": "vip", "status": "active"}]})
    account.get(member + "/tags")
    account.get(list_path + "/tag-search", name="v")
    field = account.post(list_path + "/merge-fields", {"name": "Age", "type": "number"})
    account.get(list_path + "/merge-fields")
    account.get(f"{list_path}/merge-fields/{field['merge_id']}")
    account.delete(f"{list_path}/merge-fields/{field['merge_id']}")
    hook = account.post(list_path + "/webhooks", {"url": "https://example.com/hook"})
    account.get(list_path + "/webhooks")
    account.get(f"{list_path}/webhooks/{hook['id']}")
    account.delete(f"{list_path}/webhooks/{hook['id']}")


def visit_segments(account: Any) -> None:
    path = f"/lists/{account.active_customers}/segments"
    condition = {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "Jane"}
    account.post(path, {"name": "janes", "options": {"match": "all", "conditions": [condition]}})
    static = account.post(path, {"name": "few", "static_segment": [JANE]})
    one = f"{path}/{static['id']}"
    account.get(path)
    account.get(one)
    account.patch(one, {"name": "fewer"})
    account.post(one, {"members_to_add": ["a@example.com", "no@example.com"], "members_to_remove": [JANE]})
    account.post(one + "/members", {"email_address": JANE})
    account.get(one + "/members")
    account.delete(one + "/members/" + account.member_path("x", JANE).rpartition("/")[2])
    account.delete(one)


def visit_campaigns(account: Any) -> None:
    campaign = account.campaign(account.active_customers)
    path = f"/campaigns/{campaign}"
    condition = {"condition_type": "EmailAddress", "field": "EMAIL", "op": "contains", "value": "@"}
    account.patch(
        path,
        {
            "settings": {"subject_line": "S", "from_name": "F", "reply_to": "r@example.com"},
            "recipients": {
                "list_id": account.active_customers,
                "segment_opts": {"match": "all", "conditions": [condition]},
            },
        },
    )
    account.get(path)
    account.get(path + "/content")
    account.get(path + "/send-checklist")
    account.post(path + "/actions/test", {"test_emails": ["t@example.com"], "send_type": "html"})
    account.post(path + "/actions/schedule", {"schedule_time": "2027-01-15T09:00:00+00:00"})
    account.get(path)
    account.post(path + "/actions/unschedule")
    twin = account.post(path + "/actions/replicate")["id"]
    account.delete(f"/campaigns/{account.post(path + '/actions/replicate')['id']}")
    account.post(path + "/actions/send")
    account.post(f"/campaigns/{twin}/actions/send")
    account.post(f"/campaigns/{twin}/actions/cancel-send")
    account.at += 5
    account.get("/campaigns")
    account.vendor.unsubscribe(account.active_customers, JANE, campaign_id=campaign)
    account.get("/reports")
    report = f"/reports/{campaign}"
    for suffix in ("", "/sent-to", "/email-activity", "/open-details", "/click-details", "/unsubscribed"):
        account.get(report + suffix)


def visit_others(account: Any) -> None:
    account.get("/")
    account.get("/ping")
    workflow = f"/automations/{account.welcome_series}"
    account.get("/automations")
    email = f"{workflow}/emails/{account.get(workflow + '/emails')['emails'][0]['id']}"
    account.post(workflow + "/actions/start-all-emails")
    queued = account.post(email + "/queue", {"email_address": "sam.taylor@example.com"})
    account.get(email + "/queue")
    account.get(f"{email}/queue/{queued['id']}")
    account.post(email + "/actions/pause")
    account.post(email + "/actions/start")
    account.get(email)
    account.post(workflow + "/actions/pause-all-emails")
    account.get(workflow)
    template = account.post("/templates", {"name": "t", "html": '<p mc:edit="a">b</p>'})
    account.get("/templates")
    account.get(f"/templates/{template['id']}")
    account.get(f"/templates/{template['id']}/default-content")
    account.delete(f"/templates/{template['id']}")
    batch = account.post("/batches", {"operations": [{"method": "GET", "path": "/ping"}]})
    account.at += 5
    account.get(f"/batches/{batch['id']}")
    account.get("/batches")
    account.delete(f"/batches/{batch['id']}")
    for path in ("", "/actions/delete-permanent"):
        account.send(
            "DELETE" if not path else "POST",
            account.member_path(account.new_subscribers, "sam.taylor@example.com") + path,
        )


def test_every_operation_answers_as_the_vendors_document_says(checked: Any, document: Document) -> None:
    for visit in (visit_lists, visit_segments, visit_campaigns, visit_others):
        visit(checked)
    served = {
        document.operation(route.method, re.sub(r"\{\w+\}", "0", route.template.removeprefix("/3.0")) or "/")
        for route in checked.vendor.routes
        if "batch-responses" not in route.template
    }
    assert served == document.seen


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/lists", {}),
        ("GET", "/lists/nowhere", None),
        ("POST", "/campaigns", {"type": "regular", "recipients": {"list_id": "nowhere"}}),
        ("POST", "/lists/c83b9e2d64/members", {"email_address": JANE, "status": "subscribed"}),
    ],
)
def test_every_problem_is_the_document_the_vendor_describes(checked: Any, method: str, path: str, body: Any) -> None:
    problem = checked.refused(method, path, body)
    problem.pop("errors", None)
    assert {"type", "title", "status", "detail", "instance"} == set(problem)
