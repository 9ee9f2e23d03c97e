"""Gathers what a run measured into the record its reports are written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from newfuse.crew.crew import Crew
from newfuse.crew.job import RunContext
from newfuse.crew.recording import Recording
from newfuse.environment import Environment
from newfuse.errors import StoreFailed
from newfuse.observe import (
    CallStatistics,
    MoneyOutcome,
    Observed,
    calls_of_run,
    evaluate,
    window_statistics,
)
from newfuse.report.record import RunRecord
from newfuse.report.results import (
    SUCCESS_THRESHOLD,
    HealthReading,
    IntegrationResult,
    ModelUse,
    Repetition,
    RunResult,
    RunStatus,
    TaskOutcome,
    TaskResult,
    TaskStatus,
)
from newfuse.report.sections import title_of
from newfuse.report.services import Service, ServiceWords
from newfuse.report.wording import counted, percent
from newfuse.store import Store
from newfuse.types import Effect

WINDOW = timedelta(hours=24)
REASON_LENGTH = 160  # characters of a task's error in the line of the verdict; the task's report has all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFrame:
    """What was known of a run when it began."""

    crew: Crew
    run: RunContext
    recording: Recording
    environment: Environment
    model: str
    started_at: datetime
    repetition: Repetition | None = None


async def make_record(frame: RunFrame, outcomes: Mapping[str, TaskOutcome], store: Store) -> RunRecord:
    """Return everything the reports are written from; every number is read from the store or counted by the tasks.

    Where the store failed, the calls it could not take any more are counted with those it has.
    """
    run = frame.run
    await frame.recording.flush_calls()
    unwritten = run.call_log.unwritten
    finished_at = datetime.now(UTC)
    since = finished_at - WINDOW
    calls = await calls_of_run(store, run.run_id, unwritten)
    statistics, by_task = calls.by_integration, calls.by_task
    every = await window_statistics(store, since, finished_at, mode=frame.environment.mode, unwritten=unwritten)
    own = {*frame.crew.integrations, *statistics}  # the store may hold the calls of other crews
    window = {slug: found for slug, found in every.items() if slug in own}
    health = {
        slug: HealthReading(ok=one.ok, latency_ms=one.latency_ms, at=one.at, error=one.error)
        for slug, one in run.registry.last_health.items()
    }
    in_order = [outcomes[name] for name in frame.crew.tasks]
    confirmed = await _confirmed(run)
    result = _result(frame, in_order, finished_at, statistics, by_task, health, confirmed)
    failure = frame.recording.failure
    return RunRecord(
        result=result,
        store_failure=failure.for_model if failure is not None else None,
        outcomes=in_order,
        services=_services(frame),
        health=health,
        statistics=statistics,
        task_statistics=by_task,
        endpoints=calls.endpoints,
        window=window,
        window_since=since,
        alerts=evaluate(
            frame.crew.alerts,
            Observed(
                statistics=window,
                window="last 24 h",
                since=since,
                now=finished_at,
                money=_money(in_order),
                facts={fact.name: fact.value for fact in reversed(list(run.facts))},  # the first of a name counts
            ),
        ),
        auth={one.id: str(one.config.auth_type) for one in run.registry.get_integrations()},
        tls=calls.tls_versions,
        settings={one.id: one.settings_in_force() for one in run.registry.get_integrations()},
        words=frame.crew.words,
        templates=frame.crew.templates,
    )


def told_of(record: RunRecord, failure: StoreFailed) -> RunRecord:
    """Return the record of a run whose store failed after it was made."""
    result = record.result.model_copy(update={"status": RunStatus.NEEDS_ATTENTION})
    return record.model_copy(update={"result": result, "store_failure": failure.for_model})


def _result(
    frame: RunFrame,
    outcomes: Sequence[TaskOutcome],
    finished_at: datetime,
    statistics: Mapping[str, CallStatistics],
    by_task: Mapping[str, CallStatistics],
    health: Mapping[str, HealthReading],
    confirmed: Mapping[str, int],
) -> RunResult:
    completed = sum(outcome.status is TaskStatus.COMPLETED for outcome in outcomes)
    rate = round(100 * completed / len(outcomes), 1)
    reasons = _reasons(frame, outcomes, rate)
    return RunResult(
        run_id=frame.run.run_id,
        crew=frame.crew.name,
        mode=frame.environment.mode,
        elsewhere=dict(frame.environment.elsewhere),
        model=frame.model,
        started_at=frame.started_at,
        finished_at=finished_at,
        status=RunStatus.NEEDS_ATTENTION if reasons else RunStatus.SUCCESS,
        reasons=reasons,
        success_rate=rate,
        total_tasks=len(outcomes),
        completed_tasks=completed,
        failed_tasks=sum(outcome.status is TaskStatus.FAILED for outcome in outcomes),
        tasks=[
            TaskResult(
                name=outcome.name,
                agent=outcome.agent,
                status=outcome.status,
                started_at=outcome.started_at,
                finished_at=outcome.finished_at,
                error=outcome.error,
                report=f"{outcome.name}_report.md",
                exceptions=outcome.exceptions_file,
                calls=by_task[outcome.name].calls if outcome.name in by_task else 0,
                effects=outcome.effects,
                facts=[fact.id for fact in frame.run.facts.of(outcome.name)],
                output=outcome.output,
            )
            for outcome in outcomes
        ],
        integrations={
            slug: IntegrationResult.of(
                statistics.get(slug, NO_CALLS),
                records=confirmed.get(slug, 0),
                status=_connection(slug, statistics, health),
            )
            for slug in frame.crew.integrations
        },
        facts=list(frame.run.facts),
        model_use=ModelUse.of(outcomes),
        repetition=frame.repetition,
    )


def _reasons(frame: RunFrame, outcomes: Sequence[TaskOutcome], rate: float) -> list[str]:
    """Return why somebody should look at the run, a phrase each; a success has no reason.

    Success needs every task that was started to be completed, at least the specified share of all tasks, every money
    effect asked for to be done, and no critical check to have failed.
    """
    reasons = []
    if frame.recording.failure is not None:  # nobody could say later what it did
        reasons.append(f"the run is not recorded whole: {_shortened(frame.recording.failure.for_model)}")
    reasons += [f"{title_of(outcome)}: {why}" for outcome in outcomes for why in _of_task(frame, outcome)]
    if rate < SUCCESS_THRESHOLD and not reasons:
        reasons.append(f"{percent(rate)} of the tasks completed, {percent(SUCCESS_THRESHOLD)} are needed")
    return reasons


def _of_task(frame: RunFrame, outcome: TaskOutcome) -> Iterator[str]:
    if outcome.status is TaskStatus.FAILED:
        yield f"failed: {_shortened(outcome.error or 'no reason given')}"
    elif outcome.status is TaskStatus.SKIPPED and _handles_money(frame, outcome):
        yield "skipped"
    elif outcome.status is TaskStatus.COMPLETED:
        yield from _left_open(frame, outcome)
    yield from (
        f"the check “{check.name}” failed" for check in outcome.checks if check.critical and check.passed is False
    )


def _left_open(frame: RunFrame, outcome: TaskOutcome) -> Iterator[str]:
    """Say what a task that handles money left open, such as a refund that conflicts with an earlier one."""
    records: Counter[str] = Counter()
    if _handles_money(frame, outcome):
        for account in outcome.datasets:
            records.update(account.counts)
    money = outcome.money_effects
    found = [("failed", records["failed"], money.failed), ("in doubt", records["unknown"], money.unknown)]
    for state, of_records, of_effects in found:
        if of_records:
            yield f"{counted(of_records, 'records')} {state}"
        elif of_effects:
            yield f"{counted(of_effects, 'writes that move money', 'write that moves money')} {state}"


def _shortened(text: str) -> str:
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]}…"


def _handles_money(frame: RunFrame, outcome: TaskOutcome) -> bool:
    found = [frame.run.registry.get_integration(slug) for slug in outcome.integrations]
    return any(
        spec.effect is Effect.MONEY
        for integration in found
        if integration is not None
        for spec in integration.specs.values()
    )


def _connection(
    slug: str, statistics: Mapping[str, CallStatistics], health: Mapping[str, HealthReading]
) -> Literal["connected", "failed", "not measured"]:
    if slug in health:
        return "connected" if health[slug].ok else "failed"
    if slug not in statistics:
        return "not measured"
    return "connected" if statistics[slug].ok else "failed"


async def _confirmed(run: RunContext) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in await run.ledger.counts(run.run_id):
        if row["state"] == "confirmed":
            counts[row["integration"]] += row["count"]
    return dict(counts)


def _services(frame: RunFrame) -> list[Service]:
    services: list[Service] = []
    for integration in frame.run.registry.get_integrations():
        words = frame.crew.services.get(integration.id, ServiceWords())
        label = words.label(integration.config.name)
        tasks = [
            task.name for task in frame.crew.tasks.values() if integration.id in task.integrations and not task.sums_up
        ]
        services.append(Service(slug=integration.id, label=label, records=words.records or label, tasks=tasks))
    return services


def _money(outcomes: Sequence[TaskOutcome]) -> MoneyOutcome:
    counts = [outcome.money_effects for outcome in outcomes]
    total = sum(one.planned for one in counts)
    return MoneyOutcome(total, sum(one.failed for one in counts), sum(one.unknown for one in counts))


NO_CALLS = CallStatistics(
    calls=0, ok=0, errors=0, unsent=0, retries=0, mean_ms=None, p50_ms=None, p95_ms=None, p99_ms=None
)
