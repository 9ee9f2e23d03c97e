"""Finds what is added to the engine: classes in a folder of the app, and behind entry points of plugins.

The app's own comes before a plugin's, and that before what is built in; a class that takes the place of another is
logged. What cannot be used is left out and named with its file and line; it keeps nothing else from being found.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeGuard, TypeVar

from newfuse.app_code import check_packages, code_folders, fault, fault_place, put_first
from newfuse.errors import ConfigurationError
from newfuse.log import logger


class Slugged(Protocol):
    """What is known by a name of its own."""

    slug: ClassVar[str]


T = TypeVar("T", bound=Slugged)

_log = logger("extensions")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is there and cannot be used: its file, with the line where one is known, and why."""

    place: str
    why: str

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.place}: {self.why}"


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The classes of one kind by slug, and what was left out."""

    classes: Mapping[str, type[T]]
    left_out: Sequence[LeftOut] = ()

    def with_added(self, more: Found[T]) -> Found[T]:
        """Return these with what is added, which takes the place of what has the same slug."""
        return Found({**self.classes, **more.classes}, (*self.left_out, *more.left_out))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[T]):
    """One kind of class that apps and plugins may add.

    Attributes:
        name: What one is called in a message.
        base: What it derives from.
        folder: The app's folder for it.
        group: The group of entry points for it.
        attempt: Uses a class as it will be used, so that one that cannot be is found out.
    """

    name: str
    base: type[T]
    folder: str
    group: str
    attempt: Callable[[type[T]], object]


@dataclass(frozen=True, slots=True)
class _Candidate(Generic[T]):
    """A class that was found, or why there is none, and where it is from, for messages."""

    place: str
    found: type[T] | LeftOut


def added(kind: Kind[T], root: Path | None, built_in: Collection[str]) -> Found[T]:
    """Return what plugins and the app add.

    Args:
        kind: What is looked for.
        root: The app's folder, or None where there is none.
        built_in: Slugs of what is there anyway.
    """
    classes: dict[str, type[T]] = {}
    left_out: list[LeftOut] = []
    holders = {slug: f"the built-in {kind.name} {slug}" for slug in built_in}
    for candidate in (*_of_plugins(kind), *_of_app(kind, root)):
        one, place = candidate.found, candidate.place
        if isinstance(one, LeftOut):
            left_out.append(one)
            continue
        if one.slug in holders:
            _log.warning("%s replaces %s", place, holders[one.slug])
        classes[one.slug] = one
        holders[one.slug] = f"{kind.name} {one.slug} of {place}"
    return Found(classes, tuple(left_out))


def packaged(kind: Kind[T], package: str) -> Found[T]:
    """Return the classes that the modules of a package of the engine define."""
    folders = list(importlib.import_module(package).__path__)
    classes: dict[str, type[T]] = {}
    left_out: list[LeftOut] = []
    for candidate in _of_modules(kind, package, folders, None):
        if isinstance(candidate.found, LeftOut):
            left_out.append(candidate.found)
        else:
            classes[candidate.found.slug] = candidate.found
    return Found(classes, tuple(left_out))


def _of_plugins(kind: Kind[T]) -> Iterator[_Candidate[T]]:
    for entry in entry_points(group=kind.group):
        place = f"the plugin {entry.value}"
        own = _files_of(entry)
        try:
            one = entry.load()
        except (Exception, SystemExit) as exc:
            yield _Candidate(place, _broken(exc, place, own, None))
            continue
        if _is_whole(one, kind):
            yield _tried(kind, one, place, own, None)
        else:
            yield _Candidate(place, _refused(place, f"is no {kind.base.__name__} class with a slug"))


def _of_app(kind: Kind[T], root: Path | None) -> Iterator[_Candidate[T]]:
    if root is None or not _modules([str(root / kind.folder)]):
        return
    put_first(root)
    try:
        check_packages(root, [kind.folder])
    except ConfigurationError as exc:
        yield _Candidate(kind.folder, _refused(f"{kind.folder}/", exc.for_model))
        return
    files: dict[str, str] = {}
    for candidate in _of_modules(kind, kind.folder, [str(root / kind.folder)], root):
        one, place = candidate.found, candidate.place
        if isinstance(one, LeftOut):
            yield candidate
        elif one.slug in files:
            why = f"its slug {one.slug!r} is that of {files[one.slug]} too; change one of them"
            yield _Candidate(place, _refused(place, why))
        else:
            files[one.slug] = place
            yield _tried(kind, one, place, code_folders(root), root)


def _of_modules(kind: Kind[T], package: str, folders: Sequence[str], root: Path | None) -> Iterator[_Candidate[T]]:
    """Import the modules of a package and yield the classes that each of them defines."""
    own = [Path(folder) for folder in folders] if root is None else code_folders(root)
    for module in _modules(folders):
        name = f"{package}.{module.name}"
        place = f"{name.replace('.', '/')}{'/' if module.ispkg else '.py'}"
        try:
            members = vars(importlib.import_module(name)).values()
        except (Exception, SystemExit) as exc:
            yield _Candidate(place, _broken(exc, place, own, root))
            continue
        defined = [one for one in members if _is_whole(one, kind) and f"{one.__module__}.".startswith(f"{name}.")]
        if not defined:
            yield _Candidate(place, _refused(place, f"holds no {kind.base.__name__} class with a slug"))
        for one in dict.fromkeys(defined):  # a class may have two names
            yield _Candidate(place, one)


def _modules(folders: Sequence[str]) -> list[pkgutil.ModuleInfo]:
    """Return the modules in some folders by name, less those that begin with an underscore."""
    found = (module for module in pkgutil.iter_modules(folders) if not module.name.startswith("_"))
    return sorted(found, key=lambda module: module.name)


def _files_of(entry: EntryPoint) -> list[Path]:
    """Return where the code of a plugin lies, as far as that can be told without running it."""
    try:
        spec = importlib.util.find_spec(entry.module.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    places = [*(spec.submodule_search_locations or []), *([spec.origin] if spec.origin else [])]
    return [Path(place) for place in places]


def _is_whole(one: Any, kind: Kind[T]) -> TypeGuard[type[T]]:
    return inspect.isclass(one) and issubclass(one, kind.base) and isinstance(getattr(one, "slug", None), str)


def _tried(kind: Kind[T], one: type[T], place: str, own: Sequence[Path], root: Path | None) -> _Candidate[T]:
    """Return the class, or why it cannot be used."""
    try:
        kind.attempt(one)
    except Exception as exc:
        return _Candidate(place, _broken(exc, _with_line(place, one), own, root))
    return _Candidate(place, one)


def _with_line(place: str, one: type) -> str:
    """Return a place with the line where a class begins, where that is known."""
    try:
        return f"{place}, line {inspect.getsourcelines(one)[1]}"
    except (OSError, TypeError):
        return place


def _broken(exc: BaseException, place: str, own: Sequence[Path], root: Path | None) -> LeftOut:
    """Say that something raised an error; its traceback goes to the log."""
    left_out = LeftOut(fault_place(exc, own, root, place), fault(exc))
    _log.error("left out: %s", left_out, exc_info=exc)
    return left_out


def _refused(place: str, why: str) -> LeftOut:
    left_out = LeftOut(place, why)
    _log.error("left out: %s", left_out)
    return left_out
