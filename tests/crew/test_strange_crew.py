"""A crew the engine has never seen has reports of its own: whole, true, and without a word of any other crew."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crew.crate_crew import CRATES, SHIPPED, Annex, AnnexVendor, crate_crew
from crew.tiny_crew import World, statuses
from crews.api_integration import crew as api_integration
from faults.depot import Depot, DepotVendor
from house import app_words
from model_servers.openai_server import OpenAIServer
from model_servers.script import Planned, Turn
from newfuse.integrations import available_integrations
from newfuse.report import RunOutput
from newfuse.report.console import closing_text, files_text, results_text, setup_text, start_text
from newfuse.report.verify import verify
from newfuse.sandbox import SandboxServer
from newfuse.store import Store


class Warehouse(World):
    """A sandbox with a depot and an annex, which no other crew has."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.server.sandbox.vendors |= {"depot": DepotVendor(), "annex": AnnexVendor()}

    @property
    def environment(self):
        settings = {slug: {"base_url": f"{self.server.url}/{slug}", "api_key": "any"} for slug in ("depot", "annex")}
        known = super().environment
        return dataclasses.replace(known, settings={**known.settings, **settings})


@pytest.fixture(autouse=True)
def integrations(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**available_integrations(), "depot": Depot, "annex": Annex}
    monkeypatch.setattr("newfuse.integrations.catalog.available_integrations", lambda: known)


@pytest.fixture
async def warehouse(sandbox_server: SandboxServer, tmp_path: Path):
    store = Store(None)
    yield Warehouse(sandbox_server, tmp_path / "reports", store)
    sandbox_server.sandbox.reset()
    await store.close()


@pytest.fixture(params=["runbook", "model"])
def model(request: pytest.FixtureRequest) -> Iterator[str]:
    """Who does the work: the runbooks, or a model that calls the same tools."""
    if request.param == "runbook":
        yield "runbook"
        return
    steps = {
        "Task: storing": [Turn(calls=[("store_crates", {"dataset": "crates"})])],
        "Task: shipping": [Turn(calls=[("ship_crates", {})])],
        "Task: stocktaking": [Turn(calls=[("take_stock", {})])],
    }
    with OpenAIServer(Planned(steps, finish=Turn(SHIPPED))) as server:
        yield f"openai:small@{server.url}"


def printed(output: RunOutput) -> dict[str, str]:
    """Everything a run says: its console, and its files."""
    words, record = output.record.words, output.record
    return {
        "before": setup_text(words, {"crates": 3}) + start_text(words.title),
        "results": results_text(record),
        "files": files_text(words, output.files),
        "closing": closing_text(record, Path("reports")),
        **{path.name: path.read_text(encoding="utf-8") for path in output.files},
    }


async def test_no_word_of_another_crew_is_in_what_a_crew_says(warehouse: Warehouse, model: str):
    output = await warehouse.run(crate_crew(), {"crates": CRATES}, model=model)
    assert {"completed"} == set(statuses(output).values())
    sayings = app_words.everything()
    leaks = {name: said for name, text in printed(output).items() if (said := list(app_words.said_in(text, sayings)))}
    assert {} == leaks


async def test_the_reports_of_a_crew_are_whole(warehouse: Warehouse, model: str):
    output = await warehouse.run(crate_crew(), {"crates": CRATES}, model=model)
    said = printed(output)
    assert [
        "storing_report.md",
        "shipping_report.md",
        "stocktaking_report.md",
        "integration_health_dashboard.md",
        "INTEGRATION_SUMMARY.md",
        "results.json",
        "storing_exceptions.json",
    ] == [path.name for path in output.files]
    for name, lines in {
        "before": [
            "📦 Setting Up Crate Storage Test Data",
            "  - 3 records of crates",
            "🚀 Starting Crate Storage Workflow",
        ],
        "results": ["📊 CRATE STORAGE RESULTS", "Success Rate: 100.0%", "Completed Tasks: 3", "   Agent: docker"],
        "closing": ["🎉 CRATE STORAGE COMPLETED!", "2 external services integrated: Depot, Annex"],
        "storing_report.md": [
            "# Storing Report",
            "**Agent:** docker (Docker)",
            "Of 3 records of crates, 2 were done in this run and 1 was rejected.",
            "| crates.stored | 2 crates [f001] |",
            "| crates[1] | feathers | rejected | too_light |",
            "| Every crate has a place | ❌ failed | crates without one: 1 |",
            "| depot | POST /crates | store_crate | 2 |",
            "| annex | POST /announcements | announce | 1 |",
        ],
        "integration_health_dashboard.md": [
            "# Crate Storage Health Dashboard",
            "| Depot | ",
            "| Writes that move money | above 0 writes failed or unsettled | 🟢 ok |",
            "| Crates without a place | above 0 crates | 🔴 firing | 1 crate | 1 |",
        ],
        "INTEGRATION_SUMMARY.md": [
            "# Crate Storage Summary Report",
            "**Total Services Integrated:** 2 ",
            "| ✅ Shipping | docker | completed | 4 planned: 4 confirmed | 4 | shipping_report.md |",
            "1 record of crates rejected: too_light (1).",
            "Alert firing: Crates without a place",
        ],
    }.items():
        text = said[name].replace("\\", "")
        assert (name, []) == (name, [line for line in lines if line not in text])
    assert isinstance(warehouse.store, Store)
    assert [] == await verify(output.folder, warehouse.store)


async def test_a_task_on_two_integrations_stands_at_both(warehouse: Warehouse):
    output = await warehouse.run(crate_crew(), {"crates": CRATES})
    at = {service.slug: service.tasks for service in output.record.services}
    assert {"depot": ["storing", "shipping"], "annex": ["storing"]} == at
    dashboard = printed(output)["integration_health_dashboard.md"]
    assert "- **Depot:** Storing: 3 records, 2 confirmed, 1 rejected;" in dashboard
    assert "- **Annex:** 3 records, 2 confirmed, 1 rejected;" in dashboard
    assert 2 == len(output.record.result.integrations)


async def test_a_task_gives_the_numbers_of_tasks_it_waited_for_and_of_no_other(warehouse: Warehouse):
    said = printed(await warehouse.run(crate_crew(), {"crates": CRATES}))
    assert "> 2 crates were stored." in said["storing_report.md"]
    assert f"> {SHIPPED}" not in said["storing_report.md"].replace("2 crates were stored. ", "")
    assert "1 sentence of it was left out" in said["storing_report.md"]
    assert f"> {SHIPPED}" in said["shipping_report.md"]
    assert f"> {SHIPPED}" in said["stocktaking_report.md"]


async def test_a_crew_is_judged_by_its_own_services_alone(warehouse: Warehouse):
    """The store holds the calls of all crews: what others have called is not this one's affair."""
    await warehouse.run(crate_crew(), {"crates": CRATES})
    output = await warehouse.run(api_integration, {"payments": []})
    found = output.record.published().observed
    assert found is not None
    assert {"depot", "annex"}.isdisjoint(found.window)
    assert "Depot" not in json.dumps([alert.model_dump(mode="json") for alert in found.alerts])
