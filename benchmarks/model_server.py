"""A model on loopback that speaks OpenAI's chat API and decides what the crew's runbooks decide.

`python -m benchmarks.model_server MODULE:CREW …` prints its address. It answers `POST /v1/chat/completions` as late as
the model's name says (`delay-200`: 200 ms after the request was read), `GET /stats` with what it was asked, and
`POST /reset`.

It is no test double: it checks nothing, so that it takes little of the machine that it shares with what is measured.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newfuse.crew.runbook import Runbook

TASK = re.compile(r"^Task: (\w+)", re.MULTILINE)  # the first line of what an agent is told of its task
HANDLE = re.compile(r'"handle": "([^"]+)"')  # the only result a runbook passes on
MODEL = re.compile(r"delay-([\d.]+)")


@dataclass(slots=True)
class Stats:
    """What the model was asked."""

    requests: int = 0
    turns: dict[str, int] = field(default_factory=dict)
    prompt_words: int = 0
    prompt_characters: int = 0
    answer_words: int = 0
    first_at: float | None = None
    """Seconds of the machine's monotonic clock, which all processes share."""


class ModelServer:
    """Answers by runbooks."""

    def __init__(self, runbooks: dict[str, Runbook]) -> None:
        self.runbooks = runbooks
        self.stats = Stats()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?im)^content-length: *(\d+)", head)
                body = await reader.readexactly(int(length.group(1))) if length else b""
                method, path, _ = head.split(" ", 2)
                status, answer = await self._answer(method, path, body)
                content = json.dumps(answer).encode()
                headers = f"content-type: application/json\r\ncontent-length: {len(content)}"
                writer.write(f"HTTP/1.1 {status} X\r\n{headers}\r\n\r\n".encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if (method, path) == ("GET", "/stats"):
            return 200, {name: getattr(self.stats, name) for name in Stats.__slots__}
        if (method, path) == ("POST", "/reset"):
            self.stats = Stats()
            return 200, {}
        if (method, path) != ("POST", "/v1/chat/completions"):
            return 404, {"error": {"message": f"no {method} {path}", "type": "invalid_request_error"}}
        arrived = time.monotonic()
        asked = json.loads(body)
        stats = self.stats
        stats.first_at = stats.first_at or arrived
        try:
            task, message = self._next(asked["messages"])
        except Exception as exc:  # the benchmark sees the failed task and says so
            return 400, {"error": {"message": f"{type(exc).__name__}: {exc}", "type": "invalid_request_error"}}
        prompt = json.dumps([asked["messages"], asked.get("tools")], ensure_ascii=False)
        answer = json.dumps(message, ensure_ascii=False)
        words, said = len(prompt.split()), len(answer.split())
        stats.requests += 1
        stats.turns[task] = stats.turns.get(task, 0) + 1
        stats.prompt_words += words
        stats.prompt_characters += len(prompt)
        stats.answer_words += said
        named = MODEL.search(asked["model"])
        if named is not None:
            await asyncio.sleep(max(0.0, float(named.group(1)) / 1000 - (time.monotonic() - arrived)))
        return 200, {
            "id": f"chatcmpl-{stats.requests}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": asked["model"],
            "choices": [
                {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
            ],
            "usage": {"prompt_tokens": words, "completion_tokens": said, "total_tokens": words + said},
        }

    def _next(self, messages: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
        """Replay the runbook of the task over the conversation and return its next message."""
        from newfuse.crew.runbook import Brief

        texts = [str(message["content"]) for message in messages if message["role"] == "user"]
        named = next(found for text in texts if (found := TASK.search(text)))
        task = named.group(1)
        results = {message["tool_call_id"]: _result(message) for message in messages if message["role"] == "tool"}
        turns = [message for message in messages if message["role"] == "assistant"]
        procedure = self.runbooks[task].start(Brief(task))
        try:
            step = next(procedure)
            for turn in turns:
                answers = [results[call["id"]] for call in turn["tool_calls"]]
                step = procedure.send(answers if isinstance(step, list) else answers[0])
        except StopIteration as done:
            return task, {"role": "assistant", "content": str(done.value)}
        calls = [
            {
                "id": f"call_{len(turns)}_{number}",
                "type": "function",
                "function": {"name": wish.tool, "arguments": json.dumps(wish.arguments)},
            }
            for number, wish in enumerate(step if isinstance(step, list) else [step])
        ]
        return task, {"role": "assistant", "content": None, "tool_calls": calls}


def _result(message: dict[str, Any]) -> dict[str, Any]:
    found = HANDLE.search(str(message["content"]))
    return {"handle": found.group(1)} if found else {}


async def run(crews: list[str]) -> None:
    """Serve until the process is ended."""
    runbooks: dict[str, Runbook] = {}
    for text in crews:
        module, _, name = text.partition(":")
        crew = getattr(importlib.import_module(module), name)
        runbooks.update({task.name: task.runbook for task in crew.tasks.values()})
    server = await asyncio.start_server(ModelServer(runbooks).serve, "127.0.0.1", 0, limit=2**24)
    port = server.sockets[0].getsockname()[1]
    print(f"Model listening on http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1:]))
