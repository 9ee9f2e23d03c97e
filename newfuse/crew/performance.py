"""One performance: one conversation of one agent, led by a model or by a runbook, from the task's text to its end."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp

from newfuse.crew.agent import Agent
from newfuse.crew.briefing import system_prompt
from newfuse.crew.runbook_model import FAILED, HANDED_OVER, RunbookModel
from newfuse.crew.tool_adapter import declare, is_cancelled
from newfuse.crew.tool_call_limit import ToolCallLimit, ToolCallLimitReached
from newfuse.crew.typed_value import Wanted
from newfuse.log import logger
from newfuse.redact import Masker
from newfuse.report.results import Performance

_log = logger("crew")
UNREADABLE_LIMIT = 2  # times a model is asked to repeat a tool call that was no JSON
FAILURE_LENGTH = 200  # characters of a failure in a report: its first sentence or two
FAILURE_READ = 16_384  # characters looked at for it: a key that begins in its first line ends within these
REDIRECTION = 3  # hundreds of an HTTP status (RFC 9110, 15.4)
STEPS_PER_CALL = 2  # graph steps of one turn: the model, then its tools

# Why an answer ended, in the words of OpenAI (finish_reason) and Anthropic (stop_reason).
WHOLE = {"stop", "tool_calls", "function_call", "end_turn", "tool_use", "stop_sequence"}
CUT = {"length", "content_filter", "max_tokens", "model_context_window_exceeded", "refusal", "pause_turn"}


class CallLimitReached(Exception):
    """The performance has used all the model calls it may make."""


class AnswerCutOff(Exception):
    """The model's answer was cut off in the middle of a tool call.

    LangChain completes cut-off JSON and would run the call with arguments the model never finished.
    """


class Watch(AgentMiddleware):
    """Counts a performance's model calls and tokens, ends it at its limit, and refuses cut-off tool calls.

    Where declarations of the tools are given, the model is shown these; where a limit of tool calls is given, it is
    told of every answer.
    """

    def __init__(
        self, limit: int, declared: Sequence[dict[str, Any]] = (), tool_calls: ToolCallLimit | None = None
    ) -> None:
        super().__init__()
        self.limit = limit
        self.declared = list(declared)
        self.tool_calls = tool_calls
        self.calls = 0
        self.input_tokens: int | None = 0
        self.output_tokens: int | None = 0

    # No `async def`: LangChain wraps those for its tracing service, which takes two turns in another thread a call,
    # traced or not.
    def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> Coroutine[Any, Any, ModelResponse[Any]]:
        """Make one model call."""
        return self._call(request, handler)

    async def _call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        if self.calls >= self.limit:
            raise CallLimitReached
        self.calls += 1
        shown = request.override(tools=[*self.declared]) if self.declared else request
        response = await handler(shown)
        for message in response.result:
            if isinstance(message, AIMessage):
                self._count(message)
                if message.tool_calls and _cut_off(message, streamed=bool(getattr(request.model, "streaming", False))):
                    raise AnswerCutOff
                if self.tool_calls is not None:
                    self.tool_calls.answered(message)
        return response

    def _count(self, message: AIMessage) -> None:
        usage = message.usage_metadata
        if usage is None or self.input_tokens is None or self.output_tokens is None:
            self.input_tokens = self.output_tokens = None  # one answer without a count leaves the sum unknown
            return
        self.input_tokens += usage["input_tokens"]
        self.output_tokens += usage["output_tokens"]


@dataclass(slots=True)
class Conversation:
    """A performance and what was said in it."""

    performance: Performance
    messages: list[BaseMessage]
    closing_text: str = ""
    handed_over: Any = None
    """The value that was handed over; None without one."""

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than by the performer saying that it is done."""
        return self.performance.ended != "done"


