"""A run with 100,000 contacts: memory, time, and whether a model is told more when there is more data."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.child import in_child
from benchmarks.contacts import contacts
from benchmarks.crew_runs import APP, check_whole, sample, scratch
from benchmarks.figures import Figure, figure
from benchmarks.meter import peak_mb
from benchmarks.servers import fetch, model, model_name, sandbox

SIZES, QUICK_SIZES = (10, 1_000, 100_000), (10, 300)
ALLOWED_MB = 500
DATASET = "customers"


def run(*, quick: bool, crew: str = APP) -> list[Figure]:
    """Run the crew with ever more contacts, the other data being the sample's."""
    sizes = QUICK_SIZES if quick else SIZES
    found: list[Figure] = []
    tokens: list[int] = []
    with scratch() as folder, sandbox() as vendors, model(crew) as answers:
        for size in sizes:
            file = folder / f"{size}.json"
            file.write_text(json.dumps({**sample(), DATASET: contacts(size)}))
            for embedded in (False, True) if size == sizes[-1] else (False,):
                fetch(f"{vendors}/_sandbox/reset", post=True)
                where = "" if embedded else vendors
                got = in_child(
                    "benchmarks.large_run:measure", crew=crew, file=str(file), vendors=where, answers=answers
                )
                at = f"{size:,} contacts{', sandbox in the same process' if embedded else ''}"
                found += _figures(at, got, size, largest=sizes[-1])
                if not embedded:
                    tokens.append(got["tokens"])
    most = max(tokens) / min(tokens)
    found.append(figure(f"model tokens with {sizes[-1]:,} contacts ÷ with {sizes[0]:,}", [most], "×", at_most=1.0))
    return found


def _figures(at: str, got: dict[str, Any], size: int, *, largest: int) -> list[Figure]:
    bound = ALLOWED_MB if size == largest else None
    return [
        figure(f"{at}: written of {size:,} expected", [got["written"]], "contacts", at_least=size),
        figure(f"{at}: peak memory of the process", [got["peak_mb"]], "MB", at_most=bound),
        figure(f"{at}: wall", [got["wall_s"]], "s"),
        figure(f"{at}: CPU of the whole process", [got["process_cpu_s"]], "s"),
        figure(f"{at}: model calls", [got["calls"]], ""),
        figure(f"{at}: model tokens (words asked and answered)", [got["tokens"]], ""),
        figure(f"{at}: characters the model was told", [got["characters"]], ""),
    ]


def measure(crew: str, file: str, vendors: str, answers: str) -> dict[str, Any]:
    """Run the crew on a file, against the sandbox at an address or, without one, against one in this process."""
    fetch(f"{answers}/reset", post=True)
    if vendors:
        output, wall_s = asyncio.run(_run(crew, Path(file), vendors, answers))
    else:
        from newfuse.sandbox import SandboxServer

        with SandboxServer(rate_limits=False) as server:
            output, wall_s = asyncio.run(_run(crew, Path(file), server.url, answers))
    check_whole(output)
    outcomes = output.record.outcomes
    [account] = [account for outcome in outcomes for account in outcome.datasets if account.name == DATASET]
    performances = [one for outcome in outcomes for one in outcome.performances]
    return {
        "written": account.counts["confirmed"],
        "total": account.total,
        "peak_mb": peak_mb(),
        "wall_s": wall_s,
        "calls": sum(one.model_calls for one in performances),
        "tokens": sum(one.input_tokens + one.output_tokens for one in performances),
        "characters": fetch(f"{answers}/stats")["prompt_characters"],
    }


async def _run(crew: str, file: Path, vendors: str, answers: str) -> tuple[Any, float]:
    from benchmarks.crew_runs import load_crew, world_at
    from newfuse.crew.data import read_data

    began = time.perf_counter()
    world = await world_at(vendors)
    with scratch() as folder:
        output = await load_crew(crew).arun(
            read_data(file),
            environment=world,
            model=model_name(answers),
            out=folder / "reports",
            store=folder / "store",
        )
    return output, time.perf_counter() - began
