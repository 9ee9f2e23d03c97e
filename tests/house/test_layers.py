"""The tree is the architecture: imports point down the numbers only (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict

import pytest

from house.source_tree import APP, ROOT, Import, app_files, engine_files, imports_in

LEVELS = {
    "errors": 0,
    "types": 0,
    "config": 1,
    "environment": 1,
    "events": 1,
    "private_files": 1,
    "log": 1,
    "privacy": 0,
    "redact": 0,  # every error masks its own text
    "http": 2,
    "store": 2,
    "vault": 2,
    "auth": 3,
    "effects": 3,
    "integrations": 4,
    "connectors": 5,
    "observe": 5,
    "webhooks": 5,
    "crew": 6,
    "marketplace": 6,
    "report": 6,
    "workflows": 6,
    "console": 7,
    "sandbox": 7,
    "scaffold": 7,
    "testing": 7,
    "__main__": 8,
    "cli": 8,
}

# The app's arrows; every part of it may use the engine and itself.
APP_ARROWS = {
    "run": {"crews"},
    "crews": {"tasks", "agents"},
    "tasks": {"agents"},
    "agents": {"tools"},
    "tools": set(),
}

# Libraries with one home each: whoever else needs what they do asks that room.
HOMES = {
    "httpx": "newfuse.http",
    "langchain": "newfuse.crew",
    "langchain_anthropic": "newfuse.crew",
    "langchain_core": "newfuse.crew",
    "langchain_openai": "newfuse.crew",
    "langgraph": "newfuse.crew",
    "openai": "newfuse.crew",
    "anthropic": "newfuse.crew",
}

# Modules, besides `newfuse` itself, that a connector of ours or a plugin's may import from.
PUBLIC_MODULES = {"newfuse", "newfuse.errors", "newfuse.types"}

# (importing module, imported module): why it may. Nothing else may.
EXCEPTIONS = {
    ("newfuse.integrations.integration", "newfuse.crew.action_tools"): (
        "Integration.tools() is the public door to LangChain tools; it opens when called, never at import"
    ),
}

HEAVY = ("langchain", "langchain_core", "langgraph", "sqlalchemy", "openai", "anthropic")


def public_homes() -> dict[str, str]:
    """Return the module behind each name that `newfuse` offers."""
    return {found.name: found.module for found in imports_in(ROOT / "newfuse" / "__init__.py") if found.name}


HOME_OF = public_homes()


def room(module: str) -> str:
    return [*module.split("."), ""][1]


def target(found: Import) -> str:
    """Return the module that an import really reaches; names of `newfuse` are followed home."""
    if found.module != "newfuse" or found.name is None:
        return found.module
    return HOME_OF.get(found.name) or f"newfuse.{found.name}"


def engine_imports() -> list[Import]:
    """Return the imports of the engine's rooms; `newfuse/__init__.py` is the door, not a room."""
    door = ROOT / "newfuse" / "__init__.py"
    return [found for path in engine_files() if path != door for found in imports_in(path)]


def excepted(found: Import) -> bool:
    return (found.importer, found.module) in EXCEPTIONS


def listed(found: list[Import]) -> list[str]:
    return [str(one) for one in found]


def test_every_room_has_its_number():
    rooms = {room(found.importer) for found in engine_imports()}
    assert rooms
    assert set() == rooms - set(LEVELS)


def test_no_import_points_upward():
    upward = [
        found
        for found in engine_imports()
        if found.top == "newfuse"
        and (found.module, found.name) != ("newfuse", "__version__")
        and room(found.importer) != "connectors"  # held to public names below, which is stricter
        and LEVELS.get(room(target(found)), 0) > LEVELS[room(found.importer)]
        and not excepted(found)
    ]
    assert [] == listed(upward)


def test_rooms_of_one_number_do_not_import_each_other_in_a_circle():
    reach: dict[str, set[str]] = defaultdict(set)
    for found in engine_imports():
        here, there = room(found.importer), room(target(found))
        if found.top == "newfuse" and here != there and LEVELS[here] == LEVELS.get(there):
            reach[here].add(there)
    for _ in LEVELS:  # long enough for the longest chain
        for onward in reach.values():
            onward |= {far for near in list(onward) for far in reach.get(near, ())}
    assert [] == sorted(start for start, onward in reach.items() if start in onward)


def test_the_engine_never_imports_the_app():
    assert [] == listed([found for found in engine_imports() if found.top in {*APP, "run"}])


def test_the_app_imports_along_its_arrows():
    files = app_files()
    assert set(APP_ARROWS) == {path.relative_to(ROOT).with_suffix("").parts[0] for path in files}
    astray = [
        found
        for found in (found for path in files for found in imports_in(path))
        if (here := found.importer.partition(".")[0]) in APP_ARROWS
        and found.top in APP_ARROWS
        and found.top not in {here, *APP_ARROWS[here]}
        and not excepted(found)
    ]
    assert [] == listed(astray)


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_in_its_home_only(library: str):
    everywhere = [found for path in [*engine_files(), *app_files()] for found in imports_in(path)]
    users = [found for found in everywhere if found.top == library]
    home = HOMES[library]
    assert [] == listed(
        [found for found in users if not f"{found.importer}.".startswith(f"{home}.") and not excepted(found)]
    )


def test_connectors_import_the_standard_library_pydantic_and_public_names():
    offered = set(HOME_OF) | {"__version__"}
    connectors = [found for found in engine_imports() if room(found.importer) == "connectors"]
    assert connectors

    def allowed(found: Import) -> bool:
        if found.top != "newfuse":
            return found.top in sys.stdlib_module_names or found.top == "pydantic"
        if found.module == "newfuse":
            return found.name in offered
        own = ".".join(found.importer.split(".")[:3])  # a vendor in several files
        return found.module in PUBLIC_MODULES or f"{found.module}.".startswith(f"{own}.")

    assert [] == listed([found for found in connectors if not allowed(found) and not excepted(found)])


def test_the_sandbox_knows_no_connector():
    near = [found for found in engine_imports() if room(found.importer) == "sandbox"]
    assert near
    assert [] == listed([found for found in near if room(target(found)) in {"connectors", "integrations"}])


def test_every_exception_is_still_needed():
    used = {(found.importer, found.module) for path in [*engine_files(), *app_files()] for found in imports_in(path)}
    assert set() == set(EXCEPTIONS) - used


def test_the_public_names_are_the_ones_written_out():
    tree = ast.parse((ROOT / "newfuse" / "__init__.py").read_text(encoding="utf-8"))
    written = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
    )
    ours = sorted(name for name, module in HOME_OF.items() if module.startswith("newfuse."))
    assert ours == sorted(written)


@pytest.mark.parametrize(
    "command",
    [["-c", "import newfuse"], ["-m", "newfuse", "--help"]],
    ids=["import newfuse", "newfuse --help"],
)
def test_starting_loads_no_heavy_library(command: list[str]):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    loaded = set(re.findall(r"^import time:.*\|\s+(\S+)$", done.stderr, re.MULTILINE))
    complaint = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    assert (0, "") == (done.returncode, complaint)
    assert "newfuse" in loaded
    assert set() == loaded.intersection(HEAVY)
