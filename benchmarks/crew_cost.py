"""What a crew run costs beside the same work in bare LangChain and LangGraph: processor time and memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from benchmarks.child import in_child, preload
from benchmarks.crew_runs import APP, scratch
from benchmarks.figures import Figure, figure, pairwise
from benchmarks.meter import metered, peak_mb
from benchmarks.servers import fetch, model, model_name, sandbox

PAIRS = 5
WARM_RUNS = 3  # after the first one in the same process
ALLOWED = 1.2
SIDES = ("ours", "bare")


def run(*, quick: bool, crew: str = APP) -> list[Figure]:
    """Measure both in turn, each time in fresh interpreters."""
    pairs, runs = (1, 2) if quick else (PAIRS, 1 + WARM_RUNS)
    with sandbox() as vendors, model(crew) as answers, scratch() as folder:
        tape = str(folder / "tape.json")
        _reset(vendors)
        taped = in_child("benchmarks.tape:record", crew=crew, vendors=vendors, answers=answers, file=tape)

        def measured(side: str, **how: Any) -> dict[str, Any]:
            given = {"vendors": vendors, "answers": answers, "modules": str(folder / side), **how}
            given |= {"crew": crew} if side == "ours" else {"tape": tape}
            return in_child(f"benchmarks.crew_cost:{side}", **given)

        whole = [tuple(measured(side, runs=0) for side in SIDES) for _ in range(pairs)]
        parts = [tuple(measured(side, runs=runs) for side in SIDES) for _ in range(pairs)]
    first = [tuple({**one, **one["runs"][0]} for one in pair) for pair in parts]
    warm = [pair for mine, floor in parts for pair in zip(mine["runs"][1:], floor["runs"][1:], strict=True)]
    found = [figure("vendor requests of one run", [taped["requests"]], "")]
    for title, pairs_of, key, unit, bound in (
        ("first run of a process, imports excluded: CPU", first, "cpu_s", "s", ALLOWED),
        ("later run of a process: CPU", warm, "cpu_s", "s", ALLOWED),
        ("whole process, imports included: CPU", whole, "process_cpu_s", "s", None),
        ("peak memory, imports included", whole, "peak_mb", "MB", ALLOWED),
        ("memory the first run adds to its imports", first, "added_mb", "MB", None),
        ("first run of a process, imports excluded: wall", first, "wall_s", "s", None),
    ):
        chosen: list[Any] = list(pairs_of)
        found += [
            figure(f"{title}, ours ÷ bare", pairwise(chosen, key), "×", at_most=bound),
            figure(f"{title}, ours", [ours[key] for ours, _ in chosen], unit),
            figure(f"{title}, bare", [bare[key] for _, bare in chosen], unit),
        ]
    return found


async def ours(crew: str, vendors: str, answers: str, modules: str, runs: int) -> dict[str, Any]:
    """Run the crew in this process with everything on: ledger, records, reports, a store on disk.

    Args:
        crew: Which.
        vendors: Address of the sandbox.
        answers: Address of the model.
        modules: File of the names of the modules that a run loads.
        runs: How many runs to measure after loading those; 0 makes one run with nothing before it, and writes the file.
    """
    if runs:
        preload(Path(modules))
    from benchmarks.crew_runs import check_whole, load_crew, sample, world_at

    loaded, data = load_crew(crew), sample()

    async def ready() -> Coroutine[Any, Any, None]:
        world = await world_at(vendors)

        async def once() -> None:
            with scratch() as folder:
                output = await loaded.arun(
                    data,
                    environment=world,
                    model=model_name(answers),
                    out=folder / "reports",
                    store=folder / "store",
                )
            check_whole(output)

        return once()

    return await _measure(ready, vendors, modules, runs=runs)


async def bare(tape: str, vendors: str, answers: str, modules: str, runs: int) -> dict[str, Any]:
    """Play the tape in this process."""
    if runs:
        preload(Path(modules))
    from benchmarks import bare_crew

    told = _read(tape)

    async def ready() -> Coroutine[Any, Any, None]:
        return bare_crew.run(told, vendors, answers)

    return await _measure(ready, vendors, modules, runs=runs)


async def _measure(
    ready: Callable[[], Awaitable[Coroutine[Any, Any, None]]], vendors: str, modules: str, *, runs: int
) -> dict[str, Any]:
    if not runs:
        _reset(vendors)
        await (await ready())
        _keep_modules(modules)
        return {"peak_mb": peak_mb()}
    found = []
    for _ in range(runs):
        _reset(vendors)
        work = await ready()
        with metered() as used:
            await work
        found.append({"cpu_s": used.cpu_s, "wall_s": used.wall_s, "added_mb": used.added_mb})
    return {"runs": found}


def _read(tape: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(Path(tape).read_text())
    return told


def _keep_modules(file: str) -> None:
    Path(file).write_text(json.dumps(list(sys.modules)))


def _reset(vendors: str) -> None:
    fetch(f"{vendors}/_sandbox/reset", post=True)
