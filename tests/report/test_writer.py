"""Nothing in a run's folder, and no report that fails, keeps the other reports from being written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from newfuse.report import RunRecord, write_reports
from newfuse.report.console import closing_text, files_text
from newfuse.report.results import Obstacle, RunStatus
from newfuse.report.verify import verify
from newfuse.store import Store
from report.run_examples import CRM, make_record

REPORTS = [f"{CRM}_report.md", "integration_health_dashboard.md", "INTEGRATION_SUMMARY.md", "results.json"]
ONE_OF_EACH = pytest.mark.parametrize("name", REPORTS)


@pytest.fixture
async def record(store: Store) -> RunRecord:
    return await make_record(store)


def published(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def folder_in_the_way(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "a.txt").write_text("an agent's")


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere" / "at all")


def link_to_a_folder(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent / "elsewhere")


def read_only_file(path: Path) -> None:
    path.write_text("old")
    path.chmod(0o444)


def pipe(path: Path) -> None:
    os.mkfifo(path)


@ONE_OF_EACH
async def test_a_folder_in_a_reports_place_is_put_aside_with_all_it_holds(record: RunRecord, tmp_path: Path, name: str):
    folder_in_the_way(tmp_path / name)
    files = write_reports(record, tmp_path)
    assert len(record.outcomes) + 3 == len(files) == sum(path.is_file() for path in files)
    assert "an agent's" == (tmp_path / f"{name}.put-aside-1" / "a.txt").read_text()
    what = f"something that could not be replaced lay in its place and was put aside as {name}.put-aside-1"
    assert [{"file": name, "written": True, "what": what}] == published(tmp_path)["obstacles"]
    assert (RunStatus.SUCCESS, 0) == (record.result.status, record.published().exit_code)
    assert f"⚠️ {name}: {what}" in files_text(record.words, files, record.result.obstacles)
    assert "lay in its place" in (tmp_path / "INTEGRATION_SUMMARY.md").read_text(encoding="utf-8")


async def test_what_was_put_aside_before_is_kept(record: RunRecord, tmp_path: Path):
    for again in (1, 2):
        folder_in_the_way(tmp_path / "results.json")
        write_reports(record, tmp_path)
        assert (tmp_path / f"results.json.put-aside-{again}" / "a.txt").exists()
        (tmp_path / "results.json").unlink()


@pytest.mark.parametrize("name", ["results.json"])
@pytest.mark.parametrize("obstacle", [link_to_nothing, link_to_a_folder, read_only_file, pipe])
async def test_what_can_be_replaced_is_replaced_and_no_link_is_followed(
    record: RunRecord, tmp_path: Path, name: str, obstacle: Any
):
    obstacle(tmp_path / name)
    write_reports(record, tmp_path)
    assert (True, False) == ((tmp_path / name).is_file(), (tmp_path / name).is_symlink())
    assert [] == published(tmp_path)["obstacles"]
    assert not [found for found in names(tmp_path) if "put-aside" in found]


@ONE_OF_EACH
async def test_a_report_that_cannot_be_written_leaves_the_others_and_the_run_needs_attention(
    record: RunRecord, store: Store, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    folder_in_the_way(tmp_path / name)
    monkeypatch.setattr(Path, "rename", refuse)
    files = write_reports(record, tmp_path)
    others = [other for other in REPORTS if other != name]
    assert others == [path.name for path in files if path.name in REPORTS]
    assert [Obstacle(file=name, written=False, what="could not be written: Permission denied")] == (
        record.result.obstacles
    )
    assert (RunStatus.NEEDS_ATTENTION, 1) == (record.result.status, record.published().exit_code)
    assert f"❌ {name}: could not be written: Permission denied" in files_text(
        record.words, files, record.result.obstacles
    )
    said = closing_text(record, tmp_path)
    assert "NEEDS ATTENTION: 5 of 5 tasks completed" in said
    assert "could not be written" in said
    if name != "results.json":  # what was written agrees with itself
        problems = await verify(tmp_path, store)
        assert [f"{name} cannot be read."] == [problem for problem in problems if "by the store" not in problem]
        assert "NEEDS ATTENTION" == published(tmp_path)["status"]
    assert not [found for found in names(tmp_path) if found.startswith(".")]


async def test_a_folder_that_takes_nothing_costs_the_files_and_not_the_run(record: RunRecord, tmp_path: Path):
    (tmp_path / "run").write_text("a file in the folder's place")
    assert [] == write_reports(record, tmp_path / "run")
    assert len(record.outcomes) + 3 == len(record.result.obstacles)
    assert 1 == record.published().exit_code


@pytest.mark.parametrize(
    ("broken", "lost"),
    [
        ("task_report", [f"{CRM}_report.md"]),
        ("health_dashboard", ["integration_health_dashboard.md"]),
        ("summary", ["INTEGRATION_SUMMARY.md"]),
        ("findings", ["integration_health_dashboard.md", "INTEGRATION_SUMMARY.md"]),
    ],
)
async def test_a_report_that_cannot_be_rendered_leaves_the_others(
    record: RunRecord, tmp_path: Path, broken: str, lost: list[str], monkeypatch: pytest.MonkeyPatch
):
    def fail(*_given: object) -> str:
        raise KeyError("broken")

    monkeypatch.setattr(f"newfuse.report.writer.{broken}", fail)
    files = [path.name for path in write_reports(record, tmp_path)]
    assert sorted(files) == names(tmp_path)
    assert set(lost) <= {*REPORTS} - {*files}
    found = published(tmp_path)
    assert ("NEEDS ATTENTION", 1) == (found["status"], record.published().exit_code)
    said = {one["file"]: one["what"] for one in found["obstacles"]}
    assert {"could not be rendered, for an internal fault (KeyError)"} == {said[name] for name in lost}


async def test_a_full_disk_does_not_put_earlier_reports_aside(
    record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_given: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    write_reports(record, tmp_path)
    monkeypatch.setattr("newfuse.report.placing.tempfile.mkstemp", full)
    before = names(tmp_path)
    assert [] == write_reports(record, tmp_path)
    assert before == names(tmp_path)
    assert {"could not be written: No space left on device"} == {one.what for one in record.result.obstacles}
