"""Reads a sentence as words and numbers; what is neither is strange, and nobody can say what it claims."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from newfuse.report.plain_words import NOTHING_WORDS, NUMBER_WORDS


class Kind(StrEnum):
    """What a number says; a count of two does not cover two minutes, nor two percent."""

    COUNT = "count"
    PERCENT = "percent"
    MONEY = "money"
    TIME = "time"
    """In milliseconds."""
    MOMENT = "moment"
    """A date or a time of day: compared as text."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a sentence.

    Attributes:
        text: As it stands there.
        kind: What it says.
        value: Its value, times in milliseconds; None for a moment.
        step: Its precision: half of it is the distance within which a measured value is this number.
        currency: Of money, its code in lower case.
    """

    text: str
    kind: Kind
    value: Decimal | None = None
    step: Decimal = Decimal(1)
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a sentence, in letters alone."""

    text: str


@dataclass(frozen=True, slots=True)
class Break:
    """Where what is said of one number may end and what is said of the next begin: a comma, an "and"."""


@dataclass(frozen=True, slots=True)
class Strange:
    """What is neither a word nor a number that can be read: `1e6`, `USD500000`, `2,0,0`, `customers[2]`."""

    text: str


Token: TypeAlias = Number | Word | Break | Strange

# Marks that may stand before and behind a word or a number; a sign (`-5`, `~5`, `#5`) would change what a number says.
_CHUNK = re.compile(r"(?P<before>[(\[\"“‘'*`_]*)(?P<core>.*?)(?P<behind>[)\]\"”’'*`_.,;:!?]*)", re.DOTALL)
_BREAKING_MARKS = re.compile(r"[-–—|*•·#→✓✔✅✗❌:]+")  # by themselves: bullets, dashes, cells of a table, headings
_BREAKING_WORDS = frozenset({"and", "but", "or", "while", "whereas", "with"})

_FIGURE = re.compile(
    r"(?P<symbol>[$€£¥])?(?P<whole>0|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d*)(?P<fraction>\.\d+)?(?P<unit>%|ms|s)?", re.ASCII
)
_TIME = r"\d{2}:\d{2}(?::\d{2})?"
_MOMENT = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}(?:T{_TIME}(?:Z|\+00:00)?)?|{_TIME}", re.ASCII)
_WORDS = re.compile(r"[^\W\d_]+(?:['’]s)?(?:[-_./][^\W\d_]+(?:['’]s)?)*")
_JOINTS = re.compile(r"[-_./]")

_SYMBOLS = {"$": "usd", "€": "eur", "£": "gbp", "¥": "jpy"}
_CURRENCIES = {
    **dict.fromkeys(("dollar", "dollars"), "usd"),
    **dict.fromkeys(("euro", "euros"), "eur"),
    **dict.fromkeys(("pound", "pounds"), "gbp"),
    "yen": "jpy",
}
UNITS_MS = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1),
    **dict.fromkeys(("s", "second", "seconds"), 1000),
    **dict.fromkeys(("min", "minute", "minutes"), 60_000),
    **dict.fromkeys(("h", "hour", "hours"), 3_600_000),
}
_TENS = 10


def read(sentence: str, names: Collection[str] = (), currencies: Collection[str] = ()) -> list[Token]:
    """Return a sentence's words, numbers and breaks in their order, and what is strange in it.

    Two numbers with no word between them are strange: `1 0 0` may be read as one number.

    Args:
        sentence: The very string that will be printed.
        names: What may be written with figures though it is no number, in lower case, e.g. `ga4`, `f012`.
        currencies: Codes that may stand beside an amount, in lower case.
    """
    tokens = [token for chunk in sentence.split() for token in _chunk(chunk, names)]
    return _apart(_with_units(tokens, {**_CURRENCIES, **{code: code for code in currencies}}))


def _chunk(chunk: str, names: Collection[str]) -> Iterator[Token]:
    """Yield what stands between two blanks."""
    if _BREAKING_MARKS.fullmatch(chunk):
        yield Break()
        return
    found = _CHUNK.fullmatch(chunk)
    assert found is not None  # both ends and the middle may be empty
    if "(" in found["before"]:
        yield Break()
    core = found["core"]
    if core:
        yield from _core(core, names)
    if any(mark in found["behind"] for mark in ",;"):
        yield Break()


