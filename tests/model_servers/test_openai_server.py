from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from langchain.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_function
from langchain_openai import ChatOpenAI

from model_servers.adding import add, adds_twice, run, spent, stream, tool_messages
from model_servers.openai_server import OpenAIServer
from model_servers.script import (
    UNMENDABLE_JSON,
    Brain,
    Failing,
    FailsThen,
    Loops,
    MalformedArguments,
    Planned,
    Sensible,
    StopsEarly,
    Turn,
    UnknownTool,
)

Check = Callable[[str, str, Any], None]


def chat(server: OpenAIServer, **settings: Any) -> ChatOpenAI:
    options: dict[str, Any] = {"model": "gpt-test", "max_retries": 0, "api_key": server.api_key} | settings
    return ChatOpenAI(base_url=server.url, **options)


def post(server: OpenAIServer, body: Any, **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {server.api_key}"} | headers
    return httpx.post(f"{server.url}/chat/completions", json=body, headers=sent)


def test_an_agent_calls_two_tools_at_once_and_reports_their_results():
    with OpenAIServer(adds_twice) as server:
        messages = run(chat(server, temperature=0.5))
    assert [message.content for message in tool_messages(messages)] == ["3", "34"]
    assert messages[-1].content == "The sums are 3 and 34"
    assert server.refusals == []
    first, second = server.requests
    assert (first.system, first.human_text, first.model) == (
        "You add.",
        "Please do it.\nTask: addition",
        "gpt-test",
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
        ("add", "3", None),
        ("add", "34", None),
    ]
    assert "authorization" not in first.headers
    outputs = [len(["Adding.", "add", '{"a":', "1,", '"b":', "2}", "add", '{"a":', "30,", '"b":', "4}"]), 6]
    assert spent(messages) == list(zip([first.input_tokens, second.input_tokens], outputs, strict=True))


def test_a_stream_carries_text_and_tool_calls_in_pieces_and_the_usage_at_the_end():
    with OpenAIServer(adds_twice) as server:
        chunks = stream(chat(server, stream_usage=True))
    assert "".join(str(chunk.text) for chunk in chunks) == "Adding.The sums are 3 and 34"
    assert len([chunk for chunk in chunks if chunk.text]) > 2
    assert len([chunk for chunk in chunks if chunk.tool_call_chunks]) > 2
    assert [request.stream for request in server.requests] == [True, True]
    counted = [usage for usage in spent(chunks) if usage != (-1, -1)]
    assert counted == [(request.input_tokens, output) for request, output in zip(server.requests, [11, 6], strict=True)]


def test_a_stream_has_no_usage_unless_it_is_asked_for():
    with OpenAIServer(StopsEarly("Done.")) as server:
        chunks = stream(chat(server))
    assert set(spent(chunks)) == {(-1, -1)}


def test_the_client_waits_out_a_rate_limit():
    brain = FailsThen(1, 429, then=adds_twice, retry_after_s=0.02)
    with OpenAIServer(brain) as server:
        messages = run(chat(server, max_retries=1))
    assert messages[-1].content == "The sums are 3 and 34"
    assert server.request_count == 3


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [
        (429, openai.RateLimitError, "requests", "rate_limit_exceeded"),
        (500, openai.InternalServerError, "server_error", None),
    ],
)
def test_a_lasting_failure_reaches_the_caller_in_the_vendors_shape(
    status: int, error: type[openai.APIStatusError], kind: str, code: str | None
):
    with OpenAIServer(Failing(status, retry_after_s=0.02)) as server, pytest.raises(error) as raised:
        run(chat(server, max_retries=1))
    assert (raised.value.status_code, raised.value.type, raised.value.code) == (status, kind, code)
    assert str(raised.value.request_id).startswith("req_")
    assert server.request_count == 2


@pytest.mark.parametrize(
    ("brain", "complaint"),
    [
        (MalformedArguments(kind="types", then=adds_twice), "valid integer"),
        (UnknownTool(then=adds_twice), "no_such_tool"),
    ],
)
def test_an_impossible_call_becomes_an_error_message_and_the_loop_goes_on(brain: Brain, complaint: str):
    with OpenAIServer(brain) as server:
        messages = run(chat(server))
    refused, *done = tool_messages(messages)
    assert refused.status == "error"
    assert complaint in str(refused.content)
    assert [message.content for message in done] == ["3", "34"]


@pytest.mark.parametrize("streamed", [False, True])
def test_broken_json_becomes_an_invalid_tool_call_and_ends_the_agent_loop(streamed: bool):
    # LangChain 1.4.7 goes on only from valid tool calls: whoever needs the loop to go on must ask again.
    with OpenAIServer(MalformedArguments(kind="json", then=adds_twice)) as server:
        messages = run(chat(server, streaming=streamed))
    last = messages[-1]
    assert isinstance(last, AIMessage)
    assert [call["args"] for call in last.invalid_tool_calls] == [UNMENDABLE_JSON]
    assert server.request_count == 1


