"""`newfuse new`: what it writes, and what it never does. That what it makes runs is seen in house/test_packaging.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import newfuse
from house.source_tree import ROOT, app_files
from newfuse.cli import main
from newfuse.errors import ConfigurationError
from newfuse.scaffold import PARTS, app, files, new_app, new_part

# Names that the templates use themselves, or that stand for something where they end up.
ODD_NAMES = ("agent", "crew", "data", "double", "entry", "item", "job", "json", "people", "pytest", "self", "task",
             "tests", "tried", "vendor", "work")  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bare(here: Path) -> Path:
    """The smallest app there is, the current one."""
    (here / "crews").mkdir()
    (here / "crews" / "__init__.py").write_text('"""Ours."""\n')
    return here


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- an app -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["new", "app", "demo"], ["new", "demo"]], ids=" ".join)
def test_an_app_is_the_one_that_comes_with_the_engine_with_tests(
    command: list[str], here: Path, capsys: pytest.CaptureFixture[str]
):
    assert 0 == main(command)
    made = tree(here / "demo")
    assert f"Made demo, with {len(made)} files. Try it:\n  cd demo\n  newfuse run\n" in capsys.readouterr().out
    copied = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in app_files()}
    assert copied == {name: made[name] for name in copied}
    assert {"README.md", ".gitignore", "pyproject.toml", "requirements.txt", "data/integration_test_data.json"} < set(
        made
    )
    assert {"tests/conftest.py", "tests/test_api_integration.py"} == {name for name in made if name.startswith("tests")}
    assert [] == [name for name in made if "__pycache__" in name]
    assert made["README.md"].startswith(b"# Demo\n")


def test_an_app_is_made_beside_what_is_hidden(here: Path):
    (here / "my-app" / ".git").mkdir(parents=True)
    (here / "my-app" / ".git" / "HEAD").write_text("ref")
    new_app(here / "my-app")
    assert "ref" == (here / "my-app" / ".git" / "HEAD").read_text()
    assert (here / "my-app" / "README.md").read_text(encoding="utf-8").startswith("# My app\n")


def test_an_app_can_be_made_in_the_current_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (here / "shop").mkdir()
    monkeypatch.chdir(here / "shop")
    assert 0 == main(["new", "app", "."])
    assert "Try it:\n  newfuse run\n" in capsys.readouterr().out
    assert (here / "shop" / "README.md").read_text(encoding="utf-8").startswith("# Shop\n")
    with pytest.raises(ConfigurationError, match="is not empty, and nothing was written"):
        new_app(here / "shop")


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("full", "The folder full is not empty, and nothing was written. Choose another name."),
        ("file", "file is a file. Choose another name."),
        ("-x", "No such option"),
        ("two words", "'two words' cannot be the name of an app"),
        ("file/app", "file cannot be written: File exists. Nothing was written."),
        ("taken", ".gitignore is there already, and nothing was written."),
    ],
)
def test_an_app_is_made_over_nothing(folder: str, message: str, here: Path, capsys: pytest.CaptureFixture[str]):
    (here / "full").mkdir()
    (here / "full" / "notes.txt").write_text("mine")
    (here / "file").write_text("mine")
    (here / "taken").mkdir()
    (here / "taken" / ".gitignore").write_text("mine")
    before = tree(here)
    assert 2 == main(["new", "app", folder])
    assert message in capsys.readouterr().err
    assert before == tree(here)


def test_an_installation_without_the_app_says_so(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app, "PACKAGE", here / "site-packages" / "newfuse")
    with pytest.raises(ConfigurationError, match="This installation has no app to copy"):
        new_app(here / "demo")


# --- a part -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_is_added_to_the_app_in_this_folder(kind: str, bare: Path, capsys: pytest.CaptureFixture[str]):
    assert 0 == main(["new", kind, "first_one"])
    said = capsys.readouterr().out
    made = set(tree(bare))
    named = {line.strip() for line in said.partition("Try it:")[0].splitlines()[1:]}
    rooms = {f"{name.partition('/')[0]}/__init__.py" for name in made if name.endswith(".py")} - {"tests/__init__.py"}
    assert made == named | rooms | {"crews/__init__.py", "tests/conftest.py"}
    [test] = [name for name in named if name.startswith("tests/")]
    assert f"python -m pytest {test}" in said
    assert '"""Ours."""\n' == (bare / "crews" / "__init__.py").read_text()


@pytest.mark.parametrize("kind", PARTS)
def test_nothing_is_written_over(kind: str, bare: Path, capsys: pytest.CaptureFixture[str]):
    for path in PARTS[kind].files:
        folder = bare / path.replace("NAME", "mine")
        before = tree(bare)
        folder.parent.mkdir(exist_ok=True)
        folder.write_text("mine")
        assert 2 == main(["new", kind, "mine"])
        assert f"{path.replace('NAME', 'mine')} is there already, and nothing was written." in capsys.readouterr().err
        assert {**before, folder.relative_to(bare).as_posix(): b"mine"} == tree(bare)
        folder.unlink()


def test_what_cannot_be_finished_is_taken_back(bare: Path, monkeypatch: pytest.MonkeyPatch):
    before = tree(bare)
    opened = Path.open

    def full(path: Path, *given: str, **further: str):
        if path.name.startswith("test_"):
            raise OSError(28, "No space left on device", str(path))
        return opened(path, *given, **further)

    monkeypatch.setattr(files.Path, "open", full)
    with pytest.raises(ConfigurationError, match=r"No space left on device\. Nothing was written"):
        new_part("crew", "first", bare)
    assert (before, ["crews"]) == (tree(bare), [path.name for path in bare.iterdir()])


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Upper", "the name must be at most 64 lower case letters, digits and underscores, a letter first."),
        ("two-words", "the name must be at most 64 lower case letters"),
        ("../out", "the name must be at most 64 lower case letters"),
        ("class", "Python or newfuse has a word of that name. Choose another."),
        ("match", "Python or newfuse has a word of that name."),
        ("print", "Python or newfuse has a word of that name."),
        ("runbook", "Python or newfuse has a word of that name."),
    ],
)
def test_a_name_that_could_not_work_is_refused(
    kind: str, name: str, message: str, bare: Path, capsys: pytest.CaptureFixture[str]
):
    before = tree(bare)
    assert 2 == main(["new", kind, name])
    assert message in capsys.readouterr().err
    assert before == tree(bare)


def test_an_integration_takes_the_name_of_no_other_and_of_no_class_it_needs(
    bare: Path, capsys: pytest.CaptureFixture[str]
):
    assert 2 == main(["new", "integration", "stripe"])
    assert "There is an integration called 'stripe' already" in capsys.readouterr().err
    assert 2 == main(["new", "integration", "record"])
    assert "Python or newfuse has a word of that name." in capsys.readouterr().err


def test_what_is_made_of_any_name_is_sound_python(bare: Path):
    for name in ODD_NAMES:
        for kind in PARTS:
            if kind != "integration" or name.capitalize() not in newfuse.__all__:
                new_part(kind, name, bare)
        assert json.loads((bare / "data" / f"{name}.json").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "E9,F,I"]
    command += ["--config", 'lint.isort.known-first-party=["newfuse"]', "--config", "line-length=120", str(bare)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout


def test_what_is_made_is_laid_out_as_our_own_code(bare: Path):
    for kind in PARTS:
        new_part(kind, "support", bare)
    (bare / "tests" / "test_api_integration.py").write_bytes(files.render("app_test.py"))
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--line-length=120", "--diff"]
    done = subprocess.run([*command, str(bare)], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["crew", "support"], "There is no crews/ folder in"),
        (["crew", "support"], "`newfuse new app NAME` makes an app."),
        (["crew"], "Missing argument 'NAME'."),
        (["integratoin"], "No such command 'integratoin'. Did you mean 'integration'?"),
        (["thing", "one"], "No such command 'thing'."),
    ],
)
def test_a_wrong_word_makes_nothing(arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]):
    assert 2 == main(["new", *arguments])
    assert message in capsys.readouterr().err
    assert [] == list(here.iterdir())
