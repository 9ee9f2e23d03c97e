"""What the README says is run: its Python, its commands and what it claims to print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
