"""Ctrl-C and SIGTERM: what was begun is settled, the store stays readable, the exit code is 130."""

from __future__ import annotations

import json
import os
import signal
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
    assert "RUNNING" == run["status"]  # it could not say more
    [task] = json.loads(newfuse("runs", "show", run["run_id"], "--json").stdout)["tasks"]
    assert {"intent": 1} == task["effects"]  # and what it was about to do is known
    assert "its process ended without a word" in newfuse("runs", "list").stdout


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
