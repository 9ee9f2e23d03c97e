"""When a task is not completed although every tool came back well, and what its outcome says then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crew.tiny_crew import World, calls, only, pay, paying_crew, work, working_crew
from model_servers.script import Turn
from newfuse import Disposition, Job, Procedure, ToolResult, call, runbook, tool
from newfuse.crew.runbook import Brief
from newfuse.http.retry import RetryPolicy
from newfuse.integrations import Integration
from newfuse.report.results import RunStatus, TaskStatus
from newfuse.sandbox.faults import Fault

FAILED, COMPLETED = TaskStatus.FAILED, TaskStatus.COMPLETED
IN_DOUBT = "it is not known whether 1 write happened"


def settling(**dispositions: int) -> Any:
    """A tool that settles the first records so and the next ones so, and writes nothing."""

    @tool
    async def settle(job: Job, dataset: str) -> ToolResult:
        """Settle the records.

        Args:
            dataset: Handle of the records.
        """
        wanted = [name for name, count in dispositions.items() for _ in range(count)]
        for entry, name in zip(job.dataset(dataset), wanted, strict=True):
            entry.settle(Disposition(name), f"{entry.place}: because {name}", rule=name)
        return ToolResult("settled")

    return settle


def settled_crew(**dispositions: int) -> Any:
    return paying_crew(settling(**dispositions), runbook=calls("settle", dataset="payments"), required_facts=[])


def drops(world: World, slug: str, path: str) -> None:
    """Let every write there happen without an answer."""
    world.server.sandbox.faults.add(Fault(slug=slug, kind="commit_then_drop", path=path, method="POST"))


def rows(count: int) -> dict[str, Any]:
    return {"payments": [{"amount": 100 + number, "ref": f"r{number}"} for number in range(count)]}


@pytest.mark.parametrize(
    ("dispositions", "error"),
    [
        ({"rejected": 3}, "no record of payments was done (3 rejected); payments[0]: because rejected"),
        ({"failed": 3}, "no record of payments was done (3 failed); payments[0]: because failed"),
        (
            {"rejected": 1, "duplicate": 1, "failed": 1},
            "no record of payments was done (1 rejected, 1 duplicate, 1 failed); payments[0]: because rejected",
        ),
        (
            {"unknown": 1, "failed": 2},
            f"no record of payments was done (2 failed, 1 unknown); payments[1]: because failed; {IN_DOUBT}",
        ),
        ({"skipped": 2, "unknown": 1}, IN_DOUBT),
        ({"skipped": 1, "rejected": 1, "failed": 1}, None),
    ],
)
async def test_a_task_that_did_none_of_its_records_is_not_completed(
    world: World, dispositions: dict[str, int], error: str | None
):
    output = await world.run(settled_crew(**dispositions), rows(3))
    outcome = only(output)
    assert (error, FAILED if error else COMPLETED) == (outcome.error, outcome.status)
    if error is not None:
        assert [f"Paying: failed: {error}"[:170]] == [reason[:170] for reason in output.result.reasons]
        assert RunStatus.NEEDS_ATTENTION is output.result.status


async def test_a_write_in_doubt_that_no_record_names_keeps_its_task_from_being_completed(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Integration, "retry", RetryPolicy(initial_s=0.001, max_wait_s=0.002))

    @tool
    async def make_customer(job: Job) -> ToolResult:
        """Make a customer, and say nothing of what became of it."""
        stripe = await job.integration("stripe")
        performed = await stripe.perform("create_customer", {"email": "ada@example.com"}, reference="ada")
        return ToolResult(performed.status.value)

    drops(world, "stripe", "/v1/customers")
    crew = working_crew([make_customer], work("making", calls("make_customer"), integrations=["stripe"]))
    outcome = only(await world.run(crew, {}))
    assert (FAILED, IN_DOUBT) == (outcome.status, outcome.error)
    assert (1, 0) == (outcome.effects.unknown, outcome.to_decide)


async def test_writes_that_nobody_can_ask_about_are_left_to_a_person(world: World):
    @tool
    async def send(job: Job) -> ToolResult:
        """Send an event, and say nothing of what became of it."""
        ga4 = await job.integration("ga4")
        event = {"client_id": "1.2", "events": [{"name": "app_open", "params": {}}]}
        performed = await ga4.perform("send_events", event, reference="one")
        return ToolResult(performed.status.value)

    drops(world, "ga4", "/mp/collect")
    crew = working_crew([send], work("sending", calls("send"), integrations=["ga4"]))
    output = await world.run(crew, {})
    assert (1, 1) == (only(output).effects.unknown, only(output).to_decide)
    texts = {path.name: path.read_text(encoding="utf-8") for path in output.folder.glob("*.md")}
    assert "`newfuse effects list --unknown`" in texts["INTEGRATION_SUMMARY.md"]
    assert "settled with the vendor" not in "".join(texts.values())
    assert "1 to be decided by a person" in texts["integration_health_dashboard.md"]


async def test_every_exception_is_in_the_file_that_the_results_name(world: World):
    output = await world.run(settled_crew(skipped=1, rejected=30, unknown=25, failed=4), rows(60))
    [task] = json.loads((output.folder / "results.json").read_text(encoding="utf-8"))["tasks"]
    assert "paying_exceptions.json" == task["exceptions"]
    listed = json.loads((output.folder / task["exceptions"]).read_text(encoding="utf-8"))
    assert (output.result.run_id, "paying") == (listed["run_id"], listed["task"])
    assert [f"payments[{number}]" for number in range(1, 60)] == [one["place"] for one in listed["records"]]
    assert {"dataset": "payments", "place": "payments[55]", "reference": "", "disposition": "unknown"} == {
        name: listed["records"][54][name] for name in ("dataset", "place", "reference", "disposition")
    }
    assert output.folder / "paying_exceptions.json" in output.files
    report = (output.folder / "paying_report.md").read_text(encoding="utf-8")
    assert "20 of 59 are shown." in report
    assert "The complete list, with every reason, is in paying_exceptions.json." in report


async def test_without_exceptions_there_is_no_list_of_them(world: World):
    output = await world.run(settled_crew(skipped=3), rows(3))
    assert [None] == [task.exceptions for task in output.result.tasks]
    assert not list(output.folder.glob("*_exceptions.json"))


@pytest.mark.parametrize(
    ("movable", "listed", "said"),
    [
        (True, "paying_exceptions.json", "Something that could not be replaced lay in the place of paying_exceptions."),
        (False, None, "The complete list of exceptions could not be written: Permission denied."),
    ],
)
async def test_what_lies_in_the_place_of_the_list_is_put_aside_or_the_list_is_left_out_and_either_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch, movable: bool, listed: str | None, said: str
):
    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    settle = settling(rejected=2, skipped=1)

    @tool
    async def stand_in_the_way(job: Job, dataset: str) -> ToolResult:
        """Settle the records, with a folder where the list of exceptions is to be.

        Args:
            dataset: Handle of the records.
        """
        (job.run.folder / "paying_exceptions.json").mkdir()
        if not movable:
            monkeypatch.setattr(Path, "rename", refuse)
        return await settle.run(job, dataset)

    crew = paying_crew(stand_in_the_way, runbook=calls("stand_in_the_way", dataset="payments"), required_facts=[])
    output = await world.run(crew, rows(3))
    assert (COMPLETED, listed) == (only(output).status, only(output).exceptions_file)
    assert [said] == [note[: len(said)] for note in only(output).notes]
    assert listed is None or (output.folder / listed).is_file()
    assert (output.folder / "results.json").exists()


# --- what is said in closing ----------------------------------------------------------------------------------------


async def test_a_runbook_that_says_nothing_is_done_and_the_report_says_what_became_of_the_records(world: World):
    @runbook
    def silent(_brief: Brief) -> Procedure:
        yield call("pay", dataset="payments")
        return None

    output = await world.run(paying_crew(pay, runbook=silent))
    outcome = only(output)
    assert (COMPLETED, "", "") == (outcome.status, outcome.prose, outcome.prose_by)
    report = (output.folder / "paying_report.md").read_text(encoding="utf-8")
    assert "Of 3 records of payments, 3 were done in this run." in report
    assert "In the words of" not in report


async def test_the_words_of_a_model_whose_task_was_done_over_are_not_printed(world: World, model):
    @runbook
    def silent(_brief: Brief) -> Procedure:
        yield call("pay", dataset="payments")
        return None

    model.think(lambda _request: Turn(text="All payments were taken long ago."))
    outcome = only(await world.run(paying_crew(pay, runbook=silent), model=model.name()))
    assert (COMPLETED, "") == (outcome.status, outcome.prose)
    assert "runbook" == outcome.performances[-1].by
