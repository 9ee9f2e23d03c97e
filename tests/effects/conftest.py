"""A store in a folder, ledgers on it, the shop, and customers in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from effects.shop import Vendor
from newfuse.effects import Ledger
from newfuse.store import Store

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def new_ledger(folder: Path) -> AsyncIterator[Callable[..., Ledger]]:
    """Make ledgers on the one store, each as a process of its own would."""
    made: list[Ledger] = []

    def make(**options: Any) -> Ledger:
        made.append(Ledger(Store(folder), **options))
        return made[-1]

    yield make
    for ledger in made:
        ledger.owner.release()
        await ledger.store.close()


@pytest.fixture
async def ledger(new_ledger: Callable[..., Ledger]) -> Ledger:
    return new_ledger()


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    return Vendor(tmp_path / "arrived.jsonl")


class Customer:
    """One process that writes to the shop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()

    def start(self) -> None:
        """Let it go; it was made ready before."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, list[str]]:
        """Return its exit code and what became of its writes."""
        said, _ = self.process.communicate(timeout=20)
        return self.process.returncode, json.loads(said) if said.strip() else []


@pytest.fixture
def customer(folder: Path, vendor: Vendor) -> Iterator[Callable[..., Customer]]:
    processes: list[subprocess.Popen[str]] = []

    def make(action: str, arguments: dict[str, Any], *references: str, killed: str = "") -> Customer:
        script = str(TESTS / "effects" / "customer.py")
        process = subprocess.Popen(
            [sys.executable, script, str(folder), str(vendor.log), killed, action, json.dumps(arguments), *references],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        )
        processes.append(process)
        return Customer(process)

    yield make
    for process in processes:
        process.kill()
        process.communicate()
