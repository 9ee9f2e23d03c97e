"""A warmed-up process with one thread that forks a child for each job: `zygote.py MODULE` (started by `Zygote`).

Forking costs milliseconds where starting a process costs a second, and what dies by SIGKILL is a process all the same.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Self

TESTS = Path(__file__).resolve().parents[1]


class Zygote:
    """The process, seen from the test: `with Zygote("faults.dying_writes") as zygote: zygote.run({...})`."""

    def __init__(self, module: str, folder: Path) -> None:
        """Start it.

        Args:
            module: Has `warm_up()`, called once, and `work(job)`, called in each child.
            folder: What children print is kept there.
        """
        self._said = folder / f"{module}.log"
        self._process = subprocess.Popen(
            [sys.executable, __file__, module, str(self._said)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        )
        self._is_ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, job: dict[str, Any], *, kill_after_s: float | None = None) -> int:
        """Let a child do a job, and return how it ended: its exit code, or minus the number of the signal."""
        if not self._is_ready:
            assert self._read() == "ready", self.said
            self._is_ready = True
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"job": job, "kill_after_s": kill_after_s}) + "\n")
        self._process.stdin.flush()
        return int(self._read())

    @property
    def said(self) -> str:
        """What the children have printed."""
        return self._said.read_text(encoding="utf-8") if self._said.exists() else ""

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the zygote is gone: {self.said}"
        return line.strip()


def main(module: str, said: str) -> None:
    """Serve jobs until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    printed = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    work = importlib.import_module(module)
    work.warm_up()
    assert threading.active_count() == 1, threading.enumerate()  # a lock that another thread holds is never released
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_child(work, order["job"])
        if order["kill_after_s"] is not None:
            time.sleep(order["kill_after_s"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _be_child(work: Any, job: dict[str, Any]) -> None:
    code = 70
    try:
        code = work.work(job) or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
