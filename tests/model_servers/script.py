"""What a scripted model answers, and ready-made models, good and bad.

A brain is any callable from a `Conversation` to a `Turn`. All but `FailsThen` keep no state: they read
their position from the conversation, so one brain serves many threads, resumed runs and rewound checkpoints
alike.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from jsonschema import Draft202012Validator

from model_servers.conversation import Conversation, OfferedTool, argument_text, count_words

UNMENDABLE_JSON = '{"broken": 1]]'  # LangChain mends JSON that is merely cut off


class ToolCall(NamedTuple):
    """A call the model makes; arguments given as text go over the wire as they are, broken JSON or not."""

    name: str
    arguments: Mapping[str, Any] | str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An HTTP error instead of an answer; `retry_after_s` becomes `retry-after` (fractions allowed)."""

    status: int
    retry_after_s: float | None = None
    message: str = "The scripted model failed."


@dataclass(frozen=True)
class Turn:
    """One answer: text and tool calls together, or a failure, or a dropped connection.

    `delay_s` is waited before anything is sent. `drop` cuts the connection `before` the first byte of the
    answer or in the `middle` of it; text and calls are then what would have been sent. `cut_off` reports the
    answer as ended by the token limit (`length`, `max_tokens`).
    """

    text: str = ""
    calls: Sequence[ToolCall | tuple[str, Mapping[str, Any] | str]] = ()
    failure: Failure | None = None
    drop: Literal["before", "middle"] | None = None
    delay_s: float = 0.0
    cut_off: bool = False

    def __post_init__(self) -> None:
        if self.failure is None and self.drop != "before" and not self.text and not self.calls:
            raise ValueError("A turn must say something, call a tool, fail or drop the connection.")

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """List the calls under their field names."""
        return tuple(ToolCall(*call) for call in self.calls)

    @property
    def output_tokens(self) -> int:
        """Count the words of the answer, at least 1: neither vendor bills an answer as nothing."""
        spoken = [self.text, *(f"{call.name} {argument_text(call.arguments)}" for call in self.tool_calls)]
        return max(1, sum(count_words(text) for text in spoken))


class Brain(Protocol):
    """Decides the next turn from the whole conversation; may be called for several requests in turn."""

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Answer one request."""


Step = Turn | Callable[[Conversation], Turn]
"""A fixed turn, or a function for one that depends on earlier tool results."""


def take_step(step: Step, conversation: Conversation) -> Turn:
    """Give the turn of a step, asking the conversation when the step is a function."""
    return step if isinstance(step, Turn) else step(conversation)


class Planned:
    """Follows the steps written for the task that the human message names.

    The task is named by the first line of the human messages that contains a key of `steps_by_task` (the
    longest such key, when a line holds several); the step is the one after those the conversation's
    assistant messages have taken. After the last step comes `finish`. No named task is a LookupError, which
    the server raises again when it stops.
    """

    def __init__(self, steps_by_task: Mapping[str, Sequence[Step]], *, finish: Step = Turn("Done.")) -> None:
        self.steps_by_task = dict(steps_by_task)
        self.finish = finish

    def task(self, conversation: Conversation) -> str:
        """Name the task this conversation is about."""
        for line in conversation.human_text.splitlines():
            named = [task for task in self.steps_by_task if task in line]
            if named:
                return max(named, key=len)
        raise LookupError(f"No line of the human messages names a task of {sorted(self.steps_by_task)}.")

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Take the next step of the task."""
        steps = self.steps_by_task[self.task(conversation)]
        position = conversation.assistant_turns
        return take_step(steps[position] if position < len(steps) else self.finish, conversation)


