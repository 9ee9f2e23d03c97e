"""Runbooks: a task's deterministic procedure as ordinary Python.

A runbook is a generator function: it yields tool calls and receives their results.

    @runbook
    def sync(brief):
        valid = yield call("validate_contacts", dataset="customers")
        yield call("sync_contacts", dataset=valid["handle"])
        return None

What came of the records is said by the reports, from the task's accounts. A procedure that has more to say returns a
text, made of what its tools returned; a sentence that was written beforehand is not true of every run. The procedure of
a task with an `output_type` returns its value: an instance, or a dict of its fields.

It is run through the same agent loop as a model (`RunbookModel`) and started afresh from the conversation at every
step, so it must decide by its brief and the results it receives alone: no clock, no random numbers, no state outside.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import BaseModel

from newfuse.errors import NewFuseError
from newfuse.report.facts import Fact
from newfuse.report.run_output import Output


@dataclass(frozen=True, slots=True)
class Call:
    """A wish to call one tool."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


def call(tool: str, **arguments: Any) -> Call:
    """Return a tool call for a runbook to yield; its result is the tool's `ToolResult.data`."""
    return Call(tool, arguments)


class ToolFailed(NewFuseError):
    """Thrown into a runbook where the tool it called failed; uncaught, it ends the runbook as failed."""

    def __init__(self, tool: str, message: str) -> None:
        super().__init__(f"{tool} failed: {message}")
        self.tool = tool
        self.message = message


@dataclass(frozen=True, slots=True)
class Brief:
    """What a runbook knows of its task.

    Attributes:
        task: Name of the task.
        datasets: How many records each of its datasets has, by handle.
        inputs: Values given to the task and the run, by name.
        context: How each task that it waited for ended, e.g. `completed`.
        outputs: What each of these handed on: words, and an instance of its output type.
        facts: What each of these measured, by the fact's name.
    """

    task: str
    datasets: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    context: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    facts: dict[str, dict[str, Fact]] = field(default_factory=dict)


Step: TypeAlias = Call | list[Call]
Procedure: TypeAlias = Generator[Step, Any, str | dict[str, Any] | BaseModel | None]


@dataclass(frozen=True, slots=True)
class Runbook:
    """A procedure: a generator function of a `Brief` that yields one call, or a list to run side by side."""

    function: Callable[[Brief], Procedure]

    def start(self, brief: Brief) -> Procedure:
        """Begin the procedure."""
        return self.function(brief)


def runbook(function: Callable[[Brief], Procedure]) -> Runbook:
    """Make a generator function a runbook."""
    return Runbook(function)
