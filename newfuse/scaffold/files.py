"""Writes files that are not there yet: all of them, or none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from newfuse.errors import ConfigurationError

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: str) -> bytes:
    """Return what a template comes to."""
    return _environment().get_template(f"{template}.jinja").render(**values).encode("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - what comes out is source code, and goes in are checked names
    )


def check_free(root: Path, names: Iterable[str]) -> None:
    """Make sure that files are not there yet.

    Raises:
        ConfigurationError: Some are; names them.
    """
    taken = [name for name in names if (root / name).exists() or (root / name).is_symlink()]
    if taken:
        raise ConfigurationError(
            f"{', '.join(taken)} {'is' if len(taken) == 1 else 'are'} there already, and nothing was written. "
            "Choose another name, or move away what is there."
        )


def write_new(root: Path, files: Mapping[str, bytes]) -> None:
    """Write files, and the folders they lie in.

    Args:
        root: The folder they are below; made where it is not there.
        files: What they hold, by path.

    Raises:
        ConfigurationError: One of them is there already, or cannot be written; then none is written.
    """
    check_free(root, files)
    made: list[Path] = []
    try:
        for name, content in files.items():
            _make_folder((root / name).parent, made)
            with (root / name).open("xb") as file:
                made.append(root / name)
                file.write(content)
    except OSError as exc:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        place = exc.filename or root
        raise ConfigurationError(f"{place} cannot be written: {exc.strerror or exc}. Nothing was written.") from exc


def _make_folder(folder: Path, made: list[Path]) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent, made)
        folder.mkdir()
        made.append(folder)
