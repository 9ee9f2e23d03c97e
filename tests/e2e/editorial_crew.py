"""A crew that knows no vendor and no records: one reads up a topic, one writes, one reviews what was written."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from newfuse import Agent, Brief, Crew, Procedure, Task, call, runbook

SHELF = {
    "tides": [
        ("The moon draws the water towards it.", "an almanac"),
        ("Spring tides follow the full moon.", "a pilot's book"),
        ("A harbour may see a single tide a day.", "a letter"),
    ]
}


class Claim(BaseModel):
    """One thing that was found out, and where."""

    text: str
    source: str = Field(description="Where it was read.")


class Notes(BaseModel):
    """What was found out about a topic."""

    topic: str
    claims: list[Claim] = Field(min_length=1)


class Review(BaseModel):
    """What a reviewer says of an article."""

    approved: bool
    words: int
    missing: list[str] = Field(description="Claims that the article leaves out.")


def read_up(topic: str) -> dict[str, Any]:
    """Read up a topic on the shelf.

    Args:
        topic: What to look for, in one word.

    Returns:
        The claims that were found, each with its source.
    """
    return {"topic": topic, "claims": [{"text": text, "source": source} for text, source in SHELF[topic]]}


async def count_words(text: str) -> dict[str, int]:
    """Count the words of a text.

    Args:
        text: The text.
    """
    return {"words": len(text.split())}


def article_of(topic: str, claims: list[str]) -> str:
    return f"On {topic}. {' '.join(claims)}"


@runbook
def researching(brief: Brief) -> Procedure:
    found = yield call("read_up", topic=brief.inputs["topic"])
    return Notes(**found)


@runbook
def writing(brief: Brief) -> Procedure:
    yield []
    notes = brief.outputs["research"].value
    return article_of(notes.topic, [claim.text for claim in notes.claims])


@runbook
def reviewing(brief: Brief) -> Procedure:
    article = brief.outputs["writing"].text
    counted = yield call("count_words", text=article)
    missing = [claim.text for claim in brief.outputs["research"].value.claims if claim.text not in article]
    return {"approved": not missing, "words": counted["words"], "missing": missing}


crew = Crew(
    "editorial",
    agents=[
        Agent(name="researcher", role="Researcher", goal="Find out what is known", tools=[read_up]),
        Agent(name="writer", role="Writer", goal="Write plainly"),
        Agent(name="reviewer", role="Reviewer", goal="Let nothing pass that is not founded", tools=[count_words]),
    ],
    tasks=[
        Task(
            name="research",
            description="Read up {topic}.",
            expected_output="What is known, with sources.",
            agent="researcher",
            inputs={"topic": "tides"},
            runbook=researching,
            output_type=Notes,
        ),
        Task(
            name="writing",
            description="Write an article of the notes.",
            expected_output="The article itself.",
            agent="writer",
            context=["research"],
            runbook=writing,
        ),
        Task(
            name="review",
            description="Compare the article with the notes.",
            expected_output="A verdict.",
            agent="reviewer",
            context=["research", "writing"],
            runbook=reviewing,
            output_type=Review,
        ),
    ],
)
