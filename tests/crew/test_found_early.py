"""What could not work is found when the crew is built, or before a run begins anything."""

from __future__ import annotations

from typing import Any

import pytest

import newfuse
from crew.model_room import ModelRoom
from crew.tiny_crew import World, calls, pay, pay_all, payer, statuses, work, working_crew
from model_servers.script import StopsEarly
from newfuse import Agent, ConfigurationError, Crew, Job, Procedure, ToolResult, call, runbook, tool
from newfuse.crew.models import NOT_CONFIGURED, choose_model
from newfuse.crew.runbook import Brief, Call, Runbook
from newfuse.crew.runbook_calls import called_tools

NAMED = "named_outside"


@tool
async def known(job: Job) -> ToolResult:
    """Do nothing."""
    return ToolResult("done")


def helper(brief: Brief) -> Any:
    result = yield call("of_the_helper")
    yield from another_helper()
    return result


def another_helper() -> Any:
    yield from another_helper() if NAMED == "never" else ()
    yield call("of_another_helper")


@runbook
def many_ways(brief: Brief) -> Procedure:
    """Call tools in every way whose name stands in the text."""
    yield call("plain")
    yield [call("side"), call("by_side", dataset="x")]
    yield newfuse.call("by_module")
    yield call(tool="by_keyword")
    yield Call("by_class")
    yield call("either" if brief.inputs else "or_other")
    yield call(NAMED)
    try:
        yield call("tried")
    except newfuse.ToolFailed:
        yield from helper(brief)
    for made_up in ("a", "b"):
        yield call(made_up)
    yield call(brief.task)
    return "done"


def test_a_runbooks_text_tells_the_tools_it_calls():
    assert {
        *("plain", "side", "by_side", "by_module", "by_keyword", "by_class", "either", "or_other", NAMED, "tried"),
        *("of_the_helper", "of_another_helper"),
    } == set(called_tools(many_ways))


def made_while_running() -> Any:
    made: dict[str, Any] = {"call": call}
    exec("def procedure(brief):\n    yield call('x')", made)
    return made["procedure"]


@pytest.mark.parametrize(
    "procedure",
    [
        calls("made_up"),
        runbook(lambda brief: iter([call("in_a_lambda")])),  # type: ignore[arg-type,return-value]
        Runbook(print),  # type: ignore[arg-type]
        Runbook(made_while_running()),
    ],
    ids=["names in variables", "a lambda", "no function of ours", "no text"],
)
def test_what_a_text_does_not_tell_is_left_to_the_run(procedure: Runbook):
    assert called_tools(procedure).keys() <= {"in_a_lambda"}


def test_a_name_that_is_shadowed_is_no_call_of_a_tool():
    @runbook
    def shadowed(call: Any) -> Procedure:  # the brief, called as nobody should
        yield call("not_a_tool")

    assert {} == called_tools(shadowed)


def test_a_runbook_that_calls_what_its_agent_lacks_is_refused_with_file_and_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(__file__.partition("/tests/")[0])
    with pytest.raises(ConfigurationError) as refused:
        Crew("tiny", agents=[Agent(name="payer", role="r", goal="g", tools=[known])]).add_task(
            work("paying", pay_all, agent="payer")
        )
    line = pay_all.function.__code__.co_firstlineno + 2
    assert (
        f"crew tiny: the runbook of paying calls pay (tests/crew/tiny_crew.py, line {line}), which its agent payer "
        "lacks; it has: known." == refused.value.for_model
    )
    crew = Crew("tiny", agents=[payer(pay)]).add_task(work("paying", pay_all, agent="payer"))
    assert ["paying"] == list(crew.tasks)


async def test_tasks_nobody_can_do_are_refused_before_anything_is_begun(world: World):
    crew = working_crew([known], work("sound", calls("known")), work("one"), work("two"))
    for model in (None, "runbook"):
        with pytest.raises(ConfigurationError) as refused:
            await world.run(crew, {}, model=model)
        assert refused.value.for_model.startswith("crew tiny: one, two have no runbook and can only be done by a model")
        assert "Name one with --model or NEWFUSE_MODEL" in refused.value.for_model
    assert (False, []) == (world.folder.exists(), await world.rows())


async def test_an_agents_own_model_does_the_tasks_that_have_no_runbook(world: World, model: ModelRoom):
    model.think(StopsEarly("Done."))
    own = Agent(name="other", role="r", goal="g", model=model.name())
    crew = Crew("tiny", agents=[*working_crew([known]).agents.values(), own])
    crew.add_task(work("sound", calls("known"))).add_task(work("free", agent="other"))
    assert [] == crew.without_performer(choose_model(None))
    assert ["free"] == crew.without_performer(choose_model("runbook"))
    output = await world.run(crew, {})
    assert ["completed", "completed"] == [str(status) for status in statuses(output).values()]
    with pytest.raises(ConfigurationError, match="free has no runbook"):
        await world.run(crew, {}, model="runbook")


def test_without_a_model_every_task_without_a_runbook_is_named():
    assert NOT_CONFIGURED == choose_model(None).asked
    crew = working_crew([known], work("a"), work("b", calls("known")), work("c"))
    assert ["a", "c"] == crew.without_performer(choose_model(None))
