"""Agents take LangChain's tools, an integration's, and plain functions; what holds for tools of ours holds for them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain.tools import ToolRuntime
from langchain_core.messages import ToolMessage
from langchain_core.tools import StructuredTool, ToolException
from langchain_core.tools import tool as langchain_tool
from langgraph.types import Command
from pydantic import BaseModel
from sqlalchemy import select

from crew.model_room import ModelRoom
from crew.tiny_crew import World, calls, only, work, working_crew
from model_servers.script import Planned, Turn
from newfuse import (
    Agent,
    ConfigurationError,
    Crew,
    Job,
    Procedure,
    ToolFailed,
    ToolResult,
    call,
    create_integration,
    runbook,
    tool,
)
from newfuse.crew.runbook import Brief, Runbook
from newfuse.crew.tool_adapter import CONTENT_LIMIT
from newfuse.http.context import CALL
from newfuse.report.results import TaskStatus
from newfuse.sandbox.faults import Fault
from newfuse.store.schema import effects

COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED
SECRET = "sk_live_abcdefgh12345678"
PERSON = {"name": "John Doe", "email": "john.doe@example.com", "orders": 3}
HERE = "tests/crew/test_tools_of_any_kind.py, line "
SEEN: list[Any] = []


class Page(BaseModel):
    """A page."""

    title: str
    words: int


def in_words(topic: str) -> str:
    """Say something.

    Args:
        topic: Of this.
    """
    SEEN.append((CALL.get().task, CALL.get().agent, threading.current_thread() is threading.main_thread()))
    return f"about {topic}, with {SECRET} of john.doe@example.com"


async def as_dict(topic: str) -> dict[str, Any]:
    """Look up a person.

    Args:
        topic: About this.
    """
    SEEN.append((CALL.get().task, CALL.get().agent, True))
    return {"topic": topic, **PERSON}


async def as_model(topic: str, words: int = 2) -> Page:
    """Look up a page.

    Args:
        topic: Its title.
        words: How many.
    """
    return Page(title=topic, words=words)


def listed() -> Any:
    """Return what no tool returns."""
    return [1]


def broken() -> str:
    """Break off."""
    return str(1 / len(""))


@langchain_tool
async def look_up(topic: str, limit: int = 3) -> str:
    """Look something up."""
    SEEN.append((CALL.get().task, CALL.get().agent, True))
    if topic == "nothing":
        raise LookupError("no such topic")
    if topic == "refused":
        raise ToolException("that topic is refused")
    return f"about {topic}, {limit} times, with {SECRET} of john.doe@example.com"


@langchain_tool
def slow_look_up(topic: str) -> str:
    """Look something up, blocking."""
    SEEN.append((CALL.get().task, CALL.get().agent, threading.current_thread() is threading.main_thread()))
    return f"about {topic}"


@langchain_tool
def where_am_i(topic: str, runtime: ToolRuntime) -> str:
    """Say what LangGraph supplies."""
    return f"{topic} in a conversation of {len(runtime.state['messages'])}, call {bool(runtime.tool_call_id)}"


@langchain_tool
def commands(topic: str, runtime: ToolRuntime) -> Command[Any]:
    """Answer with a change of the state."""
    answer = ToolMessage(f"changed {topic} of john.doe@example.com", tool_call_id=runtime.tool_call_id)
    return Command(update={"messages": [answer]})


@langchain_tool(return_direct=True)
def ends(topic: str) -> str:
    """Answer in the place of the agent."""
    return f"the end of {topic}"


@langchain_tool(response_format="content_and_artifact")
def with_data(topic: str) -> tuple[str, dict[str, Any]]:
    """Answer with data for programs."""
    return f"about {topic}", {"topic": topic}


@langchain_tool
def picture(topic: str) -> list[dict[str, Any]]:
    """Answer with a picture."""
    data = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    return [{"type": "text", "text": f"about {topic}"}, data]


FROM_A_SERVER = StructuredTool(
    name="from-a-server",
    description="Described by JSON Schema alone, as a server of tools does.",
    args_schema={"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]},
    func=lambda topic: f"served {topic}",
)
HANDLED = StructuredTool.from_function(coroutine=look_up.coroutine, name="handled", handle_tool_error=True)

ANY_KIND: list[tuple[Any, str, Any]] = [
    (in_words, f"about tides, with {SECRET} of john.doe@example.com", "about tides, with [redacted] of j…@example.com"),
    (as_dict, {"topic": "tides", **PERSON}, '"name": "[masked]", "email": "j…@example.com", "orders": 3'),
    (as_model, {"title": "tides", "words": 2}, '{"title": "tides", "words": 2}'),
    (
        look_up,
        f"about tides, 3 times, with {SECRET} of john.doe@example.com",
        "about tides, 3 times, with [redacted] of j…@example.com",
    ),
    (slow_look_up, "about tides", "about tides"),
    (where_am_i, "tides in a conversation of 2, call True", "tides in a conversation of 2, call True"),
    (commands, None, "changed tides of j…@example.com"),
    (ends, "the end of tides", "the end of tides"),
    (with_data, {"topic": "tides"}, "about tides"),
    (picture, "about tides", "about tides\n(1 parts that are no text were left out)"),
    (FROM_A_SERVER, "served tides", "served tides"),
]


def name_of(given: Any) -> str:
    return str(getattr(given, "name", "") or given.__name__)


def asking_with_each(results: dict[str, Any]) -> Crew:
    """An agent with every kind of tool, and a task for each of them."""

    def asks(name: str) -> Runbook:
        @runbook
        def procedure(brief: Brief) -> Procedure:
            results[name] = yield call(name, topic="tides")
            return "Asked, and went on."

        return procedure

    tools = [given for given, _, _ in ANY_KIND]
    agent = Agent(name="worker", role="Worker", goal="Work", tools=tools)
    return Crew("tiny", agents=[agent], tasks=[work(task_of(given), asks(name_of(given))) for given in tools])


def task_of(given: Any) -> str:
    return f"with_{name_of(given)}".replace("-", "_")


def assert_calls_knew_their_task() -> None:
    """What blocks did so in a thread of its own."""
    blocking = (in_words, slow_look_up)
    known = {(task_of(given), "worker", given not in blocking) for given in (*blocking, as_dict, look_up)}
    assert known == set(SEEN)
    SEEN.clear()


async def test_runbooks_call_tools_of_any_kind_and_receive_whole_data(world: World):
    results: dict[str, Any] = {}
    SEEN.clear()
    output = await world.run(asking_with_each(results), {})
    for given, for_programs, _ in ANY_KIND:
        task = task_of(given)
        outcome = next(one for one in output.record.outcomes if one.name == task)
        assert (task, COMPLETED, "Asked, and went on.") == (task, outcome.status, outcome.prose)
        assert [1] == [one.tool_calls for one in outcome.performances]
        if for_programs is not None:
            assert for_programs == results[name_of(given)]
    assert_calls_knew_their_task()


async def test_models_call_tools_of_any_kind_and_are_shown_nobodys_data(world: World, model: ModelRoom):
    SEEN.clear()
    steps = {
        f"Task: {task_of(given)}": [Turn(calls=[(name_of(given), {"topic": "tides"})])] for given, _, _ in ANY_KIND
    }
    model.think(Planned(steps, finish=Turn("Asked.")))
    output = await world.run(asking_with_each({}), {}, model=model.name())
    shown = {one.tool_name: one.text for request in model.requests for one in request.tool_results}
    for given, _, for_models in ANY_KIND:
        task = task_of(given)
        outcome = next(one for one in output.record.outcomes if one.name == task)
        assert (task, COMPLETED, "Asked.") == (task, outcome.status, outcome.prose)
        assert [1] == [one.tool_calls for one in outcome.performances]
        assert for_models in shown[name_of(given)]
    assert SECRET not in json.dumps([one.raw for one in model.requests])
    assert_calls_knew_their_task()


def test_a_function_has_the_schema_it_would_have_as_a_tool():
    async def page(job: Job, topic: str, words: int = 2) -> ToolResult:
        """Look up a page.

        Args:
            topic: Its title.
            words: How many.
        """
        return ToolResult("")

    [one, other] = Agent(name="worker", role="r", goal="g", tools=[as_model, tool(page)]).toolbox
    assert one.description == other.description == "Look up a page."
    schemas = [each.signature.arguments.model_json_schema()["properties"] for each in (one, other)]  # type: ignore[union-attr]
    assert schemas[0] == schemas[1]


@pytest.mark.parametrize("given", [in_words, look_up], ids=name_of)
async def test_a_result_is_cut_for_models_alone(given: Any, world: World, model: ModelRoom):
    topic = "tides " * CONTENT_LIMIT
    results: list[Any] = []

    @runbook
    def asks(brief: Brief) -> Procedure:
        results.append((yield call(name_of(given), topic=topic)))
        return None

    crew = working_crew([given], work("asking", asks))
    await world.run(crew, {})
    model.think(Planned({"Task: asking": [Turn(calls=[(name_of(given), {"topic": topic})])]}))
    await world.run(crew, {}, model=model.name())
    [result] = model.requests[-1].tool_results
    assert (True, True) == (len(results[0]) > 6 * CONTENT_LIMIT, len(result.text) < CONTENT_LIMIT + 100)
    assert "characters in all)" in result.text


FAILURES: list[tuple[Any, dict[str, Any], str]] = [
    (broken, {}, f"broken broke off with an internal fault (ZeroDivisionError at {HERE}"),
    (listed, {}, ") returned a list, but a tool returns a str, a dict, a pydantic model or a ToolResult"),
    (look_up, {"topic": "nothing"}, "look_up broke off with an internal fault (LookupError)"),
    (look_up, {"topic": "refused"}, "that topic is refused"),
    (HANDLED, {"topic": "refused"}, "that topic is refused"),
]


@pytest.mark.parametrize(
    ("given", "arguments", "complaint"), FAILURES, ids=[f"{name_of(one[0])} {one[1]}" for one in FAILURES]
)
async def test_a_failing_tool_of_any_kind_fails_its_task_by_name_and_no_other(
    given: Any, arguments: dict[str, Any], complaint: str, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(__file__.partition("/tests/")[0])
    tools = [broken, listed, look_up, HANDLED]
    crew = working_crew(
        tools,
        work("asking", calls(name_of(given), **arguments)),
        work("sound", calls("look_up", topic="tides")),
    )
    output = await world.run(crew, {})
    failed, sound = output.record.outcomes
    assert (FAILED, COMPLETED) == (failed.status, sound.status)
    assert complaint in str(failed.error)


async def test_a_failure_of_a_langchain_tool_can_be_caught_and_mended(world: World):
    @runbook
    def again(brief: Brief) -> Procedure:
        try:
            yield call("look_up", topic="refused")
        except ToolFailed as failed:
            yield call("look_up", topic="tides")
            return failed.message
        return "never"

    outcome = only(await world.run(working_crew([look_up], work("asking", again)), {}))
    assert (COMPLETED, "that topic is refused") == (outcome.status, outcome.prose)


async def test_wrong_arguments_of_a_langchain_tool_are_explained_and_fail_nothing(world: World, model: ModelRoom):
    model.think(Planned({"Task: asking": [Turn(calls=[("look_up", {"topic": "tides", "limit": "many"})])]}))
    outcome = only(await world.run(working_crew([look_up], work("asking")), {}, model=model.name()))
    assert COMPLETED == outcome.status
    [result] = model.requests[-1].tool_results
    assert "limit: Input should be a valid integer" in result.text


async def test_a_cancelled_run_cancels_the_langchain_tool_it_waits_for(world: World):
    begun = asyncio.Event()

    @langchain_tool
    async def waits() -> str:
        """Wait for ever."""
        begun.set()
        await asyncio.Event().wait()
        return "never"

    running = asyncio.create_task(world.run(working_crew([waits], work("asking", calls("waits"))), {}))
    await asyncio.wait_for(begun.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "INTERRUPTED" == (await world.rows())[0]["status"]


# --- declared wrongly -----------------------------------------------------------------------------------------------


def undescribed(topic: str) -> str:
    """Say something."""
    return topic


def undocumented() -> str:
    return ""


def untyped(topic) -> str:  # type: ignore[no-untyped-def]
    """Say something.

    Args:
        topic: Of this.
    """
    return str(topic)


def lists() -> list[str]:
    """List something."""
    return []


def nowhere(topic: NoSuchType) -> str:  # type: ignore[name-defined]  # noqa: F821
    """Say something.

    Args:
        topic: Of this.
    """
    return str(topic)


def annotated() -> Annotated[str, "a text"]:
    """Say something."""
    return ""


WRONG: list[tuple[Any, str]] = [
    (undescribed, "parameter 'topic' needs a description under Args:"),
    (undocumented, "needs a docstring"),
    (untyped, "parameter 'topic' needs a type annotation"),
    (lists, "it says that it returns list[str], but a tool returns a str"),
    (nowhere, "name 'NoSuchType' is not defined"),
]


@pytest.mark.parametrize(("function", "complaint"), WRONG, ids=[name_of(one[0]) for one in WRONG])
def test_a_misdeclared_function_is_refused_with_its_name_file_and_line(
    function: Callable[..., Any], complaint: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(__file__.partition("/tests/")[0])
    with pytest.raises(ConfigurationError) as refused:
        Agent(name="worker", role="r", goal="g", tools=[function])
    place = f"tool {function.__name__} ({HERE}{function.__code__.co_firstlineno}): "
    assert refused.value.for_model.startswith(place)
    assert complaint in refused.value.for_model


def test_a_misdeclared_tool_of_ours_names_its_file_and_line():
    async def page(job: Job, topic: str) -> ToolResult:
        """Look up a page."""
        return ToolResult(topic)

    with pytest.raises(TypeError, match=r"tool page \(.*test_tools_of_any_kind\.py, line \d+\): parameter 'topic'"):
        tool(page)
    with pytest.raises(TypeError, match=r"tool in_words \(.*: a tool's first parameter is `job: Job`"):
        tool(in_words)


@pytest.mark.parametrize("given", ["look_up", None, Page, ToolResult("x"), 7])
def test_what_is_no_tool_is_refused(given: Any):
    with pytest.raises(ConfigurationError, match="a tool is a function, a Tool or a LangChain tool, not "):
        Agent(name="worker", role="r", goal="g", tools=[given])


def test_a_type_that_says_more_than_its_class_is_read():
    assert ["annotated"] == Agent(name="worker", role="r", goal="g", tools=[annotated]).tool_names


@pytest.mark.parametrize("name", ["with space", "ümlaut", "x" * 65, ""])
def test_a_name_that_no_model_takes_is_refused(name: str):
    given = StructuredTool(name=name, description="d", args_schema=Page, func=lambda **_: "")
    with pytest.raises(ConfigurationError, match="agent worker: a tool cannot be called"):
        Agent(name="worker", role="r", goal="g", tools=[given])


def test_tools_of_different_kinds_may_not_share_a_name():
    named = StructuredTool(name="in_words", description="d", args_schema=Page, func=lambda **_: "")
    with pytest.raises(ConfigurationError, match="agent worker: two tools are called in_words"):
        Agent(name="worker", role="r", goal="g", tools=[in_words, named])


# --- an integration's tools -------------------------------------------------------------------------------------------

PAY = {"amount": 501, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}


def cashiers(*tasks: Any) -> Crew:
    """A crew whose agent has Stripe's own tools; the integration they come from leads to the vendor itself."""
    stripe = create_integration("stripe", api_key="rk_live_of_the_vendor_itself_0123")
    return Crew("tiny", agents=[Agent(name="worker", role="r", goal="g", tools=stripe.tools())], tasks=tasks)


