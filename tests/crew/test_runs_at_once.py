from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crew.tiny_crew import AMOUNTS, World, only, paying_crew
from newfuse.report.results import TaskStatus
from newfuse.sandbox.faults import Fault

ROOT = Path(__file__).parents[2]
SURROUNDINGS = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}

RUN = """
import json, sys
from pathlib import Path
from crew.tiny_crew import PAYMENTS, only, paying_crew
from newfuse.environment import Environment

given = json.loads(sys.argv[1])
environment = Environment(mode="sandbox", name=given["name"], settings=given["settings"])
output = paying_crew().run(
    {"payments": PAYMENTS}, environment=environment, out=Path(given["out"]), store=Path(given["store"])
)
outcome = only(output)
print(json.dumps({"status": outcome.status, "error": outcome.error, "effects": outcome.effects.model_dump()}))
"""

HEAVY = ("langchain", "langchain_core", "langgraph", "langsmith", "openai", "anthropic")


def slow_down(world: World) -> None:
    """Make the two meet: the first is still at it when the second wants to begin."""
    world.server.sandbox.faults.add(
        Fault(slug="stripe", kind="slow", method="POST", path="/v1/payment_intents", delay_s=0.15)
    )


def once_each(effects: list[dict[str, int]]) -> None:
    """Each payment was confirmed by one of the runs and skipped by the other."""
    assert 3 == sum(counts["confirmed"] for counts in effects)
    assert 3 == sum(counts["skipped"] for counts in effects)
    assert 0 == sum(counts["failed"] + counts["unknown"] for counts in effects)


async def test_two_runs_at_once_on_one_store_take_each_payment_once(world_on_disk: World):
    slow_down(world_on_disk)
    outputs = await asyncio.gather(*(world_on_disk.run(paying_crew()) for _ in range(2)))
    outcomes = [only(output) for output in outputs]
    assert [TaskStatus.COMPLETED] * 2 == [outcome.status for outcome in outcomes]
    assert AMOUNTS == world_on_disk.taken
    once_each([outcome.effects.model_dump() for outcome in outcomes])
    assert 0 == world_on_disk.server.sandbox.truth("stripe")["stripe"]["idempotent_replays"]
    assert 2 == len({output.folder for output in outputs})
    assert ["SUCCESS"] * 2 == [row["status"] for row in await world_on_disk.rows()]


@pytest.mark.slow
async def test_two_processes_at_once_on_one_store_take_each_payment_once(world_on_disk: World, tmp_path: Path):
    slow_down(world_on_disk)
    environment = world_on_disk.environment
    given: dict[str, Any] = {
        "name": environment.name,
        "settings": environment.settings,
        "out": str(world_on_disk.folder),
        "store": str(world_on_disk.store),
    }
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", RUN, json.dumps(given),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=SURROUNDINGS,
        )
        for _ in range(2)
    ]  # fmt: skip
    answers = [await process.communicate() for process in running]
    assert [b"", b""] == [errors for _, errors in answers]
    outcomes = [json.loads(printed) for printed, _ in answers]
    assert ["completed"] * 2 == [outcome["status"] for outcome in outcomes]
    assert AMOUNTS == world_on_disk.taken
    once_each([outcome["effects"] for outcome in outcomes])


def test_building_a_crew_loads_no_model_library():
    code = f"""
import sys
import newfuse
from crew.tiny_crew import paying_crew
crew = paying_crew()
crew.check()
newfuse.tool, newfuse.Integration, newfuse.create_integration
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    printed = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=SURROUNDINGS,
    )
    assert "[]" == printed.stdout.strip()
