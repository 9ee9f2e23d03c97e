"""Text files of the agents' own: in `files/` of the run's folder, plainly named, marked as unmeasured, and few."""

from __future__ import annotations

import re
from pathlib import Path

from newfuse import InvalidArguments, Job, Tool, ToolResult, tool
from tools.outcome import answer

FOLDER = "files"  # of the run's folder: beside the reports, so that no file of an agent stands among them
FILE_LIMIT = 1_000_000  # bytes of one file: notes and small tables, not data
RUN_LIMIT = 5_000_000  # bytes of all files of a run: one of the largest for each of five agents
FILES_LIMIT = 100  # files of a run: a person can still look through them, and list_files names them all
OWNER_ALONE = 0o600  # like the reports beside them
SHOWN_CHARS = 3_000  # of a file that is read: the rest of a result is for a model, whose context it would fill

NAME_LENGTH = 100  # characters; every file system takes 255 bytes, and copies and archives add to them
NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._ -]*[A-Za-z0-9_])?", re.ASCII)
NAME_RULE = (
    f"must be a plain file name of up to {NAME_LENGTH} letters (A to Z), digits, blanks and the signs . _ -, which "
    "begins and ends with a letter, a digit or _"
)
# Devices to Windows, whatever the ending: learn.microsoft.com/windows/win32/fileio/naming-a-file
DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9]) *(?:\.|$)", re.IGNORECASE)
# What the engine and this file write themselves, by the letters of the name: an agent's file must not pass for it.
TAKEN = re.compile(r".*report|integrationhealthdashboard.*|integrationsummary.*|results|readme")

UNMEASURED = "Written by an agent of this run, in its own words: nothing in this file was measured or checked."
# How a file begins, by its type. CSV and JSON have no place for such a line: README says it of the whole folder.
BEGINNINGS = {".md": f"> {UNMEASURED}\n\n", ".txt": f"{UNMEASURED}\n\n", ".csv": "", ".json": ""}
README = "README.txt"
README_TEXT = """\
The agents of this run wrote the other files in this folder, in their own words.
Nothing in them was measured or checked. What was measured stands in the reports of the folder above.
"""
NOTE = f"The agent wrote files of its own into {FOLDER}/; nothing in them was measured or checked."


@tool
async def read_file(job: Job, path: str) -> ToolResult:
    """Read a text file that an agent of this run has written.

    Args:
        path: Plain file name, e.g. plan.md.

    Returns:
        The text, cut when it is long, and its size in bytes.
    """
    target = _place(job, path)
    if not target.is_file():
        raise _wrong(f"there is no file {path!r}; list_files names those there are")
    size = target.stat().st_size
    if size > FILE_LIMIT:
        raise _wrong(f"{path!r} has {size} bytes; files of up to {FILE_LIMIT} are read")
    try:
        text = target.read_text(encoding="utf-8").removeprefix(BEGINNINGS[target.suffix])
    except UnicodeDecodeError:
        raise _wrong(f"{path!r} is no UTF-8 text") from None
    except OSError as exc:
        raise _wrong(f"{path!r} cannot be read: {exc.strerror}") from exc
    shown = text[:SHOWN_CHARS]
    note = "" if len(text) <= SHOWN_CHARS else f"\n… (cut; {len(text)} characters in all)"
    data = {"path": path, "size_bytes": size, "complete": len(text) <= SHOWN_CHARS, "text": shown}
    return ToolResult(f"{shown}{note}", data)


@tool
async def write_file(job: Job, path: str, content: str) -> ToolResult:
    """Write a note of your own; no task needs one.

    It is no way to report: the run writes its reports itself, and your file is marked as not measured. A file of the
    same name is replaced.

    Args:
        path: Plain file name without a folder, ending in .md, .txt, .csv or .json, e.g. plan.md.
        content: The text.

    Returns:
        The file's name and size in bytes.
    """
    target = _place(job, path)
    content_bytes = _bytes(content)
    # A model that read a file of its own and writes it again gives back what it was shown: without the first line.
    written = BEGINNINGS[target.suffix].encode() + content_bytes
    others = {file.name: file.stat().st_size for file in _files(job) if file.name != target.name}
    if len(others) >= FILES_LIMIT:
        raise _wrong(f"this run has {len(others)} files, and may have {FILES_LIMIT}; write into one there is")
    left = RUN_LIMIT - sum(others.values())
    if len(written) > left:
        raise _content(f"has {len(content_bytes)} bytes; {max(left, 0)} of the {RUN_LIMIT} of this run are left")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(written)
        (target.parent / README).write_text(README_TEXT, encoding="utf-8")
        for file in (target, target.parent / README):
            file.chmod(OWNER_ALONE)
    except OSError as exc:
        raise _wrong(f"{path!r} cannot be written: {exc.strerror}") from exc
    job.note(NOTE)
    return answer(f"Wrote {len(written)} bytes.", {"path": path, "size_bytes": len(written)})


@tool
async def list_files(job: Job) -> ToolResult:
    """List the files that the agents of this run have written.

    Returns:
        Names and sizes in bytes, and how many there are.
    """
    listed = [{"path": file.name, "size_bytes": file.stat().st_size} for file in _files(job)]
    return answer(f"{len(listed)} files.", {"files": listed[:FILES_LIMIT], "total": len(listed)})


def _files(job: Job) -> list[Path]:
    """Return the agents' files; an absent folder has none, and a link is none."""
    folder = job.run.folder / FOLDER
    if folder.is_symlink() or not folder.is_dir():
        return []
    found = (file for file in folder.iterdir() if file.name != README and not file.name.startswith("."))
    return sorted(file for file in found if file.is_file() and not file.is_symlink())


def _place(job: Job, path: str) -> Path:
    """Return where the file of a name lies.

    Raises:
        InvalidArguments: The name is not plain, is no text's, or is taken by the run; or a link lies in its place.
    """
    folder, suffix = job.run.folder / FOLDER, Path(path).suffix
    if len(path) > NAME_LENGTH or NAME.fullmatch(path) is None:
        raise _wrong(NAME_RULE)
    if suffix not in BEGINNINGS:
        raise _wrong(f"must end in one of {', '.join(BEGINNINGS)}")
    if DEVICES.match(path):
        raise _wrong(f"{path!r} is the name of a device on some systems; choose another")
    if TAKEN.fullmatch(re.sub(r"[ ._-]", "", path.removesuffix(suffix).lower())):
        raise _wrong(f"{path!r} could be taken for a file that the run writes itself; choose another")
    target = folder / path
    if folder.is_symlink() or target.is_symlink():
        raise _wrong("a link lies there; links are not followed")
    if target.is_dir():
        raise _wrong(f"{path!r} is a folder")
    return target


def _bytes(content: str) -> bytes:
    if any(sign < " " and sign not in "\t\n\r" for sign in content):
        raise _content("holds control characters; only tabs and line breaks may stand in a file")
    try:
        content_bytes = content.encode("utf-8")
    except UnicodeEncodeError:
        raise _content("is not valid text: it holds half of a character (a lone surrogate)") from None
    if len(content_bytes) > FILE_LIMIT:
        raise _content(f"has {len(content_bytes)} bytes; {FILE_LIMIT} are allowed")
    return content_bytes


def _content(problem: str) -> InvalidArguments:
    return InvalidArguments("files", [("content", problem)])


def _wrong(problem: str) -> InvalidArguments:
    return InvalidArguments("files", [("path", problem)])


TOOLS: list[Tool] = [read_file, write_file, list_files]
