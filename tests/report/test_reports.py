from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jinja2 import DictLoader

from crews.api_integration import crew
from house.test_texts import INVENTED
from newfuse.observe import AlertState
from newfuse.report import RunRecord, render, write_reports
from newfuse.report.console import closing_text, files_text, results_text, setup_text
from newfuse.report.findings import Urgency, findings
from newfuse.report.markdown import harmless
from newfuse.report.record import quality_of
from newfuse.report.render import TEMPLATES, health_dashboard, summary, task_report
from newfuse.report.results import EffectCounts, Performance, RecordException, RunResult, RunStatus, TaskStatus
from newfuse.report.sections import encryption
from newfuse.report.wording import counted, measured, milliseconds, money
from newfuse.report.words import Words
from newfuse.store import Store
from report.printed_numbers import Known, numbers_in
from report.run_examples import CRM, PAYMENTS, TITLES, Example, make_record, unmeasured_record

NASTY = "a | b\n# c `d` <img src=x onerror=y> [e](javascript:f) {{ 7 * 7 }} {% raw %} [f001] sk_test_abcdefgh12345678"


async def record_of(kind: str, store: Store) -> RunRecord:
    """Make a run of some kind; of a crew without words and templates, where it begins with `plain`."""
    record = await _record_of(kind.removeprefix("plain "), store)
    if kind.startswith("plain "):
        record.words, record.templates = Words(title="Plain Crew"), None
    return record


async def _record_of(kind: str, store: Store) -> RunRecord:
    if kind == "unmeasured":
        return unmeasured_record()
    example = Example(payments_fail=True, rejected=2) if kind == "failed" else Example()
    if kind == "nasty":
        example = Example(payments_fail=True, vendor_error=NASTY, prose=NASTY)
    record = await make_record(store, example)
    if kind == "nasty":
        first = record.outcomes[0]
        first.notes.append(NASTY)
        first.tables[NASTY] = [{NASTY: NASTY, "n": 2}]
        first.datasets[0].exceptions.append(
            RecordException(place=NASTY, reference=NASTY, disposition="rejected", rule=NASTY, reason=NASTY)
        )
        first.performances.append(Performance(by=NASTY, why=NASTY, ended=f"failed: {NASTY}"))
    return record


def texts(record: RunRecord) -> dict[str, str]:
    found = {outcome.name: task_report(record, outcome) for outcome in record.outcomes}
    return {**found, "dashboard": health_dashboard(record), "summary": summary(record)}


CASES = ["good", "failed", "unmeasured", "nasty"]
KINDS = pytest.mark.parametrize("kind", [*CASES, *(f"plain {case}" for case in CASES)])


def every_template() -> list[Path]:
    """List the engine's templates, then the app's own, which take the place of those of the same name."""
    assert crew.templates is not None
    return [*sorted(TEMPLATES.iterdir()), *sorted(crew.templates.iterdir())]


@KINDS
async def test_no_invented_figure_is_printed(kind: str, store: Store):
    record = await record_of(kind, store)
    printed = [
        *texts(record).values(),
        closing_text(record, Path("d")),
        results_text(record),
        setup_text(record.words, {"payments": 2}),
    ]
    for text in printed:
        found = [claim for claim, pattern in INVENTED.items() if re.search(pattern, text, re.IGNORECASE)]
        assert [] == found