def test_json_cut_off_in_a_stream_is_mended_by_langchain_and_executed():
    # The hazard that guards of money must know: 45 was on its way, 4 is what the tool gets.
    cut = Turn(calls=[("add", '{"a": 30, "b": 4')], cut_off=True)
    with OpenAIServer(Planned({"addition": [cut]})) as server:
        messages = run(chat(server, streaming=True))
    assert [message.content for message in tool_messages(messages)] == ["34"]
    assert messages[1].response_metadata["finish_reason"] == "length"


def test_a_looping_model_is_stopped_by_its_caller_alone():
    with (
        OpenAIServer(Loops("add", {"a": 1, "b": 1})) as server,
        pytest.raises(Exception, match="recursion") as raised,
    ):
        run(chat(server))
    assert type(raised.value).__name__ == "GraphRecursionError"
    assert server.request_count == 10


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("drop", ["before", "middle"])
def test_a_dropped_connection_is_an_error_of_the_transport(drop: Any, streamed: bool):
    with (
        OpenAIServer(Planned({"addition": [Turn("Adding.", drop=drop)]})) as server,
        pytest.raises(Exception) as raised,
    ):
        run(chat(server, streaming=streamed))
    assert type(raised.value).__name__ in (
        "APIConnectionError",
        "RemoteProtocolError",
        "OpenAIConnectionError",
    )
    assert server.request_count == 1


async def test_answers_wait_for_the_latency_side_by_side():
    loop = asyncio.get_running_loop()
    with OpenAIServer(StopsEarly("Done."), latency_s=0.2) as server:
        async with openai.AsyncOpenAI(base_url=server.url, api_key=server.api_key) as client:
            started = loop.time()
            ask: Any = {"model": "gpt-test", "messages": [{"role": "user", "content": "Hello"}]}
            await asyncio.gather(*(client.chat.completions.create(**ask) for _ in range(5)))
            took_s = loop.time() - started
    assert took_s >= 0.2
    assert server.peak_in_flight == 5


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(StopsEarly()) as running:
        yield running


CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
ASKED = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
OFFER = [{"type": "function", "function": convert_to_openai_function(add)}]
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "3"}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"temperature": 3}, "temperature"),
        ({"messages": [{"role": "robot", "content": "Hello"}]}, "messages[0].role"),
        ({"messages": ASKED}, "messages[2].role"),
        ({"messages": [*ASKED, {"role": "user", "content": "And?"}, RESULT]}, "messages[2].role"),
        ({"messages": [*ASKED, RESULT, RESULT]}, "messages[3].role"),
        ({"messages": [RESULT]}, "messages[0].role"),
        ({"messages": [{"role": "assistant", "content": None}]}, "messages[0]"),
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0]"),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "t", "parameters": {"type": "object", "required": 1}},
                    }
                ]
            },
            "tools[0].function.parameters",
        ),
    ],
)
def test_rubbish_is_refused_and_named(change: dict[str, Any], param: str, server: OpenAIServer):
    good = {"model": "gpt-test", "messages": [*ASKED, RESULT]}
    assert post(server, good).status_code == 200
    asked = len(server.requests)
    answer = post(server, good | change)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert (server.refusals[-1].message, len(server.requests)) == (error["message"], asked)


def test_a_wrong_or_missing_key_and_an_unknown_path_are_refused():
    with OpenAIServer(StopsEarly()) as server:
        wrong = post(server, {}, authorization="Bearer wrong")
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")
        assert httpx.post(f"{server.url}/chat/completions", json={}).status_code == 401
        assert httpx.get(f"{server.url}/elsewhere").status_code == 404
    assert server.request_count == 3


@pytest.mark.parametrize(
    ("brain", "complaint"),
    [
        (Planned({"subtraction": []}), "names a task"),
        (Sensible(Planned({"addition": [Turn(calls=[("subtract", {})])]})), "there are \\['add'\\]"),
        (Sensible(Planned({"addition": [Turn(calls=[("add", {"a": "x"})])]})), "does not fit its schema"),
    ],
)
def test_a_brain_at_a_loss_fails_the_test_that_uses_it(brain: Brain, complaint: str):
    with (
        pytest.raises((LookupError, ValueError), match=complaint),
        OpenAIServer(brain) as server,
        pytest.raises(openai.InternalServerError),
    ):
        run(chat(server))


def test_answers_streams_and_errors_fit_the_vendors_specification(fits_specification: Check):
    ask = {"model": "gpt-test", "messages": [{"role": "user", "content": "Task: addition"}], "tools": OFFER}
    with OpenAIServer(adds_twice) as server:
        whole = post(server, ask)
        streamed = post(server, ask | {"stream": True, "stream_options": {"include_usage": True}})
        refused = post(server, {})
    fits_specification("openai.json", "CreateChatCompletionResponse", whole.json())
    fits_specification("openai.json", "ErrorResponse", refused.json())
    *chunks, done = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line]
    assert done == "[DONE]"
    assert len(chunks) > 5
    for chunk in chunks:
        fits_specification("openai.json", "CreateChatCompletionStreamResponse", json.loads(chunk))
