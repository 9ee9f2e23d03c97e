"""The orchestrator's tools: are the vendors there, do the systems agree, what came of every task."""

from __future__ import annotations

from collections import Counter
from typing import Any

from newfuse import Disposition, Entry, Job, NewFuseError, Tool, ToolResult, answer, tool
from newfuse.records import WRITTEN, batches, percent

PLACES_SHOWN = 10
LOOKED_UP = 100  # contacts of one request: https://developers.hubspot.com/docs/api/crm/contacts
ACCOUNTED = "Every record is accounted for"
PAYING = "Paying customers are contacts of the CRM"
READ_BACKS = {
    "Contacts agree with the CRM": (("crm.contacts_mismatched", "crm.contacts_missing"), "contacts differ"),
    "Payments agree with Stripe": (("payments.mismatched",), "payments differ"),
    "Events arrived in Analytics": (("analytics.gaps",), "events are not in the report"),
}
FLOW_CHECKS = frozenset({ACCOUNTED, PAYING, *READ_BACKS})
TAKEN = frozenset({"succeeded", "requires_capture"})  # payments whose customers have paid, or are held to


@tool
async def check_integration_health(job: Job) -> ToolResult:
    """Call every integration of the run now, and measure whether and how fast it answers.

    Returns:
        For each integration whether it answered, in how many milliseconds, when, and its error.
    """
    found = await job.run.registry.check_health()
    for slug, health in found.items():
        source: dict[str, Any] = {"kind": "calls", "integration": slug, "action": "health"}
        job.fact(f"health.{slug}.ok", health.ok, "yes or no", at=health.at.isoformat(), **source)
        latency_ms = round(health.latency_ms, 1) if health.ok else None
        job.fact(f"health.{slug}.latency_ms", latency_ms, "ms", at=health.at.isoformat(), **source)
    up = sum(health.ok for health in found.values())
    job.fact("health.integrations_ok", up, "integrations", kind="calls", action="health")
    job.fact("health.integrations", len(found), "integrations", kind="calls", action="health")
    evidence = f"{up} of {len(found)} integrations answered a health call"
    job.check("Every integration answers", up == len(found) if found else None, evidence)
    data = {
        slug: {
            "ok": health.ok,
            "latency_ms": round(health.latency_ms, 1),
            "at": health.at.isoformat(),
            "error": health.error,
        }
        for slug, health in found.items()
    }
    return answer(f"{up} of {len(found)} integrations answer.", data)


@tool
async def validate_data_flow(job: Job) -> ToolResult:
    """Check that the systems agree with each other, as far as this run can tell; nothing is changed.

    Paying customers must be contacts of the CRM, every record must be accounted for, and what was read back must
    agree with what was written.

    Returns:
        Each check with its evidence and whether it passed; null where there was nothing to read or compare.
    """
    _check_accounts(job)
    await _check_paying_customers(job)
    _check_read_backs(job)
    checks = [check for check in job.checks if check.name in FLOW_CHECKS]
    results = Counter(check.passed for check in checks)
    passed, made, not_made = results[True], results[True] + results[False], results[None]
    job.fact("flow.checks", made, "checks", kind="derived")
    job.fact("flow.checks_passed", passed, "checks", kind="derived")
    job.fact("flow.checks_not_made", not_made, "checks", kind="derived")
    named = [{"check": check.name, "passed": check.passed, "evidence": check.evidence} for check in checks]
    data = {"checks": named, "passed": passed, "total": made, "not_made": not_made}
    return answer(f"{passed} of {made} checks passed; {not_made} could not be made.", data)


@tool
async def summarize_outcomes(job: Job) -> ToolResult:
    """Sum up the tasks that have ended: status, error, writes, and what became of their records.

    Returns:
        For each task its status and counts, and how many completed.
    """
    tasks: dict[str, Any] = {}
    for name, outcome in job.run.outcomes.items():
        records: Counter[str] = Counter()
        for account in outcome.datasets:
            records.update(account.counts)
        tasks[name] = {
            "status": outcome.status.value,
            "error": outcome.error,
            "writes": {state: count for state, count in outcome.effects.model_dump().items() if count},
            "records": {disposition: count for disposition, count in records.items() if count},
        }
    statuses = Counter(task["status"] for task in tasks.values())
    job.fact("tasks.ended", len(tasks), "tasks", kind="derived")
    job.fact("tasks.completed", statuses["completed"], "tasks", kind="derived")
    job.fact("tasks.failed", statuses["failed"], "tasks", kind="derived")
    sentence = f"{statuses['completed']} of {len(tasks)} tasks completed, {statuses['failed']} failed."
    return answer(sentence, {"tasks": tasks, "completed": statuses["completed"], "failed": statuses["failed"]})


