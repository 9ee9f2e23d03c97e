"""Reads what a run says of itself and holds it against what the vendors saw, with no help from the code that wrote it.

Every function returns the disagreements, a sentence each; empty when there is none.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2e.vendors import minor, new_charges, new_intents

SPECIALISTS = (
    "crm_data_synchronization",
    "payment_transaction_processing",
    "email_campaign_automation",
    "analytics_event_tracking",
)
ORCHESTRATION = "api_integration_orchestration"
TASKS = (*SPECIALISTS, ORCHESTRATION)
LABELS = {
    "hubspot": "CRM (HubSpot)",
    "stripe": "Payments (Stripe)",
    "mailchimp": "Email (Mailchimp)",
    "ga4": "Analytics (Google Analytics 4)",
}
ZERO_DECIMAL = {"jpy"}

_REJECTED = re.compile(r"(\d+)(?: records? of [\w\\]+)? rejected: ((?:[\w\\]+ \(\d+\)(?:, )?)+)")
_CITED = re.compile(r"([^|\n]*?)\s*\[(f\d+)\]")
_FIRST_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_MINOR = re.compile(r"\(([\d,]+) minor units?\)")


def files(folder: Path) -> list[str]:
    """The five reports, the dashboard, the summary, results.json and the lists it names, and nothing else."""
    wanted = {f"{task}_report.md" for task in TASKS}
    wanted |= {"integration_health_dashboard.md", "INTEGRATION_SUMMARY.md", "results.json"}
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    wanted |= {task["exceptions"] for task in results["tasks"] if task["exceptions"] is not None}
    there = {path.name for path in folder.iterdir()}
    return [f"{name} is {'missing' if name in wanted else 'too much'}" for name in sorted(wanted ^ there)]


def calls(results: dict[str, Any], log: list[dict[str, Any]], store: Path) -> list[str]:
    """Requests by integration and by task, errors and retries: results.json, the store and the sandbox's log."""
    problems: list[str] = []

    def same(what: str, said: object, found: object) -> None:
        if said != found:
            problems.append(f"{what}: {said} is said, {found} was found")

    rows = _calls(store, results["run_id"])
    sent = [row for row in rows if row["sent"]]
    same(
        "requests by vendor, method, status and request id",
        Counter((row["integration"], row["method"], row["status"], row["request_id"]) for row in sent),
        Counter((entry["slug"], entry["method"], entry["status"], entry["request_id"]) for entry in log),
    )
    for slug, one in results["integrations"].items():
        own = [entry for entry in log if entry["slug"] == slug]
        failed = sum(entry["status"] is None or entry["status"] >= 300 for entry in own)
        same(f"calls of {slug}", one["calls"], len(own))
        same(f"errors of {slug}", one["errors"], failed)
        same(f"ok of {slug}", one["ok"], len(own) - failed)
        # A call that was tried n times is n requests; what is more than the number of calls was a repetition.
        of_slug = [row for row in sent if row["integration"] == slug]
        same(f"retries of {slug}", one["retries"], len(of_slug) - len({row["call_id"] for row in of_slug}))
    for task in results["tasks"]:
        same(f"calls of {task['name']}", task["calls"], sum(row["task"] == task["name"] for row in sent))
    same("all calls", sum(task["calls"] for task in results["tasks"]), len(log))
    return problems


