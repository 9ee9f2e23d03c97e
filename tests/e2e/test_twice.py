"""Done means 2: the same data twice on one sandbox, then once more on purpose."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from e2e import agreement, orders
from e2e.commands import App, Ran, served_sandbox
from e2e.inside import Inside
from e2e.vendors import addresses, lasting, minor, new_charges

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Look:
    """A run, and how the vendors' world looked before and after it."""

    ran: Ran
    before: dict[str, Any]
    after: dict[str, Any]
    log: list[dict[str, Any]]

    def effects(self, state: str) -> dict[str, int]:
        return {one["name"]: one["effects"][state] for one in self.ran.results["tasks"]}

    def fact(self, name: str) -> Any:
        [found] = [fact["value"] for fact in self.ran.results["facts"] if fact["name"] == name]
        return found


@dataclass(frozen=True)
class Runs:
    first: Look
    second: Look
    repeated: Look


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("shop")
    app = App(folder)
    data = app.file(orders.shop())
    with served_sandbox(folder) as vendors:

        def look(*arguments: str) -> Look:
            before, seen = vendors.truth(), len(vendors.log())
            ran = app.run("--sandbox", vendors.url, "--data", data, *arguments)
            return Look(ran, before, vendors.truth(), vendors.log()[seen:])

        yield Runs(look(), look(), look("--repeat"))


# --- the first run --------------------------------------------------------------------------------------------------


def test_a_declined_card_is_a_failed_money_effect_so_the_first_run_asks_for_attention(runs: Runs):
    assert (1, "") == (runs.first.ran.code, runs.first.ran.stderr), runs.first.ran.stdout
    assert 1 == runs.first.effects("failed")["payment_transaction_processing"]
    report = runs.first.ran.report("payment_transaction_processing")
    assert re.search(r"payments\\?\[8\\?\].*declined", report)


@pytest.mark.parametrize("which", ["first", "second"])
def test_the_run_agrees_with_itself_and_with_the_log(runs: Runs, which: str):
    look: Look = getattr(runs, which)
    assert [] == agreement.files(look.ran.folder)
    assert [] == agreement.calls(look.ran.results, look.log, look.ran.store)
    assert [] == agreement.markdown(look.ran.folder, look.ran.results)


def test_the_first_run_agrees_with_the_truth(runs: Runs):
    assert [] == agreement.accounts(runs.first.ran.results, runs.first.before, runs.first.after)


def test_every_fit_customer_is_there_once(runs: Runs):
    wanted = {f"customer{number}@shop.example" for number in range(orders.FIT_CUSTOMERS)}
    there = Counter(address for address in addresses(runs.first.after) if address.endswith("@shop.example"))
    assert dict.fromkeys(wanted, 1) == dict(there)
    assert (3, 3) == (runs.first.fact("crm.duplicates"), runs.first.fact("crm.records_invalid"))


def test_the_money_is_what_the_orders_come_to(runs: Runs):
    first = runs.first
    assert orders.CAPTURED == minor(first.after, first.before, "captured_minor")
    assert orders.REFUNDED == minor(first.after, first.before, "refunded_minor")
    assert {} == minor(first.after, first.before, "authorized_minor")
    assert orders.TAKEN == len(new_charges(first.after, first.before))


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ("payments[7]", "identical"),
        ("payments[9]", "greater than or equal to 1"),
        ("payments[10]", "zzz"),
        ("payments[11]", "order-1"),
        ("customers[3]", None),
        ("email_campaigns[2]", "in the past"),
        ("email_campaigns[3]", "there is no audience 'no_such_list'; there are: active_customers, new_subscribers"),
        ("email_campaigns[4]", "no_such_template"),
        ("email_campaigns[5]", "tomorrow"),
        ("analytics_events[30]", "event_action"),
        ("analytics_events[31]", "event_action"),
        ("analytics_events[32]", "event_action"),
    ],
)
def test_an_unfit_record_is_named_with_its_reason(runs: Runs, place: str, word: str | None):
    texts = [runs.first.ran.report(task).replace("\\", "") for task in agreement.SPECIALISTS]
    named = [line for text in texts for line in text.splitlines() if line.startswith(f"| {place} ")]
    if word is None:
        assert [] == named  # a fit record is no exception
    else:
        assert any(word in line for line in named), named


def test_one_campaign_is_a_draft_one_is_scheduled_for_its_time_and_nothing_was_mailed(runs: Runs):
    made = {row["subject_line"]: row for row in runs.first.after["mailchimp"]["campaigns"].values()}
    assert {"A draft": "save", "In a month": "schedule"} == {name: row["status"] for name, row in made.items()}
    assert made["In a month"]["schedule_time"].startswith(f"{orders.LATER:%Y-%m-%dT%H:%M}")
    assert [] == runs.first.after["mailchimp"]["messages"]


def test_the_events_arrived_by_name(runs: Runs):
    sent = runs.first.after["ga4"]["counts"]
    assert 57 == sum(sent.values()) == runs.first.fact("analytics.events_sent")
    assert [19, 19, 19] == sorted(sent.values())


# --- the second run -------------------------------------------------------------------------------------------------


def test_the_second_run_changes_nothing(runs: Runs):
    second = runs.second
    assert second.before["hubspot"]["writes"] == second.after["hubspot"]["writes"]
    assert second.before["mailchimp"]["writes"] == second.after["mailchimp"]["writes"]
    assert second.before["ga4"] == second.after["ga4"]
    # The declined card is tried again, as a payment that did not happen should be; it takes no money.
    assert {} == minor(second.after, second.before, "captured_minor")
    assert second.before["stripe"]["refunds"] == second.after["stripe"]["refunds"]
    assert [] == new_charges(second.after, second.before)
    assert lasting(second.before)["mailchimp"] == lasting(second.after)["mailchimp"]


