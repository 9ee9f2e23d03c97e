"""What was measured in a run, value by value, each with the words by which it may be named.

Only what the engine counted or timed, and the numbers of facts and tables, are in it. A text never is: notes, errors,
evidence, reasons, keys and labels hold words of models, records and vendors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from newfuse.observe import CallStatistics
from newfuse.report.facts import Fact
from newfuse.report.numbers import UNITS_MS, Kind, Number
from newfuse.report.plain_words import AMOUNTS, NOTHING_WORDS, NUMBER_WORDS
from newfuse.report.record import RunRecord, quality_of
from newfuse.report.results import EffectCounts, TaskOutcome
from newfuse.report.wording import MINOR_UNITS, decimals_of

PERCENT = 100
SECOND_MS = 1000
PERCENTILES = ("p50", "p95", "p99")

_LETTERS = re.compile(r"[^\W\d_]+")
_NAMES_WITH_FIGURES = re.compile(r"\b[a-z]\w*\d\w*", re.ASCII)
# Words that name nothing; they stand in headings of tables and in names of facts.
_SILENT = {"a", "an", "and", "as", "at", "be", "by", "for", "from", "in", "is", "it", "of", "on", "or", "per", "that",
           "the", "this", "to", "was", "were", "with"}  # fmt: skip
_ENDINGS = ("ies", "ied", "ing", "ed", "es", "s", "e")
_SHORTEST_STEM = 3
_SAME = {
    "failur": "fail",
    **dict.fromkeys(("succeed", "successful", "successfully"), "success"),
    "sent": "send",
    **dict.fromkeys(("written", "wrote"), "writ"),
}
_CONFIRMED = "confirm"  # goes without saying where another word tells what was confirmed


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured value.

    Attributes:
        kind: What kind of number it is.
        value: The value; money in major units, times in milliseconds.
        names: Every word by which it may be named, as stems.
        telling: Those that tell it from others; a sentence that gives its value has to hold them.
        nouns: Those that say what was counted; empty for what has a unit of its own.
        currency: Of money, its code in lower case.
    """

    kind: Kind
    value: Decimal
    names: frozenset[str]
    telling: frozenset[str]
    nouns: frozenset[str] = frozenset()
    currency: str = ""

    def is_written(self, number: Number) -> bool:
        """Say whether a number is this value, as precisely as it is written; nothing and all are never rounded."""
        if number.value is None or (self.kind, self.currency) != (number.kind, number.currency):
            return False
        if number.value == 0 or (number.kind is Kind.PERCENT and number.value == PERCENT):
            return self.value == number.value
        return abs(self.value - number.value) <= number.step / 2


