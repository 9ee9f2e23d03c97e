"""What `newfuse doctor` looks at, one finding each."""

from __future__ import annotations

import importlib
import os
import platform
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from newfuse.cli.app_root import REASON, crew_names, find_root, left_out, load_crew
from newfuse.cli.integrations import credential_variables
from newfuse.cli.printable import one_line
from newfuse.config import Setting, find_setting, store_folder
from newfuse.crew.models import NAME_A_MODEL, choose_model
from newfuse.errors import ConfigurationError
from newfuse.integrations.catalog import integrations_of
from newfuse.sandbox.doubles import doubles_of

if TYPE_CHECKING:
    from newfuse.crew import Crew

OLDEST_PYTHON = (3, 11)

# Module by distribution: what a run of a crew imports.
LIBRARIES = {
    "httpx": "httpx",
    "pydantic": "pydantic",
    "SQLAlchemy": "sqlalchemy",
    "jinja2": "jinja2",
    "uvicorn": "uvicorn",
    "langchain": "langchain.agents",
    "langgraph": "langgraph.graph",
    "langchain-openai": "langchain_openai",
    "langchain-anthropic": "langchain_anthropic",
    "email-validator": "email_validator",
    "phonenumbers": "phonenumbers",
}
INSTALL = "Install what is missing with `make run` in a checkout, or `pip install --force-reinstall newfuse`."

OWN_FOLDER = Path(__file__).resolve().parents[2]
"""Where the package `newfuse` lies: a checkout, or the libraries of an installation."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: whether it is as a run needs it, what was found, and the way out."""

    name: str
    ok: bool
    text: str
    way_out: str = ""


def examine(root: Path | None, *, load_crews: bool = False) -> Iterator[Finding]:
    """Look at everything a run needs.

    Args:
        root: The app's folder, where it is known; the current folder otherwise.
        load_crews: Whether to import the crews of a folder that merely is the current one. The folder this program
            itself comes from is trusted anyway.
    """
    yield _python()
    yield _libraries()
    yield _loopback()
    yield _store(root)
    yield _model()
    own = _examined(root, load_crews=load_crews)
    yield from _app(root, own)
    yield from _left_out(own)
    yield from _credentials(own)


def _python() -> Finding:
    fits = sys.version_info >= OLDEST_PYTHON
    oldest = ".".join(map(str, OLDEST_PYTHON))
    way_out = "" if fits else f"Use Python {oldest} or newer, e.g. `make run PYTHON=/path/to/python{oldest}`."
    return Finding("python", fits, f"{platform.python_version()} ({sys.executable})", way_out)


def _libraries() -> Finding:
    found, broken = [], []
    for distribution, module in LIBRARIES.items():
        try:
            importlib.import_module(module)
            found.append(f"{distribution} {version(distribution)}")
        except (Exception, PackageNotFoundError) as exc:  # whatever a broken installation raises
            broken.append(f"{distribution} ({type(exc).__name__}: {one_line(str(exc), 120)})")
    if broken:
        return Finding("libraries", False, f"cannot be imported: {', '.join(broken)}", INSTALL)
    return Finding("libraries", True, ", ".join(found))


def _loopback() -> Finding:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
    except OSError as exc:
        way_out = "The embedded sandbox needs it: allow it, or name a sandbox elsewhere with --sandbox URL."
        return Finding("loopback", False, f"nothing can listen on 127.0.0.1: {exc.strerror}", way_out)
    return Finding("loopback", True, "the embedded sandbox can listen on 127.0.0.1")


def _store(root: Path | None) -> Finding:
    way_out = "Choose another folder with --store or NEWFUSE_STORE."
    try:
        folder = store_folder(root).absolute()
    except ConfigurationError as exc:
        return Finding("store", False, exc.for_model, way_out)
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("store", False, f"{folder} cannot be written to ({there} is in the way)", way_out)
    return Finding("store", True, f"{folder}{'' if there == folder else ' (is made by the first run)'}")


