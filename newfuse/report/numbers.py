"""Finds the numbers in a text, with what kind of number each is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum


class Kind(StrEnum):
    """What a number says; a count of two does not cover two minutes, nor two percent."""

    PLAIN = "plain"
    PERCENT = "percent"
    MONEY = "money"
    TIME = "time"
    """In milliseconds."""
    MULTIPLE = "multiple"
    DATE = "date"
    """A date, a time of day, a version: compared as text."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a text.

    Attributes:
        text: As it stands there.
        kind: What it says.
        value: Its absolute value, times in milliseconds; None for dates.
        step: Its precision: half of it is the distance within which a measured value is this number.
    """

    text: str
    kind: Kind
    value: Decimal | None = None
    step: Decimal = Decimal(1)


_UNITS_MS = {
    "ms": 1, "millisecond": 1, "milliseconds": 1,
    "s": 1000, "sec": 1000, "secs": 1000, "second": 1000, "seconds": 1000,
    "min": 60_000, "mins": 60_000, "minute": 60_000, "minutes": 60_000,
    "h": 3_600_000, "hr": 3_600_000, "hrs": 3_600_000, "hour": 3_600_000, "hours": 3_600_000,
    "day": 86_400_000, "days": 86_400_000, "week": 604_800_000, "weeks": 604_800_000,
    "month": 2_592_000_000, "months": 2_592_000_000, "year": 31_536_000_000, "years": 31_536_000_000,
}  # fmt: skip
_SCALES = {"k": 1000, "m": 10**6, "thousand": 1000, "million": 10**6, "billion": 10**9}

_SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
# "one" is mostly a pronoun, and "zero" mostly an emphasis.
_WORDS = {word: value for value, word in enumerate(_SMALL) if value > 1} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
_VAGUE = "dozens?|hundreds?|thousands?|millions?|billions?|doubled|tripled|halved"

# "Retried three times" counts; "three times as fast" compares.
_THAN = r"\s+(?:as|the|more|less|better|faster|higher|larger|bigger|greater|current)\b"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_SPACE = "[ \u00a0\u2009\u202f]"
_SEPARATOR = "[,'’_\u00a0\u2009\u202f]"
_TIME = "|".join(sorted(_UNITS_MS, key=len, reverse=True))

_TOKEN = re.compile(
    rf"""
    (?<![\w.])(?P<date>
        \d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:Z|[+-]\d{{2}}:?\d{{2}})?)?
      | \b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}} | \d{{1,2}}\.?\s+{_MONTH}\s+\d{{4}}
      | \d{{1,2}}:\d{{2}}(?::\d{{2}})? | \d+(?:\.\d+){{2,}}
    )
    | (?:(?P<symbol>[$€£¥])\s?)?
      (?<![\w.])(?P<digits>\d{{1,3}}(?:{_SEPARATOR}\d{{3}})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![A-Za-z_]*\d)
      (?:{_SPACE}?(?P<scale>thousand|million|billion|[kKM](?![\w])))?
      (?:
          (?P<percent>{_SPACE}?(?:[%％‰]|percent\b|per\ cent\b))
        | {_SPACE}?(?P<multiple>x\b|×|-?fold\b|\ times{_THAN})
        | [-\s]?(?P<unit>(?:{_TIME})\b)
        | {_SPACE}(?P<currency>usd|eur|gbp|jpy|chf|cad|aud|dollars?|euros?|pounds?)\b
      )?
    | \b(?P<word>(?:{"|".join(_TENS)})-(?:{"|".join(_SMALL[1:10])})|{"|".join(_WORDS)})\b
      (?:
          (?P<word_percent>\s?%|\s+percent\b|\s+per\ cent\b)
        | (?P<word_multiple>-?fold\b|\s+times{_THAN})
        | [-\s](?P<word_unit>(?:{_TIME})\b)
      )?
    | \b(?P<vague>{_VAGUE})\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LIST_MARKER = re.compile(r"(?m)^(\s*(?:[-*>#]\s*)*)\d{1,3}[.)](?=\s)")


def numbers_in(text: str) -> Iterator[Number]:
    """Yield the numbers of a text: figures, percentages, amounts, times, dates, and number words from two up.

    Figures inside names (`GA4`, `v2`, `cus_12`) and the markers of a numbered list are no numbers. Signs are left out,
    so that a range names its two ends.
    """
    for found in _TOKEN.finditer(_LIST_MARKER.sub(r"\1", text)):
        whole = found[0].strip()
        if found["date"]:
            yield Number(whole, Kind.DATE)
        elif found["vague"]:
            yield Number(whole, Kind.MULTIPLE)
        elif found["word"]:
            yield _spelled(found, whole)
        else:
            yield _figure(found, whole)


def _figure(found: re.Match[str], whole: str) -> Number:
    digits = re.sub(_SEPARATOR, "", found["digits"])
    try:
        value = Decimal(digits)
    except InvalidOperation:  # pragma: no cover - the pattern admits digits only
        return Number(whole, Kind.MULTIPLE)
    step = Decimal(1).scaleb(-len(digits.partition(".")[2]))
    if found["scale"]:
        factor = _SCALES[found["scale"].lower()]
        value, step = value * factor, step * factor
    if found["percent"]:
        return Number(whole, Kind.PERCENT, value, step)
    if found["multiple"]:
        return Number(whole, Kind.MULTIPLE, value, step)
    if found["unit"]:
        factor = _UNITS_MS[found["unit"].lower()]
        return Number(whole, Kind.TIME, value * factor, step * factor)
    if found["symbol"] or found["currency"]:
        return Number(whole, Kind.MONEY, value, step)
    return Number(whole, Kind.PLAIN, value, step)


def _spelled(found: re.Match[str], whole: str) -> Number:
    tens, _, ones = found["word"].lower().partition("-")
    value = Decimal(_WORDS[tens] + (_SMALL.index(ones) if ones else 0))
    if found["word_percent"]:
        return Number(whole, Kind.PERCENT, value)
    if found["word_multiple"]:
        return Number(whole, Kind.MULTIPLE, value)
    if found["word_unit"]:
        factor = _UNITS_MS[found["word_unit"].lower()]
        return Number(whole, Kind.TIME, value * factor, Decimal(factor))
    return Number(whole, Kind.PLAIN, value)
