"""Makes an app: a copy of the one that comes with the engine, with tests and what a folder of code needs."""

from __future__ import annotations

import re
from pathlib import Path

from newfuse import __version__
from newfuse.errors import ConfigurationError
from newfuse.scaffold.files import render, write_new

PACKAGE = Path(__file__).resolve().parents[1]
TEMPLATE = PACKAGE / "_template"
"""Where a wheel holds the app, and nothing else."""

APP = ("agents", "crews", "tasks", "tools", "integrations", "doubles", "templates", "data", "run.py")
"""What of a checkout is the app, as far as it is there."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


def new_app(folder: Path) -> int:
    """Make an app in a folder, which must be new or hold hidden files at most.

    Args:
        folder: Where; its last part is the app's name.

    Returns:
        How many files were written.

    Raises:
        ConfigurationError: The name is none, something is there, or it cannot be written; then nothing is.
    """
    name = folder.resolve().name
    if not NAME.match(name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of an app: it must be letters, digits, dots, hyphens and underscores, "
            "a letter or digit first."
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file. Choose another name.")
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ConfigurationError(f"The folder {folder} is not empty, and nothing was written. Choose another name.")
    files = app_files(name)
    write_new(folder, files)
    return len(files)


def app_files(name: str) -> dict[str, bytes]:
    """Return the files of a new app by path.

    Raises:
        ConfigurationError: This installation lacks the app.
    """
    root = TEMPLATE if TEMPLATE.is_dir() else PACKAGE.parent
    if not (root / "run.py").is_file():
        raise ConfigurationError(
            f"This installation has no app to copy: it is neither in {TEMPLATE} nor in {root}. Install newfuse again."
        )
    paths = [path for part in APP for path in (root / part, *(root / part).rglob("*")) if path.is_file()]
    copied = {path.relative_to(root): path for path in paths if "__pycache__" not in path.parts}
    title = " ".join(re.split(r"[._-]+", name)).strip().capitalize()
    return {
        **{path.as_posix(): source.read_bytes() for path, source in sorted(copied.items())},
        "tests/conftest.py": render("conftest.py"),
        "tests/test_api_integration.py": render("app_test.py"),
        "README.md": render("app_readme.md", title=title),
        "requirements.txt": render("app_requirements.txt", version=__version__),
        "pyproject.toml": render("app_pyproject.toml"),
        ".gitignore": render("app_gitignore"),
    }
