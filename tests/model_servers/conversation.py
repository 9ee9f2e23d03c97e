"""What a model was asked, in one form for every vendor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Role = Literal["system", "human", "assistant", "tool"]
Status = Literal["success", "error"]


@dataclass(frozen=True, kw_only=True)
class OfferedTool:
    """A tool the model may call, with the JSON Schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class MadeCall:
    """A tool call an earlier assistant message made; `arguments` is text when it was not a JSON object."""

    id: str
    name: str
    arguments: dict[str, Any] | str


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of the conversation.

    A tool result is a message of its own with role `tool`, the id of the call it answers and that call's
    tool name. `status` is None where the wire carries none: OpenAI's tool messages have no error flag.
    """

    role: Role
    text: str = ""
    tool_calls: tuple[MadeCall, ...] = ()
    tool_call_id: str | None = None
    tool_name: str | None = None
    status: Status | None = None


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One model request, parsed and found valid.

    `tool_choice` is `auto`, `none`, `any` (the vendors' "required") or a tool's name. `headers` are in
    lower case and hold no credential. `raw` is the request body as the vendor's client sent it.
    """

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[OfferedTool, ...] = ()
    stream: bool = False
    temperature: float | None = None
    tool_choice: str = "auto"
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def assistant_turns(self) -> int:
        """Count the answers the model has already given in this conversation."""
        return sum(message.role == "assistant" for message in self.messages)

    @property
    def human_text(self) -> str:
        """Join what the human said, message by message, with newlines."""
        return "\n".join(message.text for message in self.messages if message.role == "human")

    @property
    def tool_results(self) -> tuple[Message, ...]:
        """List every tool result so far, oldest first."""
        return tuple(message for message in self.messages if message.role == "tool")

    @property
    def tool_names(self) -> frozenset[str]:
        """Name the tools on offer."""
        return frozenset(tool.name for tool in self.tools)

    @property
    def input_tokens(self) -> int:
        """Count the words the model was given; at least 1, the same for both vendors."""
        texts = [self.system]
        for message in self.messages:
            texts.append(message.text)
            texts += [f"{call.name} {argument_text(call.arguments)}" for call in message.tool_calls]
        for tool in self.tools:
            texts.append(f"{tool.name} {tool.description} {json.dumps(tool.schema)}")
        return max(1, sum(count_words(text) for text in texts))

    def without_turns(self, count: int) -> Conversation:
        """Forget the first `count` assistant turns with their tool results.

        A brain that spends turns of its own before it hands over lets the next brain count from nought this
        way.
        """
        kept: list[Message] = []
        seen = 0
        for message in self.messages:
            seen += message.role == "assistant"
            if message.role in ("assistant", "tool") and seen <= count:
                continue
            kept.append(message)
        return replace(self, messages=tuple(kept))


def argument_text(arguments: Mapping[str, Any] | str) -> str:
    """Write tool arguments as they go over the wire; text is passed on as it is, broken or not."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def count_words(text: str) -> int:
    """Count whitespace-separated words, the servers' unit of token usage."""
    return len(text.split())
