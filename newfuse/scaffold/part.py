"""Makes parts of an app: a crew, an integration with its double, a tool, an agent, each with a test."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import newfuse
from newfuse.crew.agent import NAME, NAME_RULE
from newfuse.errors import ConfigurationError
from newfuse.integrations.catalog import integrations_of
from newfuse.scaffold.files import check_free, render, write_new


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of part.

    Attributes:
        files: Templates by the path of what is made of them; `NAME` stands for the part's name.
        function: Name of its tool, where it has one.
        next: Commands to try it with.
    """

    files: Mapping[str, str]
    next: tuple[str, ...]
    function: str = "NAME"


PARTS: Final[Mapping[str, Part]] = {
    "crew": Part(
        files={
            "crews/NAME.py": "crew.py",
            "tasks/NAME_task.py": "crew_task.py",
            "agents/NAME_agent.py": "crew_agent.py",
            "tools/NAME_tool.py": "tool.py",
            "data/NAME.json": "crew_data.json",
            "tests/test_NAME_crew.py": "crew_test.py",
        },
        function="NAME_tool",
        next=("newfuse run NAME", "python -m pytest tests/test_NAME_crew.py"),
    ),
    "integration": Part(
        files={
            "integrations/NAME.py": "integration.py",
            "doubles/NAME.py": "double.py",
            "tests/test_NAME_integration.py": "integration_test.py",
        },
        next=("newfuse integrations call NAME list_items --sandbox", "python -m pytest tests/test_NAME_integration.py"),
    ),
    "tool": Part(
        files={"tools/NAME.py": "tool.py", "tests/test_NAME_tool.py": "tool_test.py"},
        next=("python -m pytest tests/test_NAME_tool.py",),
    ),
    "agent": Part(
        files={"agents/NAME.py": "agent.py", "tests/test_NAME_agent.py": "agent_test.py"},
        next=("python -m pytest tests/test_NAME_agent.py",),
    ),
}

ROOMS: Final[Mapping[str, str]] = {
    "agents": "Who does the work.",
    "crews": "Who does what together.",
    "doubles": "What stands for the app's own vendors in the sandbox.",
    "integrations": "The app's own vendors.",
    "tasks": "What must be done.",
    "tools": "What the crew's roles can do.",
}


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the files, and the commands to try it with."""

    files: tuple[str, ...]
    next: tuple[str, ...]


def new_part(kind: str, name: str, root: Path) -> Made:
    """Make a part of the app at `root`; a file that is there is never written to.

    Args:
        kind: A key of `PARTS`.
        name: Its name.
        root: The app's folder.

    Raises:
        ConfigurationError: The name is none or taken, or a file cannot be written; then nothing is.
    """
    class_name = "".join(word.capitalize() for word in name.split("_"))
    _check_name(kind, name, class_name)
    part = PARTS[kind]
    paths = {path.replace("NAME", name): template for path, template in part.files.items()}
    check_free(root, paths)
    if kind == "integration" and name in integrations_of(root).classes:
        raise ConfigurationError(
            f"There is an integration called {name!r} already; `newfuse integrations list` shows what there is. "
            "Choose another name."
        )
    function = part.function.replace("NAME", name)
    title = name.replace("_", " ").title()
    words = {"name": name, "title": title, "class_name": class_name, "function": function}
    files = {path: render(template, **words) for path, template in paths.items()}
    around = {f"{room}/__init__.py": f'"""{about}"""\n'.encode() for room, about in ROOMS.items()}
    around["tests/conftest.py"] = render("conftest.py")
    folders = {Path(path).parts[0] for path in files}
    missing = {
        path: text for path, text in around.items() if Path(path).parts[0] in folders and not (root / path).exists()
    }
    write_new(root, {**missing, **files})
    return Made(tuple(sorted(files)), tuple(command.replace("NAME", name) for command in part.next))


def _check_name(kind: str, name: str, class_name: str) -> None:
    if not NAME.match(name):
        raise ConfigurationError(f"{kind} {name!r}: {NAME_RULE}")
    words = {name, class_name} if kind == "integration" else {name}
    taken = words & {*dir(builtins), *newfuse.__all__}
    if taken or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise ConfigurationError(f"{kind} {name!r}: Python or newfuse has a word of that name. Choose another.")
