"""The agents' files lie in one folder, are plainly named, say that nothing in them was measured, and stay few."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newfuse import Datasets, IntegrationRegistry, InvalidArguments, Job, RunContext, Tool, ToolResult
from newfuse.effects import Ledger
from newfuse.report.facts import FactBook
from newfuse.store import CallLog, Store
from tools import files


@dataclass
class Desk:
    """One agent at work in a run's folder."""

    folder: Path
    job: Job

    async def call(self, tool: Tool, **arguments: Any) -> ToolResult:
        return await tool.run(self.job, **arguments)

    @property
    def there(self) -> list[str]:
        """Everything in the run's folder."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*"))

    def colleague(self) -> Desk:
        return Desk(self.folder, Job(self.job.run, "other task", "other agent"))


@pytest.fixture
def run(tmp_path: Path) -> Desk:
    store = Store(None)
    run = RunContext(
        run_id="run1",
        mode="sandbox",
        folder=tmp_path,
        datasets=Datasets(),
        registry=IntegrationRegistry(),
        ledger=Ledger(store),
        call_log=CallLog(store),
        facts=FactBook(),
    )
    return Desk(tmp_path, Job(run, "task", "agent"))


async def test_what_was_written_is_listed_and_read(run):
    await run.call(files.write_file, path="plan.md", content="Grüße")
    listed = await run.call(files.list_files)
    size = (run.folder / "files" / "plan.md").stat().st_size
    assert [{"path": "plan.md", "size_bytes": size}] == listed.data["files"]
    read = await run.call(files.read_file, path="plan.md")
    assert ("Grüße", True) == (read.data["text"], read.data["complete"])


async def test_files_lie_in_one_folder_beside_a_word_on_what_they_are(run):
    await run.call(files.write_file, path="plan.md", content="x")
    assert ["files", "files/README.txt", "files/plan.md"] == run.there
    assert "Nothing in them was measured or checked" in (run.folder / "files" / "README.txt").read_text()


@pytest.mark.parametrize(("name", "marked"), [("a.md", True), ("a.txt", True), ("a.csv", False), ("a.json", False)])
async def test_a_text_says_in_its_first_line_that_it_is_unmeasured_and_a_table_stays_readable(run, name, marked):
    await run.call(files.write_file, path=name, content="[1]")
    first, *rest = (run.folder / "files" / name).read_text().splitlines()
    assert (marked, "[1]") == (first.endswith("nothing in this file was measured or checked."), [first, *rest][-1])
    if not marked:
        assert [1] == json.loads(first)


async def test_the_tasks_report_says_that_there_are_files_and_repeats_no_word_of_them(run):
    for name in ("500000 USD 98 percent.txt", "a.csv"):
        await run.call(files.write_file, path=name, content="x")
    assert [files.NOTE] == run.job.notes  # a number in a file's name would count as measured


@pytest.mark.parametrize(
    "path",
    [
        *("../out.txt", "/etc/passwd", "a/../../out.txt", "C:\\x.txt", "..\\out.txt", "", " ", ".", "..", "a\0b.txt"),
        *("results.json/a.txt", "INTEGRATION_SUMMARY.md/a", "crm_data_synchronization_report.md/x.txt", "a/b.txt"),
        *("crm_data_synchronization_report.md ", "crm_data_synchronization_report\u200b.md", "ІNTEGRATION_SUMMARY.md"),
        *("INTEGRATION_SUMMARY", "x.htm", "x.html", "x.svg", "x.xhtml", "x.md.", " x.md", ".env", ".md", "x", "x.MD"),
        *(
            "a\x1b[2J.txt",
            "a\nb.txt",
            "\ud800.txt",
            "-rf.txt",
            "~.txt",
            "a:b.txt",
            "x" * 250 + ".txt",
            "é" * 40 + ".md",
        ),
        *("é" * 40 + ".md", "CON.txt", "nul.md", "com1.json", "LPT9.x.csv", "aux .txt", "x.txt\n"),
    ],
)
async def test_only_plain_names_of_text_files_are_taken(run, path):
    before = run.there
    for tool, more in ((files.read_file, {}), (files.write_file, {"content": "x"})):
        with pytest.raises(InvalidArguments) as raised:
            await run.call(tool, path=path, **more)
        assert ["path"] == [field for field, _ in raised.value.problems]
    assert before == run.there


@pytest.mark.parametrize(
    "path",
    [
        *("crm_data_synchronization_report.md", "integration_health_dashboard.md", "INTEGRATION_SUMMARY.md"),
        *("Results.json", "results .json", "Integration Summary.txt", "integration-summary-final.md", "README.txt"),
    ],
)
async def test_no_file_passes_for_one_of_the_runs_own(run, path):
    with pytest.raises(InvalidArguments, match="that the run writes itself"):
        await run.call(files.write_file, path=path, content="all is well")


NAMES = st.text(max_size=300) | st.text("aé. _-/\\:\0\u200b\ud800", max_size=20).map(lambda text: f"{text}.md")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
async def test_whatever_the_name_nothing_is_written_but_into_the_folder(run, name):
    try:
        await run.call(files.write_file, path=name, content="x")
    except InvalidArguments as refused:
        str(refused).encode()
    assert {"files"} >= {path.partition("/")[0] for path in run.there}
    assert not [path for path in run.there if path.count("/") > 1]


@pytest.mark.parametrize("content", ["\ud800", "a\x1b[2J", "\0"])
async def test_content_that_no_text_file_may_hold_is_refused_by_name(run, content):
    with pytest.raises(InvalidArguments) as raised:
        await run.call(files.write_file, path="a.txt", content=content)
    assert (["content"], []) == ([field for field, _ in raised.value.problems], run.there)


async def test_links_are_not_followed(run, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    folder = run.folder / "files"
    folder.mkdir()
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    for tool, more in ((files.read_file, {}), (files.write_file, {"content": "x"})):
        with pytest.raises(InvalidArguments, match="links are not followed"):
            await run.call(tool, path="link.txt", **more)
    assert [] == (await run.call(files.list_files)).data["files"]
    (folder / "link.txt").unlink()
    folder.rmdir()
    folder.symlink_to(outside)
    for tool, more in ((files.read_file, {}), (files.write_file, {"content": "x"})):
        with pytest.raises(InvalidArguments, match="links are not followed"):
            await run.call(tool, path="secret.txt", **more)
    assert "secret" == (outside / "secret.txt").read_text()
    assert [] == (await run.call(files.list_files)).data["files"]


async def test_something_else_in_the_folders_place_is_an_answer_and_no_fault(run):
    (run.folder / "files").write_text("in the way")
    with pytest.raises(InvalidArguments, match="cannot be written"):
        await run.call(files.write_file, path="a.txt", content="x")
    (run.folder / "files").unlink()
    (run.folder / "files" / "a.txt").mkdir(parents=True)
    for tool, more in ((files.read_file, {}), (files.write_file, {"content": "x"})):
        with pytest.raises(InvalidArguments, match="is a folder"):
            await run.call(tool, path="a.txt", **more)


async def test_large_and_binary_files_are_refused_and_long_ones_cut(run):
    with pytest.raises(InvalidArguments, match="are allowed"):
        await run.call(files.write_file, path="big.txt", content="x" * (files.FILE_LIMIT + 1))
    assert [] == run.there
    await run.call(files.write_file, path="long.txt", content="x" * 10_000)
    read = await run.call(files.read_file, path="long.txt")
    assert (False, files.SHOWN_CHARS) == (read.data["complete"], len(read.data["text"]))
    (run.folder / "files" / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidArguments, match="no UTF-8 text"):
        await run.call(files.read_file, path="binary.txt")
    (run.folder / "files" / "huge.txt").write_bytes(b"x" * (files.FILE_LIMIT + 1))
    with pytest.raises(InvalidArguments, match="are read"):
        await run.call(files.read_file, path="huge.txt")
    with pytest.raises(InvalidArguments, match="there is no file"):
        await run.call(files.read_file, path="none.txt")


async def test_the_bytes_of_a_run_are_bounded_over_all_its_agents_and_a_file_counts_once(run):
    content = "x" * (files.FILE_LIMIT - 1)
    whole = files.RUN_LIMIT // files.FILE_LIMIT
    for number in [*range(whole), 0, 0]:  # the first is written three times
        await run.call(files.write_file, path=f"{number}.csv", content=content)
    with pytest.raises(InvalidArguments, match="has 900 bytes; 5 of the 5000000 of this run are left") as raised:
        await run.colleague().call(files.write_file, path="more.csv", content="x" * 900)
    assert ["content"] == [field for field, _ in raised.value.problems]
    await run.call(files.write_file, path="more.csv", content="12345")
    await run.call(files.write_file, path="0.csv", content="x")
    await run.call(files.write_file, path="more.csv", content="x" * 900)


async def test_the_files_of_a_run_are_bounded_in_number(run):
    for number in range(files.FILES_LIMIT):
        await run.call(files.write_file, path=f"{number}.csv", content="")
    with pytest.raises(InvalidArguments, match="may have 100"):
        await run.call(files.write_file, path="more.csv", content="")
    await run.call(files.write_file, path="7.csv", content="again")
    listed = await run.call(files.list_files)
    assert (files.FILES_LIMIT, files.FILES_LIMIT) == (listed.data["total"], len(listed.data["files"]))