async def effect_rows(world: World) -> list[tuple[Any, ...]]:
    columns = (effects.c.integration, effects.c.action, effects.c.task, effects.c.agent, effects.c.state)
    return await world._read(lambda connection: [tuple(row) for row in connection.execute(select(*columns))])


async def test_an_integrations_tools_write_through_the_runs_own_world_and_ledger(world: World, model: ModelRoom):
    @runbook
    def pays(brief: Brief) -> Procedure:
        first = yield call("stripe_create_payment_intent", **PAY)
        again = yield call("stripe_create_payment_intent", **PAY)
        return "the same" if first["id"] == again["id"] else "another"

    output = await world.run(cashiers(work("paying", pays)), {})
    assert (COMPLETED, "the same", [501]) == (only(output).status, output["paying"].text, world.taken)
    recorded = [("stripe", "create_payment_intent", "paying", "worker", "confirmed")]
    assert recorded == await effect_rows(world)
    assert (1, 1) == (only(output).effects.confirmed, output.result.integrations["stripe"].records)
    assert output.result.tasks[0].calls == output.result.integrations["stripe"].calls > 0

    model.think(Planned({"Task: paying": [Turn(calls=[("stripe_create_payment_intent", PAY)])]}, finish=Turn("Paid.")))
    led = await world.run(cashiers(work("paying")), {}, model=model.name())
    assert (COMPLETED, [501, 501], recorded * 2) == (only(led).status, world.taken, await effect_rows(world))


