"""A tape of a crew's run: what its agents are told and what its tools ask the vendors, for a bare crew to do the same.

Playing the tape makes the same requests with the same bodies and hands the model the same results. Nothing is computed,
validated, written down or compared on the way: that difference is what the machinery costs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

TOOL: ContextVar[tuple[str, str]] = ContextVar("tool")
"""Task and tool that a request is made for."""

OWN_HEADERS = frozenset({"host", "content-length", "connection", "accept-encoding", "user-agent", "accept"})
SHORTEST_ID = 6  # characters; a shorter text that differs between two runs is no id, but a count or a time
Row = dict[str, Any]


class RecordingTransport(httpx.AsyncBaseTransport):
    """Sends requests on and notes them with their answers."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        task, tool = TOOL.get()
        row: Row = {
            "task": task,
            "tool": tool,
            "method": request.method,
            "path": request.url.raw_path.decode(),
            "headers": {name: value for name, value in request.headers.items() if name not in OWN_HEADERS},
            "content": (await request.aread()).decode(),
        }
        self._rows.append(row)
        answer = await self._network.handle_async_request(request)
        content = await answer.aread()
        row["status"] = answer.status_code
        row["answer"] = json.loads(content) if content else None
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._network.aclose()


async def record(crew: str, vendors: str, answers: str, file: str) -> Row:
    """Run a crew once and keep its tape in `file`; returns how many requests are on it."""
    from benchmarks.crew_runs import check_whole, load_crew, sample, scratch, world_at
    from benchmarks.servers import model_name
    from newfuse import Crew
    from newfuse.crew.briefing import system_prompt

    whole = load_crew(crew)
    rows: list[Row] = []
    texts: dict[str, str] = {}
    world = await world_at(vendors)
    world = replace(
        world,
        settings={slug: {**given, "transport": RecordingTransport(rows)} for slug, given in world.settings.items()},
    )
    tasks = [
        replace(
            task,
            agent=replace(
                whole.agent_of(task),
                name=f"{task.agent_name}_of_{task.name}",
                tools=[_noted(tool, task.name, texts) for tool in whole.agent_of(task).tools],
            ),
            context=task.context_names,
        )
        for task in whole.tasks.values()
    ]
    noted = Crew(whole.name, agents=[task.agent for task in tasks if not isinstance(task.agent, str)], tasks=tasks)
    with scratch() as folder:
        output = await noted.arun(
            sample(), environment=world, model=model_name(answers), out=folder / "reports", store=folder / "store"
        )
    check_whole(output)
    told = {
        task.name: {
            "system": system_prompt(whole.agent_of(task)),
            "human": f"Task: {task.name}\n\n{task.brief({})}\n\nExpected output: {task.expected_output}",
            "waits": task.context_names,
            "tools": [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "schema": tool.signature.arguments.model_json_schema(),
                    "text": texts.get(f"{task.name}.{tool.name}", "Not called."),
                    "requests": [row for row in rows if (row["task"], row["tool"]) == (task.name, tool.name)],
                }
                for tool in whole.agent_of(task).tools
            ],
        }
        for task in whole.tasks.values()
    }
    _keep(told, file)
    return {"requests": len(rows)}


def _keep(told: Row, file: str) -> None:
    Path(file).write_text(json.dumps(told))


def _noted(tool: Any, task: str, texts: dict[str, str]) -> Any:
    async def run(job: Any, **arguments: Any) -> Any:
        token = TOOL.set((task, tool.name))
        try:
            result = await tool.run(job, **arguments)
        finally:
            TOOL.reset(token)
        texts[f"{task}.{tool.name}"] = result.text
        return result

    return replace(tool, run=run)


class Names:
    """Puts the ids of this run in the place of the recorded ones."""

    def __init__(self, later: str) -> None:
        """Prepare.

        Args:
            later: Everything that will be asked: an id that does not stand in it is of no use.
        """
        self._later = later
        self._new: dict[str, str] = {}

    def now(self, text: str) -> str:
        """Return a recorded text as it must read in this run."""
        for old, new in self._new.items():
            text = text.replace(old, new)
        return text

    def learn(self, recorded: Any, answered: Any) -> None:
        """Compare an answer with the recorded one and remember the ids that differ."""
        for old, new in _pairs(recorded, answered):
            if old != new and len(old) >= SHORTEST_ID and old in self._later:
                self._new[old] = new


def _pairs(left: Any, right: Any) -> Iterator[tuple[str, str]]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in left.keys() & right.keys():
            yield from _pairs(left[name], right[name])
    elif isinstance(left, list) and isinstance(right, list):
        for one, other in zip(left, right, strict=False):
            yield from _pairs(one, other)
    elif isinstance(left, (str, int)) and isinstance(right, (str, int)):
        yield str(left), str(right)


Play = Callable[[list[Row]], Any]


@contextmanager
def playing(told: Row, client: httpx.AsyncClient) -> Iterator[Play]:
    """Yield a function that makes recorded requests with one client, in their order.

    Raises:
        RuntimeError: A vendor answered otherwise than it did to the crew.
    """
    rows = [row for task in told.values() for tool in task["tools"] for row in tool["requests"]]
    names = Names("\n".join(f"{row['path']} {row['content']}" for row in rows))

    async def play(requests: list[Row]) -> None:
        for row in requests:
            path, content = names.now(row["path"]), names.now(row["content"])
            answer = await client.request(row["method"], path, headers=row["headers"], content=content)
            if answer.status_code != row["status"]:
                wrong = f"{answer.status_code} instead of {row['status']}"
                raise RuntimeError(f"{row['method']} {path}: {wrong}: {answer.text}")
            names.learn(row["answer"], answer.json() if answer.content else None)

    yield play
