"""Runs of a crew for measuring: the app's own, or another, in a world without rate limits."""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT, MeasurementFailed
from newfuse import Crew
from newfuse.environment import Environment
from newfuse.report import RunOutput
from newfuse.sandbox.environment import at

APP = "crews.api_integration:crew"
SAMPLE = ROOT / "data" / "integration_test_data.json"


UNLIMITED_CALLS_PER_S = 1_000_000
"""HubSpot's 190 requests in 10 s would else be the only thing that the benchmarks of throughput measure."""


def unlimited(world: Environment) -> Environment:
    """Lift our client's rate limits in a sandbox that has none itself."""
    settings = {slug: {**given, "calls_per_s": UNLIMITED_CALLS_PER_S} for slug, given in world.settings.items()}
    return replace(world, settings=settings)


async def world_at(sandbox_url: str) -> Environment:
    """Return the sandbox at that address, without rate limits."""
    return unlimited(await at(sandbox_url))


def load_crew(text: str) -> Crew:
    """Return the crew of `MODULE:NAME`."""
    module, _, name = text.partition(":")
    crew: Crew = getattr(importlib.import_module(module), name)
    return crew


def in_series(crew: Crew) -> Crew:
    """Return the same crew with its tasks one after the other, each alone with machine, model and vendors."""
    tasks = [
        replace(task, is_async=False, agent=task.agent_name, context=task.context_names) for task in crew.tasks.values()
    ]
    return Crew(crew.name, agents=crew.agents.values(), tasks=tasks)


def sample() -> dict[str, list[Any]]:
    """Return the app's sample data."""
    found: dict[str, list[Any]] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return found


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder on the machine's own temporary disk, for a store and reports."""
    with tempfile.TemporaryDirectory(prefix="newfuse-bench-") as folder:
        yield Path(folder)


def check_whole(output: RunOutput, *, by_model: bool = True) -> None:
    """Refuse a run that did less than it should: it would be fast for the wrong reason.

    Raises:
        MeasurementFailed: A task did not complete, or the model did not lead it to its end in one performance.
    """
    for outcome in output.record.outcomes:
        ended = [performance.ended for performance in outcome.performances]
        if outcome.status.value != "completed" or ended != ["done"]:
            raise MeasurementFailed(f"task {outcome.name}: {outcome.status.value}, {outcome.error}, {ended}")
        if by_model and outcome.performances[0].by == "runbook":
            raise MeasurementFailed(f"task {outcome.name} was led by the runbook")