def _check_accounts(job: Job) -> None:
    """Every record must have become something."""
    states: Counter[str] = Counter()
    for dataset in job.run.datasets.roots():
        states.update(dataset.counts())
    total = states.total()
    accounted = total - states[Disposition.PENDING.value]
    written = sum(states[disposition.value] for disposition in WRITTEN)
    job.fact("flow.records", total, "records", kind="dataset")
    job.fact("flow.records_accounted_for", accounted, "records", kind="dataset")
    job.fact("flow.records_written", written, "records", kind="dataset")
    job.fact("flow.records_written_rate", percent(written, total), "%", kind="derived")
    named = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    evidence = f"{accounted} of {total} records: {named}" if total else "the run was given no records"
    job.check(ACCOUNTED, accounted == total if total else None, evidence)


async def _check_paying_customers(job: Job) -> None:
    """Who paid must be a contact of the CRM: written by this run or an earlier one, or found there."""
    paying = {entry.data["customer_email"] for entry in _entries(job, "payments") if entry.data.get("status") in TAKEN}
    contacts = {entry.reference for entry in _entries(job, "customers") if entry.disposition in WRITTEN}
    looked_up = sorted(paying - contacts)
    found: set[str] = set()
    source: dict[str, Any] = {"kind": "derived", "integration": "hubspot", "action": "batch_read_contacts"}
    job.fact("flow.paying_customers", len(paying), "customers", kind="dataset", dataset="payments")
    try:
        if looked_up:
            hubspot = await job.integration("hubspot")
            for some in batches(looked_up, LOOKED_UP):
                asked = {"emails": some, "properties": ["email"]}
                rows = await hubspot.execute("batch_read_contacts", asked)
                found |= {str(row["email"]).lower() for row in rows}
    except NewFuseError as exc:
        job.fact("flow.paying_customers_in_crm", None, "customers", **source)
        evidence = f"{len(looked_up)} of {len(paying)} could not be looked up: {exc.for_model}"
        job.check(PAYING, None, evidence)
        return
    if not paying:
        job.fact("flow.paying_customers_in_crm", None, "customers", **source)
        job.check(PAYING, None, "no customer has paid in this run or is held to")
        return
    missing = paying - contacts - found
    there = len(paying) - len(missing)
    job.fact("flow.paying_customers_in_crm", there, "customers", **source)
    evidence = f"{there} of {len(paying)} paying customers are contacts of the CRM ({len(found)} looked up there)"
    if missing:
        places = [entry.place for entry in _entries(job, "payments") if entry.data["customer_email"] in missing]
        evidence += f"; missing: {', '.join(places[:PLACES_SHOWN])}"
    job.check(PAYING, not missing, evidence)


def _check_read_backs(job: Job) -> None:
    """What was read back by the other tasks must agree; what was not read back is not checked."""
    for name, (facts, what) in READ_BACKS.items():
        found = [job.run.facts.get(known) for known in facts]
        counts = [fact.value for fact in found if fact is not None and isinstance(fact.value, int)]
        if counts and len(counts) == len(facts):
            wrong = sum(counts)
            job.check(name, wrong == 0, f"{wrong} {what}, by the read-back of this run")
        else:
            job.check(name, None, "nothing was read back in this run")


def _entries(job: Job, root: str) -> list[Entry]:
    """Return the checked records of a dataset; those that were never read, or refused, have no reference."""
    if not job.run.datasets.has(root):
        return []
    return [entry for entry in job.dataset(root) if entry.reference]


TOOLS: list[Tool] = [check_integration_health, validate_data_flow, summarize_outcomes]
