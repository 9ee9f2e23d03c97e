"""The file tools stay inside the run's folder."""

from __future__ import annotations

import pytest

from newfuse import InvalidArguments
from tools import files


async def test_what_was_written_is_listed_and_read(bench):
    run = bench()
    await run.call(files.write_file, path="notes/plan.md", content="Grüße")
    listed = await run.call(files.list_files)
    assert [{"path": "notes/plan.md", "size_bytes": 7}] == listed.data["files"]
    read = await run.call(files.read_file, path="notes/plan.md")
    assert ("Grüße", True) == (read.data["text"], read.data["complete"])


@pytest.mark.parametrize(
    "path", ["../out.txt", "/etc/passwd", "a/../../out.txt", "C:\\x.txt", "..\\out.txt", "", " ", ".", "a\0b"]
)
async def test_paths_out_of_the_folder_are_refused(bench, path):
    run = bench()
    for tool, more in ((files.read_file, {}), (files.write_file, {"content": "x"})):
        with pytest.raises(InvalidArguments):
            await run.call(tool, path=path, **more)
    assert [] == [item for item in run.folder.parent.iterdir() if item.name == "out.txt"]


async def test_links_are_not_followed(bench, tmp_path_factory):
    run = bench()
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    (run.folder / "link").symlink_to(outside)
    (run.folder / "link.txt").symlink_to(outside / "secret.txt")
    for path in ("link/secret.txt", "link.txt"):
        with pytest.raises(InvalidArguments, match="links are not followed"):
            await run.call(files.read_file, path=path)
        with pytest.raises(InvalidArguments, match="links are not followed"):
            await run.call(files.write_file, path=path, content="x")
    assert "secret" == (outside / "secret.txt").read_text()
    assert [] == (await run.call(files.list_files)).data["files"]


@pytest.mark.parametrize(
    "path",
    [
        "crm_data_synchronization_report.md",
        "integration_health_dashboard.md",
        "INTEGRATION_SUMMARY.md",
        "Results.json",
        "dashboard.html",
    ],
)
async def test_the_runs_own_reports_are_never_written_over(bench, path):
    run = bench()
    with pytest.raises(InvalidArguments, match="the run writes itself"):
        await run.call(files.write_file, path=path, content="all is well")


async def test_large_and_binary_files_are_refused_and_long_ones_cut(bench):
    run = bench()
    with pytest.raises(InvalidArguments, match="are allowed"):
        await run.call(files.write_file, path="big.txt", content="x" * (files.SIZE_LIMIT + 1))
    (run.folder / "binary.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidArguments, match="no UTF-8 text"):
        await run.call(files.read_file, path="binary.bin")
    (run.folder / "huge.txt").write_bytes(b"x" * (files.SIZE_LIMIT + 1))
    with pytest.raises(InvalidArguments, match="are read"):
        await run.call(files.read_file, path="huge.txt")
    await run.call(files.write_file, path="long.txt", content="x" * 10_000)
    read = await run.call(files.read_file, path="long.txt")
    assert (False, files.SHOWN_CHARS) == (read.data["complete"], len(read.data["text"]))
    with pytest.raises(InvalidArguments, match="there is no file"):
        await run.call(files.read_file, path="none.txt")
