"""`python -m benchmarks [NAME …] [--quick] [--json FILE] [--readme]`: measures, and prints a table."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import readme
from benchmarks.figures import Figure, table

BENCHMARKS = {
    "critical_path": "Wall time of a crew over its critical path",
    "crew_cost": "CPU and memory of a crew run beside bare LangChain and LangGraph",
    "contact_sync": "Contacts synchronized per second beside a bare httpx loop",
    "large_run": "100,000 contacts in one run",
    "cold_start": "Cold start",
}
SCHEMA = 1


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one benchmark and return its figures with what the machine was doing."""
    module = importlib.import_module(f"benchmarks.{name}")
    load, began = os.getloadavg()[0], time.perf_counter()
    figures: list[Figure] = module.run(quick=quick)
    return {
        "title": BENCHMARKS[name],
        "quick": quick,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_s": round(time.perf_counter() - began, 1),
        "load_before": round(load, 2),
        "machine": machine(),
        "figures": [one.as_json() for one in figures],
    }


def machine() -> str:
    """Describe the machine in general terms."""
    version = platform.python_version()
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {platform.python_implementation()} {version}, {system}"


def main() -> int:
    """Run what the command line names; 1 when a figure falls short of what is expected of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what the machinery costs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="small loads, once each: shows that it runs, measures little"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="keep the figures here; those of other benchmarks stay"
    )
    parser.add_argument("--readme", action="store_true", help="put the figures into benchmarks/README.md")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if given.quick and given.readme:
        parser.error("--quick measures too little for the README")
    found: dict[str, Any] = {}
    for name in given.names or BENCHMARKS:
        print(f"{BENCHMARKS[name]} ({name}) …", flush=True)
        found[name] = measure(name, quick=given.quick)
        print(table(found[name]["figures"]), end="\n\n", flush=True)
        if given.json is not None:
            keep(given.json, found)
        if given.readme:
            readme.refresh({name: found[name]})
    short = [one["what"] for ones in found.values() for one in ones["figures"] if one["holds"] is False]
    for what in short:
        print(f"falls short: {what}")
    return 1 if short and not given.quick else 0


def keep(file: Path, found: dict[str, Any]) -> None:
    """Write the figures as JSON, beside those of other benchmarks that are there already."""
    before = json.loads(file.read_text())["benchmarks"] if file.exists() else {}
    file.write_text(
        json.dumps({"schema": SCHEMA, "benchmarks": {**before, **found}}, indent=2, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
