"""LangChain tools straight from an integration's actions, for crews and agents of other make."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic_core import to_jsonable_python

from newfuse.effects import digest
from newfuse.errors import InvalidArguments, NewFuseError
from newfuse.http.context import CALL
from newfuse.integrations import ActionSpec, Integration
from newfuse.integrations.schema import problems_of
from newfuse.redact import redact_text
from newfuse.types import Effect


def action_tools(integration: Integration) -> list[BaseTool]:
    """Return one tool per action, named `{slug}_{action}`; the integration must be connected when they are called.

    A write is known by its arguments within one run: a model that repeats itself repeats nothing at the vendor. Outside
    of runs every call is a write of its own.
    """
    return [_tool(integration, spec) for spec in integration.specs.values()]


def _tool(integration: Integration, spec: ActionSpec) -> StructuredTool:
    async def run(**arguments: Any) -> tuple[str, Any]:
        given = to_jsonable_python(arguments)
        run_id = CALL.get().run_id
        reference = f"{run_id}:{digest(given)}" if run_id is not None and spec.effect is not Effect.READ else None
        try:
            done = await integration.execute(spec.name, given, reference=reference)
        except NewFuseError as exc:
            raise ToolException(redact_text(exc.for_model)) from exc
        result = to_jsonable_python(done, fallback=_in_words)
        return json.dumps(result, ensure_ascii=False), result

    return StructuredTool(
        name=f"{integration.slug}_{spec.name}",
        description=spec.description,
        args_schema=spec.signature.arguments,
        coroutine=run,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=partial(_misfit, f"{integration.slug}.{spec.name}"),
    )


def _in_words(value: Any) -> str:
    """Say what became of an item of a batch that failed."""
    return value.for_model if isinstance(value, NewFuseError) else type(value).__name__


def _misfit(what: str, error: Any) -> str:
    return InvalidArguments(what, problems_of(error)).for_model
