"""Imports the app's own code: from the app's folder and from nowhere else, and says where it broke off."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from newfuse.config import CREWS
from newfuse.errors import ConfigurationError, NewFuseError

PACKAGES = ("agents", "tools", "tasks", CREWS, "integrations", "doubles")
"""The folders of an app that hold code."""


def put_first(root: Path) -> None:
    """Let imports find the app before anything else that is called like its packages."""
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))


def check_packages(root: Path, names: Iterable[str] = PACKAGES) -> None:
    """Make sure that the packages of an app are its own.

    Raises:
        ConfigurationError: One of them would be, or was, imported from elsewhere; names the place and the way out.
    """
    for name in names:
        if not (root / name).is_dir():
            continue
        place = _place_of(name)
        if place is None or not place.is_relative_to(root / name):
            way_out = (
                "Uninstall the other package in this environment."
                if (root / name / "__init__.py").is_file()
                else f"Put an __init__.py into {root / name}."
            )
            raise ConfigurationError(
                f"`{name}` would be imported from {place or 'nowhere'}, not from this app's {root / name}. {way_out}"
            )


def fault(exc: BaseException) -> str:
    """Return what an error says, as it stands after its place; of a fault of Python, its kind too."""
    if isinstance(exc, NewFuseError):  # its text says what to do, to people
        return exc.for_model.strip().rstrip(".")
    text = str(exc.msg if isinstance(exc, SyntaxError) else exc).strip().rstrip(".")
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def fault_place(exc: BaseException, own: Iterable[Path], root: Path | None, unknown: str) -> str:
    """Say in which file and line an import broke off: the last line of these files, whoever refused what it says.

    Args:
        exc: What was raised.
        own: The files, or folders of them, that were imported.
        root: The app's folder; a path below it is given from there.
        unknown: What to say where no line of theirs took part.
    """
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{_relative(Path(exc.filename), root)}, line {exc.lineno}"
    places = tuple(own)
    frames = traceback.extract_tb(exc.__traceback__)
    for frame in reversed(frames):
        file = Path(frame.filename)
        if any(file.is_relative_to(place) for place in places):
            return f"{_relative(file, root)}, line {frame.lineno}"
    return unknown


def code_folders(root: Path) -> list[Path]:
    """Return the folders of an app that hold code."""
    return [root / name for name in PACKAGES]


def _place_of(name: str) -> Path | None:
    loaded = sys.modules.get(name)
    places: list[Any] = []
    if loaded is not None:
        places = [getattr(loaded, "__file__", None), *getattr(loaded, "__path__", [])]
    else:
        spec = importlib.util.find_spec(name)
        if spec is not None:
            places = [spec.origin, *(spec.submodule_search_locations or [])]
    return next((Path(place).resolve() for place in places if place), None)


def _relative(file: Path, root: Path | None) -> Path:
    return file.relative_to(root) if root is not None and file.is_relative_to(root) else file