class Sensible:
    """Follows a plan and makes only calls that a competent model would.

    Each planned call must name an offered tool and fit that tool's schema; otherwise a ValueError says what
    is wrong, so a plan that has fallen behind the tools fails loudly instead of testing nothing.
    """

    def __init__(self, plan: Brain) -> None:
        self.plan = plan

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Take the planned turn after checking its calls."""
        turn = self.plan(conversation)
        for name, arguments in turn.tool_calls:
            schema = offered(conversation, name).schema
            fault = next(iter(Draft202012Validator(schema).iter_errors(arguments)), None)
            if fault is not None:
                raise ValueError(f"The planned call of {name!r} does not fit its schema: {fault.message}")
        return turn


class StopsEarly:
    """Answers with text at once and calls no tool."""

    def __init__(self, text: str = "Everything is done.") -> None:
        self.text = text

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Claim to be done."""
        return Turn(self.text)


class UnknownTool:
    """Calls a tool nobody offered, then hands over to `then`."""

    def __init__(self, name: str = "no_such_tool", *, then: Brain | None = None) -> None:
        self.name = name
        self.then: Brain = then or StopsEarly()

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Make the impossible call first."""
        if conversation.assistant_turns == 0:
            return Turn(calls=[(self.name, {})])
        return self.then(conversation.without_turns(1))


class MalformedArguments:
    """Calls a tool with arguments that are not JSON, or of the wrong types, then hands over to `then`.

    `kind="json"` sends text that no parser can mend; `kind="types"` sends every property of the tool's schema
    with a value of another type; `arguments` is sent as it is. `tool` defaults to the first one offered.
    """

    def __init__(
        self,
        tool: str | None = None,
        *,
        kind: Literal["json", "types"] = "json",
        arguments: Mapping[str, Any] | str | None = None,
        then: Brain | None = None,
    ) -> None:
        self.tool = tool
        self.kind = kind
        self.arguments = arguments
        self.then: Brain = then or StopsEarly()

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Make the malformed call first."""
        if conversation.assistant_turns > 0:
            return self.then(conversation.without_turns(1))
        tool = offered(conversation, self.tool)
        if self.arguments is not None:
            return Turn(calls=[(tool.name, self.arguments)])
        if self.kind == "json":
            return Turn(calls=[(tool.name, UNMENDABLE_JSON)])
        properties: Mapping[str, Any] = tool.schema.get("properties", {})
        return Turn(calls=[(tool.name, {name: wrong_value(schema) for name, schema in properties.items()})])


class Loops:
    """Calls the same tool with the same arguments for ever; `tool` defaults to the first one offered."""

    def __init__(self, tool: str | None = None, arguments: Mapping[str, Any] | None = None) -> None:
        self.tool = tool
        self.arguments = dict(arguments or {})

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Make the call once more."""
        return Turn(calls=[(offered(conversation, self.tool).name, self.arguments)])


class Failing:
    """Answers every request with the same HTTP error."""

    def __init__(self, status: int = 500, *, retry_after_s: float | None = None) -> None:
        self.failure = Failure(status=status, retry_after_s=retry_after_s)

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Fail."""
        return Turn(failure=self.failure)


class FailsThen:
    """Answers the first `count` requests, over all conversations, with an HTTP error, the rest by `then`."""

    def __init__(self, count: int, status: int, *, then: Brain, retry_after_s: float | None = None) -> None:
        self.failing = Failing(status, retry_after_s=retry_after_s)
        self.then = then
        self._left = count
        self._lock = threading.Lock()

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Fail while failures are left."""
        with self._lock:
            fails = self._left > 0
            self._left -= fails
        return self.failing(conversation) if fails else self.then(conversation)


def offered(conversation: Conversation, name: str | None = None) -> OfferedTool:
    """Find an offered tool by name, or the first; a ValueError lists what is on offer instead."""
    for tool in conversation.tools:
        if name is None or tool.name == name:
            return tool
    raise ValueError(f"No tool {name or ''!r} is offered; there are {sorted(conversation.tool_names)}.")


def wrong_value(schema: Mapping[str, Any]) -> Any:
    """Make a value that a JSON Schema refuses; a schema that accepts everything gets the last one tried."""
    candidates: tuple[Any, ...] = ("not of this type", {"not": ["of", "this", "type"]}, -0.5, None)
    validator = Draft202012Validator(schema)
    return next((value for value in candidates if not validator.is_valid(value)), candidates[-1])
