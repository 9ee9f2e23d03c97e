"""What people install: one wheel that owns one name, and pins that can be checked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import newfuse
from house.source_tree import APP, ROOT, app_files, engine_files, imports_in
from newfuse.scaffold import PARTS
from newfuse.scaffold import app as scaffolded_app

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
DEVELOPMENT = [Requirement(line) for line in PROJECT["dependency-groups"]["dev"]]

# Declared, and used without an import of ours.
USED_BY_NAME = {
    "anthropic": "the client under langchain-anthropic; bounded: a next major may send otherwise",
    "email-validator": "pydantic's EmailStr",
    "langchain-anthropic": "init_chat_model, for --model anthropic:…",
    "langchain-openai": "init_chat_model, for --model openai:…",
    "openai": "the client under langchain-openai; bounded as anthropic",
}

# A pin stands alone on its line, followed by its hashes: `name==1.2 ; marker \`
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)[^\n]*((?:\\\n +--hash=sha256:[0-9a-f]{64} ?)+)$", re.MULTILINE)

# What the README tells to paste: make an app, go there, run it, test it.
README = (ROOT / "README.md").read_text(encoding="utf-8")
NEW_APP = README.partition("```\nnewfuse new app ")[2].partition("\n```")[0].splitlines()

TIME_TO_BUILD_S = 120  # pytest's own limit of 60 s is for tests that build nothing


def pins(name: str) -> dict[str, str]:
    """Return the pinned version by distribution of one file in requirements/."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found = {canonicalize_name(pin[1]): pin[2] for pin in PIN.finditer(text)}
    unread = [line for line in PIN.sub("", text).splitlines() if line.strip() and line != "-r runtime.txt"]
    assert [] == unread, "lines that are no pin with hashes"
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.slow
@pytest.mark.timeout(TIME_TO_BUILD_S)
def test_the_wheel_owns_the_name_newfuse_and_no_other(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"newfuse", f"newfuse-{newfuse.__version__}.dist-info"} == tops
    assert [] == [name for name in names if "__pycache__" in name or "/tests/" in name]
    engine = {path.relative_to(ROOT).as_posix() for path in engine_files()}
    templates = {path.relative_to(ROOT).as_posix() for path in (ROOT / "newfuse").rglob("*.jinja")}
    assert templates
    assert set() == (engine | templates) - set(names)


@pytest.mark.slow
@pytest.mark.timeout(TIME_TO_BUILD_S)
def test_the_app_ships_whole_as_the_template(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if name.startswith("newfuse/_template/")}
    files = [
        ROOT / "run.py",
        *(path for folder in (*APP, "data", "templates") for path in (ROOT / folder).rglob("*") if path.is_file()),
    ]
    app = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert {*APP, "data", "templates", "run.py"} == {name.split("/")[0] for name in app}
    assert {f"newfuse/_template/{name}" for name in app} == shipped