async def test_a_vendor_that_fails_an_integrations_tool_fails_its_task_as_it_would_any(world: World):
    world.server.sandbox.faults.add(
        Fault(slug="stripe", kind="status", method="POST", path="/v1/payment_intents", status=401)
    )
    outcome = only(await world.run(cashiers(work("paying", calls("stripe_create_payment_intent", **PAY))), {}))
    assert (FAILED, 1, 1) == (outcome.status, outcome.effects.planned, outcome.effects.failed)
    assert str(outcome.error).startswith("stripe (HTTP 401)")


async def test_what_a_vendor_answers_is_masked_for_a_model(world: World, model: ModelRoom):
    made = {"email": "john.doe@example.com", "name": "John Doe"}
    model.think(Planned({"Task: asking": [Turn(calls=[("stripe_create_customer", made)])]}, finish=Turn("Done.")))
    outcome = only(await world.run(cashiers(work("asking")), {}, model=model.name()))
    assert COMPLETED == outcome.status
    [result] = model.requests[-1].tool_results
    assert ("John" in result.text, "j…@example.com" in result.text) == (False, True)


@pytest.mark.parametrize("settings", [{"id": "stripe_eu"}, {"account": "second"}])
def test_tools_of_a_second_account_are_refused_with_the_way_out(settings: dict[str, Any]):
    stripe = create_integration("stripe", api_key="rk_live_of_the_vendor_itself_0123", **settings)
    with pytest.raises(ConfigurationError, match=r"one account of each vendor.*create_integration\('stripe'\)"):
        Agent(name="worker", role="r", goal="g", tools=stripe.tools())
