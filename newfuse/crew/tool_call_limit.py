"""How many tool calls a model may make: a limit on model calls is none on these, for one answer may hold thousands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ToolCallRequest
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.types import Command

CALLS_PER_ANSWER = 16  # a competent model makes 1 to 3; no agent here has more tools than this

Answer = ToolMessage | Command[Any]


class ToolCallLimitReached(Exception):
    """The performance has used all the tool calls it may make, and asks for more."""


class ToolCallLimit(AgentMiddleware):
    """Makes the tool calls of a performance up to its limits, and answers those beyond with an error.

    A model that is told that its last call is used up may still close with words; if it calls a tool instead, its
    performance ends.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.made = 0
        self.left_in_answer = 0

    def answered(self, message: AIMessage) -> None:
        """Take note of a model's answer before its calls are made.

        Raises:
            ToolCallLimitReached: It calls tools, and no call is left.
        """
        if message.tool_calls and self.made >= self.limit:
            raise ToolCallLimitReached
        self.left_in_answer = CALLS_PER_ANSWER

    # No `async def`, as in `Watch`: LangChain wraps those for its tracing service.
    def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]
    ) -> Coroutine[Any, Any, Answer]:
        """Make one tool call, or refuse to."""
        return self._call(request, handler)

    async def _call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]) -> Answer:
        if self.made >= self.limit:
            return _refused(request, f"all of your {self.limit} tool calls are used up: close with words now")
        if not self.left_in_answer:
            return _refused(request, f"one answer may hold {CALLS_PER_ANSWER} tool calls: make this one again, later")
        self.left_in_answer -= 1
        self.made += 1
        return await handler(request)


def _refused(request: ToolCallRequest, why: str) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(f"Not done: {why}.", name=call["name"], tool_call_id=call["id"], status="error")
