"""docs/build-your-own.md is done: an app is made, the page's files are written into it, and its commands are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from newfuse.scaffold import new_app
from newfuse.scaffold.files import render

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "help_desk"
PAGE = (ROOT / "docs" / "build-your-own.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:^`([\w/.]+)`[^\n]*:\n\n)?^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FILES = {name: text for name, _language, text in BLOCKS if name}
COMMANDS = [line for _name, language, text in BLOCKS if not language for line in text.splitlines()]
OWN = ("tools/tickets.py", "agents/support_agent.py", "tasks/question_intake.py", "crews/support.py")
MOST_LINES = 120  # of tool, agent, task and crew together
LONGEST_S = 50  # a command that hangs fails its test, not the suite


def run(*arguments: str, cwd: Path) -> str:
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=settings, capture_output=True, encoding="utf-8", timeout=LONGEST_S, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app that somebody has who does what the page says."""
    folder = tmp_path_factory.mktemp("page") / "demo"
    new_app(folder)
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if path.parent.name in {"integrations", "doubles"}:  # the folders that are new
            (path.parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    return folder


def test_the_files_of_the_page_are_those_of_the_example():
    assert {"integrations/desk.py", "doubles/desk.py", "data/support.json", "tests/test_support.py", *OWN} == set(FILES)
    assert FILES == {name: (EXAMPLE / name).read_text(encoding="utf-8") for name in FILES}
    around = {"conftest.py": "tests/conftest.py", "app_pyproject.toml": "pyproject.toml"}
    for template, name in around.items():
        assert render(template) == (EXAMPLE / name).read_bytes()


def test_a_tool_an_agent_a_task_and_a_crew_are_few_lines():
    assert sum(len(FILES[name].splitlines()) for name in OWN) < MOST_LINES


def test_the_vendor_can_be_called_as_soon_as_it_has_a_double(app: Path):
    [call] = [line for line in COMMANDS if " call desk " in line]
    assert '"email": "ada@example.com"' in run(*call.split(), cwd=app)


def test_the_crew_of_the_page_runs_in_the_sandbox(app: Path):
    assert "newfuse run support" in COMMANDS
    said = run("newfuse", "run", "support", cwd=app)
    assert "\nStatus: SUCCESS\n" in said
    [report] = app.glob("reports/support_*/question_intake_report.md")
    text = report.read_text(encoding="utf-8")
    assert "| tickets.opened | 2 tickets" in text
    assert "desk (HTTP 422): email is not an address" in text
    assert "it needs an id, an email and a subject" in text


def test_the_test_of_the_page_passes(app: Path):
    assert "1 passed" in run("pytest", "-q", "tests/test_support.py", cwd=app)


def test_every_command_and_every_place_that_the_page_names_is_there():
    for words in sorted(set(re.findall(r"`newfuse (\w+(?: (?!support|NAME|desk)[a-z]+)?)", PAGE))):
        run("newfuse", *words.split(), "--help", cwd=ROOT)
    for name in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / name).exists()
    assert "Left out: integrations/desk.py, line 20: " in PAGE
    assert "auth = " in FILES["integrations/desk.py"].splitlines()[19]
