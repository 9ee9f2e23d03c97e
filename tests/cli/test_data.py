"""`newfuse data describe` prints what a crew's input file holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_fields_of_the_default_crews_datasets_are_printed():
    done = subprocess.run(
        [sys.executable, "-m", "newfuse", "data", "describe"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout == page.partition("<!-- newfuse data describe -->\n\n")[2]


def test_datasets_whose_fields_no_tool_declares_are_named(newfuse):
    done = newfuse("data", "describe", "small")
    assert (0, "## people\n\nIts fields are not declared.\n") == (done.returncode, done.stdout)