def _core(core: str, names: Collection[str]) -> Iterator[Token]:
    figure = _FIGURE.fullmatch(core)
    if core.lower() in names:
        yield Word(core)
    elif figure is not None:
        yield _figure(figure)
    elif _MOMENT.fullmatch(core):
        yield Number(core, Kind.MOMENT)
    elif _WORDS.fullmatch(core) is None:
        yield Strange(core)
    elif core.lower() in {"e-mail", "e-mails"}:
        yield Word(core)
    else:
        yield from (token for part in _JOINTS.split(core) for token in _word(part))


def _figure(found: re.Match[str]) -> Number:
    fraction, unit = found["fraction"] or "", found["unit"]
    value = Decimal(found["whole"].replace(",", "") + fraction)
    step = Decimal(1).scaleb(-len(fraction.removeprefix(".")))
    if found["symbol"] and unit:
        return Number(found[0], Kind.MONEY, None)  # "$5%" is no amount of anything, and covered by nothing
    if found["symbol"]:
        return Number(found[0], Kind.MONEY, value, step, _SYMBOLS[found["symbol"]])
    if unit == "%":
        return Number(found[0], Kind.PERCENT, value, step)
    if unit:
        return Number(found[0], Kind.TIME, value * UNITS_MS[unit], step * UNITS_MS[unit])
    return Number(found[0], Kind.COUNT, value, step)


def _word(text: str) -> Iterator[Token]:
    text = text.removesuffix("'s").removesuffix("’s")
    word = text.lower()
    if word in NUMBER_WORDS:
        yield Number(text, Kind.COUNT, Decimal(NUMBER_WORDS[word]))
    elif word in NOTHING_WORDS:
        yield Number(text, Kind.COUNT, Decimal(0))
    else:
        if word in _BREAKING_WORDS:
            yield Break()
        yield Word(text)


def _with_units(tokens: list[Token], currencies: dict[str, str]) -> Iterator[Token]:
    """Yield the tokens, each number together with its unit, its currency, or its ones (`thirty one`)."""
    at = 0
    while at < len(tokens):
        token, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else Break()
        joined = _joined(token, following, currencies)
        yield joined or token
        at += 1 if joined is None else 2


def _joined(token: Token, following: Token, currencies: dict[str, str]) -> Number | None:
    """Return the number that two tokens make together, or None."""
    if isinstance(token, Break) or isinstance(following, Break):
        return None
    written = f"{token.text} {following.text}"
    if isinstance(token, Word) and isinstance(following, Number):
        return _amount(written, following, currencies.get(token.text.lower()))
    if not isinstance(token, Number) or token.kind is not Kind.COUNT or token.value is None:
        return None
    if isinstance(following, Number):
        return _with_ones(written, token, following)
    if not isinstance(following, Word) or token.text.lower() in NOTHING_WORDS:
        return None
    unit = following.text.lower()
    if unit in UNITS_MS:
        return Number(written, Kind.TIME, token.value * UNITS_MS[unit], token.step * UNITS_MS[unit])
    if unit == "percent":
        return Number(written, Kind.PERCENT, token.value, token.step)
    return _amount(written, token, currencies.get(unit))


def _amount(written: str, number: Number, currency: str | None) -> Number | None:
    if currency is None or number.kind is not Kind.COUNT:
        return None
    return Number(written, Kind.MONEY, number.value, number.step, currency)


def _with_ones(written: str, tens: Number, ones: Number) -> Number | None:
    """Return `thirty one`, or `thirty-one`, as one number."""
    first, second = (NUMBER_WORDS.get(one.text.lower(), 0) for one in (tens, ones))
    if first > _TENS and first % _TENS == 0 and 0 < second < _TENS:
        return Number(written, Kind.COUNT, Decimal(first + second))
    return None


def _apart(tokens: Iterator[Token]) -> list[Token]:
    """Return the tokens, with numbers that no word keeps apart as strange; a date and its time belong together."""
    kept: list[Token] = []
    last: Number | None = None
    for token in tokens:
        if isinstance(token, Number):
            close = last is not None and not (last.kind is token.kind is Kind.MOMENT)
            last = token
            kept.append(Strange(token.text) if close else token)
        else:
            last = last if isinstance(token, Break) else None
            kept.append(token)
    return kept