def test_the_templates_hold_no_number_but_those_of_their_windows():
    for path in every_template():
        text = re.sub(r"\{[{%#].*?[#%}]\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"\(24h\)|24 h|HTTP 401 or 403|\| 0 \| no data", "", text)
        assert [] == [found.text for found in numbers_in(text)]


@KINDS
async def test_every_number_printed_was_measured(kind: str, store: Store):
    record = await record_of(kind, store)
    known = everything(record)
    for name, text in texts(record).items():
        body = "\n".join(line for line in text.splitlines() if not line.startswith("> ") and "left out" not in line)
        body = re.sub(r"\[f\d{3}\]", "", body.replace("\\", ""))
        assert (name, []) == (name, known.unknown_in(body))


def everything(record: RunRecord) -> Known:
    known = Known()
    known.add_json(record.model_dump(mode="json"))
    for fact in record.result.facts:
        known.add_json(fact.value, fact.unit)
    for one in map(quality_of, [record.datasets, *(outcome.datasets for outcome in record.outcomes)]):
        known.add_share(one.clean, one.looked_at)
    known.add_json([len(record.integrated), len(record.slugs)])
    known.add_share(record.result.completed_tasks, record.result.total_tasks)
    for task in record.result.tasks:
        known.add_effects(task.effects)
        known.add_text(f"{task.name} {task.error}")
    for statistics in [*record.window.values(), *record.task_statistics.values()]:
        known.add_calls(statistics)
    for endpoint in (one for found in record.endpoints.values() for one in found):
        known.add_json(endpoint.p95_ms, "ms")
        known.add_text(" ".join(endpoint.statuses))
    for alert in record.alerts:
        known.add_json(alert.threshold, alert.unit)
        known.add_json(alert.value, alert.unit)
    moments = [record.window_since, record.result.started_at, record.result.finished_at]
    moments += [alert.since for alert in record.alerts if alert.since is not None]
    moments += [reading.at for reading in record.health.values()]
    moments += [moment for outcome in record.outcomes for moment in (outcome.started_at, outcome.finished_at)]
    for moment in moments:
        known.add_date(moment)
        known.add_text(f"{moment:%Y-%m-%d %H:%M:%S}")
    for began, ended in [*((one.started_at, one.finished_at) for one in record.outcomes), moments[1:3]]:
        known.add_json((ended - began).total_seconds(), "s")
    for text in [*record.tls, *TITLES]:
        known.add_text(text)
    found = findings(record)
    known.add_json([sum(alert.state == state for alert in record.alerts) for state in AlertState])
    known.add_json([sum(one.calls for one in record.statistics.values()), *record.checks])
    known.add_json([sum(one.retries for one in record.statistics.values()), len(record.health)])
    known.add_json([sum(not one.ok for one in record.health.values()), *map(len, record.endpoints.values())])
    known.add_json([len(found), len(record.alerts), 401, 403])  # the statuses that count as refused credentials
    return known


@KINDS
async def test_reports_are_tidy(kind: str, store: Store):
    record = await record_of(kind, store)
    for text in texts(record).values():
        lines = text.splitlines()
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "\n\n\n" not in text
        assert "None" not in text.replace("None configured", "").replace("None needed", "").replace(
            "None evaluated", ""
        )
        assert (
            re.search(r"\b1 (?:records|tasks|requests|writes|checks|retries|services|findings|facts)\b", text) is None
        )
        headings = [index for index, line in enumerate(lines) if line.startswith("#")]
        for index in headings:
            following = next((line for line in lines[index + 1 :] if line), "")
            is_parent = following.startswith(lines[index].split()[0] + "#")
            assert following, lines[index]
            assert is_parent or not following.startswith("#"), lines[index]
        bullets = [line for line in lines if line.startswith("- **")]
        assert len(bullets) == len(set(bullets))


async def test_a_table_has_as_many_cells_in_every_row(store: Store):
    record = await record_of("nasty", store)
    for text in texts(record).values():
        for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}
            assert 1 == len(widths), block


async def test_what_a_vendor_wrote_is_shown_and_never_obeyed(store: Store):
    record = await record_of("nasty", store)
    for text in texts(record).values():
        assert "<img" not in text
        assert re.search(r"(?<!\\)\]\(", text) is None
        assert "\n# c" not in text
        assert "sk_test_abcdefgh" not in text
    assert "{{ 7 \\* 7 }}" in task_report(record, record.outcomes[1])


@KINDS
async def test_what_a_template_forgets_to_make_harmless_is_made_so(
    kind: str, store: Store, monkeypatch: pytest.MonkeyPatch
):
    record = await record_of(kind, store)
    expected = texts(record)
    folders = [TEMPLATES, record.templates or TEMPLATES]
    paths = [path for folder in folders for path in folder.iterdir()]
    sources = {path.name: re.sub(r" \| md(?!\()", "", path.read_text(encoding="utf-8")) for path in paths}
    assert "| md " not in "".join(sources.values())
    forgetful = render._environment().overlay(loader=DictLoader(sources), cache_size=0)
    monkeypatch.setattr(render, "_environment", lambda _own: forgetful)
    assert expected == texts(record)


async def test_connectivity_is_the_health_call_not_the_task(store: Store):
    record = await make_record(store, Example(payments_fail=True))
    text = health_dashboard(record)
    assert "- **CRM (HubSpot):** 🟢 Connected (health call 2025-03-05 10:15:02 UTC, 4.2 ms)" in text
    assert "- **Payments (Stripe):** 🔴 Disconnected" in text
    assert 1 == text.count("🔴 Disconnected")
    del record.health["hubspot"]
    record.health["stripe"].ok = True
    text = health_dashboard(record)
    assert "- **CRM (HubSpot):** ⚪ not measured" in text
    assert "- **Payments (Stripe):** 🟢 Connected" in text
    assert "Payment ❌" in text


