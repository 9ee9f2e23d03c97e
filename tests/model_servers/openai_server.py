"""OpenAI's chat completions API on loopback.

Shapes: OpenAI's OpenAPI description (`CreateChatCompletionRequest`, `CreateChatCompletionResponse`,
`CreateChatCompletionStreamResponse`). The wording of refusals is from memory of the live API [unverified].
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from model_servers.conversation import Conversation, MadeCall, Message, OfferedTool, argument_text
from model_servers.loopback import JSON, LoopbackServer, Refused, need, need_schema, pieces_of, text_of
from model_servers.script import Turn

CREATED_AT = 1_700_000_000  # epoch seconds; fixed, so that the same conversation gets the same answer
MAX_TEMPERATURE = 2.0  # CreateChatCompletionRequest.temperature
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # FunctionObject.name


class OpenAIServer(LoopbackServer):
    """Speaks `POST /v1/chat/completions`; `server.url` is the client's `base_url`, `server.api_key` its key.

    As with the real API, a stream carries token usage only when the request asks for it
    (`stream_usage=True` in LangChain, which leaves it out by default for any base URL that is not
    OpenAI's).
    """

    path = "/v1/chat/completions"
    base_path = "/v1"
    request_id_header = "x-request-id"

    def authorize(self, headers: Mapping[str, str]) -> None:
        """Want `Authorization: Bearer <key>`."""
        given = headers.get("authorization", "")
        if not given.startswith("Bearer "):
            raise Refused("You didn't provide an API key: use Authorization: Bearer.", status=401)
        if given != f"Bearer {self.api_key}":
            raise Refused("Incorrect API key provided.", status=401, code="invalid_api_key")

    def error_body(self, refused: Refused, request_id: str) -> JSON:
        """Write `{"error": {message, type, param, code}}`."""
        kind, code = "invalid_request_error", refused.code
        if refused.status == 429:
            kind, code = "requests", "rate_limit_exceeded"
        elif refused.status >= 500:
            kind = "server_error"
        return {"error": {"message": refused.message, "type": kind, "param": refused.param, "code": code}}

    def parse(self, body: JSON) -> Conversation:
        """Read a CreateChatCompletionRequest."""
        need(
            isinstance(body.get("model"), str) and body["model"],
            "you must provide a model parameter",
            param="model",
        )
        rows = body.get("messages")
        need(isinstance(rows, list) and rows, "Missing required parameter: 'messages'.", param="messages")
        temperature = body.get("temperature")
        if temperature is not None:
            in_range = isinstance(temperature, int | float) and 0 <= temperature <= MAX_TEMPERATURE
            need(in_range, f"Invalid 'temperature': {temperature!r} is not within 0 to 2.", param="temperature")
        tools = _tools(body)
        messages = _messages(body["messages"])
        return Conversation(
            model=body["model"],
            system="\n".join(message.text for message in messages if message.role == "system"),
            messages=tuple(message for message in messages if message.role != "system"),
            tools=tools,
            stream=bool(body.get("stream")),
            temperature=temperature,
            tool_choice=_tool_choice(body, tools),
        )

    def answer(self, conversation: Conversation, turn: Turn) -> JSON:
        """Write a CreateChatCompletionResponse."""
        message: JSON = {"role": "assistant", "content": turn.text or None, "refusal": None}
        calls = [
            {
                "id": self.next_id("call_"),
                "type": "function",
                "function": {"name": call.name, "arguments": argument_text(call.arguments)},
            }
            for call in turn.tool_calls
        ]
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(turn)}
        envelope = self._envelope(conversation, "chat.completion")
        return envelope | {"choices": [choice], "usage": _usage(conversation, turn)}

    def events(self, conversation: Conversation, turn: Turn) -> Iterable[bytes]:
        """Write CreateChatCompletionStreamResponse chunks and the closing `[DONE]`."""
        envelope = self._envelope(conversation, "chat.completion.chunk")
        options = conversation.raw.get("stream_options") or {}
        if include_usage := bool(options.get("include_usage")):
            envelope["usage"] = None  # "All other chunks will also include a usage field, but with a null value."

        def chunk(delta: JSON, finish_reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
            return _event(envelope | {"choices": [choice]})

        yield chunk({"role": "assistant", "content": "" if turn.text else None, "refusal": None})
        for piece in pieces_of(turn.text):
            yield chunk({"content": piece})
        for index, call in enumerate(turn.tool_calls):
            head = {
                "id": self.next_id("call_"),
                "type": "function",
                "function": {"name": call.name, "arguments": ""},
            }
            yield chunk({"tool_calls": [{"index": index} | head]})
            for piece in pieces_of(argument_text(call.arguments)):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield chunk({}, _finish_reason(turn))
        if include_usage:
            yield _event(envelope | {"choices": [], "usage": _usage(conversation, turn)})
        yield b"data: [DONE]\n\n"

    def _envelope(self, conversation: Conversation, kind: str) -> JSON:
        identity = {"id": self.next_id("chatcmpl-"), "object": kind, "created": CREATED_AT}
        return identity | {
            "model": conversation.model,
            "service_tier": "default",
            "system_fingerprint": "fp_loopback",
        }


def _messages(rows: list[Any]) -> list[Message]:
    messages: list[Message] = []
    open_calls: dict[str, str] = {}  # id → tool name of the calls still to be answered
    for position, row in enumerate(rows):
        where = f"messages[{position}]"
        need(isinstance(row, dict), f"Invalid type for '{where}': expected an object.", param=where)
        role = row.get("role")
        if role != "tool":
            _need_answered(open_calls, where)
        if role in ("system", "developer"):
            messages.append(Message(role="system", text=text_of(row.get("content"), f"{where}.content")))
        elif role == "user":
            messages.append(Message(role="human", text=text_of(row.get("content"), f"{where}.content")))
        elif role == "assistant":
            message = _assistant(row, where)
            open_calls = {call.id: call.name for call in message.tool_calls}
            messages.append(message)
        elif role == "tool":
            answered = row.get("tool_call_id")
            must = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            need(answered in open_calls, f"Invalid parameter: {must}", param=f"{where}.role")
            name, text = open_calls.pop(answered), text_of(row.get("content"), f"{where}.content")
            messages.append(Message(role="tool", text=text, tool_call_id=answered, tool_name=name))
        else:
            need(False, f"Invalid value: {role!r}. Unknown role.", param=f"{where}.role", code="invalid_value")
    _need_answered(open_calls, f"messages[{len(rows)}]")
    return messages


def _need_answered(open_calls: Mapping[str, str], where: str) -> None:
    must = "An assistant message with 'tool_calls' must be followed by tool messages responding to each one."
    missing = ", ".join(open_calls)
    need(not open_calls, f"{must} These had no response: {missing}", param=f"{where}.role")


def _assistant(row: JSON, where: str) -> Message:
    content, calls = row.get("content"), row.get("tool_calls")
    if calls is None:
        need(
            content is not None,
            f"Invalid value for '{where}.content': expected a string, got null.",
            param=where,
        )
        calls = []
    else:
        need(isinstance(calls, list) and calls, f"Invalid '{where}.tool_calls': empty array.", param=where)
    made: list[MadeCall] = []
    for position, call in enumerate(calls):
        place = f"{where}.tool_calls[{position}]"
        need(isinstance(call, dict) and call.get("type") == "function", f"Invalid '{place}.type'.", param=place)
        function, call_id = call.get("function"), call.get("id")
        need(isinstance(call_id, str) and call_id, f"Missing required parameter: '{place}.id'.", param=place)
        need(all(call_id != other.id for other in made), f"Duplicate '{place}.id': {call_id}.", param=place)
        need(isinstance(function, dict), f"Missing required parameter: '{place}.function'.", param=place)
        for key in ("name", "arguments"):
            need(isinstance(function.get(key), str), f"'{place}.function.{key}' is not a string.", param=place)
        made.append(MadeCall(id=call_id, name=function["name"], arguments=_arguments(function["arguments"])))
    text = "" if content is None else text_of(content, f"{where}.content", kinds=frozenset({"text", "refusal"}))
    return Message(role="assistant", text=text, tool_calls=tuple(made))


def _arguments(text: str) -> dict[str, Any] | str:
    try:
        arguments = json.loads(text)
    except ValueError:
        return text
    return arguments if isinstance(arguments, dict) else text


def _tools(body: JSON) -> tuple[OfferedTool, ...]:
    rows = body.get("tools")
    if rows is None:
        need(body.get("tool_choice") is None, "'tool_choice' is only allowed when 'tools' are specified.")
        return ()
    need(isinstance(rows, list) and rows, "Invalid 'tools': empty array.", param="tools", code="empty_array")
    tools: list[OfferedTool] = []
    for position, row in enumerate(rows):
        place = f"tools[{position}]"
        function = row.get("function") if isinstance(row, dict) and row.get("type") == "function" else None
        need(isinstance(function, dict), f"Missing required parameter: '{place}.function'.", param=place)
        assert isinstance(function, dict)
        name = function.get("name")
        need(
            isinstance(name, str) and TOOL_NAME.fullmatch(name),
            f"Invalid '{place}.function.name'.",
            param=place,
        )
        schema = need_schema(
            function.get("parameters", {"type": "object", "properties": {}}),  # may be left out
            f"Invalid schema for function '{name}':",
            param=f"{place}.function.parameters",
            code="invalid_function_parameters",
        )
        tools.append(OfferedTool(name=str(name), description=str(function.get("description") or ""), schema=schema))
    return tuple(tools)


def _tool_choice(body: JSON, tools: tuple[OfferedTool, ...]) -> str:
    choice = body.get("tool_choice")
    if choice is None or choice in ("auto", "none"):
        return str(choice or "auto")
    if choice == "required":
        return "any"
    name = (choice.get("function") or {}).get("name") if isinstance(choice, dict) else None
    known = any(tool.name == name for tool in tools)
    need(known, f"Tool choice {name!r} not found in 'tools' parameter.", param="tool_choice")
    return str(name)


def _finish_reason(turn: Turn) -> str:
    if turn.cut_off:
        return "length"
    return "tool_calls" if turn.calls else "stop"


def _usage(conversation: Conversation, turn: Turn) -> JSON:
    prompt, completion = conversation.input_tokens, turn.output_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _event(body: JSON) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()
