"""What it costs to begin: `newfuse --help`, and the way to the first question a model is asked."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # for tests and benchmarks alone

from benchmarks.child import ROOT, MeasurementFailed, clean_environment
from benchmarks.crew_runs import SAMPLE, scratch
from benchmarks.figures import Figure, figure, pairwise
from benchmarks.meter import children_cpu_s
from benchmarks.servers import fetch, model, model_name, sandbox

PAIRS = 7
HELP_CPU_S = 0.3
APP = "crews.api_integration:crew"
HELP = ["-m", "newfuse", "--help"]
NOTHING = ["-c", "pass"]
FIRST_ANSWER_MS = 5_000  # the model keeps the run waiting while its processor time is read
POLL_S = 0.05  # seldom enough to take little of the machine
PATIENCE_S = 60.0

BARE_FIRST_STEP = """
import asyncio, sys
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
model = init_chat_model("openai:delay-5000", base_url=sys.argv[1] + "/v1", api_key="none")
agent = create_agent(model, [], system_prompt="You work.")
asyncio.run(agent.ainvoke({"messages": [("user", "Task: crm_data_synchronization")]}))
"""


def run(*, quick: bool) -> list[Figure]:
    """Measure both beginnings, each beside the least that could be."""
    pairs = 1 if quick else PAIRS
    for arguments in (HELP, NOTHING):
        _finish(arguments)  # compiled files are there afterwards
    helps = [(_finish(HELP), _finish(NOTHING)) for _ in range(pairs)]
    found = [
        figure("newfuse --help: CPU", [ours["cpu_s"] for ours, _ in helps], "s", at_most=HELP_CPU_S),
        figure("newfuse --help: wall", [ours["wall_s"] for ours, _ in helps], "s"),
        figure("Python alone: CPU", [floor["cpu_s"] for _, floor in helps], "s"),
        figure("newfuse --help ÷ Python alone: CPU", pairwise(helps, "cpu_s"), "×"),
    ]
    with sandbox() as vendors, model(APP) as answers, scratch() as folder:
        ours = [
            *("run.py", "--data", str(SAMPLE), "--model", model_name(answers, FIRST_ANSWER_MS), "--sandbox", vendors),
            *("--out", str(folder / "reports"), "--store", str(folder / "store")),
        ]
        bare = ["-c", BARE_FIRST_STEP, answers]
        for arguments in () if quick else (ours, bare):
            _first_step(arguments, answers, folder)
        steps = [(_first_step(ours, answers, folder), _first_step(bare, answers, folder)) for _ in range(pairs)]
    for key in ("cpu_s", "wall_s"):
        what = {"cpu_s": "CPU", "wall_s": "wall"}[key]
        ratios = pairwise(steps, key)
        found += [
            figure(f"python run.py to the first model call: {what}", [mine[key] for mine, _ in steps], "s"),
            figure(f"bare create_agent to the first model call: {what}", [floor[key] for _, floor in steps], "s"),
            figure(f"to the first model call, ours ÷ bare: {what}", ratios, "×"),
        ]
    return found


def _finish(arguments: list[str]) -> dict[str, float]:
    """Run a command of the interpreter to its end."""
    began, before_s = time.perf_counter(), children_cpu_s()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=clean_environment(), stdout=subprocess.DEVNULL, check=False
    )
    wall_s, cpu_s = time.perf_counter() - began, children_cpu_s() - before_s
    if done.returncode != 0:
        raise MeasurementFailed(f"{' '.join(arguments)} ended with code {done.returncode}")
    return {"cpu_s": cpu_s, "wall_s": wall_s}


def _first_step(arguments: list[str], answers: str, folder: Path) -> dict[str, Any]:
    """Start a command, wait until it has asked the model for the first time, and end it."""
    fetch(f"{answers}/reset", post=True)
    began = time.monotonic()
    with (folder / "said.txt").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=clean_environment(), stdout=said, stderr=subprocess.STDOUT
        )
        try:
            first_at = _await_first(process, answers, began)
            if first_at is None:
                said.seek(0)
                raise MeasurementFailed(f"{arguments[0]} never asked the model: {said.read()[-2000:]}")
            used = psutil.Process(process.pid).cpu_times()
        finally:
            process.kill()
            process.wait()
    return {"cpu_s": used.user + used.system, "wall_s": first_at - began}


def _await_first(process: subprocess.Popen[bytes], answers: str, began: float) -> float | None:
    while process.poll() is None and time.monotonic() - began < PATIENCE_S:
        first_at: float | None = fetch(f"{answers}/stats")["first_at"]
        if first_at is not None:
            return first_at
        time.sleep(POLL_S)
    return None