async def test_the_journey_shows_each_stage_as_it_ended(store: Store):
    good = health_dashboard(await make_record(store))
    assert "Lead Capture ⚪ → CRM ✅ → Payment ✅ → Email ✅ → Analytics ✅" in good
    assert "- Lead Capture: not integrated" in good
    assert "CRM ❌ → Payment ❌ → Email ❌ → Analytics ❌" in health_dashboard(unmeasured_record())


async def test_services_integrated_are_those_that_answered(store: Store):
    assert "**Total Services Integrated:** 4 " in summary(await make_record(store))
    assert "**Total Services Integrated:** 0  " in summary(unmeasured_record())


async def test_a_service_that_only_failed_is_not_integrated(store: Store):
    record = await make_record(store, Example(payments_fail=True))
    assert ["hubspot", "mailchimp", "ga4"] == record.integrated
    assert "**Total Services Integrated:** 3 " in summary(record)


async def test_a_failed_task_has_its_report_with_the_vendors_error(store: Store, tmp_path: Path):
    record = await make_record(store, Example(payments_fail=True))
    write_reports(record, tmp_path)
    text = (tmp_path / f"{PAYMENTS}_report.md").read_text(encoding="utf-8")
    assert text.startswith("# 💳 Payment Processing Report\n")
    assert "**Status:** failed  " in text
    assert "**Error:** Stripe answered 500: An error occurred" in text
    assert "2 retries, 3 requests answered with an error or not at all, 1 request that could not be sent" in text
    assert "| stripe | POST /v1/payment_intents | act | 3 | 0 | 2 | 500: 3 | 2.4 s |" in text


async def test_every_task_the_dashboard_the_summary_and_the_results_are_written_whole(store: Store, tmp_path: Path):
    record = await make_record(store)
    folder = tmp_path / "deep" / "run"
    files = write_reports(record, folder)
    expected = [*(f"{name}_report.md" for name in TITLES), "integration_health_dashboard.md"]
    assert [*expected, "INTEGRATION_SUMMARY.md", "results.json"] == [path.name for path in files]
    assert sorted(files) == sorted(folder.iterdir())
    published = RunResult.model_validate_json((folder / "results.json").read_bytes())
    assert record.published() == published
    assert published.observed is not None
    assert record.alerts == published.observed.alerts
    assert '\n  "run_id"' in (folder / "results.json").read_text(encoding="utf-8")


async def test_a_run_written_twice_replaces_its_reports(store: Store, tmp_path: Path):
    record = await make_record(store)
    first = write_reports(record, tmp_path)
    record.outcomes[0].title = "Another"
    assert first == write_reports(record, tmp_path)
    assert (tmp_path / f"{CRM}_report.md").read_text(encoding="utf-8").startswith("# Another Report")


