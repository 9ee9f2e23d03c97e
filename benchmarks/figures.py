"""Figures: what was measured, how often, and what was expected of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table.

    Attributes:
        what: What was measured.
        value: The median.
        low: The lowest.
        high: The highest.
        unit: `×` for a ratio.
        n: How many times.
        expected: The bound it is held to, or None when it is there to be known.
        holds: Whether the median keeps that bound; None without one.
    """

    what: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    expected: str | None = None
    holds: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the figure as JSON values."""
        return asdict(self)


def figure(
    what: str, values: Sequence[float], unit: str, *, at_most: float | None = None, at_least: float | None = None
) -> Figure:
    """Sum repeated measurements up: the median, and the range they lie in.

    Args:
        what: What was measured.
        values: One value per repetition.
        unit: Their unit.
        at_most: Expected upper bound.
        at_least: Expected lower bound.
    """
    middle = median(values)
    expected: str | None = None
    holds: bool | None = None
    if at_most is not None:
        expected, holds = f"≤ {plain(at_most)}", middle <= at_most
    elif at_least is not None:
        expected, holds = f"≥ {plain(at_least)}", middle >= at_least
    return Figure(what, middle, min(values), max(values), unit, len(values), expected, holds)


def pairwise(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], key: str) -> list[float]:
    """Return the ratio of every pair: what both sides met in the same moment of the machine divides out."""
    return [ours[key] / floor[key] for ours, floor in pairs]


def plain(value: float) -> str:
    """Write a number with three significant digits, whole where it is large."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"


def table(figures: Sequence[dict[str, Any]]) -> str:
    """Lay figures out as a markdown table."""
    rows = [("measured", "median", "lowest – highest", "n", "expected", "")]
    for one in figures:
        unit = "" if one["unit"] == "×" else f" {one['unit']}"
        mark = {None: "", True: "✓", False: "✗ falls short"}[one["holds"]]
        spread = "" if one["n"] == 1 else f"{plain(one['low'])} – {plain(one['high'])}"
        rows.append((one["what"], f"{plain(one['value'])}{unit}", spread, str(one["n"]), one["expected"] or "", mark))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
