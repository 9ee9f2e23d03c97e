"""Tools: what an agent can do. Signature and docstring of a function are its schema."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from newfuse.errors import ConfigurationError, NewFuseError
from newfuse.integrations.schema import Signature, read_signature
from newfuse.privacy import mask_record
from newfuse.redact import redact

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

JOB_PARAMETER = "job"
LANGCHAIN_TOOLS = "langchain_core.tools.base"
RESULTS = "a tool returns a str, a dict, a pydantic model or a ToolResult"


class MisdeclaredTool(ConfigurationError, TypeError):
    """A function that cannot be a tool as it stands; the message names it, its file and line."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool hands back.

    Attributes:
        text: What a model is shown: counts, handles and exceptions, never the records.
        data: The same for programs: JSON values; a runbook reads these.
    """

    text: str
    data: Any = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        name: What a model and a runbook call it by.
        signature: Its arguments, and what a model is told of it.
        run: What it runs: takes the job and the arguments.
        place: File and line it stands at, for messages.
        integration: Slug of the integration that it is an action of; empty for a tool of the app's own.
    """

    name: str
    signature: Signature
    run: Callable[..., Any]
    place: str = ""
    integration: str = ""

    @property
    def description(self) -> str:
        """The text a model is shown."""
        return self.signature.description


def tool(function: Callable[..., Awaitable[Any]]) -> Tool:
    """Make an async function a tool; its first parameter is `job`, which the engine supplies.

    Raises:
        MisdeclaredTool: The function does not take `job`, a parameter lacks a description, or it returns what no tool
            returns; names its file and line.
    """
    if not _takes_job(function):
        raise MisdeclaredTool(f"{_named(function)}: a tool's first parameter is `job: Job`.")
    return Tool(_name(function), _signature(function), function, place_of(function))


def as_tool(given: Tool | BaseTool | Callable[..., Any]) -> Tool | BaseTool:
    """Return what an agent was given as a tool of ours, or as it is where it is LangChain's.

    Args:
        given: A tool, a LangChain tool, an action of an integration's `tools()`, or a function.

    Raises:
        MisdeclaredTool: It can be no tool; names it and, where it has one, its file and line.
    """
    if isinstance(given, Tool):
        return given
    if is_langchain_tool(given):
        own: Callable[[], Tool] | None = getattr(given, "for_crews", None)
        return own() if own is not None else given
    if not (inspect.isfunction(given) or inspect.ismethod(given)):
        raise MisdeclaredTool(
            f"a tool is a function, a Tool or a LangChain tool, not {type(given).__name__}: {given!r}."
        )
    if _takes_job(given):
        return tool(given)
    return Tool(_name(given), _signature(given), partial(_call, given), place_of(given))


def is_langchain_tool(given: Any) -> TypeGuard[BaseTool]:
    """Say whether something is a LangChain tool; who has one has loaded LangChain, so it need not be loaded here."""
    loaded = sys.modules.get(LANGCHAIN_TOOLS)
    return loaded is not None and isinstance(given, loaded.BaseTool)


def result_of(tool: Tool, returned: Any) -> ToolResult:
    """Return what a tool returned in the form of a result; personal fields are masked in the text, not in the data.

    Raises:
        NewFuseError: It returned something else; names the tool.
    """
    if isinstance(returned, ToolResult):
        return returned
    if isinstance(returned, str):
        return ToolResult(returned, returned)
    if isinstance(returned, (dict, BaseModel)):
        return structured(to_jsonable_python(returned, inf_nan_mode="null"))
    raise NewFuseError(f"{tool.name} ({tool.place}) returned a {type(returned).__name__}, but {RESULTS}")


def structured(data: Any) -> ToolResult:
    """Return JSON values as a result: whole for programs, without a person's data for a model."""
    return ToolResult(json.dumps(mask_record(redact(data)), ensure_ascii=False), data)


def place_of(function: Callable[..., Any]) -> str:
    """Return the file, as seen from the current folder, and the line a function stands at."""
    code = inspect.unwrap(getattr(function, "__func__", function)).__code__
    return f"{short_path(code.co_filename)}, line {code.co_firstlineno}"


def short_path(file: str) -> str:
    """Return a file as seen from the current folder where it lies in there."""
    path = Path(file)
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        return file
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


async def _call(function: Callable[..., Any], _job: object, **arguments: Any) -> Any:
    """Call a plain function; one that is not async may block, so it gets a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    return await asyncio.to_thread(function, **arguments)


def _takes_job(function: Callable[..., Any]) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and code.co_argcount > 0 and code.co_varnames[:1] == (JOB_PARAMETER,)


def _signature(function: Callable[..., Any]) -> Signature:
    try:
        signature = read_signature(function, injected=(JOB_PARAMETER,))
    except (TypeError, NameError) as exc:  # NameError: an annotation that names nothing
        problem = str(exc).removeprefix(f"{function.__qualname__}: ").rstrip(".")
        raise MisdeclaredTool(f"{_named(function)}: {problem}.") from exc
    if not _may_be_returned(signature.returns):
        raise MisdeclaredTool(f"{_named(function)}: it says that it returns {signature.returns!r}, but {RESULTS}.")
    return signature


def _may_be_returned(annotation: Any) -> bool:
    """Say whether what is annotated can be a result; what cannot be told is seen when it comes."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _may_be_returned(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return all(_may_be_returned(one) for one in get_args(annotation))
    kind = origin or annotation
    if annotation is Any or not isinstance(kind, type):
        return True
    return issubclass(kind, (str, dict, BaseModel, ToolResult)) or issubclass(dict, kind)


def _named(function: Callable[..., Any]) -> str:
    if getattr(function, "__code__", None) is None:
        return f"tool {function!r}"
    return f"tool {_name(function)} ({place_of(function)})"


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", function))