def test_a_broken_surrogate_does_not_stop_the_reports(tmp_path: Path):
    record = unmeasured_record()
    record.outcomes[0].error = "bad \ud800 end"
    record.result.tasks[0].error = "bad \ud800 end"
    write_reports(record, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tasks"][0]["error"] == "bad ? end"


async def test_alerts_are_shown_with_state_value_threshold_and_n(store: Store):
    text = health_dashboard(await make_record(store, Example(payments_fail=True)))
    assert "| Error rate of any service | above 5% | 🔴 firing | 100%, Payments (Stripe) | 4 | last 24 h" in text
    assert "| Email deliverability | below 95% | ⚪ not measured | not measured | 0 | this run |" in text
    assert "| Analytics data gaps | above 0 events missing | 🟢 ok | 0 events missing | 2 |" in text


async def test_settings_and_encryption_are_the_ones_there_are(store: Store):
    record = await make_record(store)
    text = health_dashboard(record)
    assert "- **Retry Logic:** attempts: 3, total s: 120 (all services); 1 retry in this run" in text
    assert "- **Rate Limit:** Payments (Stripe): limit: 25 per 1 s" in text
    assert "None configured." in text
    assert "none: plain HTTP to the local sandbox (127.0.0.1:8420)" == encryption(record)
    record.tls["api.stripe.com"] = ["TLSv1.2"]
    assert "api.stripe.com: TLSv1.2" in encryption(record)


async def test_next_steps_are_derived_and_the_most_urgent_first(store: Store):
    found = findings(await make_record(store, Example(payments_fail=True, rejected=1, prose="30% better")))
    urgencies = [one.urgency for one in found]
    assert urgencies == sorted(urgencies, key=list(Urgency).index)
    said = "\n".join(f"{one.rests_on} {one.what}" for one in found)
    for expected in (
        "health call of stripe Payments (Stripe) is disconnected",
        f"task {PAYMENTS} 💳 Payment Processing failed",
        "2 payments failed",
        "alert Error rate of any service",
        "dataset customers 1 record of customers rejected: email_invalid (1)",
        "calls of stripe Slow endpoint: POST /v1/payment_intents",
        f"closing text of task {CRM}",
        "email.deliverability: not measured [f004]",
    ):
        assert expected in said


async def test_a_clean_run_asks_for_nothing(store: Store):
    record = await make_record(store)
    record.result.facts = [fact for fact in record.result.facts if fact.value is not None]
    assert [] == findings(record)
    assert "This run found nothing that needs attention." in summary(record)


async def test_an_authentication_failure_asks_for_new_credentials(store: Store):
    record = await make_record(store, Example(payments_fail=True))
    endpoint = record.endpoints[PAYMENTS][0]
    record.endpoints[PAYMENTS][0] = endpoint.model_copy(update={"statuses": {"401": 3}})
    step = next(one.next_step for one in findings(record) if one.rests_on == "health call of stripe")
    assert step.startswith("Update the API credentials")
    assert "| Authentication Failures | 3 requests refused" in health_dashboard(record)


async def test_an_unsettled_payment_must_not_be_repeated_by_hand(store: Store):
    record = await make_record(store)
    record.outcomes[1].money_effects = EffectCounts(planned=2, confirmed=1, unknown=1)
    record.outcomes[1].effects = EffectCounts(planned=2, confirmed=1, unknown=1)
    first = findings(record)[0]
    assert Urgency.CRITICAL is first.urgency
    assert "1 payment may or may not have happened." in first.what
    assert "do not repeat them by hand" in first.next_step


async def test_the_console_says_completed_only_of_a_complete_success(store: Store):
    good = await make_record(store)
    assert closing_text(good, Path("d")).startswith(f"🎉 API INTEGRATION COMPLETED!\n{'=' * 60}\n📁 Complete")
    good.outcomes[1].status = TaskStatus.FAILED
    good.result.completed_tasks, good.result.failed_tasks = 4, 1
    text = closing_text(good, Path("d"))
    assert "COMPLETED!" not in text
    assert text.startswith("⚠️ API INTEGRATION ENDED WITH FAILURES: 4 of 5 tasks completed")
    good.result.status = RunStatus.NEEDS_ATTENTION
    assert closing_text(good, Path("d")).startswith("⚠️ API INTEGRATION NEEDS ATTENTION: 4 of 5 tasks completed")
    good.outcomes[1].status = TaskStatus.WAITING
    assert closing_text(good, Path("d")).startswith("⏳ API INTEGRATION WAITING FOR APPROVAL")


async def test_the_console_texts_are_those_specified(store: Store, tmp_path: Path):
    counts = {"customers": 1, "payments": 2, "email_campaigns": 0, "analytics_events": 3}
    lines = setup_text(crew.words, counts).splitlines()
    assert ["🔌 Setting Up API Integration Test Data", "=" * 50, "✅ Test data prepared:"] == lines[:3]
    assert "  - 1 customer record for CRM sync" == lines[3]
    assert "  - 2 payment transactions to process" == lines[4]
    assert "✅ Data read from my.json:" in setup_text(crew.words, counts, "my.json")
    record = await make_record(store, Example(payments_fail=True))
    results = results_text(record)
    assert results.startswith(f"📊 API INTEGRATION RESULTS\n{'=' * 50}\nIntegration Success Rate: 80.0%\n")
    assert "Total Integration Tasks: 5\nCompleted Integrations: 4\nIntegration Status: NEEDS ATTENTION" in results
    assert f"📋 INTEGRATION BREAKDOWN:\n{'-' * 40}\n✅ 🔄 CRM Synchronization\n   Specialist: crm_specialist" in results
    assert "   Status: failed\n   Error: Stripe answered 500" in results
    assert "  ✅ results.json" in files_text(crew.words, [tmp_path / "results.json"])


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("1 record", counted(1, "records")),
        ("0 retries", counted(0, "retries")),
        ("1 retry", counted(1, "retries")),
        ("1 event missing", counted(1, "events missing")),
        ("12,500 contacts", measured(12500, "contacts")),
        ("1 ms", measured(1, "ms")),
        ("29.99 USD (2,999 minor units)", money(2999, "usd")),
        ("500 JPY (500 minor units)", measured(500, "jpy minor units")),
        ("0.01 EUR (1 minor unit)", money(1, "eur")),
        ("not measured", measured(None, "%")),
        ("66.67%", measured(66.666, "%")),
        ("yes", measured(True, "")),
        ("2.35 s", milliseconds(2350.0)),
        ("12 ms", milliseconds(12.4)),
        (harmless('{"a": [1]}'), measured({"a": [1]}, "")),
    ],
)
def test_values_read_as_people_write_them(expected: str, printed: str):
    assert expected == printed
