"""The plain texts a run prints: before it starts, its results, its files, and the closing words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from newfuse.redact import redact_text
from newfuse.report.findings import Urgency, findings
from newfuse.report.record import RunRecord
from newfuse.report.results import Obstacle, Repetition, RunStatus, TaskStatus
from newfuse.report.sections import EMOJI, title_of
from newfuse.report.wording import counted, number, percent

WIDE, RULED, CLOSING = 50, 40, 60  # widths of the rules, as specified
SHOWN_CHARACTERS = 300

# What each kind of record of the API-integration crew is for.
PURPOSES = {
    "customers": ("customer records", "for CRM sync"),
    "payments": ("payment transactions", "to process"),
    "email_campaigns": ("email campaigns", "to set up"),
    "analytics_events": ("analytics events", "to track"),
}


def setup_text(counts: Mapping[str, int], source: str | None = None) -> str:
    """Return what is printed before a run: the records it was given, counted.

    Args:
        counts: Records by dataset.
        source: The file they come from; None for the sample data.
    """
    data = "Test Data" if source is None else "Data"
    lines = [f"🔌 Setting Up API Integration {data}", "=" * WIDE]
    lines.append("✅ Test data prepared:" if source is None else f"✅ Data read from {_line(source)}:")
    for name, count in counts.items():
        noun, purpose = PURPOSES.get(name, (f"records of {name}", ""))
        lines.append(f"  - {counted(count, noun)} {purpose}".rstrip())
    return "\n".join(lines)


def start_text() -> str:
    """Return what is printed when the run starts."""
    return f"🚀 Starting API Integration Workflow\n{'=' * WIDE}"


def results_text(record: RunRecord) -> str:
    """Return the results of a run, task by task."""
    result = record.result
    lines = [
        "📊 API INTEGRATION RESULTS",
        "=" * WIDE,
        f"Integration Success Rate: {percent(result.success_rate)}",
        f"Total Integration Tasks: {result.total_tasks}",
        f"Completed Integrations: {result.completed_tasks}",
        f"Integration Status: {result.status.value}",
        *_repetition(result.repetition),
        "",
        "📋 INTEGRATION BREAKDOWN:",
        "-" * RULED,
    ]
    for outcome in record.outcomes:
        lines += [
            f"{EMOJI[outcome.status]} {_line(title_of(outcome))}",
            f"   Specialist: {_line(outcome.agent)}",
            f"   Status: {outcome.status.value}",
        ]
        if outcome.status is TaskStatus.COMPLETED:
            lines.append("   Integration: Successfully completed")
        else:
            lines.append(f"   Error: {_line(outcome.error or 'no reason given')}")
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def _repetition(repetition: Repetition | None) -> list[str]:
    if repetition is None:
        return []
    state = "finished" if repetition.finished else "unfinished: the next --repeat continues it"
    return [f"Repetition: {repetition.id}, {state}"]


def files_text(paths: Sequence[Path], obstacles: Sequence[Obstacle] = ()) -> str:
    """Return the list of the files written, and of what stood in their way."""
    lines = ["💾 GENERATING INTEGRATION REPORTS", "-" * RULED, *(f"  ✅ {path.name}" for path in paths)]
    lines += [f"  {'⚠️' if one.written else '❌'} {_line(f'{one.file}: {one.what}')}" for one in obstacles]
    return "\n".join(lines)


def closing_text(record: RunRecord, folder: Path) -> str:
    """Return the closing words of a run; they say COMPLETED only of one in which every task was."""
    result, quality, writes = record.result, record.quality, record.effects
    not_measured = "time saved, sales cycles, campaign effectiveness: not measured"
    accuracy = percent(quality.percent, "not measured")
    plain = bool(record.tls) and not any(record.tls.values())
    versions = sorted({version for found in record.tls.values() for version in found})
    transport = ", ".join(versions) or ("plain HTTP, no encryption" if plain else "not measured")
    kinds = ", ".join(dict.fromkeys(record.auth.values())) or "not recorded"
    requests = sum(one.calls for one in record.statistics.values())
    retries = sum(one.retries for one in record.statistics.values())
    firing = sum(alert.state == "firing" for alert in record.alerts)
    passed, failed = record.checks
    urgent = [one for one in findings(record) if one.urgency is not Urgency.NOTICE]
    written = [f"{count} {name}" for name, count in
               (("failed", writes.failed), ("unknown", writes.unknown), ("confirmed earlier", writes.skipped))
               if count]  # fmt: skip
    lines = [
        _headline(record),
        "=" * CLOSING,
        f"📁 {_package(record)} saved to: {folder}/",
        "",
        "🔌 Integration Summary:",
        f"   • {counted(len(record.integrated), 'external services')} integrated"
        + (f": {', '.join(record.label(slug) for slug in record.integrated)}" if record.integrated else ""),
        f"   • {counted(writes.confirmed, 'writes')} confirmed{''.join(f', {one}' for one in written)}",
        f"   • {_model_use(record)}",
        f"   • {counted(passed + failed, 'checks')} run: {passed} passed, {failed} failed",
        f"   • {counted(len(urgent), 'findings')} to look at, with next steps in INTEGRATION_SUMMARY.md"
        if urgent
        else "   • nothing found that needs attention",
        "",
        "⚡ Business Benefits:",
        f"   • data accuracy: {accuracy}"
        + (f" of {counted(quality.looked_at, 'records')} validated" if quality.percent is not None else ""),
        f"   • {not_measured}",
        "",
        "🛡️ Security & Reliability:",
        f"   • authentication: {kinds}",
        f"   • transport: {transport}",
        f"   • {counted(retries, 'retries')} in {counted(requests, 'requests')}",
        f"   • {counted(len(record.alerts), 'alerts')} evaluated, {number(firing)} firing",
    ]
    if result.mode == "plan":
        lines.append("   • a plan: nothing was sent")
    return "\n".join(lines)


def _headline(record: RunRecord) -> str:
    result = record.result
    waiting = sum(outcome.status is TaskStatus.WAITING for outcome in record.outcomes)
    complete = result.completed_tasks == result.total_tasks and not result.failed_tasks
    if result.status is RunStatus.SUCCESS and complete:
        return "🎉 API INTEGRATION COMPLETED!"
    done = f"{result.completed_tasks} of {counted(result.total_tasks, 'tasks')} completed"
    if waiting:
        return f"⏳ API INTEGRATION WAITING FOR APPROVAL: {done}"
    if result.status is RunStatus.SUCCESS:
        return f"⚠️ API INTEGRATION ENDED WITH FAILURES: {done}"
    if complete:  # every task did its work, and yet: say what somebody should look at
        first = next(iter(findings(record)), None)
        return f"⚠️ API INTEGRATION NEEDS ATTENTION: {done}" + (f"; {_line(first.what)}" if first is not None else "")
    return f"⚠️ API INTEGRATION NEEDS ATTENTION: {done}"


def _model_use(record: RunRecord) -> str:
    use = record.result.model_use
    if not use.calls:
        return "no model was asked; the tasks followed their runbooks"
    tokens = "tokens not measured"
    if use.input_tokens is not None and use.output_tokens is not None:
        tokens = f"{number(use.input_tokens)} tokens in, {number(use.output_tokens)} out"
    return f"{counted(use.calls, 'model calls')} to {_line(record.result.model)}: {tokens}"


def _package(record: RunRecord) -> str:
    complete = record.result.completed_tasks == record.result.total_tasks
    return "Complete integration package" if complete else "Integration reports, of failed tasks too,"


def _line(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in redact_text(text)).split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
