"""Finds the numbers in whole reports, and holds them against everything a record knows, whatever each of them says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from newfuse.observe import CallStatistics
from newfuse.report.results import EffectCounts
from newfuse.report.wording import MINOR_UNITS, decimals_of
from newfuse.types import JSON


class Kind(StrEnum):
    PLAIN = "plain"
    PERCENT = "percent"
    MONEY = "money"
    TIME = "time"
    DATE = "date"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True)
class Found:
    """A number as it stands in a report; times are in milliseconds, dates and claims have no value."""

    text: str
    kind: Kind
    value: Decimal | None = None
    step: Decimal = Decimal(1)


UNITS_MS = {"ms": 1, "s": 1000, "seconds": 1000, "minutes": 60_000, "h": 3_600_000, "hours": 3_600_000}
WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "twelve": 12, "fifteen": 15, "thirty": 30}
TOKEN = re.compile(
    rf"""
    (?<![\w.])(?P<date>
        \d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:Z|[+-]\d{{2}}:?\d{{2}})?)?
      | \b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\s+\d{{1,2}},\s+\d{{4}}
      | \d{{1,2}}:\d{{2}}(?::\d{{2}})? | \d+(?:\.\d+){{2,}}
    )
    | (?<![\w.])(?P<digits>\d{{1,3}}(?:,\d{{3}})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)(?![A-Za-z_]*\d)
      (?:(?P<percent>%)|\s?(?P<claim>x\b|-?fold\b)|[-\s]?(?P<unit>(?:{"|".join(UNITS_MS)})\b)|\s(?P<money>[A-Z]{{3}})\b)?
    | \b(?P<word>{"|".join(WORDS)})\b
    | \b(?P<vague>dozens?|hundreds?|thousands?|millions?|billions?|doubled|tripled|halved)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def numbers_in(text: str) -> Iterator[Found]:
    """Yield the numbers of a text; figures inside names (`GA4`, `cus_12`) and list markers are none."""
    for found in TOKEN.finditer(re.sub(r"(?m)^(\s*)\d{1,3}[.)](?=\s)", r"\1", text)):
        whole = found[0].strip()
        if found["date"]:
            yield Found(whole, Kind.DATE)
        elif found["vague"] or found["claim"]:
            yield Found(whole, Kind.CLAIM)
        elif found["word"]:
            yield Found(whole, Kind.PLAIN, Decimal(WORDS[found["word"].lower()]))
        else:
            yield _figure(found, whole)


def _figure(found: re.Match[str], whole: str) -> Found:
    digits = found["digits"].replace(",", "")
    value, step = Decimal(digits), Decimal(1).scaleb(-len(digits.partition(".")[2]))
    if found["unit"]:
        factor = UNITS_MS[found["unit"].lower()]
        return Found(whole, Kind.TIME, value * factor, step * factor)
    is_money = found["money"] and found["money"].isupper()
    kind = Kind.PERCENT if found["percent"] else Kind.MONEY if is_money else Kind.PLAIN
    return Found(whole, kind, value, step)


class Known:
    """The values of a record, by kind of number."""

    def __init__(self) -> None:
        self._values: dict[Kind, set[Decimal]] = defaultdict(set)
        self._dates: set[str] = set()

    def add(self, kind: Kind, *values: float | Decimal | None) -> None:
        self._values[kind].update(abs(Decimal(str(value))) for value in values if value is not None)

    def add_date(self, at: datetime) -> None:
        utc = at.astimezone(UTC)
        forms = ("%Y-%m-%d", "%B %d, %Y", "%H:%M:%S", "%Y-%m-%d %H:%M:%S")
        self._dates |= {utc.strftime(form).lower() for form in forms}

    def add_text(self, text: str) -> None:
        for found in numbers_in(text):
            if found.value is None:
                self._dates.add(found.text.lower())
            else:
                self.add(found.kind, found.value)

    def add_share(self, part: int, whole: int) -> None:
        self.add(Kind.PLAIN, part, whole)
        if whole:
            self.add(Kind.PERCENT, part * 100 / whole)

    def add_json(self, value: JSON, unit: str = "") -> None:
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
        currency, time = MINOR_UNITS.match(unit), unit.rpartition("_")[2]
        if currency is not None:
            major = Decimal(str(value)).scaleb(-decimals_of(currency[1]))
            self.add(Kind.MONEY, major)
            self.add(Kind.PLAIN, major, value)
        elif time in UNITS_MS:
            self.add(Kind.TIME, Decimal(str(value)) * UNITS_MS[time])
        elif unit == "%" or time in {"percent", "rate"}:
            self.add(Kind.PERCENT, value)
        else:
            self.add(Kind.PLAIN, value)

    def add_effects(self, effects: EffectCounts) -> None:
        for part in (effects.confirmed, effects.failed, effects.unknown, effects.skipped):
            self.add_share(part, effects.planned)

    def add_calls(self, statistics: CallStatistics) -> None:
        self.add_share(statistics.ok, statistics.calls)
        self.add(Kind.PLAIN, statistics.errors, statistics.unsent, statistics.retries, statistics.attempts)
        self.add(Kind.PERCENT, statistics.success_percent, statistics.error_percent)
        self.add(Kind.TIME, statistics.mean_ms, statistics.p50_ms, statistics.p95_ms, statistics.p99_ms)

    def unknown_in(self, text: str) -> list[str]:
        """Return the numbers of a text that are none of these values, at the precision they are written with."""
        return list(dict.fromkeys(found.text for found in numbers_in(text) if not self._holds(found)))

    def _holds(self, found: Found) -> bool:
        if found.value is None:
            return found.text.lower() in self._dates
        return any(abs(found.value - value) <= found.step / 2 for value in self._values[found.kind])
