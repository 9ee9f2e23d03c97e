"""Killed at any moment, and again while it recovers: the run that ends leaves everything there, and nothing twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from faults.dying_writes import ANSWERED, APPLIED, BEFORE
from faults.runs import ENDED, KILLED, Clean, Shop
from faults.zygote import Zygote
from newfuse.sandbox import SandboxServer

pytestmark = pytest.mark.slow

IN_A_ROW = (1, 2, 1, 3, 1, 2)  # kills before a run is let to its end: ten a test, and ten tests
SEEDS = range(10)
MOST_TICKS = 40  # of the event loop, from an answer to what follows from it
SOONEST_S, SURELY_S = 0.02, 0.08  # after the fork; no run ends before it is 0.1 s old
TRIES = 5  # a run may end before it is killed


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_kills_double_nothing_and_lose_nothing(
    server: SandboxServer, dying_runs: Zygote, clean: Clean, tmp_path: Path, seed: int
):
    rng = random.Random(seed)
    kills = 0
    for episode, count in enumerate(IN_A_ROW):
        shop = Shop(server, dying_runs, tmp_path / str(episode))
        said: list[str] = []
        for before in range(count):
            said.append(killed(shop, rng, clean, before))
            kills += 1
        ended = shop.finish(clean.changes)
        assert set(ended) <= ENDED, f"{said}: {dying_runs.said}"
        wrong = shop.wrong(clean.changes)
        assert [] == wrong, f"seed {seed}, episode {episode}, killed {'; '.join(said)}:\n" + "\n".join(wrong)
    assert 10 == kills


def killed(shop: Shop, rng: random.Random, clean: Clean, before: int) -> str:
    """Start a run and kill it, at a time or at a point of one of its writes; say where it was.

    Args:
        shop: Where it runs.
        rng: Chooses.
        clean: How long a run is.
        before: How many runs were killed before it: the more, the less is left to do.
    """
    for shorter in range(1 + before, 1 + before + TRIES):
        last = shorter == before + TRIES
        if last or rng.random() < 0.5:
            after_s = rng.uniform(SOONEST_S, SURELY_S if last else clean.took_s / shorter)
            where, ended = f"after {after_s:.3f} s", shop.run(kill_after_s=after_s)
        else:
            point = rng.choice([BEFORE, APPLIED, ANSWERED])
            at_write, ticks = rng.randint(1, max(1, clean.writes // shorter)), rng.randrange(MOST_TICKS)
            where, ended = f"{point}, write {at_write}, {ticks} turns", shop.run(kill=(at_write, point, ticks))
        if ended == KILLED:
            return where
    raise AssertionError(f"{TRIES} runs came to their end before they were killed")
