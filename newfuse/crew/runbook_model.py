"""A LangChain chat model that follows runbooks.

It keeps nothing: the brief and everything done so far are read from the conversation, and the runbook is replayed up to
where it stands. So one instance serves all threads, and a conversation can be resumed in a new process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field

from newfuse.crew.runbook import Brief, Call, Procedure, Runbook, Step, ToolFailed
from newfuse.crew.typed_value import revived, written_down
from newfuse.errors import ConfigurationError
from newfuse.report.facts import Fact
from newfuse.report.run_output import Output

BRIEF = "newfuse_brief"  # where a human message carries the brief
FAILED = "newfuse_runbook_failed"  # response metadata of a closing message when the runbook could not go on
HANDED_OVER = "newfuse_handed_over"  # response metadata of a closing message: the value that the runbook returned
MODEL_NAME = "runbook"


def brief_message(text: str, brief: Brief) -> HumanMessage:
    """Return the message that opens a conversation about a task, for models and for the runbook alike.

    Values in the brief are JSON here, so that the conversation can be kept; the runbook is given them in their types.
    """
    facts = {task: [fact.model_dump() for fact in found.values()] for task, found in brief.facts.items()}
    return HumanMessage(text, additional_kwargs={BRIEF: {**asdict(replace(brief, facts={})), "facts": facts}})


class RunbookModel(BaseChatModel):
    """Follows the runbook of the task named in the conversation; refuses goals it has none for."""

    runbooks: dict[str, Runbook] = Field(default_factory=dict, exclude=True)
    """The runbook of every task, by the task's name."""

    output_types: dict[str, type[BaseModel]] = Field(default_factory=dict, exclude=True)
    """The output type of every task that has one, by the task's name."""

    model_name: str = MODEL_NAME

    @property
    def _llm_type(self) -> str:
        return MODEL_NAME

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "runbooks": sorted(self.runbooks)}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,  # noqa: ARG002 - the base's parameter; a runbook chooses for itself
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Let the runbook call these tools."""
        return self.bind(tools=[_declared(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - the base's parameter
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's parameter
        *,
        tools: Sequence[dict[str, Any]] = (),
        **kwargs: Any,  # noqa: ARG002 - the base's parameter
    ) -> ChatResult:
        start, brief = _find_brief(messages, self.output_types)
        runbook = self.runbooks.get(brief.task)
        if runbook is None:
            known = ", ".join(sorted(self.runbooks)) or "none"
            raise ConfigurationError(
                f"There is no runbook for the task {brief.task!r} (there are: {known}); it needs a model (--model)."
            )
        message = _next_message(runbook.start(brief), brief.task, messages[start + 1 :])
        offered = {tool["function"]["name"] for tool in tools}
        unknown = sorted({request["name"] for request in message.tool_calls} - offered)
        if unknown:
            named = ", ".join(unknown)
            raise ConfigurationError(f"The runbook of {brief.task!r} calls {named}, which its agent lacks.")
        return ChatResult(generations=[ChatGeneration(message=message)])


def _declared(tool: dict[str, Any] | type | Callable[..., Any] | BaseTool) -> dict[str, Any]:
    if isinstance(tool, BaseTool):
        return {"type": "function", "function": {"name": tool.name}}  # a runbook knows the arguments: skip the schema
    return convert_to_openai_tool(tool)


def _find_brief(messages: Sequence[BaseMessage], types: dict[str, type[BaseModel]]) -> tuple[int, Brief]:
    for index in range(len(messages) - 1, -1, -1):
        found = messages[index].additional_kwargs.get(BRIEF)
        if isinstance(messages[index], HumanMessage) and found is not None:
            return index, _brief_of(found, types)
    raise ConfigurationError(
        "A runbook follows a task's procedure; it cannot work towards a goal in free words. Configure a model: "
        "--model, NEWFUSE_MODEL, OPENAI_API_KEY or ANTHROPIC_API_KEY."
    )


def _brief_of(found: dict[str, Any], types: dict[str, type[BaseModel]]) -> Brief:
    outputs = {task: Output(**output) for task, output in found["outputs"].items()}
    for task, output in outputs.items():
        if task in types and output.value is not None:
            outputs[task] = replace(output, value=revived(output.value, types[task]))
    facts = {task: {fact["name"]: Fact(**fact) for fact in listed} for task, listed in found["facts"].items()}
    return Brief(**{**found, "outputs": outputs, "facts": facts})


def _next_message(procedure: Procedure, task: str, history: Sequence[BaseMessage]) -> AIMessage:
    """Replay the procedure over what was done and return its next message."""
    if any(isinstance(message, HumanMessage) for message in history):
        raise ConfigurationError("A runbook follows a task's procedure; it cannot take further orders in free words.")
    turns = [message for message in history if isinstance(message, AIMessage)]
    answers = {message.tool_call_id: message for message in history if isinstance(message, ToolMessage)}
    try:
        step = _with_calls(procedure, next(procedure))
        for turn in turns:
            step = _with_calls(procedure, _resume(procedure, step, turn, answers))
    except StopIteration as done:
        return _closing_with(done.value)
    except ToolFailed as failed:
        return _closing(f"Stopped: {failed.for_model}", failed=failed.for_model)
    finally:
        procedure.close()
    return AIMessage(
        "",
        tool_calls=[
            {"name": wish.tool, "args": wish.arguments, "id": f"{task}-{len(turns) + 1}-{number}", "type": "tool_call"}
            for number, wish in enumerate(_calls(step), start=1)
        ],
        response_metadata={"model_name": MODEL_NAME},
        usage_metadata=_NO_TOKENS,
    )


def _resume(procedure: Procedure, step: Step, turn: AIMessage, answers: dict[str, ToolMessage]) -> Step:
    """Hand the results of one turn to the procedure and return its next step."""
    wishes = _calls(step)
    if [wish.tool for wish in wishes] != [request["name"] for request in turn.tool_calls]:
        raise ConfigurationError("This conversation was not led by this runbook; start the task in a new one.")
    results: list[Any] = []
    for wish, request in zip(wishes, turn.tool_calls, strict=True):
        answer = answers.get(str(request["id"]))
        if answer is None:
            return procedure.throw(ToolFailed(wish.tool, "it gave no answer"))
        if answer.status == "error":
            return procedure.throw(ToolFailed(wish.tool, str(answer.text)))
        results.append(answer.artifact if answer.artifact is not None else {})
    return procedure.send(results if isinstance(step, list) else results[0])


def _with_calls(procedure: Procedure, step: Step) -> Step:
    """Return the next step that calls something: an empty list is answered with an empty list."""
    while step == []:
        step = procedure.send([])
    wishes: list[Any] = [*_calls(step)]
    strange = [type(wish).__name__ for wish in wishes if not isinstance(wish, Call)]
    if strange:
        raise ConfigurationError(f"A runbook yields call(…) or a list of them, not {strange[0]}.")
    return step


def _calls(step: Step) -> list[Call]:
    return step if isinstance(step, list) else [step]


def _closing_with(returned: Any) -> AIMessage:
    """Close with what the procedure returned: words, nothing, or a value."""
    if returned is None or isinstance(returned, str):
        return _closing(returned or "")  # nothing to say: the reports speak of what was measured
    kind = type(returned).__name__
    if not isinstance(returned, (dict, BaseModel)):
        return _closing("", failed=f"it returned a {kind}, not words, a dict or a pydantic model")
    try:
        return _closing("", **{HANDED_OVER: written_down(returned)})
    except Exception as exc:  # whatever a type's own code raises
        return _closing("", failed=f"it returned a {kind} that cannot be written down ({type(exc).__name__})")


def _closing(text: str, *, failed: str | None = None, **more: Any) -> AIMessage:
    metadata: dict[str, Any] = {"model_name": MODEL_NAME, **more}
    if failed is not None:
        metadata[FAILED] = failed
    return AIMessage(text, response_metadata=metadata, usage_metadata=_NO_TOKENS)


_NO_TOKENS: Any = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
