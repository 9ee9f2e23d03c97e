"""A crew with a vendor of its own, as the app in examples/help_desk: in every world that the command line offers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import LONGEST_S, ROOT, Command, environment
from model_servers.plain_server import PlainServer, Reply, Seen
from newfuse.cli import main

EXAMPLE = ROOT / "examples" / "help_desk"
LEFT_BY_RUNS = shutil.ignore_patterns("__pycache__", "reports", ".newfuse", ".pytest_cache")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The example, copied: a help desk, its double, and the crew `support` with four questions, two of them fit."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "help_desk", ignore=LEFT_BY_RUNS))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a sandbox with the command line, in a folder; yields its address."""
    command = [sys.executable, "-m", "newfuse", "sandbox", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(LONGEST_S)


def tickets(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/_sandbox/truth?slug=desk") as answer:
        return json.load(answer)["desk"]["tickets"]


def effects(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    [task] = json.loads(done.stdout)["tasks"]
    return {name: task["effects"][name] for name in ("confirmed", "skipped")}


# --- its double -------------------------------------------------------------------------------------------------------


def test_it_runs_in_the_default_mode_and_a_broken_neighbour_is_named(newfuse: Command, app: Path):
    (app / "integrations" / "broken.py").write_text("import re\n\nre.compile('(')\n")
    (app / "doubles" / "broken.py").write_text("class Broken(:\n")
    done = newfuse("run", "support")
    assert 0 == done.returncode, done.stderr
    assert "Data read from data/support.json" in done.stdout
    assert "Of 4 records of questions, 2 were done in this run and 2 were rejected" in done.stdout
    first, second, logged = done.stderr.splitlines()
    assert first.startswith("Left out: integrations/broken.py, line 3: error: missing ), unterminated subpattern")
    assert second == "Left out: doubles/broken.py, line 1: SyntaxError: invalid syntax"
    assert "were logged in" in logged
    listed = newfuse("integrations", "list", "--json")
    assert {"desk", "stripe"} <= {one["id"] for one in json.loads(listed.stdout)}
    assert first in listed.stderr


def test_a_sandbox_that_is_served_in_the_apps_folder_has_its_vendor(newfuse: Command, app: Path):
    with served(app) as url:
        assert 0 == newfuse("run", "support", "--sandbox", url).returncode
        again = newfuse("run", "support", "--sandbox", url, "--json")
        assert {"confirmed": 0, "skipped": 2} == effects(again)
        assert ["ada@example.com", "grace@example.com"] == [one["email"] for one in tickets(url)]


def test_without_a_double_the_way_out_is_named_before_anything_is_sent(newfuse: Command, app: Path):
    (app / "doubles" / "desk.py").unlink()
    done = newfuse("run", "support")
    assert 2 == done.returncode
    assert "The sandbox has no vendor 'desk'. It has: hubspot, stripe, mailchimp, ga4." in done.stderr
    assert "doubles/" in done.stderr
    assert "--base-url" in done.stderr
    examined = newfuse("doctor", "--load-crews")
    assert 1 == examined.returncode
    assert "❌ crew support: uses integrations that have no double for the sandbox: desk" in examined.stdout


def test_the_doctor_names_what_is_left_out(newfuse: Command, app: Path):
    (app / "integrations" / "desk.py").write_text("from pathlib import Path\nnothing\n")
    done = newfuse("doctor", "--load-crews")
    assert 1 == done.returncode
    assert "❌ left out: integrations/desk.py, line 2: NameError: name 'nothing' is not defined" in done.stdout
    assert "❌ crew support: uses integrations that are not there: desk" in done.stdout


# --- another place ----------------------------------------------------------------------------------------------------


def desk(seen: Seen) -> Reply:
    """A stand-in for the desk that keeps nothing."""
    if seen.method == "GET":
        return Reply(200, b'{"name": "stand-in"}')
    asked = json.loads(seen.body)
    if "@" not in asked["email"]:
        return Reply(422, b'{"error": "no address"}')
    return Reply(201, json.dumps({"id": "T1", **asked}).encode())


def test_one_integration_is_pointed_elsewhere_and_what_it_did_there_is_known_by_that_place(
    newfuse: Command, app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (app / "doubles" / "desk.py").unlink()
    down = {"grace@example.com"}

    def answer(seen: Seen) -> Reply:
        refused = seen.method == "POST" and json.loads(seen.body)["email"] in down
        return Reply(403, b'{"error": "not now"}') if refused else desk(seen)

    with PlainServer(answer) as server:
        command = ("run", "support", "--base-url", f"desk={server.url}/v7/", "--repeat")
        first = newfuse(*command, DESK_API_KEY="key-of-the-vendor")
        assert 1 == first.returncode
        assert f"desk leads to {server.url}/v7 (--base-url)." in first.stdout
        assert {"/v7/v1/me", "/v7/v1/tickets"} == {seen.target for seen in server.seen}
        # No key of the environment goes anywhere but to the vendor itself, with --live.
        assert {"Bearer sandbox"} == {seen.headers["authorization"] for seen in server.seen}
        down.clear()
        second = newfuse(*command, "--json")  # with another embedded sandbox, at the same place
        assert "Continues the unfinished repetition" in second.stderr
        assert {"confirmed": 1, "skipped": 1} == effects(second)
        results = json.loads(second.stdout)
        assert ("sandbox", {"desk": f"{server.url}/v7"}) == (results["mode"], results["elsewhere"])
        report = next(app.glob(f"reports/*_{results['run_id']}/question_intake_report.md")).read_text(encoding="utf-8")
        assert f"(sandbox; desk at {server.url}/v7)" in report.replace("\\", "")
        monkeypatch.chdir(app)
        assert 0 == main(["runs", "show", results["run_id"]])
        assert f"; desk at {server.url}/v7)" in capsys.readouterr().out


def test_with_live_the_key_goes_to_the_place_that_was_named(newfuse: Command, app: Path):
    with PlainServer(desk) as server:
        done = newfuse("run", "support", "--live", "--base-url", f"desk={server.url}", DESK_API_KEY="desk_live_key")
        assert 0 == done.returncode, done.stderr
        assert {"Bearer desk_live_key"} == {seen.headers["authorization"] for seen in server.seen}


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (["desk"], "--base-url 'desk': write it as name=value."),
        (["desk=http://127.0.0.1:1", "desk=http://127.0.0.1:2"], "--base-url desk: is given twice."),
    ],
    ids=["no address", "two addresses"],
)
def test_a_place_is_given_once_with_its_address(
    places: list[str], message: str, app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(app)
    assert 2 == main(["run", "support", *(word for place in places for word in ("--base-url", place))])
    assert message in capsys.readouterr().err
