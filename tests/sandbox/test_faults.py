from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from newfuse.sandbox import SandboxServer
from newfuse.sandbox.faults import Fault, Faults, InvalidFault

CONTACTS = "/crm/v3/objects/contacts"
NEW = {"properties": {"email": "new@example.com"}}


def ask(http: httpx.Client, **fault: Any) -> None:
    assert 200 == http.post("/_sandbox/faults", json={"slug": "hubspot", **fault}).status_code


def created(sandbox: SandboxServer) -> int:
    return sandbox.sandbox.truth("hubspot")["hubspot"]["writes"]["created"]


def test_status_answers_in_the_vendors_shape_and_commits_nothing(
    http: httpx.Client, hubspot: httpx.Client, sandbox: SandboxServer
):
    ask(http, kind="status", status=503)
    answer = hubspot.post(CONTACTS, json=NEW)
    assert 503 == answer.status_code
    assert "error" == answer.json()["status"]
    assert 0 == created(sandbox)
    assert [(503, "status", CONTACTS)] == [(e.status, e.fault, e.template) for e in sandbox.sandbox.log]


def test_status_is_500_unless_another_is_asked_for(http: httpx.Client, hubspot: httpx.Client):
    ask(http, kind="status")
    assert 500 == hubspot.get(CONTACTS).status_code


def test_reset_breaks_the_connection_before_the_vendor_sees_the_request(
    http: httpx.Client, hubspot: httpx.Client, sandbox: SandboxServer
):
    ask(http, kind="reset", count=1)
    with pytest.raises(httpx.ReadError):
        hubspot.post(CONTACTS, json=NEW)
    assert 0 == created(sandbox)
    assert [(None, "reset")] == [(entry.status, entry.fault) for entry in sandbox.sandbox.log]
    assert 201 == hubspot.post(CONTACTS, json=NEW).status_code


def test_commit_then_drop_commits_and_breaks_the_connection_without_an_answer(
    http: httpx.Client, hubspot: httpx.Client, sandbox: SandboxServer
):
    ask(http, kind="commit_then_drop", count=1)
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
        hubspot.post(CONTACTS, json=NEW)
    assert 1 == created(sandbox)
    assert [(None, "commit_then_drop", 0)] == [(e.status, e.fault, e.bytes_out) for e in sandbox.sandbox.log]
    assert 409 == hubspot.post(CONTACTS, json=NEW).status_code


def test_timeout_holds_the_request_until_the_client_gives_up_and_commits_nothing(
    http: httpx.Client, hubspot: httpx.Client, sandbox: SandboxServer
):
    ask(http, kind="timeout", count=1)
    with pytest.raises(httpx.ReadTimeout):
        hubspot.post(CONTACTS, json=NEW, timeout=0.1)
    assert [(None, "timeout")] == [(entry.status, entry.fault) for entry in sandbox.sandbox.log]
    assert 201 == hubspot.post(CONTACTS, json=NEW).status_code
    assert 1 == created(sandbox)


