"""The computed lines of the reports: each a sentence that is true of the record, or says what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from newfuse.observe import Alert, AlertState, EndpointStatistics
from newfuse.report.markdown import harmless
from newfuse.report.record import CheckCounts, DataQuality, RunRecord, count_checks
from newfuse.report.results import CheckResult, DatasetAccount, EffectCounts, Performance, TaskOutcome, TaskStatus
from newfuse.report.services import Service
from newfuse.report.wording import (
    NOT_MEASURED,
    SECOND_MS,
    counted,
    measured,
    milliseconds,
    moment,
    number,
    percent,
    words,
)
from newfuse.types import JSON

EMOJI = {
    TaskStatus.COMPLETED: "✅",
    TaskStatus.FAILED: "❌",
    TaskStatus.WAITING: "⏳",
    TaskStatus.SKIPPED: "⏭️",
}
WRITTEN = {"confirmed", "skipped"}  # now, or by an earlier run: nothing exceptional
LIST_UNKNOWN = "newfuse effects list --unknown"

# What became of records, by disposition: of one, and of several.
BECAME = {
    "confirmed": ("was done in this run", "were done in this run"),
    "skipped": ("had been done by an earlier run", "had been done by an earlier run"),
    "duplicate": ("stands for the same as another", "stand for the same as others"),
    "rejected": ("was rejected", "were rejected"),
    "failed": ("failed", "failed"),
    "unknown": ("may or may not have been done", "may or may not have been done"),
    "pending": ("was left undone", "were left undone"),
}
CHECKED = {True: "✅ passed", False: "❌ failed", None: "➖ not checked"}


def title_of(outcome: TaskOutcome) -> str:
    """Return a task's heading, or the words of its name."""
    return outcome.title or words(outcome.name)


def connectivity(record: RunRecord, slug: str) -> str:
    """Say whether an integration is connected, by its health call."""
    reading = record.health.get(slug)
    if reading is None:
        return f"⚪ {NOT_MEASURED} (no health call in this run)"
    called = f"health call {moment(reading.at)}, {milliseconds(reading.latency_ms)}"
    if reading.ok:
        return f"🟢 Connected ({called})"
    return f"🔴 Disconnected ({called}): {harmless(reading.error or 'no reason given')}"


def work_at(record: RunRecord, service: Service) -> str:
    """Say how the records of a service stand after the tasks that work there."""
    found = [outcome for outcome in record.outcomes if outcome.name in service.tasks]
    if not found:
        return f"{NOT_MEASURED} (no task worked on them)"
    if len(found) == 1:
        return _work_of(found[0])
    return "; ".join(f"{harmless(title_of(outcome))}: {_work_of(outcome)}" for outcome in found)


def _work_of(outcome: TaskOutcome) -> str:
    if outcome.status is TaskStatus.SKIPPED:
        return f"{NOT_MEASURED} (task skipped)"
    parts = [
        ", ".join(
            [counted(account.total, "records")] + [f"{count} {name}" for name, count in account.counts.items() if count]
        )
        for account in RunRecord.roots(outcome.datasets)
    ] or ["no records given"]
    if outcome.checks:
        parts.append(checks(count_checks(outcome.checks)))
    when = "ended" if outcome.status is TaskStatus.COMPLETED else outcome.status.value
    parts.append(f"task {when} {moment(outcome.finished_at)}")
    return "; ".join(parts)


def standing(record: RunRecord, service: Service) -> str:
    """Return an emoji for how the tasks that work at a service ended: of several, the worst."""
    ended = [outcome.status for outcome in record.outcomes if outcome.name in service.tasks]
    order = [TaskStatus.FAILED, TaskStatus.WAITING, TaskStatus.SKIPPED, TaskStatus.COMPLETED]
    return EMOJI[min(ended, key=order.index)] if ended else "⚪"


def trouble(record: RunRecord, service: Service) -> str:
    """Say what kept the tasks that work at a service from completing; empty when nothing did."""
    found = [outcome for outcome in record.outcomes if outcome.name in service.tasks]
    if not found:
        return "no task worked on it"
    remarks = []
    for outcome in found:
        parts = [] if outcome.status is TaskStatus.COMPLETED else [outcome.status.value]
        parts += [outcome.error] if outcome.error else []
        remarks += [": ".join(parts)] if parts else []
    return harmless("; ".join(remarks)) if remarks else ""


