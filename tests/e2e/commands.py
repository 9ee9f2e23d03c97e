"""`python run.py …` and `python -m newfuse sandbox serve` in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.vendors import Vendors

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "run.py"
LONGEST_S = 50  # a command that hangs fails its test, not the suite


def environment(**variables: str) -> dict[str, str]:
    """The environment of a command: newfuse comes from this checkout, and warnings are faults."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **variables}


@dataclass(frozen=True)
class Ran:
    """A run that has ended: its exit code, what it printed, and the folder it wrote, if any."""

    code: int
    stdout: str
    stderr: str
    out: Path
    store: Path

    @property
    def folder(self) -> Path:
        """The one folder that was written."""
        [found] = self.out.iterdir()
        return found

    @property
    def results(self) -> dict[str, Any]:
        """What stands in results.json."""
        found: dict[str, Any] = json.loads((self.folder / "results.json").read_text(encoding="utf-8"))
        return found

    @property
    def printed(self) -> str:
        """Both streams."""
        return self.stdout + self.stderr

    def report(self, task: str) -> str:
        """The report of a task."""
        return (self.folder / f"{task}_report.md").read_text(encoding="utf-8")


class App:
    """Starts runs of the default crew with a store of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.program = RUN
        self._runs = 0

    def file(self, content: Any, name: str = "data.json") -> Path:
        """Write a data file."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def command(self, *arguments: str | Path) -> tuple[list[str], Path]:
        """Return a command line and the folder that its run will write into."""
        self._runs += 1
        out = self.folder / f"out{self._runs}"
        given = [str(argument) for argument in arguments]
        places = [] if "--out" in given else ["--out", str(out)]
        if "--store" not in given:
            places += ["--store", str(self.store)]
        return [sys.executable, str(self.program), *given, *places], out

    def run(self, *arguments: str | Path, cwd: Path | None = None, **variables: str) -> Ran:
        """Run it to its end."""
        command, out = self.command(*arguments)
        done = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=environment(**variables),
            capture_output=True,
            encoding="utf-8",
            timeout=LONGEST_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr, out, self.store)

    @contextmanager
    def started(self, *arguments: str | Path) -> Iterator[Started]:
        """Start it, and end it with the block if it has not ended by itself."""
        command, out = self.command(*arguments)
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        try:
            yield Started(process, out, self.store)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@dataclass(frozen=True)
class Started:
    """A run that is under way."""

    process: subprocess.Popen[str]
    out: Path
    store: Path

    def ended(self) -> Ran:
        """Wait for its end."""
        stdout, stderr = self.process.communicate(timeout=LONGEST_S)
        return Ran(self.process.returncode, stdout, stderr, self.out, self.store)


@contextmanager
def served_sandbox(folder: Path, *arguments: str) -> Iterator[Vendors]:
    """Serve a sandbox as a person would, in a process of its own, until the end of the block."""
    log = folder / "sandbox.jsonl"
    command = [sys.executable, "-m", "newfuse", "sandbox", "serve", "--port", "0", "--log", str(log), *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("Sandbox listening on http://127.0.0.1:"), said
        yield Vendors(said.split()[-1])
    finally:
        process.terminate()
        process.communicate(timeout=LONGEST_S)
