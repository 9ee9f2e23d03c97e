"""Processes on one store call a vendor's account together: no faster than it allows, so none of them is refused."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.commands import LONGEST_S, environment
from newfuse.sandbox import SANDBOX_CREDENTIALS, SandboxServer

pytestmark = pytest.mark.slow

# Of each process. Stripe takes 25 calls at once and then 25 a second; two that do so each on their own are too many.
CALLS = 30

PROGRAM = """
import asyncio, sys
from pathlib import Path

from newfuse import create_integration
from newfuse.effects import Ledger
from newfuse.store import Store

url, key, folder, name, calls = sys.argv[1:]


async def main():
    store = Store(Path(folder))
    await store.read(lambda connection: None)  # opened first, as by a run
    async with create_integration("stripe", base_url=url, api_key=key, ledger=Ledger(store)) as stripe:
        print("ready", flush=True)
        sys.stdin.readline()
        wanted = ({"email": f"{name}{number}@example.com"} for number in range(int(calls)))
        await asyncio.gather(*(stripe.execute("create_customer", one) for one in wanted))
    await store.close()


asyncio.run(main())
"""


@contextmanager
def processes(server: SandboxServer, folder: Path, names: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes that make their calls as soon as they are told."""
    arguments = [f"{server.url}/stripe", SANDBOX_CREDENTIALS["stripe"]["api_key"], str(folder)]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, name, str(CALLS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(NEWFUSE_STORE=str(folder)),
            text=True,
        )
        for name in names
    ]
    try:
        for child in children:
            assert child.stdout is not None
            assert "ready\n" == child.stdout.readline()
        yield children
    finally:
        for child in children:
            child.kill()
            child.communicate()


def test_processes_on_one_store_are_never_too_many_together_though_one_of_them_is_killed(tmp_path: Path):
    with SandboxServer() as server, processes(server, tmp_path, "abc") as children:
        for child in children:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()
        while len(server.sandbox.log) < CALLS:
            time.sleep(0.01)
        *others, victim = children
        victim.kill()
        ended = [(child.communicate(timeout=LONGEST_S)[1], child.returncode) for child in others]
        truth = server.sandbox.truth("stripe")["stripe"]
        log = server.sandbox.log
    assert [("", 0)] * 2 == ended
    assert 0 == sum(entry.status == 429 for entry in log)
    made = [one["email"] for one in truth["customers"].values()]
    assert sorted(f"{name}{number}@example.com" for name in "ab" for number in range(CALLS)) == sorted(
        email for email in made if email and email[0] in "ab" and email[1].isdigit()
    )
