"""How close a crew's wall time comes to its critical path."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.child import in_child
from benchmarks.crew_runs import APP, check_whole, in_series, load_crew, sample, scratch, world_at
from benchmarks.figures import Figure, figure
from benchmarks.servers import fetch, model, model_name, sandbox

RAGGED = "benchmarks.ragged_crew:crew"
LATENCIES_MS = (0, 50, 200)
PAIRS = 5
ALLOWED = 1.05  # at 200 ms; with a model that answers at once there is next to nothing to hide work behind


def run(*, quick: bool) -> list[Figure]:
    """Measure both crews at every latency."""
    latencies, pairs, warm_ups = ((50,), 1, 0) if quick else (LATENCIES_MS, PAIRS, 1)
    found: list[Figure] = []
    for title, crew in (("five-task crew", APP), ("ragged graph", RAGGED)):
        with sandbox() as vendors, model(crew) as answers:
            for latency_ms in latencies:
                got = in_child(
                    "benchmarks.critical_path:measure",
                    crew=crew,
                    vendors=vendors,
                    answers=answers,
                    latency_ms=latency_ms,
                    pairs=pairs,
                    warm_ups=warm_ups,
                )
                bound = ALLOWED if latency_ms == max(LATENCIES_MS) else None
                at = f"{title}, model answers after {latency_ms} ms"
                found += [
                    figure(f"{at}: tasks ÷ critical path", got["tasks"], "×", at_most=bound),
                    figure(f"{at}: whole run ÷ critical path", got["run"], "×", at_most=bound),
                    figure(f"{at}: critical path", got["path_s"], "s"),
                ]
                if got["bare"]:
                    found.append(figure(f"{at}: tasks ÷ waiting alone", got["bare"], "×"))
    return found


async def measure(
    crew: str, vendors: str, answers: str, latency_ms: float, pairs: int, warm_ups: int
) -> dict[str, Any]:
    """Run a crew in series, then as it is, again and again; the first pairs warm up and are not counted."""
    from newfuse.crew.order import predecessors

    together = load_crew(crew)
    series = in_series(together)
    waits = predecessors(list(together.tasks.values()))
    needs_vendors = bool(together.integrations)
    data = sample() if needs_vendors else {}
    found: dict[str, list[float]] = {"tasks": [], "run": [], "path_s": [], "bare": []}
    for pair in range(warm_ups + pairs):
        lasted, _, _, _ = await _run(series, data, vendors, answers, latency_ms)
        _, tasks_s, run_s, turns = await _run(together, data, vendors, answers, latency_ms)
        path_s = longest(lasted, waits)
        bare_s = longest(_waiting(crew, turns, latency_ms / 1000), waits)
        if pair < warm_ups:
            continue
        found["tasks"].append(tasks_s / path_s)
        found["run"].append(run_s / path_s)
        found["path_s"].append(path_s)
        if bare_s:
            found["bare"].append(tasks_s / bare_s)
    return found


def _waiting(crew: str, turns: Mapping[str, int], latency_s: float) -> dict[str, float]:
    """Return what each task waits at least: for the model, and in the ragged crew for its tools too."""
    if crew == RAGGED:
        from benchmarks.ragged_crew import least_s

        return least_s(latency_s)
    return {name: count * latency_s for name, count in turns.items()}


async def _run(
    crew: Any, data: dict[str, list[Any]], vendors: str, answers: str, latency_ms: float
) -> tuple[dict[str, float], float, float, dict[str, int]]:
    """Run a crew once.

    Returns:
        Seconds of each task, from the first task's start to the last one's end, of the whole run; model turns by task.
    """
    fetch(f"{vendors}/_sandbox/reset", post=True)
    fetch(f"{answers}/reset", post=True)
    world = await world_at(vendors)
    with scratch() as folder:
        began = time.perf_counter()
        output = await crew.arun(
            data,
            environment=world,
            model=model_name(answers, latency_ms),
            out=folder / "reports",
            store=folder / "store",
        )
        run_s = time.perf_counter() - began
    check_whole(output)
    outcomes: Sequence[Any] = output.record.outcomes
    lasted = {one.name: (one.finished_at - one.started_at).total_seconds() for one in outcomes}
    tasks_s = (max(one.finished_at for one in outcomes) - min(one.started_at for one in outcomes)).total_seconds()
    return lasted, tasks_s, run_s, fetch(f"{answers}/stats")["turns"]


def longest(lasts: Mapping[str, float], waits: Mapping[str, Sequence[str]]) -> float:
    """Return the length of the longest chain: no schedule, however clever, ends earlier."""
    ends: dict[str, float] = {}

    def end(name: str) -> float:
        if name not in ends:
            ends[name] = lasts[name] + max((end(before) for before in waits[name]), default=0.0)
        return ends[name]

    return max(end(name) for name in waits)
