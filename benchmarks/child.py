"""Measures in a fresh interpreter, so that no measurement inherits another's memory, caches or imports.

`python -m benchmarks.child MODULE:FUNCTION ARGUMENTS` calls the function with arguments given as a JSON object and
prints its result as JSON in the last line of standard output.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.meter import children_cpu_s

ROOT = Path(__file__).resolve().parents[1]
FOREIGN = ("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "ANTHROPIC_", "NEWFUSE_")
"""Settings of the caller's environment that would change what is measured."""


class MeasurementFailed(Exception):
    """A measurement did not come to its end."""


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would change a measurement."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not (name.upper().startswith(FOREIGN) or name.upper().endswith("_PROXY"))
    }
    return {**kept, "PYTHONHASHSEED": "0"}  # the same order of sets in every repetition


def in_child(target: str, **arguments: Any) -> dict[str, Any]:
    """Call `MODULE:FUNCTION` in a fresh interpreter.

    Returns:
        The function's own result, and `process_cpu_s` and `process_wall_s` of the whole interpreter.

    Raises:
        MeasurementFailed: It did not end well; its messages are on standard error.
    """
    began = time.perf_counter()
    before_s = children_cpu_s()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", target, json.dumps(arguments)],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    wall_s, cpu_s = time.perf_counter() - began, children_cpu_s() - before_s
    if done.returncode != 0:
        raise MeasurementFailed(f"{target} ended with code {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "process_cpu_s": cpu_s, "process_wall_s": wall_s}


def preload(modules: Path) -> None:
    """Import modules before a measurement, so that it does not pay for them; those that cannot be had are passed over.

    Args:
        modules: A file with their names as a JSON list, in the order in which a process has loaded them.
    """
    for name in json.loads(modules.read_text()):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def main() -> None:
    """Call what the command line names."""
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    result = function(**json.loads(sys.argv[2]))
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