def became(account: DatasetAccount) -> str:
    """Say in a sentence what became of the records of a dataset, by its counts."""
    name = harmless(account.name)
    if not account.total:
        return f"There were no records of {name}."
    parts = [
        f"{number(count)} {BECAME[state][count != 1]}" for state in BECAME if (count := account.counts.get(state, 0))
    ]
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"Of {counted(account.total, 'records')} of {name}, {listed}."


def as_asked(outcome: TaskOutcome) -> bool:
    """Say whether everything a task was given and everything it wrote was done, now or by an earlier run."""
    done = {*WRITTEN, "duplicate"}
    left = sum(count for one in outcome.datasets for state, count in one.counts.items() if state not in done)
    return not (left or outcome.effects.failed or outcome.effects.unknown)


def checks(counts: CheckCounts) -> str:
    """Say what checks came to."""
    made = counts.passed + counts.failed
    text = f"{counts.passed} of {counted(made, 'checks')} passed" if made else "no check was made"
    return f"{text}, {counts.not_made} could not be made" if counts.not_made else text


def checked(check: CheckResult) -> str:
    """Say what one check came to."""
    return CHECKED[check.passed]


def quality(found: DataQuality) -> str:
    """Say how clean the data was, and what stopped the rest."""
    if found.percent is None:
        return f"{NOT_MEASURED} (no records were looked at)"
    text = f"{percent(found.percent)} clean ({found.clean} of {counted(found.looked_at, 'records')} validated)"
    if found.rejected:
        text += f", {found.rejected} rejected"
    if found.rules:
        text += ": " + ", ".join(f"{harmless(rule)} ({count})" for rule, count in found.rules.items())
    return f"{text}; {found.unread} not looked at" if found.unread else text


def effects(counts: EffectCounts) -> str:
    """Say what became of writes."""
    if not counts.planned:
        return "none"
    named = [("confirmed", counts.confirmed), ("failed", counts.failed), ("unknown", counts.unknown)]
    parts = [f"{count} {name}" for name, count in named if count]
    if counts.skipped:
        parts.append(f"{counts.skipped} confirmed earlier and not sent")
    return f"{counts.planned} planned: {', '.join(parts)}"


def throughput(record: RunRecord) -> str:
    """Say how many writes were confirmed in the time the run took."""
    if not record.effects.confirmed:
        return f"{NOT_MEASURED} (no write was confirmed in this run)"
    taken_ms = (record.result.finished_at - record.result.started_at).total_seconds() * SECOND_MS
    return f"{counted(record.effects.confirmed, 'writes')} confirmed in {milliseconds(taken_ms)} of this run"


def unsettled(record: RunRecord) -> str:
    """Say how many writes are in doubt, and who settles them."""
    unknown, person = record.unsettled, record.to_decide
    if not unknown:
        return "no write is in doubt"
    parts = [f"{number(unknown - person)} to be settled with the vendor by the next run"] if unknown > person else []
    if person:
        parts.append(f"{number(person)} to be decided by a person (`{LIST_UNKNOWN}`)")
    return f"{counted(unknown, 'writes')} in doubt: {', '.join(parts)}"


def encryption(record: RunRecord) -> str:
    """Say what was negotiated with each host."""
    if not record.tls:
        return f"{NOT_MEASURED} (no host answered)"
    to_sandbox = record.result.mode == "sandbox" and not record.result.elsewhere
    plain = "plain HTTP to the local sandbox" if to_sandbox else "plain HTTP"
    if not any(record.tls.values()):
        return f"none: {plain} ({', '.join(harmless(host) for host in record.tls)})"
    return "; ".join(f"{harmless(host)}: {', '.join(versions) or plain}" for host, versions in record.tls.items())


def alert_summary(record: RunRecord) -> str:
    """Count the alerts by state."""
    if not record.alerts:
        return "none evaluated"
    by = {state: sum(alert.state is state for alert in record.alerts) for state in AlertState}
    counts = f"{by[AlertState.FIRING]} firing, {by[AlertState.OK]} ok, {by[AlertState.NOT_MEASURED]} not measured"
    return f"{len(record.alerts)} evaluated at the end of the run: {counts}; sent to nobody"


