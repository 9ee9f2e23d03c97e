"""Runs as the reports see them, with the calls and effects they claim really in a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from crews.api_integration import crew
from newfuse.observe import (
    MoneyOutcome,
    Observed,
    calls_by_task,
    endpoint_statistics,
    evaluate,
    run_statistics,
    tls_versions,
    window_statistics,
)
from newfuse.observe.statistics import CallStatistics
from newfuse.report import RunRecord, Service
from newfuse.report.facts import FactBook
from newfuse.report.results import (
    CheckResult,
    DatasetAccount,
    EffectCounts,
    HealthReading,
    IntegrationResult,
    Performance,
    RecordException,
    RunResult,
    RunStatus,
    TaskOutcome,
    TaskResult,
    TaskStatus,
)
from newfuse.store import Store
from newfuse.store.schema import calls, effects

START = datetime(2025, 3, 5, 10, 15, 0, tzinfo=UTC)
END = START + timedelta(seconds=2.5)
RUN = "run_7f3a"
CRM, PAYMENTS, EMAIL, ANALYTICS, ALL = (
    "crm_data_synchronization",
    "payment_transaction_processing",
    "email_campaign_automation",
    "analytics_event_tracking",
    "api_integration_orchestration",
)
TITLES = {
    CRM: "🔄 CRM Synchronization",
    PAYMENTS: "💳 Payment Processing",
    EMAIL: "📧 Email Automation",
    ANALYTICS: "📈 Analytics Tracking",
    ALL: "🎯 Integration Orchestration",
}
AGENTS = {
    CRM: ("crm_specialist", "CRM Integration Specialist"),
    PAYMENTS: ("payment_specialist", "Payment Processing Specialist"),
    EMAIL: ("email_specialist", "Email Marketing Specialist"),
    ANALYTICS: ("analytics_specialist", "Analytics Specialist"),
    ALL: ("api_manager", "API Integration Manager"),
}
SERVICES = [
    Service(slug=slug, label=crew.services[slug].label(vendor), records=crew.services[slug].records, tasks=[task])
    for slug, vendor, task in (
        ("hubspot", "HubSpot", CRM),
        ("stripe", "Stripe", PAYMENTS),
        ("mailchimp", "Mailchimp", EMAIL),
        ("ga4", "Google", ANALYTICS),
    )
]
SLUG_OF = {task: service.slug for service in SERVICES for task in service.tasks}


@dataclass
class Example:
    """What differs between the runs of these tests; everything else is a good run."""

    payments_fail: bool = False
    prose: str = "The CRM is in step: 2 contacts were written, nothing was rejected."
    vendor_error: str = "Stripe answered 500: An error occurred with our connection to the bank."
    rejected: int = 0
    facts: FactBook = field(default_factory=FactBook)


async def make_record(store: Store, example: Example | None = None) -> RunRecord:
    """Put a run's calls and effects into the store and return its record."""
    example = example or Example()
    await store.write(lambda connection: connection.execute(insert(calls), _calls(example)))
    await store.write(lambda connection: connection.execute(insert(effects), _effects(example)))
    _facts(example)
    statistics = await run_statistics(store, RUN)
    by_task = await calls_by_task(store, RUN)
    window = await window_statistics(store, END - timedelta(hours=24), END)
    outcomes = [_outcome(example, name) for name in TITLES]
    health = _health(example)
    completed = sum(one.status is TaskStatus.COMPLETED for one in outcomes)
    rate = round(100 * completed / len(outcomes), 1)
    money = outcomes[1].money_effects
    good = rate >= 80 and not money.failed
    return RunRecord(
        result=RunResult(
            run_id=RUN,
            crew="api_integration",
            mode="sandbox",
            model="runbook",
            started_at=START,
            finished_at=END,
            status=RunStatus.SUCCESS if good else RunStatus.NEEDS_ATTENTION,
            success_rate=rate,
            total_tasks=len(outcomes),
            completed_tasks=completed,
            failed_tasks=len(outcomes) - completed,
            tasks=[
                TaskResult(
                    name=one.name,
                    agent=one.agent,
                    status=one.status,
                    started_at=one.started_at,
                    finished_at=one.finished_at,
                    error=one.error,
                    report=f"{one.name}_report.md",
                    calls=by_task.get(one.name, CallStatistics()).calls,
                    effects=one.effects,
                    facts=[fact.id for fact in example.facts.of(one.name)],
                )
                for one in outcomes
            ],
            integrations={
                service.slug: IntegrationResult.of(
                    statistics[service.slug],
                    records=_outcome(example, service.tasks[0]).effects.confirmed,
                    status="connected" if health[service.slug].ok else "failed",
                )
                for service in SERVICES
            },
            facts=list(example.facts),
        ),
        outcomes=outcomes,
        services=SERVICES,
        health=health,
        statistics=statistics,
        task_statistics=by_task,
        endpoints=await endpoint_statistics(store, RUN),
        window=window,
        window_since=END - timedelta(hours=24),
        alerts=evaluate(
            crew.alerts,
            Observed(
                statistics=window,
                window="last 24 h",
                since=END - timedelta(hours=24),
                now=END,
                money=MoneyOutcome(money.planned, money.failed, money.unknown),
                facts={
                    "crm.last_sync_at": (START + timedelta(seconds=1)).isoformat(),
                    **{f"email.{name}": 0 for name in ("emails_sent", "bounces")},
                    **{f"analytics.events_{name}": 2 for name in ("valid", "sent", "seen")},
                },
            ),
        ),
        words=crew.words,
        templates=crew.templates,
        auth={"hubspot": "bearer", "stripe": "bearer", "mailchimp": "basic", "ga4": "api_key"},
        tls=await tls_versions(store, RUN),
        settings={
            service.slug: {
                "retry attempts": 3,
                "retry total s": 120.0,
                "breaker failures": 5,
                "breaker recovery s": 30.0,
                **({"rate limit": "25 per 1 s"} if service.slug == "stripe" else {}),
            }
            for service in SERVICES
        },
    )


