"""Crews that have nothing to do with the first app: work passes on, by runbook and by model alike."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from e2e import editorial_crew, ragged_crew
from e2e.commands import LONGEST_S, ROOT, environment
from e2e.other_crews import carrier, editor, handed_on, leaks, leaks_of, task_of
from e2e.ragged_crew import COUNT, Load, load_of, waits_for, weight_of
from model_servers.anthropic_server import AnthropicServer
from model_servers.loopback import LoopbackServer
from model_servers.openai_server import OpenAIServer
from model_servers.script import Brain, StopsEarly
from newfuse import Crew
from newfuse.crew.watch import Watcher
from newfuse.environment import Environment
from newfuse.report import RunOutput
from newfuse.report.results import TaskOutcome
from newfuse.report.verify import verify
from newfuse.store import Store

NOWHERE = Environment(mode="sandbox", name="sandbox:nowhere")  # these crews contact nobody
ARTICLE = (
    "On tides. The moon draws the water towards it. Spring tides follow the full moon. "
    "A harbour may see a single tide a day."
)
REVIEW = {"approved": True, "words": len(ARTICLE.split()), "missing": []}
LED_BY = ("runbook", "openai", "anthropic")


@pytest.fixture(scope="module")
def model_servers() -> Iterator[dict[str, LoopbackServer]]:
    """One server of each vendor for all tests."""
    with (
        OpenAIServer(StopsEarly(), api_key="none") as openai,
        AnthropicServer(StopsEarly(), api_key="none") as anthropic,
    ):
        yield {"openai": openai, "anthropic": anthropic}


class Diary(Watcher):
    """Writes down in which order tasks begin and end."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def task_started(self, task: str) -> None:
        self.lines.append(("begins", task))

    def task_ended(self, outcome: TaskOutcome) -> None:
        self.lines.append(("ended", outcome.name))


async def run(
    crew: Crew, led_by: str, brain: Brain, servers: dict[str, LoopbackServer], folder: Path, diary: Diary
) -> RunOutput:
    """Run a crew, led by its runbooks or by a model of either vendor, and hold the run against itself."""
    model = led_by
    if led_by in servers:
        servers[led_by].brain = brain
        servers[led_by].requests.clear()
        model = f"{led_by}:small@{servers[led_by].url}"
    store = Store(None)
    try:
        output = await crew.arun({}, environment=NOWHERE, model=model, out=folder, store=store, watcher=diary)
        assert [] == await verify(output.folder, store)
    finally:
        await store.close()
    results = json.loads((output.folder / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(results, json.loads((ROOT / "docs" / "results.schema.json").read_text(encoding="utf-8")))
    assert ("SUCCESS", {"completed"}) == (results["status"], {task["status"] for task in results["tasks"]})
    assert {led_by} == {task["output"]["by"].partition(":")[0] for task in results["tasks"]}
    assert [] == leaks(output.folder)
    return output


@pytest.mark.parametrize("led_by", LED_BY)
async def test_an_article_is_researched_written_and_reviewed(
    led_by: str, model_servers: dict[str, LoopbackServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    output = await run(editorial_crew.crew, led_by, editor, model_servers, tmp_path / "reports", Diary())
    notes = output["research"].value
    assert isinstance(notes, editorial_crew.Notes)
    assert ["an almanac", "a pilot's book", "a letter"] == [claim.source for claim in notes.claims]
    assert (ARTICLE, None) == (output["writing"].text, output["writing"].value)
    assert editorial_crew.Review(**REVIEW) == output["review"].value
    handed = {task.name: task.output for task in output.result.tasks}
    assert (notes.model_dump(), REVIEW) == (handed["research"].value, handed["review"].value)
    for report in ("research_report.md", "writing_report.md", "review_report.md"):
        assert (output.folder / report).is_file()
    assert [] == leaks_of(json.dumps([one.raw for server in model_servers.values() for one in server.requests]))


@pytest.mark.parametrize("led_by", LED_BY[:2])
async def test_twenty_agents_on_a_ragged_graph_each_get_what_those_before_them_handed_on(
    led_by: str, model_servers: dict[str, LoopbackServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    diary = Diary()
    output = await run(ragged_crew.crew, led_by, carrier, model_servers, tmp_path / "reports", diary)
    assert {f"load{number}": Load(kilograms=load_of(number)) for number in range(COUNT)} == {
        task.name: output[task.name].value for task in output.result.tasks
    }
    assert [weight_of(number) for number in range(COUNT)] == [
        fact.value for fact in sorted(output.result.facts, key=lambda fact: int(str(fact.source["task"])[4:]))
    ]
    for number in range(COUNT):
        begins = diary.lines.index(("begins", f"load{number}"))
        before = [*waits_for(number), *([10] if number > 10 else [])]
        assert all(diary.lines.index(("ended", f"load{one}")) < begins for one in before)
    for asked in model_servers["openai"].requests if led_by == "openai" else ():
        assert {f"load{one}" for one in waits_for(int(task_of(asked)[4:]))} == set(handed_on(asked))


def test_a_crew_without_records_and_vendors_runs_from_the_command_line(tmp_path: Path):
    crews = tmp_path / "crews"
    crews.mkdir()
    (crews / "__init__.py").write_text("")
    shutil.copy(editorial_crew.__file__, crews / "editorial.py")
    command = [sys.executable, "-m", "newfuse", "run", "editorial", "--model", "runbook", "--json"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST_S,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    handed = {task["name"]: task["output"] for task in results["tasks"]}
    assert (ARTICLE, REVIEW) == (handed["writing"]["text"], handed["review"]["value"])
