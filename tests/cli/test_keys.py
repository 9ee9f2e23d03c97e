"""Keys, settings and code come from the app's own folder, whatever lies in the folder one stands in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import LONGEST_S, ROOT, Command, environment
from model_servers.plain_server import PlainServer, Reply
from newfuse import __version__
from newfuse.cli import main

KEY = "key-of-ones-own-server"
INTRUDER = "from pathlib import Path\nPath({marker!r}).write_text('was run')\n"


@pytest.fixture
def server() -> Iterator[PlainServer]:
    """Whoever answers at an address that a file names; a model that refuses."""
    with PlainServer(Reply(401)) as server:
        yield server


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder of data, which may come from anybody."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def run_py(app: Path, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start the app's own run.py from another folder, as `python /path/to/app/run.py …`."""
    shutil.copy(ROOT / "run.py", app)
    command = [sys.executable, str(app / "run.py"), "small", "--data", str(app / "people.json"), *arguments]
    settings = {**environment(), **variables}
    return subprocess.run(
        command, cwd=cwd, env=settings, capture_output=True, encoding="utf-8", timeout=LONGEST_S, check=False
    )


def test_a_dotenv_file_beside_the_data_leads_nothing_anywhere(app: Path, elsewhere: Path, server: PlainServer):
    address = f"{server.url}/v1"
    theirs = {
        "NEWFUSE_MODEL": f"small@{address}",
        "NEWFUSE_MODEL_BASE_URL": address,
        "OPENAI_API_KEY": "theirs",
        "OPENAI_BASE_URL": address,
        "NEWFUSE_STORE": "theirs",
    }
    (elsewhere / ".env").write_text("".join(f"{name}={value}\n" for name, value in theirs.items()), encoding="utf-8")
    (elsewhere / "crews").mkdir()
    done = run_py(app, cwd=elsewhere)
    assert (0, []) == (done.returncode, server.seen), done.stderr
    [folder] = (elsewhere / "reports").iterdir()
    assert "runbook (no model is configured)" in (folder / "adding_report.md").read_text(encoding="utf-8")
    assert (app / ".newfuse" / "newfuse.db").is_file()
    assert not (elsewhere / "theirs").exists()


def test_the_dotenv_file_beside_the_app_counts_from_anywhere(app: Path, elsewhere: Path, server: PlainServer):
    (app / ".env").write_text(
        f"NEWFUSE_MODEL=small@{server.url}/v1\nNEWFUSE_MODEL_API_KEY={KEY}\nNEWFUSE_STORE=kept\n", encoding="utf-8"
    )
    done = run_py(app, cwd=elsewhere, OPENAI_API_KEY="sk-of-the-provider")
    assert 0 == done.returncode, done.stderr
    assert {f"Bearer {KEY}"} == {seen.headers["authorization"] for seen in server.seen}
    why = "set by NEWFUSE_MODEL in .env, key from NEWFUSE_MODEL_API_KEY in .env"
    assert f"model openai:small at {server.url}/v1 ({why})" in done.stdout
    [folder] = (elsewhere / "reports").iterdir()
    written = (folder / "adding_report.md").read_text(encoding="utf-8").replace("\\", "")
    assert f"openai:small at {server.url}/v1 ({why})" in written
    assert (app / "kept" / "newfuse.db").is_file()
    assert KEY not in done.stdout + done.stderr + written


def test_a_command_in_the_apps_folder_reads_its_dotenv_file(
    app: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for folder in (app, elsewhere):
        (folder / ".env").write_text(f"HUBSPOT_API_KEY=pat-secret-value-1\nNEWFUSE_STORE={folder.name}-store\n")
    monkeypatch.chdir(elsewhere)
    main(["doctor"])
    said = capsys.readouterr().out
    assert "credentials hubspot: not set: HUBSPOT_API_KEY" in said
    assert f"store: {elsewhere / '.newfuse'}" in said
    monkeypatch.chdir(app)
    assert 0 == main(["doctor"])
    said = capsys.readouterr().out
    assert "credentials hubspot: set: HUBSPOT_API_KEY in .env" in said
    assert f"store: {app / 'app-store'}" in said


# --- code -------------------------------------------------------------------------------------------------------------


def test_the_doctor_runs_no_code_of_the_folder_it_looks_at(
    app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    marker = app / "marker"
    for folder in ("crews", "integrations", "doubles"):
        (app / folder).mkdir(exist_ok=True)
        (app / folder / "intruder.py").write_text(INTRUDER.format(marker=str(marker)))
    monkeypatch.chdir(app)
    assert (0, False) == (main(["doctor"]), marker.exists())
    said = capsys.readouterr().out
    assert "crews: not examined: intruder, slow, small" in said
    assert "`newfuse doctor --load-crews` imports them, which runs the code in this folder" in said


def test_the_doctor_examines_the_crews_of_the_folder_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(ROOT)
    main(["doctor"])
    assert "✅ crew api_integration: 5 agents, 5 tasks" in capsys.readouterr().out


def test_a_module_of_the_current_folder_is_not_imported_in_place_of_a_library(newfuse: Command, elsewhere: Path):
    marker = elsewhere / "marker"
    for name in ("typer", "click"):
        (elsewhere / f"{name}.py").write_text(INTRUDER.format(marker=str(marker)))
    done = newfuse("--version", cwd=elsewhere)
    assert (0, f"newfuse {__version__}\n", False) == (done.returncode, done.stdout, marker.exists()), done.stderr


def test_it_starts_from_any_folder_without_looking_into_it(elsewhere: Path):
    (elsewhere / "typing.py").write_text(INTRUDER.format(marker=str(elsewhere / "marker")))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "newfuse", "--version"],  # as the README says; PYTHONSAFEPATH is the same
        cwd=elsewhere,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST_S,
        check=False,
    )
    assert (0, f"newfuse {__version__}\n") == (done.returncode, done.stdout), done.stderr
    assert not (elsewhere / "marker").exists()


# --- the sandbox's address --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_what_answers_at_the_sandboxs_address_sends_us_to_no_other(
    status: int, app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(app)
    with PlainServer() as other, PlainServer(Reply(status, headers={"location": f"{other.url}/_sandbox"})) as server:
        assert 2 == main(["integrations", "health", "--sandbox", server.url])
        assert (1, []) == (len(server.seen), other.seen)
        assert f"{server.url} is no sandbox: HTTP {status} from /_sandbox." in capsys.readouterr().err
