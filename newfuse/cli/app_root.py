"""Finds the app, the folder that holds `crews/`, and loads crews from it and from nowhere else."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newfuse.config import CREWS, is_app
from newfuse.errors import ConfigurationError, NewFuseError

if TYPE_CHECKING:
    from newfuse.crew import Crew

PACKAGES = ("agents", "tools", "tasks", CREWS)
DEFAULT_CREW = "api_integration"
DEFAULT_DATA = Path("data/integration_test_data.json")


def find_root(known: Path | None) -> Path:
    """Return the app's folder: the one `run.py` lies in, else the current folder.

    Raises:
        ConfigurationError: It has no `crews/`.
    """
    root = (known or Path.cwd()).resolve()
    if not is_app(root):
        raise ConfigurationError(
            f"There is no {CREWS}/ folder in {root}. Start `newfuse run` in the app's folder, or start its run.py."
        )
    return root


def crew_names(root: Path) -> list[str]:
    """List the crews there are: the modules of `crews/`."""
    files = (path.stem for path in (root / CREWS).glob("*.py"))
    packages = (path.parent.name for path in (root / CREWS).glob("*/__init__.py"))
    return sorted(name for name in {*files, *packages} if not name.startswith("_") and name.isidentifier())


def load_crew(root: Path, name: str) -> Crew:
    """Import `crews/NAME.py` of the app at `root` and return its `crew`.

    Raises:
        ConfigurationError: There is no such crew (the message lists those there are), its module cannot be imported or
            has no `crew`, or one of the app's packages would come from elsewhere.
    """
    names = crew_names(root)
    if name not in names:
        raise ConfigurationError(f"There is no crew {name!r}. There are: {', '.join(names) or 'none'}.")
    put_first(root)
    check_packages(root)
    module = _import(root, f"{CREWS}.{name}")
    from newfuse.crew import Crew

    crew = getattr(module, "crew", None)
    if not isinstance(crew, Crew):
        raise ConfigurationError(f"{CREWS}/{name}.py has no `crew`: it must hold `crew = Crew(…)`.")
    return crew


def put_first(root: Path) -> None:
    """Let imports find the app before anything else that is called like its packages."""
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))


def check_packages(root: Path) -> None:
    """Make sure that `agents`, `tools`, `tasks` and `crews` are the app's own.

    Raises:
        ConfigurationError: One of them would be, or was, imported from elsewhere; names the place and the way out.
    """
    for name in PACKAGES:
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


def _import(root: Path, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except NewFuseError:
        raise
    except Exception as exc:
        raise ConfigurationError(f"{_where(exc, root, module)}: {type(exc).__name__}: {exc}.") from exc


def _where(exc: Exception, root: Path, module: str) -> str:
    """Say where in the app an import broke off."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{_relative(Path(exc.filename), root)}, line {exc.lineno}"
    frames = [frame for frame in traceback.extract_tb(exc.__traceback__) if Path(frame.filename).is_relative_to(root)]
    if not frames:
        return f"{module} cannot be imported"
    return f"{_relative(Path(frames[-1].filename), root)}, line {frames[-1].lineno}"


def _relative(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path
