"""LangChain tools straight from an integration's actions, for crews and agents of other make."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import Field
from pydantic_core import to_jsonable_python

from newfuse.crew.job import Job
from newfuse.crew.tool import Tool, ToolResult, structured
from newfuse.effects import digest
from newfuse.errors import ConfigurationError, InvalidArguments, NewFuseError
from newfuse.http.context import CALL
from newfuse.integrations import ActionSpec, Integration, Performed
from newfuse.integrations.config import IntegrationConfig
from newfuse.integrations.schema import problems_of
from newfuse.redact import redact_text
from newfuse.types import Effect

USUAL_ACCOUNT: str = IntegrationConfig.model_fields["account"].default


class ActionTool(StructuredTool):
    """One action of one integration."""

    integration: Any = Field(exclude=True, repr=False)
    spec: Any = Field(exclude=True, repr=False)

    def for_crews(self) -> Tool:
        """Return the tool as an agent of a crew has it: it works on the run's own integration of that slug.

        Raises:
            ConfigurationError: The integration is not the one account of its vendor that a run works on.
        """
        integration: Integration = self.integration
        spec: ActionSpec = self.spec
        if (integration.id, integration.config.account) != (integration.slug, USUAL_ACCOUNT):
            raise ConfigurationError(
                f"{self.name}: a run works on one account of each vendor, under its slug; take the tools of "
                f"create_integration({integration.slug!r}) without an id and an account of its own."
            )

        async def run(job: Job, **arguments: Any) -> ToolResult:
            return structured(await _execute(await job.integration(integration.slug), spec, arguments, whole=True))

        return Tool(self.name, spec.signature, run, integration=integration.slug)


def action_tools(integration: Integration) -> list[BaseTool]:
    """Return one tool per action, named `{slug}_{action}`; the integration must be connected when they are called.

    A write is known by its arguments within one run: a model that repeats itself repeats nothing at the vendor. Outside
    of runs every call is a write of its own.
    """
    return [_tool(integration, spec) for spec in integration.specs.values()]


def _tool(integration: Integration, spec: ActionSpec) -> ActionTool:
    async def run(**arguments: Any) -> tuple[str, Any]:
        try:
            result = await _execute(integration, spec, arguments)
        except NewFuseError as exc:
            raise ToolException(redact_text(exc.for_model)) from exc
        return json.dumps(result, ensure_ascii=False), result

    return ActionTool(
        name=f"{integration.slug}_{spec.name}",
        description=spec.description,
        args_schema=spec.signature.arguments,
        coroutine=run,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=partial(_misfit, f"{integration.slug}.{spec.name}"),
        integration=integration,
        spec=spec,
    )


async def _execute(
    integration: Integration, spec: ActionSpec, arguments: dict[str, Any], *, whole: bool = False
) -> Any:
    """Run the action and return what came of it as JSON.

    Args:
        integration: Where.
        spec: The action.
        arguments: Its arguments.
        whole: Whether a batch of which an item failed has failed.
    """
    given = to_jsonable_python(arguments)
    run_id = CALL.get().run_id
    reference = f"{run_id}:{digest(given)}" if run_id is not None and spec.effect is not Effect.READ else None
    done = await integration.execute(spec.name, given, reference=reference)
    if whole and spec.batch is not None and spec.effect is not Effect.READ:
        _refuse_failed_items(done)
    return to_jsonable_python(done, fallback=_in_words)


def _refuse_failed_items(done: Sequence[Performed]) -> None:
    failed = [one.error for one in done if one.error is not None]
    if failed:
        raise failed[0].advise(f"{len(done) - len(failed)} of {len(done)} items were done, and are not done again.")


def _in_words(value: Any) -> str:
    """Say what became of an item of a batch that failed."""
    return value.for_model if isinstance(value, NewFuseError) else type(value).__name__


def _misfit(what: str, error: Any) -> str:
    return InvalidArguments(what, problems_of(error)).for_model
