"""Turns tools into LangChain tools: a failure becomes a message for the model and is kept, typed, for the engine."""

from __future__ import annotations

import asyncio
import traceback
from functools import lru_cache
from typing import Any, cast

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from newfuse.crew.job import Job
from newfuse.crew.tool import Tool, result_of, short_path
from newfuse.errors import NewFuseError
from newfuse.http.context import calling
from newfuse.log import logger
from newfuse.privacy import mask_text
from newfuse.redact import redact_text

_log = logger("crew")
CONTENT_LIMIT = 4_000  # characters of one tool result or error a model is shown: they are counts, not records
DECLARATIONS_KEPT = 512  # more tools than the agents of one process have


class AdaptedTool(StructuredTool):
    """A tool of ours as LangChain takes it."""


def adapt(tool: Tool, job: Job) -> StructuredTool:
    """Return the LangChain tool that runs `tool` for this job."""

    async def run(**arguments: Any) -> tuple[str, Any]:
        job.tool_started(tool.name)
        try:
            with calling(run_id=job.run.run_id, task=job.task, agent=job.agent):
                returned = await tool.run(job, **arguments)
            result = result_of(tool, returned)
        except BaseException as exc:
            raise ToolException(shown(failed(tool.name, job, exc, place=tool.place).for_model)) from exc
        job.tool_succeeded(tool.name)
        return shown(result.text), result.data

    return AdaptedTool(
        name=tool.name,
        description=tool.description,
        args_schema=tool.signature.arguments,
        coroutine=run,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def failed(name: str, job: Job, exc: BaseException, *, place: str = "") -> NewFuseError:
    """Note that a tool failed, and return the failure as the engine keeps it.

    Args:
        name: The tool.
        job: The task that called it.
        exc: What it raised.
        place: File and line that the tool stands at, where they are known.

    Raises:
        BaseException: What was raised is no failure of the tool: the run is cancelled, or the program ends.
    """
    if is_cancelled() if isinstance(exc, asyncio.CancelledError) else not isinstance(exc, (Exception, SystemExit)):
        raise exc
    if isinstance(exc, NewFuseError):
        error = exc
    elif isinstance(exc, ToolException):
        error = NewFuseError(str(exc) or f"{name} failed")
    else:
        # A fault of the tool's own: the person reads the log, the model only that it happened, and where.
        _log.error("tool %s of task %s broke off", name, job.task, exc_info=exc)
        where = _where(exc, place)
        error = NewFuseError(
            f"{name} broke off with an internal fault ({type(exc).__name__}{f' at {where}' if where else ''})"
        )
    job.tool_failed(name, error)
    return error


def declare(tool: BaseTool) -> dict[str, Any]:
    """Return what a model is told of a tool, in OpenAI's form, which every provider's client takes; not to be changed.

    LangChain would make it anew for every tool at every model call: a millisecond each.
    """
    if not isinstance(tool, AdaptedTool):
        return convert_to_openai_tool(tool)
    return _declaration(tool.name, tool.description, cast("type[BaseModel]", tool.args_schema))


@lru_cache(maxsize=DECLARATIONS_KEPT)
def _declaration(name: str, description: str, arguments: type[BaseModel]) -> dict[str, Any]:
    return convert_to_openai_tool(StructuredTool(name=name, description=description, args_schema=arguments))


def is_cancelled() -> bool:
    """Say whether somebody cancels the work in progress; a `CancelledError` without that is a failure like others."""
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0


def shown(text: str) -> str:
    """Return a text as a model is shown it; what the engine keeps for reports is untouched."""
    text = mask_text(redact_text(text))
    return text if len(text) <= CONTENT_LIMIT else f"{text[:CONTENT_LIMIT]}… (cut; {len(text)} characters in all)"


def _where(exc: BaseException, place: str) -> str:
    """Say where in the tool's own file it broke off; where it stands, when it broke off elsewhere."""
    file = place.rpartition(", line ")[0]
    lines = [frame.lineno for frame in traceback.extract_tb(exc.__traceback__) if short_path(frame.filename) == file]
    return f"{file}, line {lines[-1]}" if lines else place
