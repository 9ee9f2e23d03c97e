"""Anthropic's messages API on loopback.

Shapes: Anthropic's OpenAPI description and the types of its Python SDK 2.12. The wording of refusals is
from memory of the live API [unverified].
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from model_servers.conversation import Conversation, MadeCall, Message, OfferedTool, argument_text
from model_servers.loopback import JSON, LoopbackServer, Refused, need, need_schema, pieces_of, text_of
from model_servers.script import Turn

ERROR_TYPES = {  # anthropic.types.shared.error_type
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
MAX_TEMPERATURE = 1.0  # CreateMessageParams.temperature
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # Tool.name
UNSUPPORTED_AT_THE_ROOT = ("oneOf", "allOf", "anyOf")  # of an input_schema


class AnthropicServer(LoopbackServer):
    """Speaks `POST /v1/messages`; `server.url` is the client's `base_url`, `server.api_key` its key.

    A turn's broken JSON can only be streamed: a whole answer carries tool input as an object, so there the
    text stands under the key `INVALID_JSON`, as Anthropic's page on fine-grained tool streaming wraps it
    [unverified].
    """

    path = "/v1/messages"
    request_id_header = "request-id"

    def authorize(self, headers: Mapping[str, str]) -> None:
        """Want the key as SDK 2.12 sends it (`Authorization: Bearer`) or as `x-api-key`, and a version."""
        bearer = headers.get("authorization")
        given = headers.get("x-api-key") if bearer is None else bearer.removeprefix("Bearer ")
        if given is None:
            raise Refused("authentication is required", status=401)
        if given != self.api_key:
            raise Refused("invalid x-api-key", status=401)
        need(headers.get("anthropic-version"), "anthropic-version: header is required")

    def error_body(self, refused: Refused, request_id: str) -> JSON:
        """Write `{"type": "error", "error": {type, message}, "request_id"}`."""
        kind = ERROR_TYPES.get(refused.status, "api_error")
        return {
            "type": "error",
            "error": {"type": kind, "message": refused.message},
            "request_id": request_id,
        }

    def parse(self, body: JSON) -> Conversation:
        """Read a CreateMessageParams."""
        need(isinstance(body.get("model"), str) and body["model"], "model: Field required")
        limit = body.get("max_tokens")
        need(isinstance(limit, int) and limit >= 1, "max_tokens: Input should be greater than or equal to 1")
        need(
            isinstance(body.get("messages"), list) and body["messages"],
            "messages: at least one message is required",
        )
        temperature = body.get("temperature")
        if temperature is not None:
            in_range = isinstance(temperature, int | float) and 0 <= temperature <= MAX_TEMPERATURE
            need(in_range, "temperature: range: 0..1")
        tools = _tools(body.get("tools", []))
        return Conversation(
            model=body["model"],
            system=text_of(body.get("system", ""), "system"),
            messages=tuple(_messages(_merged(body["messages"]))),
            tools=tools,
            stream=bool(body.get("stream")),
            temperature=temperature,
            tool_choice=_tool_choice(body.get("tool_choice"), tools),
        )

    def answer(self, conversation: Conversation, turn: Turn) -> JSON:
        """Write a Message."""
        content: list[JSON] = [{"type": "text", "text": turn.text}] if turn.text else []
        for call in turn.tool_calls:
            given = call.arguments
            arguments = {"INVALID_JSON": given} if isinstance(given, str) else dict(given)
            content.append({"type": "tool_use", "id": self.next_id("toolu_"), "name": call.name, "input": arguments})
        return self._message(conversation) | {
            "content": content,
            "stop_reason": _stop_reason(turn),
            "usage": _usage(conversation, turn.output_tokens),
        }

    def events(self, conversation: Conversation, turn: Turn) -> Iterable[bytes]:
        """Write the events of a MessageStreamEvent stream, from `message_start` to `message_stop`."""
        yield _event("message_start", message=self._message(conversation))
        yield _event("ping")
        blocks: list[tuple[JSON, list[JSON]]] = []
        if turn.text:
            deltas: list[JSON] = [{"type": "text_delta", "text": piece} for piece in pieces_of(turn.text)]
            blocks.append(({"type": "text", "text": ""}, deltas))
        for call in turn.tool_calls:
            pieces = ["", *pieces_of(argument_text(call.arguments))]  # the API opens with an empty piece
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
            head = {"type": "tool_use", "id": self.next_id("toolu_"), "name": call.name, "input": {}}
            blocks.append((head, deltas))
        for index, (head, deltas) in enumerate(blocks):
            yield _event("content_block_start", index=index, content_block=head)
            for delta in deltas:
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        end = {"stop_reason": _stop_reason(turn), "stop_sequence": None}
        yield _event("message_delta", delta=end, usage=_usage(conversation, turn.output_tokens))
        yield _event("message_stop")

    def _message(self, conversation: Conversation) -> JSON:
        """Write a message that has only begun, as `message_start` carries it."""
        return {
            "id": self.next_id("msg_"),
            "type": "message",
            "role": "assistant",
            "model": conversation.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(conversation, 1),
        }


def _merged(rows: list[Any]) -> list[tuple[str, str, list[JSON]]]:
    """Put consecutive messages of one role together, as the API does: (place, role, content blocks)."""
    merged: list[tuple[str, str, list[JSON]]] = []
    for position, row in enumerate(rows):
        place = f"messages.{position}"
        need(isinstance(row, dict), f"{place}: Input should be a valid dictionary")
        role, content = row.get("role"), row.get("content")
        # SDK 2.12 knows `system` messages among the others too (SystemMessageParam).
        need(role in ("user", "assistant", "system"), f"{place}.role: Input should be 'user' or 'assistant'")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        need(isinstance(blocks, list), f"{place}.content: Input should be a valid list")
        assert isinstance(blocks, list)
        need(
            all(isinstance(block, dict) for block in blocks),
            f"{place}.content: Input should be a valid dictionary",
        )
        is_prefill = role == "assistant" and position == len(rows) - 1
        must = "all messages must have non-empty content except for the optional final assistant message"
        need(is_prefill or any(block.get("text") != "" for block in blocks), f"{place}: {must}")
        if merged and merged[-1][1] == role:
            merged[-1][2].extend(blocks)
        else:
            merged.append((place, str(role), list(blocks)))
    return merged


def _messages(rows: list[tuple[str, str, list[JSON]]]) -> Iterable[Message]:
    open_calls: dict[str, str] = {}  # id → tool name of the calls that the next message must answer
    seen: set[str] = set()
    for place, role, blocks in rows:
        results = [block for block in blocks if block.get("type") == "tool_result"]
        need(role == "user" or not results, f"{place}: `tool_result` blocks can only be in `user` messages")
        leads = all(block.get("type") == "tool_result" for block in blocks[: len(results)])
        need(leads, f"{place}: `tool_result` blocks must come before any other content")
        for result in results:
            yield _result(result, open_calls, place)
        _need_answered(open_calls, place)
        texts = [block for block in blocks if block.get("type") == "text"]
        calls = [block for block in blocks if block.get("type") == "tool_use"]
        need(len(texts) + len(calls) + len(results) == len(blocks), f"{place}: unsupported content block")
        text = text_of(texts, f"{place}.content")
        if role == "assistant":
            made = tuple(_call(block, seen, place) for block in calls)
            open_calls = {call.id: call.name for call in made}
            yield Message(role="assistant", text=text, tool_calls=made)
            continue
        need(not calls, f"{place}: `tool_use` blocks can only be in `assistant` messages")
        if texts:
            yield Message(role="system" if role == "system" else "human", text=text)
    _need_answered(open_calls, "messages")


def _need_answered(open_calls: Mapping[str, str], place: str) -> None:
    missing = ", ".join(open_calls)
    found = "`tool_use` ids were found without `tool_result` blocks immediately after"
    need(not open_calls, f"{place}: {found}: {missing}")


def _call(block: JSON, seen: set[str], place: str) -> MadeCall:
    call_id, name, arguments = block.get("id"), block.get("name"), block.get("input")
    need(isinstance(call_id, str) and call_id, f"{place}.content.tool_use.id: Field required")
    need(call_id not in seen, f"{place}: `tool_use` ids must be unique: {call_id}")
    need(isinstance(name, str) and name, f"{place}.content.tool_use.name: Field required")
    need(isinstance(arguments, dict), f"{place}.content.tool_use.input: Input should be a valid dictionary")
    seen.add(str(call_id))
    return MadeCall(id=str(call_id), name=str(name), arguments=dict(arguments or {}))


def _result(block: JSON, open_calls: dict[str, str], place: str) -> Message:
    call_id = block.get("tool_use_id")
    need(call_id in open_calls, f"{place}: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}")
    assert isinstance(call_id, str)
    status = block.get("is_error", False)
    need(isinstance(status, bool), f"{place}.content.tool_result.is_error: Input should be a valid boolean")
    return Message(
        role="tool",
        text=text_of(block.get("content", ""), f"{place}.content.tool_result.content"),
        tool_call_id=call_id,
        tool_name=open_calls.pop(call_id),
        status="error" if status else "success",
    )


def _tools(rows: object) -> tuple[OfferedTool, ...]:
    need(isinstance(rows, list), "tools: Input should be a valid list")
    assert isinstance(rows, list)
    tools: list[OfferedTool] = []
    for position, row in enumerate(rows):
        place = f"tools.{position}.custom"
        need(isinstance(row, dict), f"{place}: Input should be a valid dictionary")
        name = row.get("name")
        need(
            isinstance(name, str) and TOOL_NAME.fullmatch(name),
            f"{place}.name: String should match the pattern",
        )
        need(all(tool.name != name for tool in tools), "tools: Tool names must be unique.")
        schema = need_schema(row.get("input_schema"), f"{place}.input_schema:", param=place)
        at_root = [key for key in UNSUPPORTED_AT_THE_ROOT if key in schema]
        need(not at_root, f"{place}.input_schema: does not support oneOf, allOf, or anyOf at the top level")
        tools.append(OfferedTool(name=str(name), description=str(row.get("description") or ""), schema=schema))
    return tuple(tools)


def _tool_choice(choice: object, tools: tuple[OfferedTool, ...]) -> str:
    if choice is None:
        return "auto"
    kind = choice.get("type") if isinstance(choice, dict) else None
    need(
        kind in ("auto", "any", "tool", "none"),
        "tool_choice: Input should be 'auto', 'any', 'tool' or 'none'",
    )
    assert isinstance(choice, dict)
    need(tools, "tool_choice: may only be specified while providing tools")
    if kind != "tool":
        return str(kind)
    name = choice.get("name")
    need(any(tool.name == name for tool in tools), f"Tool '{name}' not found in provided tools")
    return str(name)


def _stop_reason(turn: Turn) -> str:
    if turn.cut_off:
        return "max_tokens"
    return "tool_use" if turn.calls else "end_turn"


def _usage(conversation: Conversation, output_tokens: int) -> JSON:
    spent = {"input_tokens": conversation.input_tokens, "output_tokens": output_tokens}
    return spent | {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()
