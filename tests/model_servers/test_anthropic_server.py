from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx
import pytest
from langchain.messages import AIMessage
from langchain_anthropic import ChatAnthropic, convert_to_anthropic_tool

from model_servers.adding import add, adds_twice, run, spent, stream, tool_messages
from model_servers.anthropic_server import AnthropicServer
from model_servers.script import (
    UNMENDABLE_JSON,
    Brain,
    Failing,
    FailsThen,
    MalformedArguments,
    Planned,
    StopsEarly,
    Turn,
    UnknownTool,
)

Check = Callable[[str, str, Any], None]


def chat(server: AnthropicServer, **settings: Any) -> ChatAnthropic:
    options: dict[str, Any] = {"model": "claude-test", "max_retries": 0, "api_key": server.api_key} | settings
    return ChatAnthropic(base_url=server.url, max_tokens=100, **options)


def post(server: AnthropicServer, body: Any, **headers: str) -> httpx.Response:
    sent = {"x-api-key": server.api_key, "anthropic-version": "2023-06-01"} | headers
    return httpx.post(f"{server.url}/v1/messages", json=body, headers=sent)


def test_an_agent_calls_two_tools_at_once_and_reports_their_results():
    with AnthropicServer(adds_twice) as server:
        messages = run(chat(server, temperature=0.5))
    assert [message.content for message in tool_messages(messages)] == ["3", "34"]
    assert messages[-1].content == "The sums are 3 and 34"
    assert server.refusals == []
    first, second = server.requests
    assert (first.system, first.human_text, first.model) == (
        "You add.",
        "Please do it.\nTask: addition",
        "claude-test",
    )
    assert (first.stream, first.temperature, first.tool_choice, first.assistant_turns) == (
        False,
        0.5,
        "auto",
        0,
    )
    assert [(tool.name, tool.description, sorted(tool.schema["properties"])) for tool in first.tools] == [
        ("add", "Add two whole numbers.", ["a", "b"])
    ]
    assert [(call.name, call.arguments) for call in second.messages[1].tool_calls] == [
        ("add", {"a": 1, "b": 2}),
        ("add", {"a": 30, "b": 4}),
    ]
    assert [(result.tool_name, result.text, result.status) for result in second.tool_results] == [
        ("add", "3", "success"),
        ("add", "34", "success"),
    ]
    assert "authorization" not in first.headers
    outputs = [len(["Adding.", "add", '{"a":', "1,", '"b":', "2}", "add", '{"a":', "30,", '"b":', "4}"]), 6]
    assert spent(messages) == list(zip([first.input_tokens, second.input_tokens], outputs, strict=True))


def test_a_stream_carries_text_and_tool_calls_in_pieces_and_the_usage_at_the_end():
    with AnthropicServer(adds_twice) as server:
        chunks = stream(chat(server))
    assert "".join(str(chunk.text) for chunk in chunks) == "Adding.The sums are 3 and 34"
    assert len([chunk for chunk in chunks if chunk.text]) > 2
    assert len([chunk for chunk in chunks if chunk.tool_call_chunks]) > 2
    assert [request.stream for request in server.requests] == [True, True]
    counted = [usage for usage in spent(chunks) if usage != (-1, -1)]
    assert counted == [(request.input_tokens, output) for request, output in zip(server.requests, [11, 6], strict=True)]


def test_the_client_waits_out_a_rate_limit():
    brain = FailsThen(1, 429, then=adds_twice, retry_after_s=0.02)
    with AnthropicServer(brain) as server:
        messages = run(chat(server, max_retries=1))
    assert messages[-1].content == "The sums are 3 and 34"
    assert server.request_count == 3


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (500, "api_error"), (529, "overloaded_error")])
def test_a_lasting_failure_reaches_the_caller_in_the_vendors_shape(status: int, kind: str):
    brain = Failing(status, retry_after_s=0.02)
    with AnthropicServer(brain) as server, pytest.raises(anthropic.APIStatusError) as raised:
        run(chat(server, max_retries=1))
    assert (raised.value.status_code, raised.value.type) == (status, kind)
    assert str(raised.value.request_id).startswith("req_")
    assert server.request_count == 2


@pytest.mark.parametrize(
    ("brain", "complaint"),
    [
        (MalformedArguments(kind="types", then=adds_twice), "valid integer"),
        (MalformedArguments(kind="json", then=adds_twice), "Field required"),
        (UnknownTool(then=adds_twice), "no_such_tool"),
    ],
)
def test_an_impossible_call_becomes_an_error_message_and_the_loop_goes_on(brain: Brain, complaint: str):
    with AnthropicServer(brain) as server:
        messages = run(chat(server))
    refused, *done = tool_messages(messages)
    assert refused.status == "error"
    assert complaint in str(refused.content)
    assert [message.content for message in done] == ["3", "34"]
    assert [result.status for result in server.requests[-1].tool_results] == ["error", "success", "success"]


