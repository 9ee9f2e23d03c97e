"""The benchmarks run and yield figures; how large these are is nobody's test."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import readme
from benchmarks.__main__ import BENCHMARKS, keep
from benchmarks.critical_path import longest
from benchmarks.figures import figure, table
from benchmarks.tape import Names

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_yields_finite_figures(name: str, tmp_path: Path):
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--quick", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(file.read_text())["benchmarks"][name]["figures"]
    assert figures
    for one in figures:
        assert math.isfinite(one["value"]), one
        assert 0 < one["value"], one
        assert one["low"] <= one["value"] <= one["high"], one
        assert one["what"] in done.stdout


def test_the_critical_path_is_the_longest_chain():
    waits = {"a": [], "b": [], "e": ["a"], "z": ["b", "e"]}
    assert 0.7 == pytest.approx(longest({"a": 0.1, "b": 0.5, "e": 0.5, "z": 0.1}, waits))


def test_a_figure_keeps_the_bound_its_median_keeps():
    kept, missed = figure("x", [1.0, 1.1, 9.0], "×", at_most=1.2), figure("x", [0.1, 0.9, 0.7], "×", at_least=0.8)
    assert (1.1, 1.0, 9.0, True, "≤ 1.20") == (kept.value, kept.low, kept.high, kept.holds, kept.expected)
    assert (0.7, False) == (missed.value, missed.holds)


def test_a_figure_that_falls_short_says_so_in_the_table():
    lines = table([figure("late", [2.0], "s", at_most=1.0).as_json()]).splitlines()
    assert 3 == len(lines)
    assert "✗ falls short" in lines[2]


def test_a_tape_speaks_of_the_new_ids_where_it_was_recorded_with_others():
    names = Names("/v1/payment_intents/pi_recorded/capture")
    names.learn({"id": "pi_recorded", "created": 1_700_000_000}, {"id": "pi_played", "created": 1_700_000_009})
    assert "/v1/payment_intents/pi_played/capture" == names.now("/v1/payment_intents/pi_recorded/capture")


def test_figures_of_other_benchmarks_stay_in_the_file(tmp_path: Path):
    file = tmp_path / "figures.json"
    keep(file, {"one": {"figures": []}})
    keep(file, {"two": {"figures": []}})
    assert {"one", "two"} == set(json.loads(file.read_text())["benchmarks"])


def result(value: float) -> dict[str, Any]:
    return {
        "measured_at": "2025-01-01T00:00:00+00:00",
        "machine": "2 cores",
        "load_before": 0.1,
        "took_s": 3.0,
        "figures": [figure("x", [value], "s").as_json()],
    }


def test_the_readme_is_refreshed_between_its_markers_alone(tmp_path: Path):
    file = tmp_path / "README.md"
    file.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n")
    readme.refresh({"x": result(1.5)}, file)
    readme.refresh({"x": result(2.5)}, file)
    text = file.read_text()
    assert text.startswith("before\n<!-- x: begin -->\n")
    assert text.endswith("<!-- x: end -->\nafter\n")
    assert "2.50 s" in text
    assert "old" not in text
    assert "1.50 s" not in text


def test_the_readme_has_a_place_for_every_benchmark():
    text = readme.README.read_text(encoding="utf-8")
    for name in BENCHMARKS:
        assert f"<!-- {name}: begin -->" in text
        assert f"<!-- {name}: end -->" in text