async def perform(
    agent: Agent,
    model: BaseChatModel,
    tools: Sequence[BaseTool],
    messages: Sequence[BaseMessage],
    *,
    by: str,
    why: str,
    limit: int,
    masker: Masker | None = None,
    around: Sequence[AgentMiddleware] = (),
    wanted: Wanted | None = None,
) -> Conversation:
    """Let an agent work until it says it is done, reaches its limit, or its model fails.

    Args:
        agent: Who works.
        model: What leads the conversation.
        tools: What it can call.
        messages: The conversation so far; the task's text at least.
        by: Name of the model, for reports.
        why: Why this performer, for reports.
        limit: Most model calls.
        masker: Takes the model's own keys out of what its server says; without one, what looks like a secret is masked.
        around: What stands around the calls of tools, beside the limits.
        wanted: The typed value that the conversation is to end with, in place of closing words.

    Returns:
        The conversation; how it ended is data, a failure of the model is no exception.
    """
    masker = masker or Masker()
    watch, middleware = _watch(agent, model, tools, limit)
    worker = create_agent(
        model,
        list(tools),
        system_prompt=system_prompt(agent),
        middleware=[*middleware, *around],
        response_format=wanted.strategy if wanted is not None else None,
        name=agent.name,
    )
    config: RunnableConfig = {"recursion_limit": STEPS_PER_CALL * (limit + 2), "run_name": agent.name}
    said: list[BaseMessage] = list(messages)
    ended, text = "done", ""
    handed_over: Any = None
    unreadable = 0
    while True:
        try:
            opening: Any = {"messages": said}
            state = await worker.ainvoke(opening, config)
        except GraphBubbleUp:
            raise
        except CallLimitReached:
            ended = f"stopped: it had used its {limit} model calls"
            break
        except ToolCallLimitReached:
            ended = f"stopped: it had used its {agent.tool_call_limit} tool calls"
            break
        except AnswerCutOff:
            ended = "stopped: its answer was cut off in the middle of a tool call"
            break
        except (Exception, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError) and is_cancelled():
                raise
            failure = _failure(exc, masker)
            _log.info("the performance of %s by %s failed: %s", agent.name, by, failure)
            _log.debug("it broke off here:\n%s", "".join(traceback.format_tb(exc.__traceback__)))  # lines, no values
            ended = f"failed: {failure}"
            break
        said = state["messages"]
        last = said[-1]
        if wanted is not None:
            handed_over = state.get("structured_response")
            if handed_over is not None:
                break
            unread = isinstance(last, AIMessage) and last.invalid_tool_calls
            said = [*(said[:-1] if unread else said), HumanMessage(wanted.again)]
            continue  # up to the limit of calls
        if not isinstance(last, AIMessage):
            ended = "stopped: the conversation ended without an answer"
            break
        if last.invalid_tool_calls and not last.tool_calls:
            unreadable += 1
            if unreadable > UNREADABLE_LIMIT:
                ended = "stopped: its tool calls were not readable as JSON"
                break
            said = [*said[:-1], HumanMessage("Your tool call was not readable as JSON. Please make it again.")]
            continue
        text = masker.text(str(last.text))
        if isinstance(model, RunbookModel):
            handed_over = last.response_metadata.get(HANDED_OVER)
        failed = last.response_metadata.get(FAILED)
        if failed is not None:
            ended = f"failed: {failed}"
        break
    performance = Performance(
        by=by,
        why=why,
        model_calls=0 if isinstance(model, RunbookModel) else watch.calls,
        input_tokens=watch.input_tokens,
        output_tokens=watch.output_tokens,
        ended=ended,
    )
    return Conversation(performance, said, text, handed_over)


def _watch(
    agent: Agent, model: BaseChatModel, tools: Sequence[BaseTool], limit: int
) -> tuple[Watch, list[AgentMiddleware]]:
    if isinstance(model, RunbookModel):  # the app's own code: it knows its tools' arguments, and comes to an end
        watch = Watch(limit)
        return watch, [watch]
    tool_calls = ToolCallLimit(agent.tool_call_limit)
    watch = Watch(limit, [declare(tool) for tool in tools], tool_calls)
    return watch, [watch, tool_calls]


def _cut_off(message: AIMessage, *, streamed: bool) -> bool:
    metadata = message.response_metadata
    reason = metadata.get("finish_reason") or metadata.get("stop_reason")
    # A stream that ended without saying why may have ended anywhere, and its JSON was mended.
    return reason not in WHOLE if streamed else reason in CUT


def _failure(exc: BaseException, masker: Masker) -> str:
    """Say in a line what failed, without the keys that the server may have repeated."""
    status = getattr(exc, "status_code", None)
    if isinstance(status, int) and status // 100 == REDIRECTION:
        return f"HTTP {status}: its server redirects, and no redirect is followed. Give the final address with --model"
    lines = masker.text(str(exc)[:FAILURE_READ]).splitlines()
    first_line = lines[0][:FAILURE_LENGTH] if lines else ""
    return f"{type(exc).__name__}: {first_line}" if first_line else type(exc).__name__
