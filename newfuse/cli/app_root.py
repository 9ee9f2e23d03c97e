"""Finds the app, the folder that holds `crews/`, and loads crews from it and from nowhere else."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newfuse.app_code import check_packages, code_folders, fault, fault_place, put_first
from newfuse.cli.printable import one_line
from newfuse.config import CREWS, app_root, is_app
from newfuse.errors import ConfigurationError, NewFuseError

if TYPE_CHECKING:
    from newfuse.cli.screen import Screen
    from newfuse.crew import Crew
    from newfuse.extensions import LeftOut

DEFAULT_CREW = "api_integration"
DEFAULT_DATA = Path("data/integration_test_data.json")
REASON = 1_000  # characters of why a file cannot be used: it names the way out


def find_root(known: Path | None) -> Path:
    """Return the app's folder: the one `run.py` lies in, else the current folder.

    Raises:
        ConfigurationError: It has no `crews/`.
    """
    root = (known or Path.cwd()).resolve()
    if not is_app(root):
        raise ConfigurationError(
            f"There is no {CREWS}/ folder in {root}. Go to the app's folder, or start its run.py; "
            "`newfuse new app NAME` makes an app."
        )
    return root


def default_data(root: Path, crew: str) -> Path:
    """Return the data a crew works on when none is named: `data/CREW.json`, or the sample that comes with the app."""
    own = root / "data" / f"{crew}.json"
    return own if own.is_file() else root / DEFAULT_DATA


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


def left_out(root: Path | None) -> Iterator[LeftOut]:
    """Yield what of the integrations and doubles cannot be used; the files of the app are imported."""
    from newfuse.integrations.catalog import integrations_of
    from newfuse.sandbox.doubles import added_doubles

    yield from integrations_of(root).left_out
    yield from added_doubles(root).left_out


def say_what_is_left_out(screen: Screen) -> None:
    """Name the integrations and doubles that cannot be used, with file and line; everything else goes on."""
    for one in left_out(app_root()):
        screen.say(f"Left out: {one_line(str(one), REASON)}")


def _import(root: Path, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except NewFuseError:
        raise
    except Exception as exc:
        place = fault_place(exc, code_folders(root), root, f"{module} cannot be imported")
        raise ConfigurationError(f"{place}: {fault(exc)}.") from exc