def unmeasured_record() -> RunRecord:
    """Return a run in which nothing could be measured."""
    outcomes = [
        TaskOutcome(
            name=name,
            title=TITLES[name],
            agent=AGENTS[name][0],
            role=AGENTS[name][1],
            status=TaskStatus.FAILED if name != ALL else TaskStatus.SKIPPED,
            started_at=START,
            finished_at=START,
            error="could not connect",
            sums_up=name == ALL,
        )
        for name in TITLES
    ]
    return RunRecord(
        result=RunResult(
            run_id=RUN,
            crew="api_integration",
            mode="live",
            model="runbook",
            started_at=START,
            finished_at=START,
            status=RunStatus.NEEDS_ATTENTION,
            success_rate=0.0,
            total_tasks=5,
            completed_tasks=0,
            failed_tasks=4,
            tasks=[
                TaskResult(
                    name=one.name,
                    agent=one.agent,
                    status=one.status,
                    started_at=START,
                    finished_at=START,
                    error=one.error,
                    report=f"{one.name}_report.md",
                    calls=0,
                    effects=EffectCounts(),
                    facts=[],
                )
                for one in outcomes
            ],
            integrations={},
            facts=[],
        ),
        outcomes=outcomes,
        services=SERVICES,
        window_since=START - timedelta(hours=24),
        alerts=evaluate(
            crew.alerts,
            Observed(statistics={}, window="last 24 h", since=START - timedelta(hours=24), now=START),
        ),
        words=crew.words,
        templates=crew.templates,
    )


def call(slug: str, task: str | None, template: str, **changes: Any) -> dict[str, Any]:
    """Return a row of the calls table."""
    return {
        "call_id": f"{slug}-{template}",
        "attempt": 1,
        "run_id": RUN,
        "task": task,
        "agent": None,
        "integration": slug,
        "action": "act",
        "method": "POST",
        "host": "127.0.0.1:8420",
        "template": template,
        "status": 200,
        "error": None,
        "sent": True,
        "started_at": (START + timedelta(seconds=1)).isoformat(),
        "latency_ms": 12.0,
        "waited_ms": 0.0,
        "bytes_out": 100,
        "bytes_in": 300,
        "request_id": None,
        "tls": None,
        **changes,
    }


def effect(number: int, task: str, state: str = "confirmed", kind: str = "write") -> dict[str, Any]:
    """Return a row of the effects table."""
    return {
        "key": f"{task}-{number}",
        "environment": "sandbox",
        "account": "default",
        "integration": SLUG_OF[task],
        "action": "act",
        "reference": str(number),
        "fingerprint": "f",
        "kind": kind,
        "once": "key",
        "state": state,
        "attempt": 1,
        "owner": "me",
        "run_id": RUN,
        "task": task,
        "created_at": START.isoformat(),
    }


