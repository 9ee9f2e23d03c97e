"""Reads the repository's own sources: which files there are, and what each of them imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APP = ("agents", "crews", "tasks", "tools")


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the file and line it stands in, the module it names, and the name taken out of it."""

    path: Path
    line: int
    module: str
    name: str | None

    @property
    def importer(self) -> str:
        """Dotted name of the importing module."""
        return module_name(self.path)

    @property
    def top(self) -> str:
        """First part of the imported module's name."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        taken = f" ({self.name})" if self.name else ""
        return f"{self.path.relative_to(ROOT).as_posix()}:{self.line} imports {self.module}{taken}"


def module_name(path: Path) -> str:
    """Return the dotted name under which a file of the repository is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def engine_files() -> list[Path]:
    """List the engine's Python files."""
    return sorted((ROOT / "newfuse").rglob("*.py"))


def app_files() -> list[Path]:
    """List the app's Python files."""
    return sorted([*ROOT.glob("run.py"), *(path for folder in APP for path in (ROOT / folder).rglob("*.py"))])


def imports_in(path: Path) -> Iterator[Import]:
    """Yield every import of a file: in functions, for type checkers, and by `import_module("…")` as well."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(path, node)
            for alias in node.names:
                yield Import(path, node.lineno, module, alias.name)
        elif isinstance(node, ast.Call) and node.args and _called(node) in {"import_module", "__import__"}:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(path, node.lineno, first.value, None)


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    folder = path.relative_to(ROOT).parent.parts
    package = folder[: len(folder) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def _called(node: ast.Call) -> str | None:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None