def test_timeout_closes_the_connection_after_its_delay(http: httpx.Client, hubspot: httpx.Client):
    ask(http, kind="timeout", delay_s=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        hubspot.get(CONTACTS)


def test_a_held_request_does_not_hold_up_the_stop():
    failures: list[Exception] = []

    def hang(url: str) -> None:
        try:
            httpx.get(f"{url}/hubspot{CONTACTS}", timeout=30)
        except httpx.HTTPError as error:
            failures.append(error)

    with SandboxServer() as server:
        server.sandbox.faults.add(Fault("hubspot", "timeout", delay_s=60))
        client = threading.Thread(target=hang, args=(server.url,))
        client.start()
        while not server.sandbox.log:
            threading.Event().wait(0.005)
    client.join(timeout=5)
    assert not client.is_alive()
    assert [httpx.RemoteProtocolError] == [type(error) for error in failures]


def test_slow_answers_after_its_delay(http: httpx.Client, hubspot: httpx.Client, sandbox: SandboxServer):
    ask(http, kind="slow", delay_s=0.1, count=1)
    answer = hubspot.post(CONTACTS, json=NEW)
    assert 201 == answer.status_code
    assert answer.elapsed.total_seconds() >= 0.1
    assert ["slow"] == [entry.fault for entry in sandbox.sandbox.log]


def test_a_slow_request_does_not_hold_up_another(http: httpx.Client, hubspot: httpx.Client):
    ask(http, kind="slow", delay_s=0.4, method="POST")
    slow = threading.Thread(target=lambda: httpx.post(f"{hubspot.base_url}{CONTACTS[1:]}", json=NEW))
    slow.start()
    assert hubspot.get(CONTACTS).elapsed.total_seconds() < 0.3
    slow.join()


def test_rate_limit_is_the_vendors_own_429(http: httpx.Client, hubspot: httpx.Client):
    ask(http, kind="rate_limit", retry_after_s=7)
    answer = hubspot.get(CONTACTS)
    assert 429 == answer.status_code
    assert "7" == answer.headers["retry-after"]
    assert "TEN_SECONDLY_ROLLING" == answer.json()["policyName"]


@pytest.mark.parametrize("slug", ["hubspot", "stripe", "mailchimp", "ga4"])
@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_every_vendor_has_an_error_of_its_own_for_every_status(http: httpx.Client, slug: str, status: int):
    http.post("/_sandbox/faults", json={"slug": slug, "kind": "status", "status": status})
    answer = http.get(f"/{slug}/anything")
    assert status == answer.status_code
    assert isinstance(answer.json(), dict)


def test_count_ends_a_fault(http: httpx.Client, hubspot: httpx.Client):
    ask(http, kind="status", count=2)
    assert [500, 500, 200] == [hubspot.get(CONTACTS).status_code for _ in range(3)]
    assert [] == http.get("/_sandbox/faults").json()


@pytest.mark.parametrize(
    ("path", "hits"),
    [
        ("/crm/v3/objects/contacts", True),
        ("/crm/v3", True),
        ("*/contacts*", True),
        ("/crm/v3/objects/contacts/batch", False),
        ("*/deals", False),
    ],
)
def test_path_is_a_prefix_or_a_glob(path: str, hits: bool):
    fault = Fault("hubspot", "status", path=path)
    assert hits == fault.matches("hubspot", "GET", CONTACTS)


def test_a_fault_hits_its_own_vendor_and_method_only(http: httpx.Client, hubspot: httpx.Client):
    http.post("/_sandbox/faults", json={"slug": "stripe", "kind": "status"})
    ask(http, kind="status", method="delete")
    assert 200 == hubspot.get(CONTACTS).status_code
    assert 500 == hubspot.delete(f"{CONTACTS}/12345").status_code


def test_probability_is_drawn_repeatably_from_the_seed():
    def draws(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault("hubspot", "status", probability=0.3))
        return [faults.draw("hubspot", "GET", "/") is not None for _ in range(200)]

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)
    assert 30 <= sum(draws(1)) <= 90


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ("fault", "status"),
        ("kind", {"slug": "hubspot"}),
        ("kind", {"slug": "hubspot", "kind": "explode"}),
        ("kind", {"slug": "hubspot", "kind": ["status"]}),
        ("slug", {"kind": "status"}),
        ("slug", {"kind": "status", "slug": "salesforce"}),
        ("status", {"slug": "hubspot", "kind": "status", "status": 200}),
        ("status", {"slug": "hubspot", "kind": "slow", "status": 500}),
        ("delay_s", {"slug": "hubspot", "kind": "slow", "delay_s": -1}),
        ("delay_s", {"slug": "hubspot", "kind": "slow", "delay_s": "long"}),
        ("retry_after_s", {"slug": "hubspot", "kind": "rate_limit", "retry_after_s": True}),
        ("count", {"slug": "hubspot", "kind": "reset", "count": 0}),
        ("count", {"slug": "hubspot", "kind": "reset", "count": 1.5}),
        ("probability", {"slug": "hubspot", "kind": "reset", "probability": 2}),
        ("path", {"slug": "hubspot", "kind": "reset", "path": "crm"}),
        ("method", {"slug": "hubspot", "kind": "reset", "method": 5}),
        ("colour", {"slug": "hubspot", "kind": "reset", "colour": "red"}),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_the_name_of_its_field(field: str, fault: Any):
    with pytest.raises(InvalidFault) as raised:
        Fault.parse(fault, ["hubspot"])
    assert field == raised.value.field
    assert str(raised.value).startswith(f"{field}: ")
