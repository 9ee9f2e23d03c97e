"""How values read: counts with their plural, times, money, and facts with their citation."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

from newfuse.report.facts import Fact
from newfuse.report.markdown import harmless
from newfuse.types import JSON

NOT_MEASURED = "not measured"
MINOR_UNITS = re.compile(r"^([a-z]{3}) minor units$", re.IGNORECASE)
SECOND_MS = 1000.0

# Digits after the point where they are not two (ISO 4217; https://docs.stripe.com/currencies#zero-decimal).
DECIMALS = {
    **dict.fromkeys(["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg"], 0),
    **dict.fromkeys(["rwf", "vnd", "vuv", "xaf", "xof", "xpf"], 0),
    **dict.fromkeys(["bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"], 3),
}
USUAL_DECIMALS = 2

_KEEPS_S = ("ss", "us", "is")
_LOSES_ES = ("sses", "xes", "ches", "shes", "uses")


def counted(count: float, plural: str, singular: str | None = None) -> str:
    """Return a count with its noun, e.g. `1 record`, `2 records`, `0 records`."""
    if count == 1:
        return f"1 {singular or singular_of(plural)}"
    return f"{number(count)} {plural}"


def singular_of(plural: str) -> str:
    """Return the singular of a noun or a phrase: `events missing` is `event missing`."""
    parts = plural.split(" ")
    for index, word in enumerate(parts):
        if len(word) > 2 and word.endswith("s") and not word.endswith(_KEEPS_S):  # noqa: PLR2004 - ms
            parts[index] = _singular(word)
            break
    return " ".join(parts)


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(_LOSES_ES) else word[:-1]


def number(value: float) -> str:
    """Return a number with separated thousands and at most two decimals."""
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")


def milliseconds(value: float | None) -> str:
    """Return a time, e.g. `12 ms`, `0.4 ms`, `2.35 s`."""
    if value is None:
        return NOT_MEASURED
    if value >= SECOND_MS:
        return f"{number(value / SECOND_MS)} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"  # noqa: PLR2004 - below ten, tenths tell


def percent(value: float | None, missing: str = "no data") -> str:
    """Return a percentage with one decimal."""
    return missing if value is None else f"{value:.1f}%"


def moment(at: datetime | None) -> str:
    """Return a time to the second, in UTC."""
    return NOT_MEASURED if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def day(at: datetime) -> str:
    """Return a date, e.g. `March 05, 2025` (UTC)."""
    return f"{at.astimezone(UTC):%B %d, %Y}"


def words(name: str) -> str:
    """Return a name in words, each capitalised: `crm_data_synchronization` is `Crm Data Synchronization`."""
    return " ".join(word.capitalize() for word in name.replace("-", "_").split("_") if word)


def decimals_of(currency: str) -> int:
    """Return how many digits a currency has after the point."""
    return DECIMALS.get(currency.lower(), USUAL_DECIMALS)


def money(minor: int, currency: str) -> str:
    """Return an amount, e.g. `29.99 USD (2,999 minor units)`."""
    decimals = decimals_of(currency)
    major = Decimal(minor).scaleb(-decimals)
    return f"{major:,.{decimals}f} {currency.upper()} ({counted(minor, 'minor units')})"


def measured(value: JSON, unit: str) -> str:
    """Return a measured value with its unit, harmless in markdown."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        currency = MINOR_UNITS.match(unit)
        if currency is not None and isinstance(value, int):
            return money(value, currency[1])
        if unit == "%":
            return f"{number(value)}%"
        return harmless(counted(value, unit)) if unit else number(value)
    if isinstance(value, str):
        return harmless(value) or "(empty)"
    return harmless(json.dumps(value, ensure_ascii=False, default=str))


def cited(fact: Fact) -> str:
    """Return a fact's value with its citation, e.g. `2 contacts [f012]`."""
    return f"{measured(fact.value, fact.unit)} [{fact.id}]"
