"""Turns tools into LangChain tools: a failure becomes a message for the model and is kept, typed, for the engine."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any, cast

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from newfuse.crew.job import Job
from newfuse.crew.tool import Tool
from newfuse.errors import NewFuseError
from newfuse.http.context import calling
from newfuse.log import logger
from newfuse.privacy import mask_text
from newfuse.redact import redact_text

_log = logger("crew")
CONTENT_LIMIT = 4_000  # characters of one tool result or error a model is shown: they are counts, not records
DECLARATIONS_KEPT = 512  # more tools than the agents of one process have


def adapt(tool: Tool, job: Job) -> StructuredTool:
    """Return the LangChain tool that runs `tool` for this job."""

    async def run(**arguments: Any) -> tuple[str, dict[str, Any]]:
        job.tool_started(tool.name)
        try:
            with calling(run_id=job.run.run_id, task=job.task, agent=job.agent):
                result = await tool.run(job, **arguments)
        except NewFuseError as exc:
            job.tool_failed(tool.name, exc)
            raise ToolException(_shown(exc.for_model)) from exc
        except (Exception, SystemExit, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError) and is_cancelled():
                raise
            # A fault of ours: the person reads the log, the model only that it happened.
            _log.exception("tool %s of task %s broke off", tool.name, job.task)
            fault = NewFuseError(f"{tool.name} broke off with an internal fault ({type(exc).__name__})")
            job.tool_failed(tool.name, fault)
            raise ToolException(fault.for_model) from exc
        job.tool_succeeded(tool.name)
        return _shown(result.text), result.data

    return StructuredTool(
        name=tool.name,
        description=tool.description,
        args_schema=tool.signature.arguments,
        coroutine=run,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def declare(tool: BaseTool) -> dict[str, Any]:
    """Return what a model is told of a tool, in OpenAI's form, which every provider's client takes; not to be changed.

    LangChain would make it anew for every tool at every model call: a millisecond each.
    """
    return _declaration(tool.name, tool.description, cast("type[BaseModel]", tool.args_schema))


@lru_cache(maxsize=DECLARATIONS_KEPT)
def _declaration(name: str, description: str, arguments: type[BaseModel]) -> dict[str, Any]:
    return convert_to_openai_tool(StructuredTool(name=name, description=description, args_schema=arguments))


def is_cancelled() -> bool:
    """Say whether somebody cancels the work in progress; a `CancelledError` without that is a failure like others."""
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0


def _shown(text: str) -> str:
    """Return a text as a model is shown it; what the engine keeps for reports is untouched."""
    text = mask_text(redact_text(text))
    return text if len(text) <= CONTENT_LIMIT else f"{text[:CONTENT_LIMIT]}… (cut; {len(text)} characters in all)"
