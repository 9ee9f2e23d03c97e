"""A model's tool calls are limited by the answer and by the performance; what is beyond is answered and not done."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from crew.model_room import ModelRoom, pays, plan
from crew.tiny_crew import AMOUNTS, World, endings, look_up, only, pay, paying_crew, who
from model_servers.conversation import Conversation
from model_servers.script import Turn
from newfuse import ConfigurationError, Job, Procedure, ToolResult, call, runbook, tool
from newfuse.crew.agent import TOOL_CALL_LIMIT
from newfuse.crew.runbook import Brief
from newfuse.crew.tool_call_limit import CALLS_PER_ANSWER
from newfuse.report.results import TaskStatus

COMPLETED = TaskStatus.COMPLETED
ASKED: Counter[str] = Counter()


@tool
async def ask(job: Job, what: str = "") -> ToolResult:
    """Ask a vendor something.

    Args:
        what: What to ask.
    """
    ASKED[job.run.run_id] += 1
    return ToolResult("asked")


def asks(times: int) -> Turn:
    return Turn(calls=[("ask", {"what": str(number)}) for number in range(times)])


def crew(limit: int = TOOL_CALL_LIMIT, **changes: Any) -> Any:
    return paying_crew(pay, look_up, ask, agent={"tool_call_limit": limit}, **changes)


def refused(conversation: Conversation, word: str) -> int:
    return sum(one.text.startswith("Not done: ") and word in one.text for one in conversation.tool_results)


async def test_of_an_answer_with_dozens_of_calls_the_first_few_are_made(world: World, model: ModelRoom):
    model.think(plan(asks(60), pays()))
    output = await world.run(crew(), model=model.name())
    outcome = only(output)
    assert (COMPLETED, AMOUNTS, ["done"]) == (outcome.status, world.taken, endings(outcome))
    assert CALLS_PER_ANSWER == ASKED[output.result.run_id]
    assert CALLS_PER_ANSWER + 1 == outcome.performances[0].tool_calls
    assert 60 - CALLS_PER_ANSWER == refused(model.requests[1], "one answer may hold 16 tool calls")
    assert [] == model.server.refusals  # every call was answered, as the vendors demand


async def test_calls_that_cannot_be_made_count_too(world: World, model: ModelRoom):
    wrong = Turn(calls=[("no_such_tool", {}), ("ask", {"what": 7})] * CALLS_PER_ANSWER)
    model.think(plan(wrong, pays()))
    outcome = only(await world.run(crew(), model=model.name()))
    assert (COMPLETED, AMOUNTS) == (outcome.status, world.taken)
    assert CALLS_PER_ANSWER == refused(model.requests[1], "one answer")


async def test_a_performance_that_uses_up_its_calls_is_followed_by_the_runbook(world: World, model: ModelRoom):
    model.think(lambda conversation: asks(4))
    output = await world.run(crew(10), model=model.name())
    outcome = only(output)
    assert (COMPLETED, AMOUNTS, 10) == (outcome.status, world.taken, ASKED[output.result.run_id])
    assert ["stopped: it had used its 10 tool calls", "done"] == endings(outcome)
    assert [f"{model.provider}:small", "runbook"] == who(outcome)
    assert 2 == refused(model.requests[3], "all of your 10 tool calls are used up")
    assert 4 == model.server.request_count  # the fourth answer was told so, called again, and was the last
    assert "it had used its 10 tool calls" in (output.folder / "paying_report.md").read_text(encoding="utf-8")


async def test_a_model_whose_calls_are_used_up_may_still_close_with_words(world: World, model: ModelRoom):
    model.think(plan(Turn(calls=[*pays().calls, *asks(5).calls])))
    outcome = only(await world.run(crew(3), model=model.name()))
    assert (COMPLETED, AMOUNTS, ["done"]) == (outcome.status, world.taken, endings(outcome))
    assert "All payments are taken." == outcome.prose


async def test_a_hundred_calls_are_made_of_a_model_that_only_calls(world: World, model: ModelRoom):
    model.think(lambda conversation: asks(17))
    output = await world.run(crew(), model=model.name())
    assert (COMPLETED, TOOL_CALL_LIMIT) == (only(output).status, ASKED[output.result.run_id])


async def test_a_runbook_makes_as_many_calls_as_it_needs(world: World):
    @runbook
    def procedure(_brief: Brief) -> Procedure:
        yield [call("ask") for _ in range(TOOL_CALL_LIMIT + CALLS_PER_ANSWER)]
        yield call("pay", dataset="payments")
        return "Done."

    output = await world.run(crew(1, runbook=procedure))
    assert (COMPLETED, AMOUNTS, 116) == (only(output).status, world.taken, ASKED[output.result.run_id])


def test_a_limit_below_one_is_refused():
    with pytest.raises(ConfigurationError, match="tool_call_limit must be at least 1"):
        crew(0)
