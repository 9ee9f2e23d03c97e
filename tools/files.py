"""Reading and writing text files inside the run's own folder, and nowhere else."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path, PurePosixPath

from newfuse import InvalidArguments, Job, Tool, ToolResult, tool
from tools.outcome import answer

SIZE_LIMIT = 1_000_000  # bytes of one file: notes and small tables, not data
SHOWN_CHARS = 3_000  # of a file that is read: the rest of a result is for a model, whose context it would fill
LISTED = 100
OWNER_ALONE = 0o600  # like the reports beside it
# What the engine writes when the run ends; an agent's file must never stand in for a measured report.
ENGINES_OWN = ("*_report.md", "integration_health_dashboard.*", "integration_summary.*", "results.json", "*.html")


@tool
async def read_file(job: Job, path: str) -> ToolResult:
    """Read a text file of this run's folder.

    Args:
        path: Name relative to the folder, e.g. notes/plan.md.

    Returns:
        The text, cut when it is long, and its size in bytes.
    """
    target = _inside(job, path)
    _refuse_links(job, target)
    if not target.is_file():
        raise _wrong(f"there is no file {path!r}; list_files names those there are")
    size = target.stat().st_size
    if size > SIZE_LIMIT:
        raise _wrong(f"{path!r} has {size} bytes; files of up to {SIZE_LIMIT} are read")
    try:
        text = target.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise _wrong(f"{path!r} is no UTF-8 text") from None
    shown = text[:SHOWN_CHARS]
    note = "" if len(text) <= SHOWN_CHARS else f"\n… (cut; {len(text)} characters in all)"
    data = {"path": path, "size_bytes": size, "complete": len(text) <= SHOWN_CHARS, "text": shown}
    return ToolResult(f"{shown}{note}", data)


@tool
async def write_file(job: Job, path: str, content: str) -> ToolResult:
    """Write a note of your own into this run's folder; no task needs one.

    It is no way to report: the run writes its reports itself, and nobody checks what your file says. A file of yours
    is replaced, one of the run's never.

    Args:
        path: Name relative to the folder, e.g. notes/plan.md.
        content: The text.

    Returns:
        The file's name and size in bytes.
    """
    target = _inside(job, path)
    name = target.name.lower()
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in ENGINES_OWN):
        raise _wrong(f"{target.name!r} is the name of a file that the run writes itself; choose another")
    try:
        content_bytes = content.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidArguments("write_file", [("content", "is not valid text")]) from None
    if len(content_bytes) > SIZE_LIMIT:
        raise InvalidArguments("write_file", [("content", f"has {len(content_bytes)} bytes; {SIZE_LIMIT} are allowed")])
    _refuse_links(job, target)
    if target.is_dir():
        raise _wrong(f"{path!r} is a folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content_bytes)
        target.chmod(OWNER_ALONE)
    except OSError as exc:
        raise _wrong(f"{path!r} cannot be written: {exc.strerror}") from exc
    job.note(f"The agent wrote the file {PurePosixPath(path)}; what it says was not checked.")
    data = {"path": str(PurePosixPath(path)), "size_bytes": len(content_bytes)}
    return answer(f"Wrote {len(content_bytes)} bytes.", data)


@tool
async def list_files(job: Job) -> ToolResult:
    """List the files of this run's folder.

    Returns:
        Names relative to the folder and sizes in bytes; the first hundred, and how many there are.
    """
    root = job.run.folder
    files = _files_below(root)
    listed = [{"path": file.relative_to(root).as_posix(), "size_bytes": file.stat().st_size} for file in files[:LISTED]]
    return answer(f"{len(files)} files.", {"files": listed, "total": len(files)})


def _files_below(root: Path) -> list[Path]:
    found: list[Path] = []
    for folder, _, names in os.walk(root):  # does not follow links to folders; an absent root has no files
        found += [Path(folder, name) for name in names if not Path(folder, name).is_symlink()]
    return sorted(found)


def _inside(job: Job, path: str) -> Path:
    """Return where a path points to, if that is inside the run's folder by its very words."""
    pure = PurePosixPath(path.replace("\\", "/"))
    if not path.strip() or "\0" in path or pure.is_absolute() or ":" in path or ".." in pure.parts or not pure.name:
        raise _wrong("must be relative to the run's folder, without .. and drive letters")
    return job.run.folder.joinpath(*pure.parts)


def _refuse_links(job: Job, target: Path) -> None:
    """Refuse a path that a link leads out of the folder, or anywhere else."""
    root = job.run.folder.resolve()
    inner = target.relative_to(job.run.folder)
    step = job.run.folder
    for part in inner.parts:
        step /= part
        if step.is_symlink():
            raise _wrong(f"{part!r} is a link; links are not followed")
    if not target.resolve().is_relative_to(root):
        raise _wrong("leads out of the run's folder")


def _wrong(problem: str) -> InvalidArguments:
    return InvalidArguments("files", [("path", problem)])


TOOLS: list[Tool] = [read_file, write_file, list_files]