class Measured:
    """The values that were measured, and the names that were in use."""

    def __init__(self) -> None:
        self._quantities: list[Quantity] = []
        self._moments: set[str] = set()
        self.vocabulary: set[str] = set()
        """Stems of all words by which something that was, or could have been, measured in the run is named."""
        self.nouns: set[str] = set()
        """Those that say what is counted."""
        self.words: set[str] = set()
        """Names of this run that are words, in lower case."""
        self.names: set[str] = set(PERCENTILES)
        """Names of this run that hold a figure though they are no number, in lower case."""

    @property
    def currencies(self) -> set[str]:
        """Codes of the currencies in which something was measured."""
        return {one.currency for one in self._quantities if one.currency}

    def add(self, kind: Kind, value: float | Decimal | None, telling: str, names: str = "", nouns: str = "") -> None:
        """Add a value; None is none, but it was looked for, so its words are taken.

        Args:
            kind: What kind of number it is.
            value: The value.
            telling: The words that tell it from others.
            names: More words by which it may be named.
            nouns: What was counted; of money, the code of its currency.
        """
        tells, counted = stems(telling), stems("" if kind is Kind.MONEY else nouns)
        every = tells | stems(f"{names} {nouns}")
        self.vocabulary |= every
        self.nouns |= counted
        if value is not None:
            currency = nouns if kind is Kind.MONEY else ""
            tells = tells - {_CONFIRMED} or tells
            self._quantities.append(Quantity(kind, Decimal(str(value)), every, tells, counted, currency))

    def add_share(self, part: int, whole: int, telling: str, names: str, nouns: str) -> None:
        """Add two counts and what percentage the one is of the other."""
        self.add(Kind.COUNT, part, telling, names, nouns)
        self.add(Kind.COUNT, whole, "", f"{telling} {names}", nouns)
        if whole:
            self.add(Kind.PERCENT, part * PERCENT / whole, telling, f"{names} {nouns}")

    def add_moment(self, at: datetime) -> None:
        """Add a moment, in the ways people write its date and its time (UTC)."""
        utc = at.astimezone(UTC)
        seconds = utc.strftime("%Y-%m-%dT%H:%M:%S")
        self._moments |= {seconds, f"{seconds}Z", f"{seconds}+00:00", f"{utc:%Y-%m-%dT%H:%M}", f"{utc:%Y-%m-%dT%H:%MZ}"}
        self._moments |= {utc.strftime(form) for form in ("%Y-%m-%d", "%H:%M", "%H:%M:%S")}

    def add_names(self, *texts: str) -> None:
        """Add names that the crew gave: their words are plain, but for those that are amounts."""
        for text in texts:
            letters = {word.lower() for word in _LETTERS.findall(text)}
            self.words |= letters - AMOUNTS - NOTHING_WORDS - set(NUMBER_WORDS)

    def add_ids(self, *ids: str) -> None:
        """Add what the engine itself calls things: a figure in it is no number, as in `ga4` and `f012`."""
        self.names |= {part for text in ids for part in _NAMES_WITH_FIGURES.findall(text.lower())}

    def covers(self, number: Number, said: frozenset[str], *, whole: bool = False) -> bool:
        """Say whether a number is a measured value of what its clause speaks of.

        Args:
            number: The number.
            said: Stems of the words of its clause.
            whole: Whether it is the second of "9 of 12 records were clean".
        """
        if number.kind is Kind.MOMENT:
            return number.text in self._moments
        about = said & self.vocabulary
        if whole:  # the words of the clause say what became of its part
            return any(one.is_written(number) and about & one.names for one in self._quantities)
        meant = [
            one
            for one in self._quantities
            if one.telling and about <= one.names and (one.kind, one.currency) == (number.kind, number.currency)
        ]
        if number.value == 0:  # "no failures" speaks of every kind of failure
            return bool(about and meant) and all(one.value == 0 for one in meant)
        return any(one.is_written(number) and self._is_told(one, said) for one in meant)

    def _is_told(self, one: Quantity, said: frozenset[str]) -> bool:
        """Say whether words tell a quantity from all others: what was counted, and what became of it."""
        if not one.telling <= said:
            return False
        vague = one.telling <= self.nouns | {_CONFIRMED}  # as the requests of "refunds requested"
        return bool(one.nouns & said) or not (one.nouns and (vague or said & self.nouns))

    def never_happened(self, stem: str) -> bool:
        """Say whether a word tells of something that was counted, and every such count is zero."""
        counted = [
            one.value
            for one in self._quantities
            if one.telling and stem in one.names and one.kind in {Kind.COUNT, Kind.MONEY}
        ]
        return bool(counted) and not any(counted)

    # --- what a run holds -----------------------------------------------------------------------------------------

    def add_fact(self, fact: Fact, labels: dict[str, str]) -> None:
        """Add a fact's number with its unit; other values name nothing that could be counted."""
        if isinstance(fact.value, (bool, str, list, dict)):
            return
        room, name, nouns = _words_of(fact)
        slug = str(fact.source.get("integration", ""))
        names = f"{room} {name} {fact.unit} {slug} {labels.get(slug, '')}"
        telling = " ".join(stems(name) - stems(fact.unit))
        kind, value = _in_kind(fact.value, fact.unit)
        self.add(kind, value, telling, names, nouns)

    def add_words(self, fact: Fact) -> None:
        """Add the words of a fact that may be another task's: who uses them speaks of that."""
        room, name, nouns = _words_of(fact)
        self.vocabulary |= stems(f"{room} {name} {nouns}")
        if not _currency(fact.unit):
            self.nouns |= stems(nouns)

    def add_effects(self, effects: EffectCounts, names: str) -> None:
        """Add the counts of writes and their shares."""
        self.add_share(effects.confirmed, effects.planned, "writes confirmed", names, "writes")
        self.add_share(effects.failed, effects.planned, "writes failed", names, "writes")
        self.add_share(effects.unknown, effects.planned, "writes unknown", names, "writes")
        self.add_share(effects.skipped, effects.planned, "writes skipped", names, "writes")

    def add_calls(self, statistics: CallStatistics, names: str) -> None:
        """Add the counts, rates and times of requests."""
        names = f"calls sent {names}"
        self.add(Kind.COUNT, statistics.calls, "requests", names, "requests")
        self.add_share(statistics.ok, statistics.calls, "requests answered", names, "requests")
        self.add(Kind.COUNT, statistics.errors, "requests error", f"failed {names}", "requests")
        self.add(Kind.COUNT, statistics.unsent, "requests unsent", names, "requests")
        self.add(Kind.COUNT, statistics.retries, "retries", names, "requests retries")
        self.add(Kind.PERCENT, statistics.success_percent, "success rate", f"requests {names}")
        self.add(Kind.PERCENT, statistics.error_percent, "error rate", f"requests {names}")
        times = f"requests response times {names}"
        self.add(Kind.TIME, statistics.mean_ms, "mean", times)
        for name, value in zip(PERCENTILES, (statistics.p50_ms, statistics.p95_ms, statistics.p99_ms), strict=True):
            self.add(Kind.TIME, value, name, times)