def _calls(example: Example) -> list[dict[str, Any]]:
    rows = [
        call("hubspot", CRM, "/crm/v3/objects/contacts/batch/upsert", latency_ms=41.0),
        call("hubspot", CRM, "/crm/v3/objects/contacts/batch/read", latency_ms=23.0),
        call("mailchimp", EMAIL, "/lists/{list_id}/members/{hash}", method="PUT", latency_ms=18.0),
        call("mailchimp", EMAIL, "/campaigns", latency_ms=31.0),
        call("ga4", ANALYTICS, "/debug/mp/collect", latency_ms=6.0),
        call("ga4", ANALYTICS, "/mp/collect", latency_ms=7.5, status=204),
        *(call(service.slug, None, "/ping", method="GET", latency_ms=4.25) for service in SERVICES[::2]),
    ]
    if example.payments_fail:
        broken = {"status": 500, "error": "Unavailable"}
        rows += [
            call("stripe", PAYMENTS, "/v1/payment_intents", latency_ms=2405.0, attempt=attempt, **broken)
            for attempt in (1, 2, 3)
        ]
        rows.append(
            call("stripe", PAYMENTS, "/v1/balance", method="GET", sent=False, status=None, error="ConnectError")
        )
    else:
        rows += [
            call("stripe", PAYMENTS, "/v1/payment_intents", latency_ms=52.0),
            call("stripe", PAYMENTS, "/v1/payment_intents", latency_ms=49.0, attempt=2),
        ]
    return rows


def _effects(example: Example) -> list[dict[str, Any]]:
    paid = "failed" if example.payments_fail else "confirmed"
    return [
        effect(1, CRM),
        effect(2, CRM),
        effect(1, PAYMENTS, paid, "money"),
        effect(2, PAYMENTS, paid, "money"),
        effect(1, EMAIL),
        effect(1, ANALYTICS),
    ]


def _facts(example: Example) -> None:
    book = example.facts
    book.add(CRM, "crm.contacts_written", 2, "contacts", {"kind": "effects", "integration": "hubspot"})
    book.add(CRM, "crm.contacts_created", 1, "contacts", {"kind": "vendor", "integration": "hubspot"})
    taken = 0 if example.payments_fail else 12998
    book.add(PAYMENTS, "payments.captured", taken, "usd minor units", {"kind": "vendor", "integration": "stripe"})
    book.add(EMAIL, "email.deliverability", None, "%", {"kind": "vendor", "integration": "mailchimp"})
    book.add(EMAIL, "email.audience", "new_subscribers", "", {"kind": "dataset", "dataset": "email_campaigns"})
    book.add(ANALYTICS, "analytics.events_sent", 2, "events", {"kind": "effects", "integration": "ga4"})


def _health(example: Example) -> dict[str, HealthReading]:
    readings = {
        service.slug: HealthReading(ok=True, latency_ms=4.25, at=END - timedelta(seconds=0.5)) for service in SERVICES
    }
    if example.payments_fail:
        readings["stripe"] = HealthReading(
            ok=False, latency_ms=3.0, at=END - timedelta(seconds=0.5), error=example.vendor_error
        )
    return readings


def _outcome(example: Example, name: str) -> TaskOutcome:
    failed = name == PAYMENTS and example.payments_fail
    agent, role = AGENTS[name]
    count = {CRM: 2, PAYMENTS: 2, EMAIL: 1, ANALYTICS: 1, ALL: 0}[name]
    counts = EffectCounts(planned=count, failed=count) if failed else EffectCounts(planned=count, confirmed=count)
    return TaskOutcome(
        name=name,
        title=TITLES[name],
        agent=agent,
        role=role,
        status=TaskStatus.FAILED if failed else TaskStatus.COMPLETED,
        started_at=START,
        finished_at=START + timedelta(seconds=2),
        error=example.vendor_error if failed else None,
        prose=example.prose if name == CRM else "",
        prose_by="runbook" if name == CRM else "",
        performances=[Performance(by="runbook", why="no model is configured", tool_calls=4)],
        effects=counts,
        money_effects=counts if name == PAYMENTS else EffectCounts(),
        datasets=_datasets(example, name),
        checks=[CheckResult(name="read back", passed=not failed, evidence="2 of 2 found")] if name != ALL else [],
        integrations=[SLUG_OF[name]] if name in SLUG_OF else list(SLUG_OF.values()),
        sums_up=name == ALL,
    )


def _datasets(example: Example, name: str) -> list[DatasetAccount]:
    names = {CRM: "customers", PAYMENTS: "payments", EMAIL: "email_campaigns", ANALYTICS: "analytics_events"}
    if name not in names:
        return []
    rejected = example.rejected if name == CRM else 0
    state = "failed" if name == PAYMENTS and example.payments_fail else "confirmed"
    return [
        DatasetAccount(
            name=names[name],
            total=2 + rejected,
            counts={state: 2, "rejected": rejected},
            rules={"email_invalid": rejected} if rejected else {},
            exceptions=[
                RecordException(
                    place=f"customers[{index + 2}]",
                    reference="",
                    disposition="rejected",
                    rule="email_invalid",
                    reason="“ada@” is no e-mail address",
                )
                for index in range(rejected)
            ],
        )
    ]
