"""The store as a person meets it: its backup, a disk that fills up, and files that are nobody else's business."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import LONGEST_S, Command, environment
from newfuse.cli import main
from newfuse.cli.fault_log import FaultLog
from newfuse.sandbox import SandboxServer

LIMIT = 150_000  # bytes a file may have: the empty store's write-ahead log has 70,000

LIMITED = """
import resource, runpy, sys

limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.argv[0] = "newfuse"
runpy.run_module("newfuse", run_name="__main__")
"""


def test_a_disk_that_fills_up_in_mid_run_is_exit_1_with_what_was_written(
    newfuse: Command, app: Path, served: SandboxServer
):
    people = [{"email": f"p{number}@example.com", "firstname": "x" * 100} for number in range(30)]
    (app / "people.json").write_text(json.dumps({"people": people}))
    arguments = ["run", "small", "--data", "people.json", "--sandbox", served.url]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(LIMIT), *arguments],
        cwd=app,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST_S,
        check=False,
    )
    assert 1 == done.returncode, done.stderr
    assert "The store in" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    [folder] = (app / "reports").iterdir()
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    effects = results["tasks"][0]["effects"]
    assert "NEEDS ATTENTION" == results["status"]
    assert 0 < effects["confirmed"] < 30
    assert created(served) == effects["confirmed"] + effects["unknown"]
    again = newfuse(*arguments)
    assert 0 == again.returncode, again.stdout
    assert 30 == created(served)


def created(served: SandboxServer) -> int:
    """Count the contacts that were made, each as often as it was."""
    return sum((entry.method, entry.status) == ("POST", 201) for entry in served.sandbox.log)


@pytest.fixture
def here(app: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app's folder, with a store of one call."""
    monkeypatch.chdir(app)
    assert 0 == main(["integrations", "health", "--sandbox"])
    return app


def test_a_backup_is_one_file_with_all_there_is(here: Path, capsys: pytest.CaptureFixture[str]):
    capsys.readouterr()
    assert 0 == main(["store", "backup", "copy.db"])
    assert "was copied to copy.db" in capsys.readouterr().out
    counts = []
    for file in (".newfuse/newfuse.db", "copy.db"):
        database = sqlite3.connect(here / file)
        counts.append(database.execute("SELECT count(*) FROM calls").fetchone())
        database.close()
    assert counts[0] == counts[1] > (0,)
    shutil.rmtree(here / ".newfuse")
    (here / ".newfuse").mkdir()
    shutil.copy(here / "copy.db", here / ".newfuse" / "newfuse.db")  # as the help tells to restore it
    assert 0 == main(["runs", "list"])


def test_a_backup_overwrites_nothing_and_without_a_store_there_is_none(here: Path, capsys: pytest.CaptureFixture[str]):
    (here / "mine").write_text("mine")
    assert 2 == main(["store", "backup", "mine"])
    assert "overwrites nothing" in capsys.readouterr().err
    assert "mine" == (here / "mine").read_text()
    assert 2 == main(["store", "backup", "copy", "--store", "nowhere"])
    assert "There is no store in nowhere" in capsys.readouterr().err
    assert not (here / "copy").exists()
    assert not (here / "nowhere").exists()


@pytest.mark.parametrize("mask", [0, 0o777])
def test_the_log_of_faults_is_its_owners_alone(tmp_path: Path, mask: int):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "newfuse.log").touch(0o644)  # as a version before this one left it
    before = os.umask(mask)
    try:
        for name in ("new", "old"):
            log = FaultLog(None)
            log.lie_in(tmp_path / name)
            assert log.keep(ValueError("a fault"))
    finally:
        os.umask(before)
    files = (tmp_path / name / "newfuse.log" for name in ("new", "old"))
    assert ["-rw-------"] * 2 == [stat.filemode(file.stat().st_mode) for file in files]
    assert "drwx------" == stat.filemode((tmp_path / "new").stat().st_mode)
