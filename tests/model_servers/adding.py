"""The small task that the tests give to an agent on either server: add two pairs of numbers at once."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain.tools import tool
from langchain_core.language_models import BaseChatModel

from model_servers.conversation import Conversation
from model_servers.script import Planned, Sensible, Turn

QUESTION = "Please do it.\nTask: addition"


@tool
def add(a: int, b: int) -> str:
    """Add two whole numbers."""
    return str(a + b)


def say_sums(conversation: Conversation) -> Turn:
    """Report what the tool results of this conversation say."""
    return Turn("The sums are " + " and ".join(result.text for result in conversation.tool_results))


adds_twice = Sensible(
    Planned(
        {
            "addition": [
                Turn("Adding.", calls=[("add", {"a": 1, "b": 2}), ("add", {"a": 30, "b": 4})]),
                say_sums,
            ]
        }
    )
)


def run(model: BaseChatModel, question: str = QUESTION) -> list[Any]:
    """Run an agent with `add` to its end and give all its messages."""
    agent = create_agent(model, [add], system_prompt="You add.")
    return list(agent.invoke({"messages": [HumanMessage(question)]}, {"recursion_limit": 20})["messages"])


def stream(model: BaseChatModel) -> list[AIMessageChunk]:
    """Run the same agent as a stream and give the model's chunks in order."""
    agent = create_agent(model, [add], system_prompt="You add.")
    events = agent.stream({"messages": [HumanMessage(QUESTION)]}, stream_mode="messages")
    return [chunk for chunk, _ in events if isinstance(chunk, AIMessageChunk)]


def tool_messages(messages: list[Any]) -> list[ToolMessage]:
    """Pick the tools' answers."""
    return [message for message in messages if isinstance(message, ToolMessage)]


def spent(messages: list[Any]) -> list[tuple[int, int]]:
    """List input and output tokens of every assistant message; a missing usage is (-1, -1)."""
    usages = [message.usage_metadata for message in messages if isinstance(message, AIMessage)]
    return [(usage["input_tokens"], usage["output_tokens"]) if usage else (-1, -1) for usage in usages]