def test_the_second_run_says_why(runs: Runs):
    first, second = runs.first, runs.second
    confirmed, skipped = first.effects("confirmed"), second.effects("skipped")
    for task in ("crm_data_synchronization", "analytics_event_tracking"):
        assert confirmed[task] == skipped[task] > 0
        assert 0 == second.effects("confirmed")[task]
    assert 0 == second.effects("confirmed")["payment_transaction_processing"]
    assert 0 == second.effects("confirmed")["email_campaign_automation"]
    assert orders.TAKEN <= skipped["payment_transaction_processing"]
    summary = (second.ran.folder / "INTEGRATION_SUMMARY.md").read_text(encoding="utf-8")
    assert "confirmed earlier and not sent" in summary
    assert "confirmed earlier" in second.ran.stdout
    assert 34 == second.fact("crm.contacts_skipped")


def test_the_second_run_still_shows_the_same_amounts(runs: Runs):
    shown = {
        fact["name"]: fact["value"]
        for fact in runs.second.ran.results["facts"]
        if fact["name"].startswith("payments.captured_minor.")
    }
    assert {f"payments.captured_minor.{currency}": amount for currency, amount in orders.CAPTURED.items()} == {
        name: value for name, value in shown.items() if value
    }


def test_what_was_done_earlier_is_no_gap_and_no_exception(runs: Runs):
    results = runs.second.ran.results
    [gaps] = [alert for alert in results["observed"]["alerts"] if alert["name"] == "Analytics data gaps"]
    assert "firing" != gaps["state"]
    texts = [runs.second.ran.report(task) for task in agreement.SPECIALISTS]
    assert not any("are shown." in text for text in texts)  # no list of exceptions was cut


# --- once more on purpose -------------------------------------------------------------------------------------------


def test_a_repetition_happens_exactly_once_more(runs: Runs):
    repeated = runs.repeated
    assert orders.CAPTURED == minor(repeated.after, repeated.before, "captured_minor")
    assert orders.REFUNDED == minor(repeated.after, repeated.before, "refunded_minor")
    assert orders.TAKEN == len(new_charges(repeated.after, repeated.before))
    assert orders.FIT_CUSTOMERS == len([one for one in addresses(repeated.after) if one.endswith("@shop.example")])
    assert 2 * 57 == len(repeated.after["ga4"]["events"])


def test_the_ledger_shows_a_repetition_as_one(runs: Runs):
    repeated = runs.repeated.ran
    connection = sqlite3.connect(f"file:{repeated.store / 'newfuse.db'}?mode=ro", uri=True)
    try:
        references = [
            reference
            for (reference,) in connection.execute(
                "SELECT reference FROM effects WHERE run_id = ? AND action = 'create_payment_intent'",
                [repeated.results["run_id"]],
            )
        ]
    finally:
        connection.close()
    assert orders.TAKEN + 1 == len(references)
    assert all(f"#repeat:{repeated.results['repetition']['id']}" in reference for reference in references)


# --- a repetition that is broken off ----------------------------------------------------------------------------------


def only_payments(sample_data: dict[str, Any], *payments: dict[str, Any]) -> dict[str, list[Any]]:
    return {**{name: [] for name in sample_data}, "payments": list(payments)}


async def test_a_repetition_that_was_broken_off_is_continued_and_pays_nothing_a_third_time(
    inside: Inside, sample_data: dict[str, Any]
):
    data = only_payments(sample_data, *(orders.payment(100 + n, "usd", n, reference=f"order {n}") for n in range(6)))
    before = inside.vendors.truth()
    assert 0 == (await inside.run(data)).code
    # Three of the six are refused.
    inside.vendors.fault("stripe", "status", status=400, path="/v1/payment_intents", method="POST", count=3)
    broken = await inside.run(data, repeat=True)
    inside.vendors.mend()
    [effects] = [one["effects"] for one in broken.results["tasks"] if one["agent"] == "payment_processor"]
    assert (3, 3) == (effects["failed"], effects["confirmed"])
    plain = await inside.run(data)
    continued = await inside.run(data, repeat=True)
    anew = await inside.run(data, repeat=True)
    found = [one.results["repetition"] for one in (broken, plain, continued, anew)]
    assert [False, None, True, True] == [one and one["finished"] for one in found]
    assert [False, None, True, False] == [one and one["continued"] for one in found]
    assert found[0]["id"] == found[2]["id"] != found[3]["id"]
    assert {"usd": 3 * sum(100 + n for n in range(6))} == minor(inside.vendors.truth(), before, "captured_minor")
    summary = (continued.folder / "INTEGRATION_SUMMARY.md").read_text(encoding="utf-8")
    assert f"**Repetition:** {found[0]['id']}" in summary
    assert "this run continued it, finished" in summary


async def test_another_repetition_can_be_begun_although_one_is_unfinished(inside: Inside, sample_data: dict[str, Any]):
    declined = orders.payment(9_900, "usd", 8, reference="order-8", payment_method="pm_card_chargeDeclined")
    data = only_payments(sample_data, declined)
    first = await inside.run(data, repeat=True)
    same = await inside.run(data, repeat=True)
    other = await inside.run(data, repeat_anew=True)
    ids = [one.results["repetition"]["id"] for one in (first, same, other)]
    assert ids[0] == ids[1] != ids[2]
