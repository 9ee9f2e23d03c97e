from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from newfuse.sandbox import SandboxServer

CONTACTS = "/crm/v3/objects/contacts"


def log(http: httpx.Client) -> list[dict[str, Any]]:
    answer = http.get("/_sandbox/log")
    assert "application/x-ndjson" == answer.headers["content-type"]
    return [json.loads(line) for line in answer.text.splitlines()]


def test_the_log_has_every_vendor_request_in_order_and_no_control_request(http: httpx.Client, hubspot: httpx.Client):
    created = hubspot.post(CONTACTS, json={"properties": {"email": "a@example.com"}})
    http.get("/_sandbox/truth")
    hubspot.get(f"{CONTACTS}/{created.json()['id']}?properties=email")
    hubspot.get("/no/such/path", headers={"Idempotency-Key": "key-1"})
    lines = log(http)
    assert [1, 2, 3] == [line["seq"] for line in lines]
    first, second, third = lines
    assert datetime.fromisoformat(first.pop("at")).isoformat() == "2027-01-15T08:00:00+00:00"
    assert first == {
        "seq": 1,
        "slug": "hubspot",
        "method": "POST",
        "path": CONTACTS,
        "template": CONTACTS,
        "status": 201,
        "request_id": created.headers["x-hubspot-correlation-id"],
        "idempotency_key": None,
        "bytes_in": len(created.request.content),
        "bytes_out": len(created.content),
        "fault": None,
    }
    assert f"{CONTACTS}/{created.json()['id']}" == second["path"]
    assert f"{CONTACTS}/{{id}}" == second["template"]
    assert (404, None, "key-1") == (third["status"], third["template"], third["idempotency_key"])


def test_no_credential_is_ever_in_the_log(http: httpx.Client, hubspot: httpx.Client, ga4: httpx.Client):
    hubspot.get(CONTACTS)
    ga4.post("/mp/collect?measurement_id=G-SANDBOX001&api_secret=sandbox-secret", content=b"{}")
    http.get("/mailchimp/3.0/ping", auth=("any", "sandbox0000000000000000000000000000-us1"))
    text = http.get("/_sandbox/log").text
    assert 3 == len(text.splitlines())
    for secret in ("pat-sandbox", "sandbox-secret", "api_secret", "sandbox0000", "Bearer", "Basic"):
        assert secret not in text


def test_the_log_file_gets_the_same_lines_as_they_happen_and_outlives_a_reset(tmp_path: Path):
    file = tmp_path / "requests.jsonl"
    file.write_text("before\n")
    with SandboxServer(log_file=file) as server, httpx.Client(base_url=server.url) as client:
        client.get("/hubspot/account-info/v3/details")
        client.post("/ga4/mp/collect", content=b"{}")
        assert "before\n" + client.get("/_sandbox/log").text == file.read_text()
        client.post("/_sandbox/reset")
        client.get("/hubspot/account-info/v3/details")
        assert 1 == len(client.get("/_sandbox/log").text.splitlines())
    assert [1, 2, 1] == [json.loads(line)["seq"] for line in file.read_text().splitlines()[1:]]


def test_truth_is_of_all_vendors_or_of_the_one_asked_for(http: httpx.Client):
    whole = http.get("/_sandbox/truth").json()
    assert ["hubspot", "stripe", "mailchimp", "ga4"] == list(whole)
    assert {"ga4": whole["ga4"]} == http.get("/_sandbox/truth?slug=ga4").json()
    unknown = http.get("/_sandbox/truth?slug=salesforce")
    assert (404, "slug") == (unknown.status_code, unknown.json()["field"])


def test_reset_brings_back_the_seed_and_a_new_instance(http: httpx.Client, hubspot: httpx.Client):
    before, seeded = http.get("/_sandbox").json(), http.get("/_sandbox/truth").json()
    hubspot.post(CONTACTS, json={"properties": {"email": "a@example.com"}})
    http.post("/_sandbox/faults", json={"slug": "hubspot", "kind": "status"})
    assert seeded != http.get("/_sandbox/truth").json()
    after = http.post("/_sandbox/reset").json()
    assert after == http.get("/_sandbox").json()
    assert before["instance_id"] != after["instance_id"]
    assert seeded == http.get("/_sandbox/truth").json()
    assert ([], []) == (http.get("/_sandbox/faults").json(), log(http))
    again = hubspot.post(CONTACTS, json={"properties": {"email": "a@example.com"}})
    assert "100001" == again.json()["id"]


def test_info_says_what_runs(http: httpx.Client):
    info = http.get("/_sandbox").json()
    assert (0, ["hubspot", "stripe", "mailchimp", "ga4"]) == (info["seed"], info["vendors"])
    assert datetime.fromisoformat(info["started_at"]).utcoffset() is not None


def test_faults_are_added_listed_and_ended(http: httpx.Client):
    one = {"slug": "hubspot", "kind": "slow", "path": "/crm"}
    two = {"slug": "stripe", "kind": "rate_limit", "count": 3}
    added = http.post("/_sandbox/faults", json=[one, two])
    assert 200 == added.status_code
    assert [{**one, "delay_s": 1.0}, {**two, "retry_after_s": 1.0}] == added.json()
    assert added.json() == http.get("/_sandbox/faults").json()
    assert [] == http.delete("/_sandbox/faults").json()
    assert [] == http.get("/_sandbox/faults").json()


def test_a_wrong_field_is_named_and_adds_no_fault_of_the_list(http: httpx.Client):
    good = {"slug": "hubspot", "kind": "slow"}
    answer = http.post("/_sandbox/faults", json=[good, {**good, "delay_s": -1}])
    assert 400 == answer.status_code
    assert "delay_s" == answer.json()["field"]
    assert "delay_s: must be a number from 0 to 3600" == answer.json()["error"]
    assert [] == http.get("/_sandbox/faults").json()
    assert 400 == http.post("/_sandbox/faults", content=b"{").status_code


def test_an_unknown_control_path_or_method_is_said(http: httpx.Client):
    assert 404 == http.get("/_sandbox/nothing").status_code
    assert 405 == http.post("/_sandbox/log").status_code
    assert 405 == http.get("/_sandbox/reset").status_code
