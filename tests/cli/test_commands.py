"""The other commands: runs, integrations, sandbox, report, doctor, help and version."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Command, environment
from newfuse import __version__
from newfuse.cli import main
from newfuse.sandbox import SandboxServer

HELP_CPU_S = 0.3  # the bound


@pytest.fixture
def finished(newfuse: Command, app: Path) -> dict:
    """What results.json holds of a run of the crew `small`."""
    done = newfuse("run", "small", "--data", "people.json", "--json")
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def here(app: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app's folder, as the current one."""
    monkeypatch.chdir(app)
    return app


# --- help and version ---------------------------------------------------------------------------------------------


def test_help_names_every_command_and_no_other(here: Path, capsys: pytest.CaptureFixture[str]):
    assert 0 == main(["--help"])
    listed = capsys.readouterr().out.partition("Commands:\n")[2]
    named = {line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "}
    assert {"new", "run", "runs", "data", "effects", "store", "integrations", "sandbox", "report", "doctor"} == named


def test_help_answers_within_its_share_of_cpu():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "newfuse", "--help"], env=environment(), stdout=subprocess.DEVNULL, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < HELP_CPU_S


def test_version_is_printed(here: Path, capsys: pytest.CaptureFixture[str]):
    assert 0 == main(["--version"])
    assert f"newfuse {__version__}\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    "group", [[], ["new"], ["runs"], ["effects"], ["store"], ["integrations"], ["sandbox"], ["report"]]
)
def test_a_group_without_a_command_shows_its_help_and_exits_2(
    group: list[str], here: Path, capsys: pytest.CaptureFixture[str]
):
    assert 2 == main(group)
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["runs", "fly"],
        ["runs", "list", "--color"],
        ["sandbox", "serve", "--port", "many"],
        ["report", "verify"],
    ],
    ids=" ".join,
)
def test_a_wrong_word_is_answered_with_the_way_to_the_help(
    arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]
):
    assert 2 == main(arguments)
    said = capsys.readouterr()
    assert "" == said.out
    assert said.err.startswith("Error: ")
    assert "--help`." in said.err


# --- runs ---------------------------------------------------------------------------------------------------------


def test_without_a_store_no_run_is_listed_and_none_is_made(here: Path, capsys: pytest.CaptureFixture[str]):
    assert 0 == main(["runs", "list"])
    assert "No run is recorded" in capsys.readouterr().out
    assert 0 == main(["runs", "list", "--json"])
    assert [] == json.loads(capsys.readouterr().out)
    assert not (here / ".newfuse").exists()


def test_a_run_is_listed_and_shown(finished: dict, here: Path, capsys: pytest.CaptureFixture[str]):
    assert 0 == main(["runs", "list", "--json"])
    [listed] = json.loads(capsys.readouterr().out)
    assert (finished["run_id"], "SUCCESS", 4) == (listed["run_id"], listed["status"], listed["calls"])
    assert 0 == main(["runs", "show", finished["run_id"], "--json"])
    detail = json.loads(capsys.readouterr().out)
    assert [("adding", "completed", 4, {"confirmed": 3}), ("closing", "completed", 0, {})] == [
        (task["name"], task["status"], task["calls"], task["effects"]) for task in detail["tasks"]
    ]
    assert 4 == detail["integrations"]["hubspot"]["calls"]
    assert 0 == main(["runs", "show", finished["run_id"][:6]])
    text = capsys.readouterr().out
    assert finished["run_id"] in text
    assert "3 confirmed" in text
    assert 0 == main(["runs", "list"])
    assert "small" in capsys.readouterr().out


def test_a_run_nobody_knows_is_refused(finished: dict, here: Path, capsys: pytest.CaptureFixture[str]):
    assert 2 == main(["runs", "show", "nothing"])
    assert "No run 'nothing' is recorded" in capsys.readouterr().err


def test_where_no_store_is_nothing_can_be_shown(here: Path, capsys: pytest.CaptureFixture[str]):
    assert 2 == main(["runs", "show", "abc"])
    assert "There is no store in" in capsys.readouterr().err


# --- report -------------------------------------------------------------------------------------------------------


def test_honest_reports_are_verified(finished: dict, here: Path, capsys: pytest.CaptureFixture[str]):
    [folder] = (here / "reports").iterdir()
    assert 0 == main(["report", "verify", str(folder)])
    assert "agree" in capsys.readouterr().out


def test_a_changed_number_is_found(finished: dict, here: Path, capsys: pytest.CaptureFixture[str]):
    [folder] = (here / "reports").iterdir()
    file = folder / "results.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"calls": 4', '"calls": 5'), encoding="utf-8")
    assert 1 == main(["report", "verify", str(folder)])
    assert "❌ calls of" in capsys.readouterr().out


