from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from crew.tiny_crew import World, calls, look_up, pay, payer, paying, paying_crew, work, working_crew
from newfuse import Agent, ConfigurationError, Crew, Task, Words

WORKER = Agent(name="worker", role="Worker", goal="Work")


def crew_of(*tasks: Task) -> Crew:
    return Crew("tiny", agents=[WORKER], tasks=tasks)


def test_tasks_that_wait_for_each_other_are_refused_with_the_circle():
    with pytest.raises(ConfigurationError, match=r"in a circle: (a → b → c → a|b → c → a → b|c → a → b → c)"):
        crew_of(work("a", context=["b"]), work("b", context=["c"]), work("c", context=["a"]))


def test_a_task_that_waits_for_itself_is_refused():
    with pytest.raises(ConfigurationError, match="circle: a → a"):
        crew_of(work("a", context=["a"]))


def test_a_task_that_blocks_what_it_waits_for_is_refused():
    with pytest.raises(ConfigurationError, match="circle"):
        crew_of(work("a", context=["b"], is_async=False), work("b"))


def test_a_refused_task_leaves_the_crew_as_it_was():
    crew = Crew("tiny", agents=[WORKER])
    crew.add_task(work("a", context=["b"]))
    with pytest.raises(ConfigurationError, match="circle"):
        crew.add_task(work("b", context=["a"]))
    crew.add_task(work("b"))
    crew.check()
    assert list(crew.tasks) == ["a", "b"]


def test_a_context_that_is_not_in_the_crew_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="task b waits for elsewhere, which is not in the crew"):
        crew_of(work("a"), work("b", context=["a", "elsewhere"]))


def test_the_context_may_be_added_later_but_not_be_missing_at_the_run():
    crew = Crew("tiny", agents=[WORKER]).add_task(work("late", context=["early"]))
    with pytest.raises(ConfigurationError, match="waits for early"):
        crew.run({})


@pytest.mark.parametrize("agent", ["nobody", Agent(name="worker", role="Another worker", goal="Work")])
def test_an_agent_that_is_not_in_the_crew_is_refused(agent: Any):
    with pytest.raises(ConfigurationError, match=r"which is not in the crew \(worker\)"):
        crew_of(work("a", agent=agent))


def test_names_used_twice_are_refused():
    with pytest.raises(ConfigurationError, match="two agents are called worker"):
        Crew("tiny", agents=[WORKER, WORKER])
    with pytest.raises(ConfigurationError, match="two tasks are called a"):
        crew_of(work("a"), work("a"))
    with pytest.raises(ConfigurationError, match="two tools are called pay"):
        payer(pay, look_up, pay)


@pytest.mark.parametrize("name", ["", "Upper", "with space", "1st", "a-b", "a/../b", "a\n", "ä", "_a", "a" * 65])
def test_malformed_names_are_refused_everywhere(name: str):
    with pytest.raises(ConfigurationError, match="the name must be"):
        Crew(name)
    with pytest.raises(ConfigurationError, match="the name must be"):
        Agent(name=name, role="r", goal="g")
    with pytest.raises(ConfigurationError, match="the name must be"):
        work(name)


def test_a_limit_below_one_call_is_refused():
    with pytest.raises(ConfigurationError, match="call_limit must be at least 1"):
        payer(call_limit=0)


def test_a_crew_without_tasks_does_not_run():
    with pytest.raises(ConfigurationError, match="it has no tasks"):
        Crew("tiny", agents=[WORKER]).run({})


@pytest.mark.parametrize(
    ("description", "complaint"),
    [
        ("Pay {whom}.", "needs the input 'whom'"),
        ("Pay {}.", "cannot be filled in"),
        ("Pay {whom", "cannot be filled in"),
        ("Pay {amount[0]}.", "cannot be filled in"),
        ("Pay {amount.cents}.", "cannot be filled in"),
    ],
)
async def test_a_description_that_cannot_be_filled_in_is_refused_before_anything_is_begun(
    description: str, complaint: str, world: World
):
    crew = paying_crew(description=description, inputs={"amount": 3})
    with pytest.raises(ConfigurationError, match=complaint):
        await world.run(crew)
    assert not world.folder.exists()
    assert await world.rows() == []


async def test_the_runs_inputs_win_over_the_tasks():
    task = paying(description="Pay {whom} in {currency}.", inputs={"whom": "nobody", "currency": "usd"})
    assert task.brief({"whom": "all"}) == "Pay all in usd."


async def test_run_inside_of_async_code_names_the_way_out():
    with pytest.raises(ConfigurationError, match=r"await crew\.arun"):
        paying_crew().run({})
    assert asyncio.get_running_loop().is_running()


async def test_data_without_any_of_the_crews_datasets_is_refused(world: World):
    with pytest.raises(ConfigurationError, match="has none of payments; it has payment"):
        await world.run(paying_crew(), {"payment": []})


async def test_a_task_may_have_the_name_of_anything_in_the_engine(world: World):
    names = ["outcomes", "messages", "start", "end", "crew", "task"]
    crew = working_crew([pay], *(work(name, calls()) for name in names))
    output = await world.run(crew, {})
    assert [task.status for task in output.result.tasks] == ["completed"] * len(names)


def test_a_crew_without_words_is_called_by_its_name():
    assert "Parcel Returns" == Crew("parcel_returns").words.title
    named = Crew("parcel_returns", words=Words(work="Return"))
    assert ("Parcel Returns", "Return Status", "Returns") == (
        named.words.title,
        named.words.of("Status"),
        named.words.tasks,
    )


def test_templates_that_are_not_there_are_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"crew tiny: its folder .+ is not there: .*nowhere"):
        Crew("tiny", templates=tmp_path / "nowhere")


async def test_a_crews_own_template_takes_the_place_of_the_engines_and_of_no_other(world: World, tmp_path: Path):
    own = tmp_path / "templates"
    own.mkdir()
    (own / "task_report.md.jinja").write_text("# Receipt of {{ words.title | md }}: {{ outcome | title | md }}")
    crew = Crew("corner_shop", agents=[payer()], tasks=[paying()], templates=own)
    output = await world.run(crew)
    said = {path.name: path.read_text(encoding="utf-8") for path in output.files}
    assert "# Receipt of Corner Shop: Paying\n" == said["paying_report.md"]
    assert said["INTEGRATION_SUMMARY.md"].startswith("# Corner Shop Summary Report\n")
