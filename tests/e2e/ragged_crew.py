"""A crew of twenty agents on a ragged graph: each weighs its own parcel and adds what those before it handed on."""

from __future__ import annotations

from pydantic import BaseModel

from newfuse import Agent, Brief, Crew, Job, Procedure, Task, Tool, ToolResult, call, runbook, tool
from newfuse.integrations.schema import read_signature

COUNT = 20


class Load(BaseModel):
    """What stands on the scales."""

    kilograms: int


def waits_for(number: int) -> list[int]:
    """A chain here, a fork there, and now and then a task that waits for many or for nobody."""
    if number % 7 == 0:
        return []
    if number % 5 == 0:
        return list(range(0, number, 3))
    return sorted({number - 1, number // 2})


def weight_of(number: int) -> int:
    return 3 * number + 1


def load_of(number: int) -> int:
    """What a task hands on when everything before it has arrived."""
    return weight_of(number) + sum(load_of(before) for before in waits_for(number))


def weighing(number: int) -> Tool:
    """The scales of one agent, which no other has."""

    async def weigh(job: Job) -> ToolResult:
        """Weigh the parcel of this agent."""
        job.fact(f"scales{number}.weighed", weight_of(number), "kilograms", kind="derived")
        return ToolResult(f"{weight_of(number)} kilograms were weighed.", {"kilograms": weight_of(number)})

    made = tool(weigh)
    return Tool(f"weigh{number}", read_signature(weigh, injected=("job",)), made.run, made.place)


@runbook
def procedure(brief: Brief) -> Procedure:
    number = brief.task.removeprefix("load")
    own = yield call(f"weigh{number}")
    before = sum(output.value.kilograms for output in brief.outputs.values())
    measured = sum(facts[f"scales{name.removeprefix('load')}.weighed"].value for name, facts in brief.facts.items())
    assert measured == sum(weight_of(int(name.removeprefix("load"))) for name in brief.context)
    return Load(kilograms=own["kilograms"] + before)


def task(number: int) -> Task:
    return Task(
        name=f"load{number}",
        description="Weigh the parcel, and add the loads before.",
        expected_output="The load so far.",
        agent=f"carrier{number}",
        is_async=number != 10,  # one in the middle holds back all that follow
        context=[f"load{before}" for before in waits_for(number)],
        required_facts=[f"scales{number}.weighed"],
        runbook=procedure,
        output_type=Load,
    )


crew = Crew(
    "ragged",
    agents=[
        Agent(name=f"carrier{number}", role=f"Carrier {number}", goal="Carry on", tools=[weighing(number)])
        for number in range(COUNT)
    ],
    tasks=[task(number) for number in range(COUNT)],
)
