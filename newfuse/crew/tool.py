"""Tools: what an agent can do. A tool is an async function of a `Job`; signature and docstring are its schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from newfuse.integrations.schema import Signature, read_signature

JOB_PARAMETER = "job"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool hands back.

    Attributes:
        text: What a model is shown: counts, handles and exceptions, never the records.
        data: The same for programs: JSON values; a runbook reads these.
    """

    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: its name, its schema and what it runs."""

    name: str
    signature: Signature
    run: Callable[..., Awaitable[ToolResult]]

    @property
    def description(self) -> str:
        """The text a model is shown."""
        return self.signature.description


def tool(function: Callable[..., Awaitable[ToolResult]]) -> Tool:
    """Make an async function a tool; its first parameter is `job`, which the engine supplies.

    Raises:
        TypeError: The function does not take `job`, or a parameter lacks a description.
    """
    code = getattr(function, "__code__", None)
    if code is None or code.co_varnames[:1] != (JOB_PARAMETER,):
        raise TypeError(f"{function!r}: a tool's first parameter is `job: Job`.")
    signature = read_signature(function, injected=(JOB_PARAMETER,))
    return Tool(name=function.__name__, signature=signature, run=function)