def continuity(record: RunRecord) -> str:
    """Say whether tasks went on beside a failed one."""
    ended = [outcome.status for outcome in record.outcomes]
    failed, completed = ended.count(TaskStatus.FAILED), ended.count(TaskStatus.COMPLETED)
    if not failed:
        return f"{NOT_MEASURED} (no task failed in this run)"
    return f"{counted(completed, 'tasks')} completed beside {failed} that failed"


def fires(alert: Alert) -> str:
    """Say when an alert fires."""
    return f"{'below' if alert.below else 'above'} {_with_unit(alert.threshold, alert.unit)}"


def state(alert: Alert) -> str:
    """Say how an alert stands, and about whom."""
    if alert.state is not AlertState.FIRING:
        return "🟢 ok" if alert.state is AlertState.OK else f"⚪ {NOT_MEASURED}"
    return "🔴 firing"


def alert_value(record: RunRecord, alert: Alert) -> str:
    """Return the value an alert was evaluated on, and the services it is about."""
    if alert.value is None:
        return NOT_MEASURED
    about = ", ".join(harmless(record.label(slug)) for slug in alert.about)
    return _with_unit(alert.value, alert.unit) + (f", {about}" if about else "")


def _with_unit(value: float, unit: str) -> str:
    if unit == "ms":
        return milliseconds(value)
    return measured(int(value) if value == int(value) else value, unit)


def settings(record: RunRecord, about: str) -> str:
    """Say which settings of a kind are in force; services with the same ones are named together."""
    groups: dict[str, list[str]] = defaultdict(list)
    for slug, values in record.settings.items():
        chosen = [
            f"{name.removeprefix(about).strip()}: {_setting(value)}"
            for name, value in values.items()
            if name.startswith(about)
        ]
        if chosen:
            groups[harmless(", ".join(chosen))].append(harmless(record.label(slug)))
    if not groups:
        return "not recorded"
    if len(groups) == 1 and len(next(iter(groups.values()))) == len(record.settings):
        return f"{next(iter(groups))} (all services)"
    return "; ".join(f"{', '.join(labels)}: {text}" for text, labels in groups.items())


def _setting(value: JSON) -> str:
    if value is None:
        return "none"
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def performers(performances: Sequence[Performance]) -> str:
    """Say who did the work, why, and what it cost in model calls and tokens."""
    if not performances:
        return "nobody"
    parts = []
    for one in performances:
        text = harmless(one.by)
        if one.why:
            text += f" ({harmless(one.why)})"
        text += f", {counted(one.tool_calls, 'tool calls')}"
        if one.model_calls:
            text += f", {counted(one.model_calls, 'model calls')}"
        if one.input_tokens is None or one.output_tokens is None:
            text += ", tokens not measured"
        elif one.input_tokens or one.output_tokens:
            text += f", {number(one.input_tokens)} tokens in, {number(one.output_tokens)} out"
        parts.append(text if one.ended == "done" else f"{text}, {harmless(one.ended)}")
    return "; then ".join(parts)


def statuses(endpoint: EndpointStatistics) -> str:
    """Return the HTTP statuses an endpoint answered with, and how often."""
    parts = [f"{status}: {count}" for status, count in endpoint.statuses.items()]
    return ", ".join(parts + ([f"not sent: {endpoint.unsent}"] if endpoint.unsent else []))


def exceptional(account: DatasetAccount) -> int:
    """Count the records of a dataset that were not simply written."""
    return sum(count for name, count in account.counts.items() if name not in WRITTEN)


def columns(rows: Sequence[dict[str, JSON]]) -> list[str]:
    """Return the columns of a table, in the order they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


def source(taken_from: dict[str, JSON]) -> str:
    """Say where a fact was taken from; the task is left out, the report is its own."""
    kind = taken_from.get("kind")
    rest = [f"{name} {value}" for name, value in taken_from.items() if name not in {"kind", "task"}]
    return harmless(": ".join(part for part in [str(kind or ""), ", ".join(rest)] if part)) or "not recorded"