def accounts(results: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What the run says it did, against what exists at the vendors: contacts, money, campaigns, events."""
    problems: list[str] = []
    facts = {fact["name"]: fact["value"] for fact in results["facts"]}

    def same(what: str, said: object, found: object) -> None:
        if said != found:
            problems.append(f"{what}: {said} is said, {found} was found")

    written = Counter(after["hubspot"]["writes"])
    written.subtract(before["hubspot"]["writes"])
    same("contacts created", facts.get("crm.contacts_created"), written["created"])
    same("contacts updated", facts.get("crm.contacts_updated"), written["updated"] + written["unchanged"])

    effects = {task["name"]: task["effects"] for task in results["tasks"]}
    intents = new_intents(after, before)
    for name in ("captured_minor", "refunded_minor", "authorized_minor"):
        said = {fact.rpartition(".")[2]: value for fact, value in facts.items() if fact.startswith(f"payments.{name}.")}
        same(name, {currency: amount for currency, amount in said.items() if amount}, minor(after, before, name))
    same("charges", facts.get("payments.succeeded"), len(new_charges(after, before)))
    statuses = Counter(row["status"] for row in intents.values())
    same("payments taken", facts.get("payments.succeeded"), statuses["succeeded"])
    same("customers", facts.get("payments.customers_created"), _more(after, before, "stripe", "customers"))

    campaigns = Counter(row["status"] for row in after["mailchimp"]["campaigns"].values())
    campaigns.subtract(row["status"] for row in before["mailchimp"]["campaigns"].values())
    same("campaigns created", facts.get("email.campaigns_created"), campaigns.total())
    same("campaigns scheduled", facts.get("email.campaigns_scheduled"), campaigns["schedule"])
    same("mails", 0, len(after["mailchimp"]["messages"]) - len(before["mailchimp"]["messages"]))

    same("events sent", facts.get("analytics.events_sent"), len(after["ga4"]["events"]) - len(before["ga4"]["events"]))
    same("events dropped", before["ga4"]["dropped"], after["ga4"]["dropped"])

    for task, one in effects.items():
        same(
            f"effects planned of {task}",
            one["planned"],
            one["confirmed"] + one["failed"] + one["unknown"] + one["skipped"],
        )
    confirmed = sum(one["confirmed"] for one in effects.values())
    same("records of all integrations", sum(one["records"] for one in results["integrations"].values()), confirmed)
    return problems


def markdown(folder: Path, results: dict[str, Any]) -> list[str]:
    """The numbers of the reports, read as a person would, against results.json."""
    problems: list[str] = []

    def same(what: str, said: object, found: object) -> None:
        if said != found:
            problems.append(f"{what}: the report has {said}, results.json {found}")

    facts = {fact["id"]: fact for fact in results["facts"]}
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    for name, text in texts.items():
        problems += [f"{name}: {problem}" for problem in _rejections(text)]
        for shown, id_ in _CITED.findall(text):
            fact = facts.get(id_)
            if fact is None:
                problems.append(f"{name} cites {id_}, which is not there")
            elif _reads(shown, fact) is False:
                problems.append(f"{name}: {shown.strip()!r} stands for {fact['name']}, which is {fact['value']}")
    for task in results["tasks"]:
        text = texts[task["report"]]
        same(f"status of {task['name']}", _headline(text, "Status"), task["status"])
        own = {id_ for _, id_ in _CITED.findall(text)}
        same(f"facts of {task['name']}", sorted(set(task["facts"]) - own), [])
        requests = re.search(r"\*\*API Endpoints:\*\* ([\d,]+) requests?", text)
        same(f"requests of {task['name']}", int(requests[1].replace(",", "")) if requests else 0, task["calls"])
        if task["error"]:
            same(f"an error in {task['name']}", "**Error:** " in text, True)
        for row in _table(text, "Dataset"):
            parts = [int(cell.replace(",", "")) for cell in row[2:]]
            same(f"records of {row[0]}", int(row[1].replace(",", "")), sum(parts))
    dashboard, summary = texts["integration_health_dashboard.md"], texts["INTEGRATION_SUMMARY.md"]
    listed = {row[0]: [int(cell) for cell in row[1:6]] for row in _table(dashboard, "Service", "Requests")}
    for slug, one in results["integrations"].items():
        if one["calls"] or one["unsent"]:
            numbers = [one[name] for name in ("calls", "ok", "errors", "unsent", "retries")]
            shown = next((row for label, row in listed.items() if label == LABELS[slug]), None)
            same(f"the dashboard's row of {slug}", shown, numbers)
    rows = _table(summary, "Task", "Status")
    same("tasks in the summary", len(rows), len(results["tasks"]))
    for row, task in zip(rows, results["tasks"], strict=False):
        said = (row[1].split(":")[0], row[3])
        same(f"the summary's row of {task['name']}", said, (task["status"], str(task["calls"])))
    for name, text in (("dashboard", dashboard), ("summary", summary)):
        same(f"status in the {name}", _headline(text, "Status"), results["status"])
    rate = f"{results['success_rate']:.1f}%"
    same("rate in the dashboard", (_headline(dashboard, "Integration Success Rate") or "").split()[0], rate)
    same("rate in the summary", (_headline(summary, "Success Rate") or "").split()[0], rate)
    return problems


def connectivity(folder: Path) -> dict[str, bool]:
    """Which services the dashboard shows as connected, by slug."""
    text = (folder / "integration_health_dashboard.md").read_text(encoding="utf-8")
    section = text.split("### External Service Connectivity")[1].split("###")[0]
    found: dict[str, bool] = {}
    for line in section.splitlines():
        for slug, label in LABELS.items():
            if line.startswith(f"- **{label}"):
                found[slug] = "🟢" in line or "✅" in line
                assert found[slug] != ("🔴" in line or "❌" in line), line
    return found


def _more(after: dict[str, Any], before: dict[str, Any], slug: str, kind: str) -> int:
    return len(after[slug][kind]) - len(before[slug][kind])


def _calls(store: Path, run_id: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(f"file:{store / 'newfuse.db'}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM calls WHERE run_id = ?", [run_id])]
    finally:
        connection.close()


def _rejections(text: str) -> Iterator[str]:
    """Check that the reasons of rejections come to as many as are said to be rejected, and that lists are whole."""
    for found in _REJECTED.finditer(text):
        by_rule = [int(count) for count in re.findall(r"\((\d+)\)", found[2])]
        if by_rule and sum(by_rule) != int(found[1]):
            yield f"{found[0]!r}: the reasons come to {sum(by_rule)}"
    for found in re.finditer(r"^(\d+) of (\d+) are shown\.$", text, re.MULTILINE):
        if int(found[1]) < min(20, int(found[2])):
            yield f"{found[0]!r}: fewer than 20 are left out"


def _headline(text: str, name: str) -> str | None:
    found = re.search(rf"^\*\*{re.escape(name)}:\*\* (.+?)\s*$", text, re.MULTILINE)
    return found[1] if found else None


def _reads(shown: str, fact: dict[str, Any]) -> bool | None:
    """Say whether what is shown is the fact's number; None where the fact is no number."""
    value = fact["value"]
    if value is None:
        return "not measured" in shown
    if isinstance(value, bool):
        return shown.strip().endswith("yes" if value else "no")
    if not isinstance(value, int | float):
        return None
    exact = _MINOR.search(shown)
    found = exact[1] if exact else next(iter(_FIRST_NUMBER.findall(shown)), None)
    return found is not None and abs(float(found.replace(",", "")) - value) < 0.051


def _table(text: str, *heads: str) -> Iterator[list[str]] | list[list[str]]:
    """Return the rows of the first table whose first columns are headed so."""
    lines = iter(text.splitlines())
    for line in lines:
        cells = _cells(line)
        if cells[: len(heads)] == list(heads):
            next(lines)
            rows = []
            for row in lines:
                if not row.startswith("|"):
                    break
                rows.append(_cells(row))
            return rows
    return []


def _cells(line: str) -> list[str]:
    if not line.startswith("|"):
        return []
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
