"""What the README says is run: its Python, its commands and what it claims to print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from crews.api_integration import crew
from newfuse import privacy
from newfuse.crew import agent, tool_adapter
from newfuse.crew.answer import SHOWN
from newfuse.crew.data import SIZE_LIMIT
from newfuse.crew.tool_call_limit import CALLS_PER_ANSWER
from newfuse.records import dataset
from tools import rest_api

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
TRANSCRIPT = re.findall(r"```\n(🔌.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=range(len(PYTHON_BLOCKS)))
def test_the_python_in_the_readme_runs(block, tmp_path):
    script = tmp_path / "block.py"
    script.write_text(block, encoding="utf-8")
    environment = {"PYTHONPATH": str(ROOT), "NEWFUSE_STORE": str(tmp_path / "store"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_a_run_prints_what_the_readme_shows(tmp_path):
    arguments = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "reports")]
    done = subprocess.run([sys.executable, "run.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    shown = [line for line in TRANSCRIPT[0].splitlines() if line not in {"", "…"}]
    assert shown
    assert [] == [line for line in shown if line not in done.stdout.splitlines()]


def test_what_a_model_is_shown_is_bounded_as_the_readme_says():
    section = " ".join(TEXT.partition("## What a model is shown")[2].partition("\n## ")[0].split())
    for said in (
        f"the first {dataset.SAMPLE_ROWS} records as a sample",
        f"values cut to {dataset.SAMPLE_TEXT} characters and a record to {dataset.SAMPLE_SIZE:,}",
        f"replaced by `{privacy.MASK}`",
        f"as in `{privacy.mask_text('john.doe@example.com')}`",
        f"the first {SHOWN} exceptions",
        f"It is {tool_adapter.CONTENT_LIMIT:,} characters at most",
        f"the first {rest_api.SHOWN_ITEMS} items of a list",
        f"{rest_api.SHOWN_CHARS:,} characters an answer, {rest_api.TASK_CHARS:,} a task",
        f"Of one answer of a model {CALLS_PER_ANSWER} tool calls are made",
        f"after {agent.CALL_LIMIT} answers or {agent.TOOL_CALL_LIMIT} tool calls the task's runbook takes over",
    ):
        assert said in section
    assert f"up to {SIZE_LIMIT // 1_000_000} MB" in TEXT


def test_the_orchestrator_alone_looks_at_vendors_answers():
    having = [one.name for one in crew.agents.values() if {"rest_api"} & {tool.name for tool in one.tools}]
    assert ["api_orchestrator"] == having


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake (run|test|lint|bench|format|lock|clean|help)\b", TEXT))
    assert {"run", "test"} <= named
    assert set() == named - targets


def test_every_command_named_exists():
    named = {words for words in re.findall(r"`newfuse (\w+(?: \w+)?)", TEXT) if not words.startswith("run")}
    for words in sorted(named):
        asked = [sys.executable, "-m", "newfuse", *words.split(), "--help"]
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, f"newfuse {words}: {done.stderr}"


def test_every_file_linked_exists():
    linked = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert linked
    assert [] == [name for name in linked if not (ROOT / name).exists()]
