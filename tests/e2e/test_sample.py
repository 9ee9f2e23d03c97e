"""Done means 1: the sample job, and whether the reports, results.json, the log and the truth say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e import agreement
from e2e.commands import App, Ran, served_sandbox
from e2e.vendors import new_charges
from newfuse.report.verify import verify
from newfuse.store import Store

pytestmark = pytest.mark.slow

# What listens on this machine is not reached through a proxy.
PROXIES = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")


@dataclass(frozen=True)
class Sample:
    ran: Ran
    before: dict[str, Any]
    after: dict[str, Any]
    log: list[dict[str, Any]]
    started_in: Path

    def fact(self, name: str) -> Any:
        [found] = [fact["value"] for fact in self.ran.results["facts"] if fact["name"] == name]
        return found

    def effects(self, task: str) -> dict[str, int]:
        [found] = [one["effects"] for one in self.ran.results["tasks"] if one["name"] == task]
        return found  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """One run on the sample data, from a folder that has nothing to do with the app, behind a proxy that is dead."""
    folder = tmp_path_factory.mktemp("sample")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    with served_sandbox(folder) as vendors:
        before = vendors.truth()
        ran = App(folder).run("--sandbox", vendors.url, cwd=elsewhere, **PROXIES)
        yield Sample(ran, before, vendors.truth(), vendors.log(), elsewhere)


def test_it_exits_0_from_any_folder_and_complains_of_nothing(sample: Sample):
    assert (0, "") == (sample.ran.code, sample.ran.stderr), sample.ran.stdout
    assert "🎉 API INTEGRATION COMPLETED!" in sample.ran.stdout
    assert [] == list(sample.started_in.iterdir())


def test_every_file_is_there(sample: Sample):
    assert [] == agreement.files(sample.ran.folder)


def test_every_task_is_completed(sample: Sample):
    results = sample.ran.results
    assert dict.fromkeys(agreement.TASKS, "completed") == {one["name"]: one["status"] for one in results["tasks"]}
    assert ("SUCCESS", 100.0) == (results["status"], results["success_rate"])


def test_the_requests_are_those_that_the_vendors_got(sample: Sample):
    assert [] == agreement.calls(sample.ran.results, sample.log, sample.ran.store)


def test_what_is_said_to_be_done_is_what_exists(sample: Sample):
    assert [] == agreement.accounts(sample.ran.results, sample.before, sample.after)


def test_the_reports_say_what_results_json_says(sample: Sample):
    assert [] == agreement.markdown(sample.ran.folder, sample.ran.results)


async def test_the_products_own_verification_agrees(sample: Sample):
    store = Store(sample.ran.store)
    try:
        assert [] == await verify(sample.ran.folder, store)
    finally:
        await store.close()


def test_every_service_is_shown_as_connected(sample: Sample):
    assert dict.fromkeys(agreement.LABELS, True) == agreement.connectivity(sample.ran.folder)


def test_a_new_contact_and_the_existing_one_are_met(sample: Sample):
    contacts = sample.after["hubspot"]["contacts"]
    assert ("Innovation Inc", "customer") == (contacts["12345"]["company"], contacts["12345"]["lifecyclestage"])
    [new] = [row for id_, row in contacts.items() if id_ not in sample.before["hubspot"]["contacts"]]
    assert ("john.doe@example.com", "Tech Corp", "lead") == (new["email"], new["company"], new["lifecyclestage"])
    assert (1, 1) == (sample.fact("crm.contacts_created"), sample.fact("crm.contacts_updated"))
    assert {"planned": 2, "confirmed": 2, "failed": 0, "unknown": 0, "skipped": 0} == sample.effects(
        "crm_data_synchronization"
    )


def test_a_duplicate_and_an_invalid_record_of_the_crm_are_named(sample: Sample):
    report = sample.ran.report("crm_data_synchronization")
    assert "12401" in report
    assert "12402" in report
    assert (2, 1) == (sample.fact("crm.review_likely_duplicates"), sample.fact("crm.review_invalid"))


def test_the_payments_are_taken_to_the_cent(sample: Sample):
    taken = {row["amount_captured"] for row in new_charges(sample.after, sample.before)}
    assert {2999, 9999} == taken
    report = sample.ran.report("payment_transaction_processing")
    assert "129.98 USD (12,998 minor units)" in report


def test_the_campaign_whose_time_is_past_is_refused_by_name(sample: Sample):
    report = sample.ran.report("email_campaign_automation").replace("\\", "")
    assert "email_campaigns[1]" in report
    assert "2024-01-15T10:00:00Z is in the past" in report
    [made] = sample.after["mailchimp"]["campaigns"].values()
    assert ("save", "Welcome to Our Platform!") == (made["status"], made["subject_line"])


def test_both_events_arrived(sample: Sample):
    assert 2 == len(sample.after["ga4"]["events"]) == sample.fact("analytics.events_sent")
