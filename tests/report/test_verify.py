from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from newfuse.report import write_reports
from newfuse.report.verify import verify
from newfuse.store import Store
from newfuse.store.schema import calls, effects
from report.run_examples import CRM, PAYMENTS, Example, call, effect, make_record

DASHBOARD = "integration_health_dashboard.md"


async def written(store: Store, folder: Path, *, payments_fail: bool = False) -> Path:
    write_reports(await make_record(store, Example(payments_fail=payments_fail)), folder)
    return folder


def change(folder: Path, *path: str | int, to: Any) -> None:
    file = folder / "results.json"
    whole = found = json.loads(file.read_text(encoding="utf-8"))
    for part in path[:-1]:
        found = found[part]
    found[path[-1]] = to
    file.write_text(json.dumps(whole), encoding="utf-8")


@pytest.mark.parametrize("payments_fail", [False, True])
async def test_our_own_reports_agree_with_the_store(store: Store, tmp_path: Path, payments_fail: bool):
    assert [] == await verify(await written(store, tmp_path, payments_fail=payments_fail), store)


@pytest.mark.parametrize(
    ("path", "to", "expected"),
    [
        (("completed_tasks",), 4, "completed_tasks"),
        (("total_tasks",), 6, "total_tasks"),
        (("success_rate",), 99.9, "success_rate"),
        (("tasks", 0, "effects", "confirmed"), 9, f"effects.planned of {CRM}"),
        (("reasons",), ["a payment is in doubt"], "SUCCESS is said although reasons"),
        (("tasks", 0, "status"), "failed", "SUCCESS is said although 1 task failed"),
        (("tasks", 0, "exceptions"), "no_such_list.json", "no_such_list.json cannot be read"),
        (("tasks", 0, "calls"), 99, f"calls of {CRM}, by the store"),
        (("tasks", 0, "facts"), ["f999"], "names a fact f999"),
        (("integrations", "stripe", "ok"), 1, "calls of stripe"),
        (("integrations", "stripe", "p95_ms"), 245.0, "p95_ms of stripe, by the store"),
        (("integrations", "stripe", "retries"), 0, "retries of stripe, by the store"),
        (("integrations", "stripe", "status"), "failed", "status of stripe"),
        (("facts", 0, "value"), 3, "f001 (crm.contacts_written) is 3 contacts"),
        (("facts", 2, "value"), 2999, "f003 (payments.captured) is 29.99 USD"),
    ],
)
async def test_a_changed_number_is_found(
    store: Store, tmp_path: Path, path: tuple[str | int, ...], to: Any, expected: str
):
    folder = await written(store, tmp_path)
    change(folder, *path, to=to)
    problems = await verify(folder, store)
    assert any(expected in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (f"{CRM}_report.md", "2 contacts [f001]", "12 contacts [f001]", "f001"),
        (f"{CRM}_report.md", "2 contacts [f001]", "2 contacts [f999]", "cites a fact f999"),
        (DASHBOARD, "Rate:** 100.0%", "Rate:** 98.5%", "Integration Success Rate"),
        (DASHBOARD, "**Status:** SUCCESS", "**Status:** FINE", "Status"),
        ("INTEGRATION_SUMMARY.md", "Integrated:** 4", "Integrated:** 5", "Total Services Integrated"),
        (f"{PAYMENTS}_report.md", "**Status:** completed", "**Status:** failed", "Status"),
    ],
)
async def test_a_changed_report_is_found(store: Store, tmp_path: Path, name: str, old: str, new: str, expected: str):
    file = await written(store, tmp_path) / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    problems = await verify(tmp_path, store)
    assert [True] == [expected in problem and name in problem for problem in problems], problems


async def test_calls_and_effects_the_results_do_not_know_are_found(store: Store, tmp_path: Path):
    folder = await written(store, tmp_path)
    await store.write(lambda connection: connection.execute(insert(calls), [call("acme", "secret", "/x")]))
    await store.write(lambda connection: connection.execute(insert(effects), [effect(9, CRM)]))
    problems = await verify(folder, store)
    assert any("no such integration" in problem for problem in problems)
    assert any("no such task" in problem for problem in problems)
    assert any(f"effects confirmed of {CRM}" in problem for problem in problems)


async def test_a_lost_call_is_found(store: Store, tmp_path: Path):
    folder = await written(store, tmp_path)
    await store.write(lambda connection: connection.execute(delete(calls).where(calls.c.template == "/mp/collect")))
    assert any("calls of ga4" in problem for problem in await verify(folder, store))


async def test_what_a_later_run_settled_is_no_problem(store: Store, tmp_path: Path):
    folder = await written(store, tmp_path, payments_fail=True)
    taken_over = update(effects).where(effects.c.state == "failed").values(run_id="a later run", state="confirmed")
    await store.write(lambda connection: connection.execute(taken_over))
    assert [] == await verify(folder, store)


async def test_a_folder_without_readable_results_is_one_problem(store: Store, tmp_path: Path):
    (problem,) = await verify(tmp_path, store)
    assert "results.json cannot be read" in problem
    (tmp_path / "results.json").write_text('{"run_id": 1}', encoding="utf-8")
    (problem,) = await verify(tmp_path, store)
    assert "results.json does not have its form at: " in problem


async def test_a_missing_report_is_found(store: Store, tmp_path: Path):
    folder = await written(store, tmp_path)
    (folder / DASHBOARD).unlink()
    assert [f"{DASHBOARD} cannot be read."] == await verify(folder, store)