@pytest.mark.slow
@pytest.mark.timeout(TIME_TO_BUILD_S)
def test_the_wheel_says_what_it_is(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        folder = f"newfuse-{newfuse.__version__}.dist-info"
        about = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        scripts = archive.read(f"{folder}/entry_points.txt").decode()
    assert ("newfuse", newfuse.__version__) == (about["Name"], about["Version"])
    assert ("MIT", ">=3.11") == (about["License-Expression"], about["Requires-Python"])
    assert "newfuse = newfuse.cli:main" in scripts


def make_environment(home: Path, *, with_pip: bool) -> tuple[Path, Path]:
    """Make a virtual environment; returns its interpreter and its folder of libraries.

    The libraries newfuse depends on are lent by the environment of this test, behind what the new one holds itself.
    """
    venv.create(home, with_pip=with_pip)  # pip comes out of the interpreter, not from a network
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    library = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (library / "zz_lent.pth").write_text("\n".join(sorted(lent)) + "\n", encoding="utf-8")
    return python, library


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a command that must succeed, without what this test's own environment says of imports."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | variables
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, cwd=cwd, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(TIME_TO_BUILD_S)
def test_from_the_wheel_alone_an_app_is_made_and_runs_and_passes_its_tests(wheel: Path, tmp_path: Path):
    python, library = make_environment(tmp_path / "environment", with_pip=True)
    newfuse_command = python.with_name("newfuse")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    where = Path(run(python, "-c", "import newfuse; print(newfuse.__file__)", cwd=tmp_path).strip())
    assert where == library / "newfuse" / "__init__.py"

    name, enter, start, check = NEW_APP
    assert f"cd {name}" == enter
    run(newfuse_command, "new", "app", name, cwd=tmp_path)
    app = tmp_path / name
    for kind in PARTS:
        run(newfuse_command, "new", kind, f"first_{kind}", cwd=app)
    assert "Integration Status: SUCCESS" in run(newfuse_command, *start.split()[1:], cwd=app)
    # By module too, where Python is told not to look into the current folder.
    listed = run(python, "-m", "newfuse", "integrations", "list", "--json", cwd=app, PYTHONSAFEPATH="1")
    assert {"first_integration", "stripe"} < {one["id"] for one in json.loads(listed)}
    tests = [path.name for path in (app / "tests").glob("test_*.py")]
    assert len(PARTS) + 1 == len(tests)
    said = run(python, *check.split()[1:3], "-v", "-p", "no:cacheprovider", cwd=app)
    assert [] == [name for name in tests if f"tests/{name}::" not in said]
    assert " failed" not in said


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_after_make_the_command_works_in_any_folder(tmp_path: Path):
    home = tmp_path / "environment"
    python, _ = make_environment(home, with_pip=False)
    run("make", f"VENV={home}", f"{home}/bin/newfuse", cwd=ROOT)
    assert f"newfuse {newfuse.__version__}\n" == run(home / "bin" / "newfuse", "--version", cwd=tmp_path)
    for safely in ("", "1"):
        said = run(python, "-m", "newfuse", "--version", cwd=tmp_path, PYTHONSAFEPATH=safely)
        assert f"newfuse {newfuse.__version__}\n" == said


def test_what_a_new_app_is_copied_from_is_what_the_wheel_holds():
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {name: f"newfuse/_template/{name}" for name in included} == included
    there = {name for name in scaffolded_app.APP if (ROOT / name).exists()}
    assert there == set(included)


def test_every_dependency_is_pinned_within_its_bounds():
    runtime = pins("runtime")
    every = {**pins("dev"), **runtime}
    for requirement in DEPENDENCIES:
        assert requirement.specifier.contains(runtime[canonicalize_name(requirement.name)]), requirement
    for requirement in DEVELOPMENT:
        assert requirement.specifier.contains(every[canonicalize_name(requirement.name)]), requirement


def test_no_pin_stands_twice():
    assert set() == set(pins("runtime")) & set(pins("dev"))


def test_every_library_that_is_imported_is_declared():
    declared = {canonicalize_name(requirement.name) for requirement in DEPENDENCIES}
    providers = packages_distributions()
    ours = {"newfuse", "run", *APP, *sys.stdlib_module_names}
    undeclared = [
        str(found)
        for path in [*engine_files(), *app_files()]
        for found in imports_in(path)
        if found.top not in ours
        and not declared.intersection(canonicalize_name(name) for name in providers.get(found.top, ()))
    ]
    assert [] == undeclared


def test_every_library_that_is_declared_is_imported():
    providers = packages_distributions()
    used = {
        canonicalize_name(name)
        for path in [*engine_files(), *app_files()]
        for found in imports_in(path)
        for name in providers.get(found.top, ())
    }
    everywhere = [requirement for requirement in DEPENDENCIES if requirement.marker is None]
    idle = {canonicalize_name(requirement.name) for requirement in everywhere} - used
    assert set() == idle - set(USED_BY_NAME)
