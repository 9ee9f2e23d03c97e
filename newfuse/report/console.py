"""The plain texts a run prints: before it starts, its results, its files, and the closing words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from newfuse.redact import redact_text
from newfuse.report.findings import Urgency, findings
from newfuse.report.record import RunRecord
from newfuse.report.results import Obstacle, Repetition, RunResult, RunStatus, TaskOutcome, TaskStatus
from newfuse.report.sections import EMOJI, as_asked, became, title_of
from newfuse.report.wording import counted, number, percent
from newfuse.report.words import Words

WIDE, RULED, CLOSING = 50, 40, 60  # widths of the rules, as specified
SHOWN_CHARACTERS = 300


def setup_text(words: Words, counts: Mapping[str, int], source: str | None = None) -> str:
    """Return what is printed before a run: the records it was given, counted.

    Args:
        words: The words of the crew.
        counts: Records by dataset.
        source: The file they come from; None for the sample data.
    """
    data = "Test Data" if source is None else "Data"
    lines = [f"{words.icon} Setting Up {words.title} {data}", "=" * WIDE]
    lines.append("✅ Test data prepared:" if source is None else f"✅ Data read from {_line(source)}:")
    for name, count in counts.items():
        lines.append(f"  - {counted(count, words.records_of(name))}")
    return "\n".join(lines)


def start_text(title: str) -> str:
    """Return what is printed when the run starts."""
    return f"🚀 Starting {title} Workflow\n{'=' * WIDE}"


def results_text(record: RunRecord) -> str:
    """Return the results of a run, task by task."""
    result, words = record.result, record.words
    lines = [
        f"📊 {words.title.upper()} RESULTS",
        "=" * WIDE,
        f"{words.of('Success Rate')}: {percent(result.success_rate)}",
        f"Total {words.of('Tasks')}: {result.total_tasks}",
        f"Completed {words.tasks}: {result.completed_tasks}",
        f"{words.of('Status')}: {_status(result)}",
        *_repetition(result.repetition),
        "",
        f"📋 {words.of('Breakdown').upper()}:",
        "-" * RULED,
    ]
    for outcome in record.outcomes:
        lines += [
            f"{EMOJI[outcome.status]} {_line(title_of(outcome))}",
            f"   {words.performer}: {_line(outcome.agent)}",
            f"   Status: {outcome.status.value}",
        ]
        if outcome.status is TaskStatus.COMPLETED:
            lines.append(f"   {words.work or 'Outcome'}: {_completion(outcome)}")
        else:
            lines.append(f"   Error: {_line(outcome.error or 'no reason given')}")
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def _repetition(repetition: Repetition | None) -> list[str]:
    if repetition is None:
        return []
    state = "finished" if repetition.finished else "unfinished: the next --repeat continues it"
    return [f"Repetition: {repetition.id}, {state}"]


def files_text(words: Words, paths: Sequence[Path], obstacles: Sequence[Obstacle] = ()) -> str:
    """Return the list of the files written, and of what stood in their way."""
    lines = [f"💾 GENERATING {words.of('Reports').upper()}", "-" * RULED, *(f"  ✅ {path.name}" for path in paths)]
    lines += [f"  {'⚠️' if one.written else '❌'} {_line(f'{one.file}: {one.what}')}" for one in obstacles]
    return "\n".join(lines)


def closing_text(record: RunRecord, folder: Path) -> str:
    """Return the closing words of a run; they say COMPLETED only of one in which every task was."""
    words, quality, writes = record.words, record.quality, record.effects
    accuracy = percent(quality.percent, "not measured")
    plain = bool(record.tls) and not any(record.tls.values())
    versions = sorted({version for found in record.tls.values() for version in found})
    transport = ", ".join(versions) or ("plain HTTP, no encryption" if plain else "not measured")
    kinds = ", ".join(dict.fromkeys(record.auth.values())) or "not recorded"
    requests = sum(one.calls for one in record.statistics.values())
    retries = sum(one.retries for one in record.statistics.values())
    firing = sum(alert.state == "firing" for alert in record.alerts)
    made = record.checks
    urgent = [one for one in findings(record) if one.urgency is not Urgency.NOTICE]
    written = [f"{count} {name}" for name, count in
               (("failed", writes.failed), ("unknown", writes.unknown), ("confirmed earlier", writes.skipped))
               if count]  # fmt: skip
    lines = [
        _headline(record),
        "=" * CLOSING,
        f"📁 {_package(record)} saved to: {folder}/",
        "",
        f"{words.icon} {words.of('Summary')}:",
        f"   • {counted(len(record.integrated), 'external services')} integrated"
        + (f": {', '.join(record.label(slug) for slug in record.integrated)}" if record.integrated else ""),
        f"   • {counted(writes.confirmed, 'writes')} confirmed{''.join(f', {one}' for one in written)}",
        f"   • {_model_use(record)}",
        f"   • {counted(made.passed + made.failed, 'checks')} run: {made.passed} passed, {made.failed} failed"
        + (f", {made.not_made} could not be made" if made.not_made else ""),
        f"   • {counted(len(urgent), 'findings')} to look at, with next steps in INTEGRATION_SUMMARY.md"
        if urgent
        else "   • nothing found that needs attention",
        "",
        f"⚡ {words.yield_heading}:",
        f"   • data accuracy: {accuracy}"
        + (f" of {counted(quality.looked_at, 'records')} validated" if quality.percent is not None else ""),
        *([f"   • {', '.join(words.not_measured)}: not measured"] if words.not_measured else []),
        "",
        "🛡️ Security & Reliability:",
        f"   • authentication: {kinds}",
        f"   • transport: {transport}",
        f"   • {counted(retries, 'retries')} in {counted(requests, 'requests')}",
        f"   • {counted(len(record.alerts), 'alerts')} evaluated, {number(firing)} firing",
    ]
    return "\n".join(lines)


def _headline(record: RunRecord) -> str:
    result, crew = record.result, record.words.title.upper()
    waiting = sum(outcome.status is TaskStatus.WAITING for outcome in record.outcomes)
    complete = result.completed_tasks == result.total_tasks and not result.failed_tasks
    if result.status is RunStatus.SUCCESS and complete:
        return f"🎉 {crew} COMPLETED!"
    done = f"{result.completed_tasks} of {counted(result.total_tasks, 'tasks')} completed"
    if waiting:
        return f"⏳ {crew} WAITING FOR APPROVAL: {done}"
    if result.status is RunStatus.SUCCESS:
        return f"⚠️ {crew} ENDED WITH FAILURES: {done}"
    return f"⚠️ {crew} NEEDS ATTENTION: {_line('; '.join([done, *result.reasons]))}"


def _status(result: RunResult) -> str:
    """Return the verdict, and in the same line why somebody should look."""
    reasons = _line("; ".join(result.reasons))
    return f"{result.status.value} ({reasons})" if reasons else result.status.value


def _completion(outcome: TaskOutcome) -> str:
    """Say how a completed task went; only one that left nothing over is a plain success."""
    if as_asked(outcome):
        return "Successfully completed"
    return _line(" ".join(["Completed.", *(became(account) for account in outcome.datasets)]))


def _model_use(record: RunRecord) -> str:
    use = record.result.model_use
    if not use.calls:
        return "no model was asked; the tasks followed their runbooks"
    tokens = "tokens not measured"
    if use.input_tokens is not None and use.output_tokens is not None:
        tokens = f"{number(use.input_tokens)} tokens in, {number(use.output_tokens)} out"
    return f"{counted(use.calls, 'model calls')} to {_line(record.result.model)}: {tokens}"


def _package(record: RunRecord) -> str:
    words = record.words
    if record.result.completed_tasks == record.result.total_tasks:
        return f"Complete {words.work.lower()} package" if words.work else "Complete package"
    return f"{words.of('Reports').capitalize()}, of failed tasks too,"


def _line(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in redact_text(text)).split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
