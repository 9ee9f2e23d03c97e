from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from newfuse.sandbox import SANDBOX_CREDENTIALS, PortInUse, SandboxServer

ACCOUNT = "/hubspot/account-info/v3/details"
BEARER = {"Authorization": "Bearer pat-sandbox-0000"}


def test_a_server_accepts_as_soon_as_start_returns_and_leaves_no_thread_behind():
    before = threading.active_count()
    with SandboxServer() as server:
        assert server.port != 0
        assert httpx.get(server.url + ACCOUNT, headers=BEARER).status_code == 200
    assert threading.active_count() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + ACCOUNT)


def test_a_server_stops_though_a_client_keeps_its_connection_open():
    with httpx.Client() as client:
        with SandboxServer() as server:
            client.get(server.url + ACCOUNT)
        assert server._thread is None


def test_a_second_stop_does_nothing():
    server = SandboxServer()
    server.start()
    server.stop()
    server.stop()


def test_a_port_in_use_is_said_by_its_number_with_the_way_out(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port} .* choose another port") as raised:
            SandboxServer(port=port, log_file=tmp_path / "log").start()
    assert isinstance(raised.value, OSError)
    assert raised.value.port == port


def test_a_port_that_cannot_be_is_refused_by_its_number():
    with pytest.raises(ValueError, match="port 70000 is not a port"):
        SandboxServer(port=70_000).start()


def test_a_port_can_be_had_again_after_a_stop():
    with SandboxServer() as first:
        httpx.get(first.url + ACCOUNT)
    with SandboxServer(port=first.port) as second:
        assert httpx.get(second.url + ACCOUNT, headers=BEARER).status_code == 200


def test_two_clients_at_once_are_both_served_and_each_request_is_logged_once(sandbox: SandboxServer):
    def work(name: str) -> None:
        with httpx.Client(base_url=sandbox.url, headers=BEARER) as client:
            for number in range(20):
                contact = {"properties": {"email": f"{name}{number}@example.com"}}
                assert client.post("/hubspot/crm/v3/objects/contacts", json=contact).status_code == 201

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ("ada", "bob")))
    assert list(range(1, 41)) == [entry.seq for entry in sandbox.sandbox.log]
    assert 40 == sandbox.sandbox.truth("hubspot")["hubspot"]["writes"]["created"]


def test_an_unknown_vendor_is_told_which_there_are(http: httpx.Client, sandbox: SandboxServer):
    answer = http.get("/salesforce/contacts")
    assert 404 == answer.status_code
    assert ["hubspot", "stripe", "mailchimp", "ga4"] == answer.json()["vendors"]
    assert () == sandbox.sandbox.log


def test_every_vendor_has_credentials_and_takes_them(http: httpx.Client, sandbox: SandboxServer):
    assert set(sandbox.sandbox.vendors) == set(SANDBOX_CREDENTIALS)
    hubspot = {"Authorization": f"Bearer {SANDBOX_CREDENTIALS['hubspot']['api_key']}"}
    assert 200 == http.get(ACCOUNT, headers=hubspot).status_code
    stripe = {"Authorization": f"Bearer {SANDBOX_CREDENTIALS['stripe']['api_key']}"}
    assert 200 == http.get("/stripe/v1/balance", headers=stripe).status_code
    mailchimp = ("any", SANDBOX_CREDENTIALS["mailchimp"]["api_key"])
    assert 200 == http.get("/mailchimp/3.0/ping", auth=mailchimp).status_code
    ga4 = {"Authorization": f"Bearer {SANDBOX_CREDENTIALS['ga4']['access_token']}"}
    property_id = SANDBOX_CREDENTIALS["ga4"]["property_id"]
    assert 200 == http.get(f"/ga4/v1beta/properties/{property_id}/metadata", headers=ga4).status_code


def test_a_body_of_three_megabytes_is_read_whole(hubspot: httpx.Client, sandbox: SandboxServer):
    contact = {"properties": {"email": "big@example.com", "message": "x" * 3_000_000}}
    answer = hubspot.post("/crm/v3/objects/contacts", json=contact)
    assert 400 == answer.status_code
    assert "too long" in answer.json()["message"]
    assert sandbox.sandbox.log[0].bytes_in > 3_000_000


def test_a_defect_of_an_emulator_is_a_500_in_the_vendors_shape_and_the_server_lives_on(
    hubspot: httpx.Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
):
    vendor = sandbox.sandbox.vendors["hubspot"]

    def broken(_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(vendor, "handle", broken)
        answer = hubspot.get("/account-info/v3/details")
    assert 500 == answer.status_code
    assert "error" == answer.json()["status"]
    assert 200 == hubspot.get("/account-info/v3/details").status_code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_it_listens_logs_to_a_file_and_ends_cleanly_on_a_signal(
    number: signal.Signals, tmp_path: Path
):
    program = (
        "import sys; from pathlib import Path; from newfuse.sandbox import serve; "
        "serve(0, log_file=Path(sys.argv[1]), seed=3)"
    )
    log = tmp_path / "requests.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Sandbox listening on http://127.0.0.1:")
        url = line.split()[-1]
        httpx.get(url + ACCOUNT, headers=BEARER)
        assert 3 == httpx.get(url + "/_sandbox").json()["seed"]
        assert [200] == [json.loads(line)["status"] for line in log.read_text().splitlines()]
    finally:
        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)
    assert (0, "", "") == (process.returncode, rest, errors)


def test_without_rate_limits_no_vendor_holds_a_client_back():
    with (
        SandboxServer(rate_limits=False) as server,
        httpx.Client(base_url=server.url, headers=BEARER) as client,
    ):
        answers = [client.get(ACCOUNT) for _ in range(200)]
    assert {200} == {answer.status_code for answer in answers}
    assert "x-hubspot-ratelimit-max" not in answers[-1].headers