def test_reports_are_not_held_against_a_store_of_other_runs(
    finished: dict, here: Path, capsys: pytest.CaptureFixture[str]
):
    [folder] = (here / "reports").iterdir()
    assert 0 == main(["integrations", "health", "--sandbox", "--store", "other"])
    capsys.readouterr()
    assert 2 == main(["report", "verify", str(folder), "--store", "other"])
    assert "Name the one it was recorded in with --store." in capsys.readouterr().err


def test_a_folder_that_is_none_cannot_be_verified(here: Path, capsys: pytest.CaptureFixture[str]):
    assert 2 == main(["report", "verify", "nowhere"])
    assert "There is no folder nowhere." in capsys.readouterr().err


# --- integrations -------------------------------------------------------------------------------------------------


def test_the_integrations_are_counted_and_listed(here: Path, capsys: pytest.CaptureFixture[str]):
    assert 0 == main(["integrations", "list", "--count"])
    count = int(capsys.readouterr().out)
    assert 0 == main(["integrations", "list", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert count == len(listed)
    assert {"hubspot", "stripe", "mailchimp", "ga4"} <= {one["id"] for one in listed}
    assert 0 == main(["integrations", "list"])
    assert count + 1 == len(capsys.readouterr().out.splitlines())


def test_an_integration_is_shown_with_its_actions_and_where_credentials_come_from(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    assert 0 == main(["integrations", "show", "stripe"])
    text = capsys.readouterr().out
    assert "STRIPE_API_KEY" in text
    assert "create_payment_intent" in text
    assert 0 == main(["integrations", "show", "stripe", "--json"])
    actions = {one["name"]: one for one in json.loads(capsys.readouterr().out)["actions"]}
    assert ("money", "key") == (actions["capture_payment"]["effect"], actions["capture_payment"]["once"])
    assert 2 == main(["integrations", "show", "nope"])
    assert "There are: ga4, hubspot" in capsys.readouterr().err


def test_an_action_is_called_at_a_sandbox(here: Path, served: SandboxServer, capsys: pytest.CaptureFixture[str]):
    call = ["integrations", "call", "hubspot", "create_contact", 'properties={"email": "ada@example.com"}']
    assert 0 == main([*call, "--sandbox", served.url])
    made = json.loads(capsys.readouterr().out)
    assert 0 == main(
        ["integrations", "call", "hubspot", "get_contact", f"contact_id={made['id']}", "--sandbox", served.url]
    )
    assert "ada@example.com" == json.loads(capsys.readouterr().out)["email"]  # an id of digits stayed a text
    assert 1 == main([*call, "--sandbox", served.url])  # the vendor has her already
    said = capsys.readouterr()
    assert "" == said.out
    assert "HTTP 409" in said.err


def test_an_action_is_called_at_a_base_url_with_the_credentials_of_the_environment(
    here: Path, served: SandboxServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    call = ["integrations", "call", "stripe", "get_balance", "--base-url", f"{served.url}/stripe", "--json"]
    assert 2 == main(call)
    assert "STRIPE_API_KEY" in capsys.readouterr().err
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_sandbox")
    assert 0 == main(call)
    assert isinstance(json.loads(capsys.readouterr().out), dict)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope", "get"], "No integration is called 'nope'"),
        (["stripe", "fly"], "Stripe has no action 'fly'"),
        (["stripe", "get_balance", "now"], "write it as name=value"),
        (["stripe", "get_balance", "a=1", "a=2"], "is given twice"),
        (["stripe", "create_payment_intent", "amount=much", "currency=usd"], "amount: Input should be a valid integer"),
        (["stripe", "create_payment_intent", "currency=usd"], "amount: Field required"),
        (["stripe", "get_balance", "--base-url", "http://127.0.0.1:1"], "exclude each other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_call_is_refused(arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]):
    assert 2 == main(["integrations", "call", *arguments, "--sandbox"])
    said = capsys.readouterr()
    assert "" == said.out
    assert message in said.err


def test_the_health_of_a_sandbox_is_told(here: Path, served: SandboxServer, capsys: pytest.CaptureFixture[str]):
    from newfuse.sandbox.faults import Fault

    assert 0 == main(["integrations", "health", "--sandbox", served.url])
    assert 4 == capsys.readouterr().out.count("connected")
    fault = Fault.parse({"slug": "stripe", "kind": "status", "status": 401}, served.sandbox.vendors)
    served.sandbox.faults.add(fault)
    assert 1 == main(["integrations", "health", "--sandbox", served.url, "--json"])
    readings = json.loads(capsys.readouterr().out)
    assert {"stripe": False, "hubspot": True, "mailchimp": True, "ga4": True} == {
        slug: reading["ok"] for slug, reading in readings.items()
    }
    assert 2 == main(["integrations", "health", "--live"])
    assert "not asked" in capsys.readouterr().out


# --- sandbox ------------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_said_with_the_way_out(here: Path, capsys: pytest.CaptureFixture[str]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert 2 == main(["sandbox", "serve", "--port", str(port)])
    said = capsys.readouterr().err
    assert f"port {port} on 127.0.0.1 is in use" in said
    assert "--port" in said


def test_a_log_that_cannot_be_written_is_refused(here: Path, capsys: pytest.CaptureFixture[str]):
    assert 2 == main(["sandbox", "serve", "--port", "0", "--log", "no/such/folder.jsonl"])
    assert "No such file or directory (no/such/folder.jsonl)" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [b"hello", b"[]", b'{"instance_id": 7, "vendors": []}', b'{"instance_id": "a"}'])
def test_a_server_that_is_no_sandbox_is_told_apart(answer: bytes, here: Path, capsys: pytest.CaptureFixture[str]):
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object):
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            assert 2 == main(["integrations", "health", "--sandbox", url])
        finally:
            server.shutdown()
            thread.join()
    assert f"{url} is no sandbox" in capsys.readouterr().err


# --- doctor -------------------------------------------------------------------------------------------------------


def test_the_doctor_finds_an_app_well(newfuse: Command, app: Path):
    done = newfuse("doctor", "--load-crews", HUBSPOT_API_KEY="pat-secret-value-1")
    assert (0, "") == (done.returncode, done.stderr)
    assert "✅ crew small: 2 agents, 2 tasks" in done.stdout
    assert "✅ credentials hubspot: set: HUBSPOT_API_KEY in the environment" in done.stdout
    assert "pat-secret-value-1" not in done.stdout
    assert "Nothing is in the way of a run." in done.stdout
    assert not (app / ".newfuse").exists()  # it looks, and leaves nothing behind


def test_the_doctor_names_what_is_wrong_and_the_way_out(newfuse: Command, app: Path):
    (app / "crews" / "wrong.py").write_text("import nothing_of_the_kind\n")
    (app / "file").write_text("")
    done = newfuse("doctor", "--load-crews", NEWFUSE_STORE="file/store", NEWFUSE_MODEL="parrot")
    assert 1 == done.returncode
    assert "❌ crew wrong: crews/wrong.py, line 1: ModuleNotFoundError" in done.stdout
    assert "❌ store:" in done.stdout
    assert "Choose another folder with --store or NEWFUSE_STORE." in done.stdout
    assert "❌ model: The model 'parrot' is not understood" in done.stdout
    assert "3 problems found." in done.stdout


UNDOABLE = """
from newfuse import Agent, Crew, Job, Task, ToolResult, call, runbook, tool


@tool
async def look(job: Job) -> ToolResult:
    \"\"\"Look.\"\"\"
    return ToolResult("seen")


@runbook
def procedure(brief):
    yield call("look")
    yield call("touch")


worker = Agent(name="worker", role="Worker", goal="Work", tools=[look])
task = Task(name="looking", description="Look.", expected_output="Seen.", agent=worker, runbook=RUNBOOK)
crew = Crew("undoable", agents=[worker], tasks=[task])
"""
MISDECLARED = """
from newfuse import Agent


def look(topic: str) -> str:
    \"\"\"Look.\"\"\"
    return topic


worker = Agent(name="worker", role="Worker", goal="Work", tools=[look])
"""


def test_the_doctor_finds_what_a_crew_could_not_do(newfuse: Command, app: Path):
    (app / "crews" / "lacking.py").write_text(UNDOABLE.replace("RUNBOOK", "procedure"))
    (app / "crews" / "modelless.py").write_text(UNDOABLE.replace("RUNBOOK", "None"))
    (app / "crews" / "misdeclared.py").write_text(MISDECLARED)
    done = newfuse("doctor", "--load-crews")
    assert 1 == done.returncode
    lacks = (
        "crew undoable: the runbook of looking calls touch (crews/lacking.py, line 14), which its agent worker lacks"
    )
    assert f"❌ crew lacking: {lacks}; it has: look." in done.stdout
    problem = "1 agents, 1 tasks; without a runbook, and no model is there to do them: looking"
    assert f"❌ crew modelless: {problem}\n   Name one with --model or NEWFUSE_MODEL" in done.stdout
    place = "tool look (crews/misdeclared.py, line 5)"
    assert f"❌ crew misdeclared: {place}: parameter 'topic' needs a description under Args:." in done.stdout
    assert not (app / ".newfuse").exists()
