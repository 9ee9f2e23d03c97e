"""LangChain tools in a task: counted, their failures data, their results bounded and masked, as with tools of ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ToolCallRequest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, ToolException
from langgraph.errors import GraphBubbleUp
from langgraph.types import Command

from newfuse.crew.job import Job
from newfuse.crew.tool_adapter import failed, shown
from newfuse.http.context import calling

Answer = ToolMessage | Command[Any]
WRONG_ARGUMENTS = "Error invoking tool "  # how LangGraph's answer to arguments that do not fit begins


def taken_in(tool: BaseTool) -> BaseTool:
    """Return a LangChain tool as an agent of a crew has it: it is the performer who closes a task, never a tool."""
    return tool.model_copy(update={"return_direct": False}) if tool.return_direct else tool


class LangChainCalls(AgentMiddleware):
    """Stands around the calls of LangChain tools.

    They run as they are, not within tools of ours: LangGraph looks at their own signatures for what it supplies (the
    state, the store, the call's id).
    """

    def __init__(self, job: Job, names: Iterable[str]) -> None:
        super().__init__()
        self.job = job
        self.names = frozenset(names)

    # No `async def`: LangChain wraps those for its tracing service.
    def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]
    ) -> Coroutine[Any, Any, Answer]:
        """Make one tool call."""
        return self._call(request, handler)

    async def _call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]) -> Answer:
        name, job = request.tool_call["name"], self.job
        if name not in self.names:
            return await handler(request)
        job.tool_started(name)
        try:
            with calling(run_id=job.run.run_id, task=job.task, agent=job.agent):
                answer = await handler(request)
        except GraphBubbleUp:
            raise
        except BaseException as exc:
            error = failed(name, job, exc)
            return ToolMessage(shown(error.for_model), name=name, tool_call_id=request.tool_call["id"], status="error")
        return self._taken(name, answer)

    def _taken(self, name: str, answer: Answer) -> Answer:
        """Keep the account of a call that was answered, and return the answer as a model may read it."""
        if isinstance(answer, ToolMessage) and answer.status == "error":
            if not str(answer.text).startswith(WRONG_ARGUMENTS):
                failed(name, self.job, ToolException(str(answer.text)))
            return _readable(answer)
        self.job.tool_succeeded(name)
        if isinstance(answer, ToolMessage):
            return _readable(answer)
        if isinstance(answer.update, dict) and isinstance(answer.update.get("messages"), list):
            messages = [_readable(one) if isinstance(one, ToolMessage) else one for one in answer.update["messages"]]
            answer.update["messages"] = messages
        return answer


def _readable(message: ToolMessage) -> ToolMessage:
    """Return a result with its text for a model; programs get the whole of it where the tool has no data for them."""
    whole = str(message.text)
    text = shown(whole)
    if not isinstance(message.content, str):
        others = sum(isinstance(block, dict) and block.get("type") != "text" for block in message.content)
        text += f"\n({others} parts that are no text were left out)" if others else ""
    artifact = message.artifact if message.artifact is not None else whole
    return message.model_copy(update={"content": text, "artifact": artifact})
