"""What docs/sandbox.md says is what the sandbox does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from newfuse.sandbox import SandboxServer, application, faults, json_text, server
from newfuse.sandbox.faults import Fault, FaultKind
from newfuse.sandbox.request_log import LogEntry

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
ROUTES = re.findall(r"^\| `([A-Z]+) (/_sandbox\S*)` \|", TEXT, re.MULTILINE)
FAULTS = re.findall(r"^\| `(?!kind)(\w+)` \| [^|]+ \|(.*)\|$", TEXT, re.MULTILINE)
LINE, ASKED = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))


def test_the_routes_that_are_named_are_all_there_are(http: httpx.Client):
    assert ROUTES
    for method, path in product(("GET", "POST", "PUT", "PATCH", "DELETE"), sorted({path for _, path in ROUTES})):
        sent: dict[str, Any] = {"json": []} if (method, path) == ("POST", "/_sandbox/faults") else {}
        expected = 200 if (method, path) in ROUTES else 405
        assert expected == http.request(method, path, **sent).status_code, (method, path)


def test_every_kind_of_fault_is_named_with_its_own_field_bounds_and_default():
    assert {kind for kind, _ in FAULTS} == set(get_args(FaultKind))
    for kind, about in FAULTS:
        named = re.findall(r"`(\w+)`, ([\d.]+) to ([\d.]+), by default ([\d.]+)", about)
        assert {name for name, *_ in named} == faults._OWN_FIELDS.get(kind, set()), kind
        whole = Fault.parse({"slug": "ga4", "kind": kind}, ["ga4"]).as_json()
        assert {name: float(default) for name, _, _, default in named} == {
            name: value for name, value in whole.items() if name not in {"slug", "kind"}
        }
        for name, least, most, _ in named:
            for value in (int(least), int(most)):
                Fault.parse({"slug": "ga4", "kind": kind, name: value}, ["ga4"])
            for value in (int(least) - 1, int(most) + 1):
                with pytest.raises(faults.InvalidFault):
                    Fault.parse({"slug": "ga4", "kind": kind, name: value}, ["ga4"])


def test_every_field_that_all_faults_have_is_named():
    assert [] == [name for name in sorted(faults._COMMON_FIELDS) if f"`{name}`" not in TEXT]


def test_the_faults_shown_are_taken_as_they_stand(http: httpx.Client):
    assert ASKED == http.post("/_sandbox/faults", json=ASKED).json()


def test_the_line_of_the_log_has_every_field_in_its_order():
    assert [field.name for field in fields(LogEntry)] == list(LINE)


def test_the_limits_are_those_in_force():
    for limit in (application.BODY_LIMIT_BYTES, server._HEAD_LIMIT_BYTES, json_text.MOST_LEVELS):
        assert f" {limit:,} " in TEXT


def test_the_error_shown_is_the_one_that_is_answered(http: httpx.Client, sandbox: SandboxServer):
    answer = http.post("/_sandbox/faults", json={"slug": "ga4", "kind": "slow", "delay_s": -1})
    assert f"`{json.dumps(answer.json())}`" in TEXT


def test_the_python_shown_runs(tmp_path: Path):
    [block] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