def test_broken_json_in_a_stream_becomes_an_invalid_tool_call_and_ends_the_agent_loop():
    # LangChain 1.4.7 goes on only from valid tool calls: whoever needs the loop to go on must ask again.
    with AnthropicServer(MalformedArguments(kind="json", then=adds_twice)) as server:
        messages = run(chat(server, streaming=True))
    last = messages[-1]
    assert isinstance(last, AIMessage)
    assert [call["args"] for call in last.invalid_tool_calls] == [UNMENDABLE_JSON]
    assert server.request_count == 1


def test_json_cut_off_in_a_stream_is_mended_by_langchain_and_executed():
    # The hazard that guards of money must know: 45 was on its way, 4 is what the tool gets.
    cut = Turn(calls=[("add", '{"a": 30, "b": 4')], cut_off=True)
    with AnthropicServer(Planned({"addition": [cut]})) as server:
        messages = run(chat(server, streaming=True))
    assert [message.content for message in tool_messages(messages)] == ["34"]
    assert messages[1].response_metadata["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("drop", ["before", "middle"])
def test_a_dropped_connection_is_an_error_of_the_transport(drop: Any, streamed: bool):
    brain = Planned({"addition": [Turn("Adding.", drop=drop)]})
    with AnthropicServer(brain) as server, pytest.raises(Exception) as raised:
        run(chat(server, streaming=streamed))
    assert type(raised.value).__name__ in (
        "APIConnectionError",
        "RemoteProtocolError",
        "AnthropicConnectionError",
    )
    assert server.request_count == 1


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with AnthropicServer(StopsEarly()) as running:
        yield running


USE = {"type": "tool_use", "id": "t1", "name": "add", "input": {}}
ASKED = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": [USE]}]
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "3"}
ANSWERED = [*ASKED, {"role": "user", "content": [RESULT]}]
TOOL = {"name": "t", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model": None}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"temperature": 2}, "temperature"),
        ({"messages": [{"role": "robot", "content": "Hello"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ({"messages": ASKED}, "without `tool_result`"),
        ({"messages": [*ASKED, {"role": "user", "content": "And?"}]}, "without `tool_result`"),
        ({"messages": [*ASKED, {"role": "user", "content": [RESULT, RESULT]}]}, "unexpected `tool_use_id`"),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, "unexpected `tool_use_id`"),
        ({"messages": [*ANSWERED, *ANSWERED[1:]]}, "must be unique"),
        (
            {"messages": [*ASKED, {"role": "user", "content": [{"type": "text", "text": "!"}, RESULT]}]},
            "come before",
        ),
        ({"tools": [TOOL, TOOL]}, "must be unique"),
        (
            {"tools": [TOOL | {"input_schema": {"type": "object", "required": 1}}]},
            "tools.0.custom.input_schema",
        ),
        ({"tools": [TOOL | {"input_schema": {"type": "object", "anyOf": [{}]}}]}, "top level"),
    ],
)
def test_rubbish_is_refused_and_named(change: dict[str, Any], complaint: str, server: AnthropicServer):
    good = {"model": "claude-test", "max_tokens": 9, "messages": ANSWERED}
    assert post(server, good).status_code == 200
    asked = len(server.requests)
    answer = post(server, good | change)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert complaint in error["message"]
    assert (server.refusals[-1].message, len(server.requests)) == (error["message"], asked)


def test_a_wrong_or_missing_key_and_a_missing_version_are_refused():
    with AnthropicServer(StopsEarly()) as server:
        url = f"{server.url}/v1/messages"
        wrong = post(server, {}, **{"x-api-key": "wrong"})
        assert (wrong.status_code, wrong.json()["error"]["type"]) == (401, "authentication_error")
        assert httpx.post(url, json={}).status_code == 401
        unversioned = httpx.post(url, json={}, headers={"authorization": f"Bearer {server.api_key}"})
        assert unversioned.status_code == 400
        assert "anthropic-version" in unversioned.json()["error"]["message"]
    assert server.request_count == 3


def test_answers_streams_and_errors_fit_the_vendors_specification(fits_specification: Check):
    asked = [{"role": "user", "content": "Task: addition"}]
    ask = {
        "model": "claude-test",
        "max_tokens": 9,
        "messages": asked,
        "tools": [convert_to_anthropic_tool(add)],
    }
    with AnthropicServer(adds_twice) as server:
        whole = post(server, ask)
        streamed = post(server, ask | {"stream": True})
        refused = post(server, {})
    fits_specification("anthropic.json", "Message", whole.json())
    fits_specification("anthropic.json", "ErrorResponse", refused.json())
    events = [json.loads(line[6:]) for line in streamed.text.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    assert events[-1] == {"type": "message_stop"}
    for event in events:
        if event["type"] != "ping":  # the specification leaves it out
            fits_specification("anthropic.json", "MessageStreamEvent", event)
