"""A performer's closing words: printed only when every number in them was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from newfuse.observe import CallStatistics
from newfuse.report.facts import Fact
from newfuse.report.markdown import harmless, quoted
from newfuse.report.numbers import Kind, Number, numbers_in
from newfuse.report.record import RunRecord, count_checks, quality_of
from newfuse.report.results import EffectCounts, TaskOutcome
from newfuse.report.wording import MINOR_UNITS, decimals_of
from newfuse.types import JSON

PERCENT = 100
NAMED = 6  # unmeasured numbers named in the report; more would be the text over again

_TIME_UNITS_MS = {"ms": 1, "s": 1000, "seconds": 1000, "min": 60_000, "minutes": 60_000, "h": 3_600_000,
                  "hours": 3_600_000}  # fmt: skip
_RATE_UNITS = {"%", "percent"}


class Measured:
    """The values that were measured, by kind of number."""

    def __init__(self) -> None:
        self._values: dict[Kind, set[Decimal]] = defaultdict(set)
        self._dates: set[str] = set()
        self._moments: set[datetime] = set()

    def add(self, kind: Kind, *values: float | Decimal | None) -> None:
        """Add values; None is none."""
        self._values[kind].update(abs(Decimal(str(value))) for value in values if value is not None)

    def add_date(self, at: datetime) -> None:
        """Add a moment, in the ways people write its date and its time (UTC)."""
        self._moments.add(at)

    def add_text(self, text: str) -> None:
        """Add the numbers of a text that was itself measured, such as a vendor's answer."""
        for found in numbers_in(text):
            if found.value is None:
                self._dates.add(found.text.lower())
            else:
                self.add(found.kind, found.value)
                if found.kind is Kind.MONEY:
                    self.add(Kind.PLAIN, found.value)

    def add_share(self, part: int, whole: int) -> None:
        """Add two counts and what percentage the one is of the other."""
        self.add(Kind.PLAIN, part, whole)
        if whole:
            self.add(Kind.PERCENT, part * PERCENT / whole)

    def add_json(self, value: JSON, unit: str = "") -> None:
        """Add a value and everything in it."""
        if isinstance(value, dict):
            for name, inner in value.items():
                self.add_json(inner, str(name))
        elif isinstance(value, (list, tuple)):
            self.add(Kind.PLAIN, len(value))
            for inner in value:
                self.add_json(inner, unit)
        elif isinstance(value, str):
            self.add_text(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            self._add_number(value, unit)

    def _add_number(self, value: float, unit: str) -> None:
        currency = MINOR_UNITS.match(unit)
        if currency is not None:
            major = Decimal(str(value)).scaleb(-decimals_of(currency[1]))
            self.add(Kind.MONEY, major)
            self.add(Kind.PLAIN, major, value)
        elif unit in _TIME_UNITS_MS or unit.rpartition("_")[2] in _TIME_UNITS_MS:
            factor = _TIME_UNITS_MS.get(unit) or _TIME_UNITS_MS[unit.rpartition("_")[2]]
            self.add(Kind.TIME, Decimal(str(value)) * factor)
        elif unit in _RATE_UNITS:
            self.add(Kind.PERCENT, value)
        elif unit == "x":
            self.add(Kind.MULTIPLE, value)
        else:
            self.add(Kind.PLAIN, value)

    def add_effects(self, effects: EffectCounts) -> None:
        """Add the counts of writes and their shares."""
        for part in (effects.confirmed, effects.failed, effects.unknown, effects.skipped):
            self.add_share(part, effects.planned)

    def add_calls(self, statistics: CallStatistics) -> None:
        """Add the counts, rates and times of calls."""
        self.add_share(statistics.ok, statistics.calls)
        self.add(Kind.PLAIN, statistics.errors, statistics.unsent, statistics.retries, statistics.attempts)
        self.add(Kind.PERCENT, statistics.success_percent, statistics.error_percent)
        self.add(Kind.TIME, statistics.mean_ms, statistics.p50_ms, statistics.p95_ms, statistics.p99_ms)

    def covers(self, found: Number) -> bool:
        """Say whether a number is a measured value, at the precision it is written with."""
        if found.value is None:
            written = found.text.lower()
            return written in self._dates or any(written in _ways_to_write(at) for at in self._moments)
        near = found.step / 2
        return any(abs(found.value - value) <= near for value in self._values[found.kind])


def _ways_to_write(at: datetime) -> set[str]:
    utc = at.astimezone(UTC)
    forms = ("%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%H:%M", "%H:%M:%S", "%Y-%m-%d %H:%M")
    written = [utc.strftime(form).lower() for form in forms]
    exact = (utc.isoformat(timespec="seconds").lower(), f"{utc:%Y-%m-%dt%H:%M:%S}z")
    return {*written, *(form.replace(" 0", " ").removeprefix("0") for form in written), *exact}


def unmeasured_numbers(text: str, measured: Measured) -> list[str]:
    """Return the numbers of a text that nobody measured, as they stand there, each once."""
    return list(dict.fromkeys(found.text for found in numbers_in(text) if not measured.covers(found)))


def measured_for(record: RunRecord, outcome: TaskOutcome) -> Measured:
    """Return what was measured that a task's closing words may speak of: its own values, and the run's totals."""
    known = Measured()
    # A task that works on what the others did (the orchestrator) speaks of theirs.
    everything = outcome.name not in {service.task for service in record.services}
    for one in record.outcomes if everything else [outcome]:
        _add_outcome(known, record, one)
    result = record.result
    known.add_date(result.started_at)
    known.add_date(result.finished_at)
    known.add_share(result.completed_tasks, result.total_tasks)
    known.add(Kind.PERCENT, result.success_rate)
    known.add(Kind.PLAIN, result.failed_tasks)
    if everything:
        known.add(Kind.PLAIN, len(record.integrated), len(record.slugs), len(record.outcomes))
        for statistics in record.statistics.values():
            known.add_calls(statistics)
        known.add_effects(record.effects)
        known.add(Kind.TIME, (record.result.finished_at - record.window_since).total_seconds() * 1000)
        for reading in record.health.values():
            known.add(Kind.TIME, reading.latency_ms)
            known.add_date(reading.at)
    return known


def _add_outcome(known: Measured, record: RunRecord, outcome: TaskOutcome) -> None:
    _add_facts(known, record.facts(outcome.name))
    known.add_effects(outcome.effects)
    known.add_effects(outcome.money_effects)
    for account in outcome.datasets:
        for count in account.counts.values():
            known.add_share(count, account.total)
        known.add(Kind.PLAIN, account.total, *account.rules.values())
        known.add_json([exception.model_dump() for exception in account.exceptions])
    quality = quality_of(outcome.datasets)
    known.add_share(quality.clean, quality.looked_at)
    checks = count_checks(outcome.checks)
    known.add_share(checks.passed, checks.passed + checks.failed)
    known.add(Kind.PLAIN, checks.failed, checks.not_made, len(outcome.checks))
    for text in [*outcome.notes, *(check.evidence for check in outcome.checks), outcome.error or ""]:
        known.add_text(text)
    known.add_json(outcome.tables)
    known.add_calls(record.task_statistics.get(outcome.name, CallStatistics()))
    known.add(Kind.PLAIN, record.task(outcome.name).calls, len(outcome.integrations))
    for endpoint in record.endpoints.get(outcome.name, []):
        known.add(Kind.PLAIN, *(int(status) for status in endpoint.statuses if status.isdecimal()))
        known.add(Kind.PLAIN, *endpoint.statuses.values())
    known.add(Kind.TIME, (outcome.finished_at - outcome.started_at).total_seconds() * 1000)
    known.add_date(outcome.started_at)
    known.add_date(outcome.finished_at)


def _add_facts(known: Measured, facts: Iterable[Fact]) -> None:
    for fact in facts:
        known.add_json(fact.value, fact.unit)


def left_out(record: RunRecord, outcome: TaskOutcome) -> list[str]:
    """Return the unmeasured numbers for which a task's closing words are left out; empty when they are printed."""
    return unmeasured_numbers(outcome.prose, measured_for(record, outcome)) if outcome.prose.strip() else []


def closing_words(record: RunRecord, outcome: TaskOutcome) -> str:
    """Return a task's closing words as a harmless quotation, or the sentence that says why they were left out.

    Empty when there are none.
    """
    if not outcome.prose.strip():
        return ""
    by = harmless(outcome.prose_by or "the performer")
    unmeasured = left_out(record, outcome)
    if not unmeasured:
        return f"In the words of {by}; its numbers were checked against what was measured:\n\n{quoted(outcome.prose)}"
    named = ", ".join(harmless(one, 40) for one in unmeasured[:NAMED])
    more = f" and {len(unmeasured) - NAMED} more" if len(unmeasured) > NAMED else ""
    what = "it names a number that was" if len(unmeasured) == 1 else "it names numbers that were"
    return f"The closing text of {by} was left out: {what} not measured ({named}{more})."
