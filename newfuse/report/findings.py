"""What a run found that somebody should do something about: the next steps, derived from the record alone."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from newfuse.observe import AlertState, Severity
from newfuse.report.markdown import harmless
from newfuse.report.prose import unmeasured_figures
from newfuse.report.record import RunRecord
from newfuse.report.results import TaskOutcome, TaskStatus
from newfuse.report.sections import LIST_UNKNOWN, alert_value, fires
from newfuse.report.wording import cited, counted, milliseconds

AUTHENTICATION_STATUSES = ("401", "403")
SLOW_MS = 2000.0  # the specified warning threshold of response times
NAMED = 5  # examples in one finding
SETTLED_BY_THE_NEXT_RUN = (
    "Run again: what is in doubt is settled with the vendor before anything new is sent; that a vendor does not show "
    "it is believed some minutes after it was sent, at the time that the reason names"
)
RUNBOOK = "runbook"  # who a task is done by without a model


class Urgency(StrEnum):
    """How soon a finding wants attention, in order."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"


class Finding(BaseModel):
    """One thing the run found.

    Attributes:
        urgency: How soon it wants attention.
        what: What was found; harmless markdown.
        next_step: What to do about it; harmless markdown.
        rests_on: What it was derived from: the task, alert, health call, dataset or fact.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    urgency: Urgency
    what: str
    next_step: str
    rests_on: str


def findings(record: RunRecord) -> list[Finding]:
    """Return what the run found, the most urgent first; empty when there is nothing to do."""
    found = [
        *_store(record),
        *_obstacles(record),
        *_connections(record),
        *(one for outcome in record.outcomes for one in _outcome(record, outcome)),
        *_alerts(record),
        *_datasets(record),
        *_endpoints(record),
        *_unmeasured(record),
    ]
    order = list(Urgency)
    return sorted(found, key=lambda one: order.index(one.urgency))


def refused_by_authentication(record: RunRecord, slug: str | None = None) -> int:
    """Count the calls of the run that a vendor refused for its credentials (HTTP 401 and 403)."""
    return sum(
        endpoint.statuses.get(status, 0)
        for endpoints in record.endpoints.values()
        for endpoint in endpoints
        for status in AUTHENTICATION_STATUSES
        if slug in {None, endpoint.integration}
    )


def _obstacles(record: RunRecord) -> Iterator[Finding]:
    for one in record.result.obstacles:
        step = "Look at what was put aside and remove it: it is none of the run's reports."
        if not one.written:
            step = f"Remove the cause; `newfuse runs show {harmless(record.result.run_id)}` shows what the run did."
        yield Finding(
            urgency=Urgency.NOTICE if one.written else Urgency.CRITICAL,
            what=f"{harmless(one.file)}: {harmless(one.what)}.",
            next_step=step,
            rests_on="the run's folder",
        )


def _store(record: RunRecord) -> Iterator[Finding]:
    if record.store_failure is not None:
        yield Finding(
            urgency=Urgency.CRITICAL,
            what=f"The run is not recorded whole: {harmless(record.store_failure)}",
            next_step="Mend the store as said there before anything is run again; keep this report until then.",
            rests_on="the store",
        )


def _connections(record: RunRecord) -> Iterator[Finding]:
    for slug in record.slugs:
        reading, label = record.health.get(slug), harmless(record.label(slug))
        if reading is None:
            yield Finding(
                urgency=Urgency.NOTICE,
                what=f"{label}: no health call was made in this run.",
                next_step="Check it with `newfuse integrations health`.",
                rests_on=f"no health call of {slug}",
            )
        elif not reading.ok:
            refused = refused_by_authentication(record, slug)
            step = "Update the API credentials, then run again." if refused else (
                "Check the vendor's status page and the network, contact the vendor's support if it lasts, then run "
                "again: what is confirmed is not sent twice."
            )  # fmt: skip
            yield Finding(
                urgency=Urgency.CRITICAL,
                what=f"{label} is disconnected: {harmless(reading.error or 'no reason given')}",
                next_step=step,
                rests_on=f"health call of {slug}",
            )


def _outcome(record: RunRecord, outcome: TaskOutcome) -> Iterator[Finding]:
    title, rests_on = harmless(outcome.title), f"task {outcome.name}"
    money = outcome.money_effects
    if outcome.status is TaskStatus.FAILED:
        first = (
            "Decide about its writes in doubt, as said below" if outcome.to_decide else "Remove the cause named there"
        )
        yield Finding(
            urgency=Urgency.CRITICAL,
            what=f"{title} failed: {harmless(outcome.error or 'no reason given')}",
            next_step=f"{first}, and run again: what is confirmed is not sent twice.",
            rests_on=rests_on,
        )
    elif outcome.status is TaskStatus.SKIPPED:
        why = f": {harmless(outcome.error)}" if outcome.error else "."
        yield Finding(
            urgency=Urgency.WARNING,
            what=f"{title} was skipped{why}",
            next_step="Run again once what it waits for succeeds.",
            rests_on=rests_on,
        )
    if money.unknown:
        yield Finding(
            urgency=Urgency.CRITICAL,
            what=f"{title}: {counted(money.unknown, record.words.money)} may or may not have happened.",
            next_step=f"{SETTLED_BY_THE_NEXT_RUN}; do not repeat them by hand.",
            rests_on=rests_on,
        )
    if money.failed:
        yield Finding(
            urgency=Urgency.CRITICAL,
            what=f"{title}: {counted(money.failed, record.words.money)} failed.",
            next_step="Read the reasons in the task's report, correct them, and run again.",
            rests_on=rests_on,
        )
    yield from _other_effects(outcome)
    yield from _checks(outcome)
    yield from _performers(record, outcome)


def _checks(outcome: TaskOutcome) -> Iterator[Finding]:
    for check in outcome.checks:
        what = f"{harmless(outcome.title)}: the check “{harmless(check.name)}”"
        if check.passed is False:
            yield Finding(
                urgency=Urgency.WARNING,
                what=f"{what} failed: {harmless(check.evidence)}",
                next_step="Compare the records named there with the vendor's and correct what differs.",
                rests_on=f"task {outcome.name}",
            )
        elif check.passed is None:
            yield Finding(
                urgency=Urgency.NOTICE,
                what=f"{what} could not be made: {harmless(check.evidence)}",
                next_step="None needed where there was nothing to check; otherwise run again.",
                rests_on=f"task {outcome.name}",
            )


def _other_effects(outcome: TaskOutcome) -> Iterator[Finding]:
    unknown = outcome.effects.unknown - outcome.money_effects.unknown - outcome.to_decide
    failed = outcome.effects.failed - outcome.money_effects.failed
    if unknown > 0:
        yield Finding(
            urgency=Urgency.WARNING,
            what=f"{harmless(outcome.title)}: {counted(unknown, 'writes')} may or may not have happened.",
            next_step=f"{SETTLED_BY_THE_NEXT_RUN}.",
            rests_on=f"task {outcome.name}",
        )
    to_decide = outcome.to_decide + sum(account.undecided for account in outcome.datasets)
    if to_decide:
        yield Finding(
            urgency=Urgency.WARNING,
            what=f"{harmless(outcome.title)}: {counted(to_decide, 'writes')} may or may not have happened, and "
            "no later run can tell: the vendor cannot be asked. Nothing is sent again.",
            next_step=f"Decide each: `{LIST_UNKNOWN}` names them, `newfuse effects settle KEY --happened` or "
            "`--did-not` settles one.",
            rests_on=f"task {outcome.name}",
        )
    records = sum(account.counts.get("failed", 0) for account in outcome.datasets)
    if failed > records:  # else their records say it
        yield Finding(
            urgency=Urgency.WARNING,
            what=f"{harmless(outcome.title)}: {counted(failed, 'writes')} failed.",
            next_step="Read the reasons in the task's report, correct them, and run again.",
            rests_on=f"task {outcome.name}",
        )


def _performers(record: RunRecord, outcome: TaskOutcome) -> Iterator[Finding]:
    for performance in outcome.performances:
        if performance.ended != "done" and performance.by != RUNBOOK:  # a runbook ends early with its task's error only
            yield Finding(
                urgency=Urgency.NOTICE,
                what=f"{harmless(outcome.title)}: {harmless(performance.by)} did not finish "
                f"({harmless(performance.ended)}).",
                next_step="Look at the model's limits or choose another with `--model`.",
                rests_on=f"performers of task {outcome.name}",
            )
    if unmeasured_figures(record, outcome):
        yield Finding(
            urgency=Urgency.NOTICE,
            what=f"{harmless(outcome.title)}: the closing text gives figures that were not measured so.",
            next_step="None needed: its sentences with such figures were left out of the report.",
            rests_on=f"closing text of task {outcome.name}",
        )


def _alerts(record: RunRecord) -> Iterator[Finding]:
    firing = [alert for alert in record.alerts if alert.state is AlertState.FIRING]
    critical = {alert.name for alert in firing if alert.severity is Severity.CRITICAL}
    for alert in firing:
        if alert.severity is Severity.WARNING and alert.name in critical:
            continue  # said already, and more urgently
        yield Finding(
            urgency=Urgency.CRITICAL if alert.severity is Severity.CRITICAL else Urgency.WARNING,
            what=f"Alert firing: {alert.name}: {alert_value(record, alert)}; it fires {fires(alert)} "
            f"(n = {alert.n}, {alert.window}).",
            next_step="Follow it in the health dashboard, under Performance Metrics."
            if alert.about
            else "See the report of the task it is about.",
            rests_on=f"alert {alert.name}",
        )


def _datasets(record: RunRecord) -> Iterator[Finding]:
    for account in record.datasets:
        rejected = account.counts.get("rejected", 0)
        name = harmless(account.name)
        if rejected:
            rules = ", ".join(f"{harmless(rule)} ({count})" for rule, count in sorted(account.rules.items()))
            places = [harmless(one.place) for one in account.exceptions if one.disposition == "rejected"]
            where = f" at {', '.join(places[:NAMED])}{' …' if len(places) > NAMED else ''}" if places else ""
            yield Finding(
                urgency=Urgency.WARNING,
                what=f"{counted(rejected, 'records')} of {name} rejected{f': {rules}' if rules else ''}.",
                next_step=f"Correct the records{where}, or what they name at the vendor, as the reasons in the task's "
                "report say; then run again.",
                rests_on=f"dataset {account.name}",
            )
        failed = account.counts.get("failed", 0)
        if failed:
            places = [harmless(one.place) for one in account.exceptions if one.disposition == "failed"]
            where = f": {', '.join(places[:NAMED])}{' …' if failed > NAMED else ''}" if places else ""
            yield Finding(
                urgency=Urgency.WARNING,
                what=f"{counted(failed, 'records')} of {name} failed{where}.",
                next_step="Mend what the reasons in the task's report name, and run again: only what is left is sent.",
                rests_on=f"dataset {account.name}",
            )
        pending = account.counts.get("pending", 0)
        if pending:
            yield Finding(
                urgency=Urgency.WARNING,
                what=f"{counted(pending, 'records')} of {name} left undone.",
                next_step="Run again: only what is left is sent.",
                rests_on=f"dataset {account.name}",
            )


def _endpoints(record: RunRecord) -> Iterator[Finding]:
    slow = [
        endpoint
        for endpoints in record.endpoints.values()
        for endpoint in endpoints
        if endpoint.p95_ms is not None and endpoint.p95_ms > SLOW_MS
    ]
    for endpoint in sorted(slow, key=lambda one: -(one.p95_ms or 0)):
        yield Finding(
            urgency=Urgency.WARNING,
            what=f"Slow endpoint: {harmless(endpoint.method)} {harmless(endpoint.template)} of "
            f"{harmless(record.label(endpoint.integration))}, p95 {milliseconds(endpoint.p95_ms)} "
            f"(n = {endpoint.calls}).",
            next_step="Look for a narrower request or a batch; ask the vendor if it lasts.",
            rests_on=f"calls of {endpoint.integration}",
        )


def _unmeasured(record: RunRecord) -> Iterator[Finding]:
    missing = [fact for fact in record.result.facts if fact.value is None]
    if missing:
        named = ", ".join(f"{harmless(fact.name)}: {cited(fact)}" for fact in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        yield Finding(
            urgency=Urgency.NOTICE,
            what=f"Facts without a value: {named}{more}.",
            next_step="The task's report says why, where it is known.",
            rests_on=counted(len(missing), "facts"),
        )