def _words_of(fact: Fact) -> tuple[str, str, str]:
    """Return a fact's room, its name there, and what it counts; the records of a dataset have its name too."""
    room, _, name = fact.name.partition(".")
    dataset = fact.source.get("dataset", "") if fact.unit == "records" else ""
    has_own_unit = fact.unit == "%" or fact.unit in UNITS_MS
    return room, name or room, "" if has_own_unit else _currency(fact.unit) or f"{fact.unit} {dataset}"


def stems(text: str) -> frozenset[str]:
    """Return the words of a text without their endings, so that `captures` and `captured` are one."""
    words = [word.lower() for word in re.findall(r"[^\W_]+", text)]
    return frozenset(_stem(word) for word in words if word not in _SILENT)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_STEM and not (ending == "s" and stem.endswith("s")):
            word = f"{stem}y" if ending in {"ies", "ied"} else stem
            break
    return _SAME.get(word, word)


def _currency(unit: str) -> str:
    found = MINOR_UNITS.match(unit)
    return found[1].lower() if found is not None else ""


def _in_kind(value: float | None, unit: str) -> tuple[Kind, Decimal | None]:
    """Return what kind of number a unit makes, and the value in that kind's unit."""
    exact = Decimal(str(value)) if value is not None else None
    currency = _currency(unit)
    if currency:
        return Kind.MONEY, None if exact is None else exact.scaleb(-decimals_of(currency))
    if unit in UNITS_MS:
        return Kind.TIME, None if exact is None else exact * UNITS_MS[unit]
    return (Kind.PERCENT if unit == "%" else Kind.COUNT), exact


def measured_for(record: RunRecord, outcome: TaskOutcome) -> Measured:
    """Return what was measured that a task's closing words may speak of: its own, those it was handed, and totals.

    It was handed those of the tasks it waited for; a task that sums the run up speaks of all of them.
    """
    known, result = Measured(), record.result
    labels = {service.slug: service.label for service in record.services}
    handed = {outcome.name, *outcome.context}
    for one in record.outcomes if outcome.sums_up else [one for one in record.outcomes if one.name in handed]:
        _add_outcome(known, record, one, labels)
    for fact in result.facts:
        known.add_words(fact)
    known.add_moment(result.started_at)
    known.add_moment(result.finished_at)
    known.add_share(result.completed_tasks, result.total_tasks, "tasks completed", "run", "tasks")
    known.add(Kind.PERCENT, result.success_rate, "success rate", f"run {record.words.work} tasks completed")
    known.add(Kind.COUNT, result.failed_tasks, "tasks failed", "run", "tasks")
    known.add(Kind.TIME, _took_ms(result.started_at, result.finished_at), "run took")
    if outcome.sums_up:
        known.add_share(
            len(record.integrated), len(record.slugs), "services integrated", "answered", "services integrations"
        )
        for slug, statistics in record.statistics.items():
            known.add_calls(statistics, f"{slug} {labels.get(slug, '')}")
        known.add_effects(record.effects, "run")
        for slug, reading in record.health.items():
            known.add(Kind.TIME, reading.latency_ms, "health", f"call latency answered {slug} {labels.get(slug, '')}")
            known.add_moment(reading.at)
    known.add_ids(*record.slugs, *labels.values(), *(fact.id for fact in result.facts))
    known.add_names(result.crew, result.mode, *record.slugs, *labels.values())
    for one in record.outcomes:
        known.add_names(one.name, one.title, one.agent, one.role, *(account.name for account in one.datasets))
    for fact in result.facts:
        known.add_names(fact.name, fact.unit)
    return known


def _add_outcome(known: Measured, record: RunRecord, outcome: TaskOutcome, labels: dict[str, str]) -> None:
    for fact in record.facts(outcome.name):
        known.add_fact(fact, labels)
    slugs = " ".join(outcome.integrations)
    known.add_effects(outcome.effects, slugs)
    for account in outcome.datasets:
        for state, count in account.counts.items():
            known.add_share(count, account.total, state, "", f"records {account.name}")
    quality = quality_of(outcome.datasets)
    known.add_share(quality.clean, quality.looked_at, "records clean", "data quality validated", "records")
    results = [check.passed for check in outcome.checks]
    passed, failed = results.count(True), results.count(False)
    known.add_share(passed, passed + failed, "checks passed", "", "checks")
    known.add(Kind.COUNT, failed, "checks failed", "", "checks")
    for title, rows in outcome.tables.items():
        for row in rows:
            for column, value in row.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    known.add(*_in_kind(value, column.rpartition("_")[2]), column, title, column)
    known.add_calls(record.task_statistics.get(outcome.name, CallStatistics()), slugs)
    known.add(Kind.TIME, _took_ms(outcome.started_at, outcome.finished_at), "task took")
    known.add_moment(outcome.started_at)
    known.add_moment(outcome.finished_at)


def _took_ms(started_at: datetime, finished_at: datetime) -> float:
    return (finished_at - started_at).total_seconds() * SECOND_MS
