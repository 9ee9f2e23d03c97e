"""The floor of a crew run: bare `create_agent` on a bare LangGraph graph, one model client, one bare httpx client.

It imports nothing of The New Fuse: what it loads and holds is what such a crew needs anyway.
"""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import httpx
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.messages import HumanMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, StateGraph
from pydantic import Field, create_model

from benchmarks.tape import Play, Row, playing

TYPES: dict[str | None, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}


def _merge(left: Row, right: Row) -> Row:
    return {**left, **right}


class State(TypedDict):
    """Closing words by task."""

    said: Annotated[Row, _merge]


async def run(told: Row, vendors: str, answers: str) -> None:
    """Run the crew of a tape once."""
    model = init_chat_model(
        "openai:delay-0", base_url=f"{answers}/v1", api_key="none", temperature=0.3, timeout=60.0, max_retries=2
    )
    async with httpx.AsyncClient(base_url=vendors, timeout=30.0) as client:
        with playing(told, client) as play:
            graph = StateGraph(State)
            for name, task in told.items():
                graph.add_node(name, _node(name, task, model, play))
                graph.add_edge(task["waits"] or START, name)
                graph.add_edge(name, END)
            state = await graph.compile().ainvoke({"said": {}})
    if state["said"].keys() != told.keys():
        raise RuntimeError(f"tasks are missing: {told.keys() - state['said'].keys()}")


def _node(name: str, task: Row, model: Any, play: Play) -> Any:
    async def work(state: State) -> Row:
        tools = [_tool(tool, play) for tool in task["tools"]]
        agent = create_agent(model, tools, system_prompt=task["system"])
        before = "\n".join(f"{earlier}: {state['said'][earlier]}" for earlier in task["waits"])
        end = await agent.ainvoke({"messages": [HumanMessage(f"{task['human']}\n\n{before}")]})
        return {"said": {name: str(end["messages"][-1].text)}}

    return work


def _tool(tool: Row, play: Play) -> StructuredTool:
    async def run(**_arguments: Any) -> str:
        await play(tool["requests"])
        return str(tool["text"])

    schema = tool["schema"]
    needed = set(schema.get("required", ()))
    fields: Row = {
        name: (
            TYPES.get(about.get("type"), Any),
            Field(... if name in needed else about.get("default"), description=about.get("description")),
        )
        for name, about in schema["properties"].items()
    }
    # A model for the arguments, as LangChain's own `@tool` makes one of a function's signature.
    arguments = create_model(tool["name"], __doc__=tool["description"], **fields)
    return StructuredTool(name=tool["name"], description=tool["description"], args_schema=arguments, coroutine=run)
