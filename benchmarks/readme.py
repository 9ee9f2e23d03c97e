"""Keeps the tables of README.md as they were last measured: between the markers, the benchmarks write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks.figures import table

README = Path(__file__).parent / "README.md"


def refresh(found: dict[str, Any], file: Path = README) -> None:
    """Put figures into the README.

    Args:
        found: Results by benchmark, as `python -m benchmarks --json` keeps them.
        file: The README.

    Raises:
        ValueError: It has no markers for one of the benchmarks.
    """
    text = file.read_text(encoding="utf-8")
    for name, result in found.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        place = pattern.search(text)
        if place is None:
            raise ValueError(f"README.md has no place for {name}: {begin} … {end}")
        block = f"{begin}\n{_said(result)}\n\n{table(result['figures'])}\n{end}"
        text = text[: place.start()] + block + text[place.end() :]
    file.write_text(text, encoding="utf-8")


def _said(result: dict[str, Any]) -> str:
    day = result["measured_at"][:10]
    return (
        f"Measured {day} on {result['machine']}; load before: {result['load_before']}; took {result['took_s']:.0f} s."
    )
