"""Ctrl-C and SIGTERM: what was begun is settled, the store stays readable, the exit code is 130."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.conftest import LONGEST_S, Command, environment
from newfuse.sandbox import SandboxServer
from newfuse.sandbox.faults import Fault


@contextmanager
def running(app: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the crew `slow` and yield its process once its write has been begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "newfuse", "run", "slow", *arguments],
        cwd=app,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        until = time.monotonic() + LONGEST_S
        while not (app / "begun").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)  # another process is waited for; there is no clock of its to inject
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def slow_answers(served: SandboxServer, delay_s: float) -> None:
    fault = {"slug": "hubspot", "kind": "slow", "delay_s": delay_s, "method": "POST"}
    served.sandbox.faults.add(Fault.parse(fault, served.sandbox.vendors))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_settles_its_write_and_exits_130(
    newfuse: Command, app: Path, served: SandboxServer, number: signal.Signals
):
    with running(app, "--sandbox", served.url) as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=LONGEST_S)
    assert 130 == process.returncode
    assert "settling the writes that were begun" in output
    assert "Interrupted." in errors
    assert "Traceback" not in output + errors
    [run] = json.loads(newfuse("runs", "list", "--json").stdout)
    assert "INTERRUPTED" == run["status"]
    detail = json.loads(newfuse("runs", "show", run["run_id"], "--json").stdout)
    assert [("waiting", "unfinished", {"confirmed": 1})] == [
        (task["name"], task["status"], task["effects"]) for task in detail["tasks"]
    ]
    posted = [entry for entry in served.sandbox.log if entry.method == "POST"]
    assert 1 == len(posted)
    assert len(served.sandbox.log) == detail["calls"]  # what was sent before the signal is recorded


def test_a_write_under_way_is_waited_for(newfuse: Command, app: Path, served: SandboxServer):
    slow_answers(served, 1.0)
    with running(app, "--sandbox", served.url) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LONGEST_S)
    assert 130 == process.returncode
    [run] = json.loads(newfuse("runs", "list", "--json").stdout)
    [task] = json.loads(newfuse("runs", "show", run["run_id"], "--json").stdout)["tasks"]
    assert {"confirmed": 1} == task["effects"]


def test_the_second_signal_ends_it_at_once_and_leaves_the_store_readable(
    newfuse: Command, app: Path, served: SandboxServer
):
    slow_answers(served, 20.0)
    with running(app, "--sandbox", served.url) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert any("settling" in line for line in iter(process.stdout.readline, ""))
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(LONGEST_S)
        assert time.monotonic() - began < 5
    [run] = json.loads(newfuse("runs", "list", "--json").stdout)
    assert "INTERRUPTED" == run["status"]  # it could not say so itself
    [task] = json.loads(newfuse("runs", "show", run["run_id"], "--json").stdout)["tasks"]
    assert {"intent": 1} == task["effects"]  # and what it was about to do is known
    assert "ended before it had a result" in newfuse("runs", "list").stdout


def recorded(store: Path) -> int:
    """Count the calls on disk, as a stranger would."""
    connection = sqlite3.connect(f"file:{store / 'newfuse.db'}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])
    finally:
        connection.close()


def test_a_killed_run_is_interrupted_in_every_list_and_shows_its_calls(
    newfuse: Command, app: Path, served: SandboxServer
):
    with running(app, "--sandbox", served.url) as process:
        [going_on] = json.loads(newfuse("runs", "list", "--json").stdout)
        assert "RUNNING" == going_on["status"]
        until = time.monotonic() + LONGEST_S
        while not served.sandbox.log or recorded(app / ".newfuse") < len(served.sandbox.log):
            assert time.monotonic() < until, "the calls are not written while the run goes on"
            time.sleep(0.02)  # another process writes them
        process.kill()
        process.communicate()
    [run] = json.loads(newfuse("runs", "list", "--json").stdout)
    detail = json.loads(newfuse("runs", "show", run["run_id"], "--json").stdout)
    shown = newfuse("runs", "list").stdout + newfuse("runs", "show", run["run_id"]).stdout
    assert ("INTERRUPTED", "INTERRUPTED") == (run["status"], detail["status"])
    assert len(served.sandbox.log) == run["calls"] == detail["calls"] > 0
    assert "RUNNING" not in shown
    assert 3 == shown.count("INTERRUPTED")  # in the list, in its legend, and of the run itself


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_the_process_is_leaving_changes_nothing(
    newfuse: Command, app: Path, served: SandboxServer, number: signal.Signals
):
    slow = app / "crews" / "slow.py"
    leaves_slowly = """
import atexit, time

@atexit.register
def leave_slowly():
    Path("leaving").write_text("")
    time.sleep(1)
"""
    slow.write_text(slow.read_text() + leaves_slowly)
    with running(app, "--sandbox", served.url) as process:
        process.send_signal(number)
        until = time.monotonic() + LONGEST_S
        while not (app / "leaving").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        assert process.poll() is None
        process.send_signal(number)
        _output, errors = process.communicate(timeout=LONGEST_S)
    assert 130 == process.returncode
    assert "Traceback" not in errors
    [run] = json.loads(newfuse("runs", "list", "--json").stdout)
    assert "INTERRUPTED" == run["status"]


def test_ctrl_c_stops_a_served_sandbox_in_order(app: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "newfuse", "sandbox", "serve", "--port", "0", "--log", "requests.jsonl"],
        cwd=app,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Sandbox listening on http://127.0.0.1:")
        os.kill(process.pid, signal.SIGINT)
        _output, errors = process.communicate(timeout=LONGEST_S)
    finally:
        process.kill()
    assert (0, "") == (process.returncode, errors)
    assert (app / "requests.jsonl").is_file()
