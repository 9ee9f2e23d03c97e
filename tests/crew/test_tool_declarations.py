"""What a model is told of the tools: the same as LangChain would tell it, made once."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from langchain_core.tools import StructuredTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field

from newfuse.crew import Job, Tool, ToolResult, tool
from newfuse.crew.performance import Watch
from newfuse.crew.tool_adapter import adapt, declare
from newfuse.integrations.schema import read_signature


class Line(BaseModel):
    """One line of an order."""

    sku: str = Field(description="What is ordered.")
    count: int = Field(ge=1, description="How many.")


@tool
async def order(job: Job, lines: list[Line], note: str | None = None) -> ToolResult:
    """Order something.

    Args:
        lines: What is ordered.
        note: A remark.
    """
    return ToolResult(f"{job.task}: {len(lines)} lines, {note}")


@tool
async def count(job: Job) -> ToolResult:
    """Count what was ordered."""
    return ToolResult(job.task)


def adapted(one: Tool) -> StructuredTool:
    job: Any = None  # nothing is run
    return adapt(one, job)


@pytest.mark.parametrize("one", [order, count], ids=lambda one: one.name)
def test_a_tool_is_declared_as_langchain_declares_it(one: Tool):
    assert convert_to_openai_tool(adapted(one)) == declare(adapted(one))


def test_a_declaration_is_made_once_for_all_jobs():
    assert declare(adapted(order)) is declare(adapted(order))


def test_tools_of_one_name_keep_their_own_arguments():
    async def counting(job: Job, limit: int) -> ToolResult:
        """Count what was ordered.

        Args:
            limit: At most this many.
        """
        return ToolResult(f"{job.task} {limit}")

    other = Tool("count", read_signature(counting, injected=("job",)), counting)
    assert declare(adapted(count)) != declare(adapted(other))
    assert ["limit"] == list(declare(adapted(other))["function"]["parameters"]["properties"])


def test_langchain_does_not_send_model_calls_through_another_thread():
    assert not inspect.iscoroutinefunction(Watch(1).awrap_model_call)
