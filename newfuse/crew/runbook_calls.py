"""Which tools a runbook calls, by its text: a name that its agent lacks is found before anything is begun."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from newfuse.crew.runbook import Call, Runbook, call
from newfuse.crew.tool import short_path

HELPERS_FOLLOWED = 50  # functions that a procedure yields from, and theirs


def called_tools(procedure: Runbook) -> dict[str, str]:
    """Return the names that a runbook's text calls tools by, each with its file and line.

    Names that the procedure makes up while it runs are not known here; a call of one its agent lacks then fails.
    """
    found: dict[str, str] = {}
    waiting: list[Any] = [procedure.function]
    seen: list[Any] = []
    while waiting and len(seen) < HELPERS_FOLLOWED:
        function = waiting.pop()
        function = inspect.unwrap(function.func if isinstance(function, partial) else function)
        if isinstance(function, FunctionType) and function not in seen:
            seen.append(function)
            for name, place, helper in _read(function):
                if helper is not None:
                    waiting.append(helper)
                else:
                    found.setdefault(name, place)
    return found


def _read(function: FunctionType) -> Iterator[tuple[str, str, Callable[..., Any] | None]]:
    """Yield what a function's text calls: the name of a tool with its place, or a function that it yields from."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError, ValueError):  # typed in, made while running, or a part of a line
        return
    names = _names(function)
    for node in ast.walk(tree):
        if isinstance(node, ast.YieldFrom) and isinstance(node.value, ast.Call):
            helper = _value(node.value.func, names)
            if callable(helper):
                yield "", "", helper
        elif isinstance(node, ast.Call) and any(_value(node.func, names) is one for one in (call, Call)):
            given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "tool")]
            for name in (text for value in given for text in _texts(value, names)):
                yield name, f"{short_path(function.__code__.co_filename)}, line {first + node.lineno - 1}", None


def _names(function: FunctionType) -> dict[str, Any]:
    """Return what names stand for in a function, those of its own variables left out."""
    names = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not set yet
            names.pop(name, None)
    for name in (*function.__code__.co_varnames, *function.__code__.co_cellvars):
        names.pop(name, None)
    return names


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return what a name, or a module's name, stands for; None where it cannot be told."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        module = _value(node.value, names)
        if isinstance(module, ModuleType) and module.__name__.partition(".")[0] == "newfuse":
            return getattr(module, node.attr, None)  # names of ours are loaded when first used
        return vars(module).get(node.attr) if isinstance(module, ModuleType) else None
    return None


def _texts(node: ast.expr, names: dict[str, Any]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, names)
        yield from _texts(node.orelse, names)
    elif isinstance(value := _value(node, names), str):
        yield value