def _model() -> Finding:
    try:
        choice = choose_model(None)
    except ConfigurationError as exc:
        return Finding("model", False, exc.for_model, "Correct NEWFUSE_MODEL, or give --model runbook.")
    if choice.is_runbook:
        keys = "Set OPENAI_API_KEY or ANTHROPIC_API_KEY, or give --model, to let agents decide."
        return Finding("model", True, f"none, tasks follow their runbooks ({choice.why})", keys)
    return Finding("model", True, f"{choice.label} ({choice.why})")


def _examined(root: Path | None, *, load_crews: bool) -> Path | None:
    """Return the folder of the app whose code may be run, or None."""
    try:
        folder = find_root(root)
    except ConfigurationError:
        return None
    return folder if load_crews or root is not None or folder == OWN_FOLDER else None


def _app(root: Path | None, own: Path | None) -> Iterator[Finding]:
    try:
        folder = find_root(root)
    except ConfigurationError as exc:
        yield Finding("app", False, exc.for_model)
        return
    names = crew_names(folder)
    yield Finding("app", bool(names), f"{folder}, with {len(names)} crew{'' if len(names) == 1 else 's'}")
    if names and own is None:
        way_out = "`newfuse doctor --load-crews` imports them, which runs the code in this folder, as a run does."
        yield Finding("crews", True, f"not examined: {', '.join(names)}", way_out)
        return
    for name in names:
        yield _crew(folder, name)


def _crew(folder: Path, name: str) -> Finding:
    try:
        crew = load_crew(folder, name)
        crew.check()
    except ConfigurationError as exc:
        return Finding(f"crew {name}", False, one_line(exc.for_model))
    found = f"{len(crew.agents)} agents, {len(crew.tasks)} tasks"
    return (
        _without_vendor(folder, name, crew)
        or _without_performer(name, crew, found)
        or Finding(f"crew {name}", True, found)
    )


def _without_vendor(folder: Path, name: str, crew: Crew) -> Finding | None:
    """Find integrations that are not there, or have no double for the sandbox."""
    unknown = [slug for slug in crew.integrations if slug not in integrations_of(folder).classes]
    if unknown:
        way_out = "Put them into integrations/, or install the plugins they come from."
        return Finding(f"crew {name}", False, f"uses integrations that are not there: {', '.join(unknown)}", way_out)
    only_live = [slug for slug in crew.integrations if slug not in doubles_of(folder).classes]
    if only_live:
        way_out = "Put doubles of them into doubles/, or point them at servers that play them with --base-url."
        problem = f"uses integrations that have no double for the sandbox: {', '.join(only_live)}"
        return Finding(f"crew {name}", False, problem, way_out)
    return None


def _without_performer(name: str, crew: Crew, found: str) -> Finding | None:
    """Find tasks that nobody could do."""
    try:
        choice = choose_model(None)
    except ConfigurationError:  # said under `model`
        return None
    try:
        left = crew.without_performer(choice)
    except ConfigurationError as exc:
        return Finding(f"crew {name}", False, f"{found}; {one_line(exc.for_model)}")
    if left:
        problem = f"{found}; without a runbook, and no model is there to do them: {', '.join(left)}"
        return Finding(f"crew {name}", False, problem, NAME_A_MODEL)
    return None


def _left_out(own: Path | None) -> Iterator[Finding]:
    for one in left_out(own):
        yield Finding("left out", False, one_line(str(one), REASON))


def _credentials(own: Path | None) -> Iterator[Finding]:
    """Say which variables are set and where, by their names alone; the sandbox needs none of them."""
    for slug, integration in integrations_of(own).classes.items():
        present: list[Setting] = []
        missing: list[str] = []
        for field in integration.auth.fields:
            variables = credential_variables(integration, field.name)
            found = find_setting(variables)
            if found is not None:
                present.append(found)
            else:
                missing.append(" or ".join(variables) + (" (optional)" if field.optional else ""))
        parts = [f"set: {', '.join(map(str, present))}"] if present else []
        parts += [f"not set: {', '.join(missing)}"] if missing else []
        needed = f" (--live needs {'them' if len(missing) > 1 else 'it'}, the sandbox does not)" if missing else ""
        yield Finding(f"credentials {slug}", True, ("; ".join(parts) or "none needed") + needed)
