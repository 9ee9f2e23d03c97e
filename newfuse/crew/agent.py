"""Agents: who does the work."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from newfuse.crew.tool import Tool, as_tool
from newfuse.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

AnyTool: TypeAlias = "Tool | BaseTool | Callable[..., Any]"

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")  # at most 64: OpenAI's limit on names, and short enough for a file's
NAME_RULE = "the name must be at most 64 lower case letters, digits and underscores, a letter first."
TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")  # OpenAI's rule; Anthropic takes the same and longer ones
CALL_LIMIT = 25  # model calls a task; LangChain's own limit of 9,999 steps is no limit
TOOL_CALL_LIMIT = 100  # tool calls a task: four at each model call, where a competent model makes one to three


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One role of a crew.

    Attributes:
        name: Unique in its crew; lower case with underscores.
        role: What it is, e.g. "CRM Integration Specialist".
        goal: What it is after.
        backstory: Who it is, for the model.
        tools: What it can do: tools, LangChain tools, an integration's `tools()`, and functions, async or not, that
            return a str, a dict or a pydantic model. Within a run, an integration's tools work on the run's own
            integration of that slug, so in the run's world and through its ledger.
        verbose: Whether the console shows its tool calls as they happen.
        model: Model of its own, e.g. `anthropic:claude-sonnet-4-6`; None takes the crew's.
        call_limit: Most model calls in one performance of a task.
        tool_call_limit: Most tool calls a model may make in one; a runbook is code of the app and has none.
    """

    name: str
    role: str
    goal: str
    backstory: str = ""
    tools: Sequence[AnyTool] = field(default_factory=tuple)
    verbose: bool = False
    model: str | None = None
    call_limit: int = CALL_LIMIT
    tool_call_limit: int = TOOL_CALL_LIMIT

    def __post_init__(self) -> None:
        """Refuse what could not work later.

        Raises:
            ConfigurationError: The name is malformed, something in `tools` can be no tool, two tools share a name, or
                a limit is below one.
        """
        if not NAME.match(self.name):
            raise ConfigurationError(f"agent {self.name!r}: {NAME_RULE}")
        object.__setattr__(self, "tools", tuple(as_tool(given) for given in self.tools))
        names = self.tool_names
        for name in names:
            if not TOOL_NAME.match(name):
                raise ConfigurationError(
                    f"agent {self.name}: a tool cannot be called {name!r}: models take 1 to 64 letters, digits, "
                    "underscores and dashes."
                )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"agent {self.name}: two tools are called {', '.join(twice)}.")
        for limit in ("call_limit", "tool_call_limit"):
            if getattr(self, limit) < 1:
                raise ConfigurationError(f"agent {self.name}: {limit} must be at least 1.")

    @property
    def toolbox(self) -> tuple[Tool | BaseTool, ...]:
        """What `tools` became: tools of ours, and LangChain's."""
        return cast("tuple[Tool | BaseTool, ...]", self.tools)

    @property
    def tool_names(self) -> list[str]:
        """Names of its tools."""
        return [tool.name for tool in self.toolbox]
