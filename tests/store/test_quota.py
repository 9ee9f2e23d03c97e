"""Two who use one store call a vendor's account together no faster than one alone."""

from __future__ import annotations

import os
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest
from filelock import lock_descriptor, unlock_descriptor

from newfuse.http.rate_limit import Turn
from newfuse.store import Store, quota_file
from newfuse.store.quota import BUSY_LIMIT_S, BUSY_POLL_S, FOLDER, Quota, quota_in
from newfuse.store.quota_file import STALE_S, QuotaFile

ROOT = Path(__file__).parents[2]
RATE, BURST = 25.0, 5.0
INTERVAL_S = 1 / RATE
BOOTED = 1_700_000_000.0


class Clocks:
    """A monotonic clock and a wall clock that go on together."""

    def __init__(self) -> None:
        self.now = 5_000.0
        self.booted = BOOTED

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.booted + self.now


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


Make = Callable[[], Quota]


@pytest.fixture
def opened(tmp_path: Path, clocks: Clocks) -> Iterator[Make]:
    """Open the quota of one account, each time as another process would."""
    with ExitStack() as stack:

        def make() -> Quota:
            quota = Quota(QuotaFile(tmp_path / FOLDER, "account"), clock=clocks.monotonic, wall_clock=clocks.wall)
            stack.callback(quota.close)
            return quota

        yield make


def book(quota: Quota) -> float:
    turn = quota.book(INTERVAL_S, BURST)
    assert (True, 0.0) == (turn.is_booked, turn.held_s)
    return round(turn.wait_s, 6)


def spent(quota: Quota) -> None:
    """Use the burst up."""
    while book(quota) == 0.0:
        pass


def file_of(folder: Path) -> Path:
    return folder / FOLDER / "account"


# --- one rate for all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sharing", [1, 2, 5])
def test_all_together_get_one_burst_and_then_one_rate(opened: Make, sharing: int):
    quotas = [opened() for _ in range(sharing)]
    order = Random(7)
    waits = [book(order.choice(quotas)) for _ in range(30)]
    assert [0.0] * 5 + [pytest.approx(number * INTERVAL_S) for number in range(1, 26)] == waits


def test_turns_go_round_whoever_asks(opened: Make, clocks: Clocks):
    one, other = opened(), opened()
    spent(one)
    for _ in range(20):  # each waits for its turn before it asks for the next one
        first, second = book(one), book(other)
        assert (first, second) == (pytest.approx(2 * INTERVAL_S), pytest.approx(3 * INTERVAL_S))
        clocks.now += 2 * INTERVAL_S


def test_in_no_second_do_more_calls_fall_than_the_rate_and_a_burst(opened: Make, clocks: Clocks):
    quotas = [opened() for _ in range(3)]
    chance = Random(1)
    sent: list[float] = []
    for _ in range(400):
        sent.append(clocks.now + book(chance.choice(quotas)))
        clocks.now += chance.choice([0.0, 0.01, 0.05, 0.3])
    sent.sort()
    for start in sent:
        within = sum(start <= at < start + 1.0 - 1e-9 for at in sent)
        assert within <= RATE + BURST


def test_what_nobody_used_comes_back(opened: Make, clocks: Clocks):
    one, other = opened(), opened()
    spent(one)
    clocks.now += 3600
    assert [0.0] * 5 == [book(other) for _ in range(5)]
    assert book(one) == pytest.approx(INTERVAL_S)


def test_accounts_worlds_and_vendors_are_apart_and_stores_too(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    store, elsewhere = Store(tmp_path / "a"), Store(tmp_path / "b")
    usual = {"environment": "live", "account": "default", "integration": "stripe"}
    quotas = [
        quota_in(store, **usual),
        quota_in(elsewhere, **usual),
        quota_in(store, **usual | {"environment": "sandbox:1"}),
        quota_in(store, **usual | {"account": "test"}),
        quota_in(store, **usual | {"integration": "hubspot"}),
        quota_in(store, **usual | {"account": "default hubspot"}),
    ]
    same = quota_in(store, **usual)
    for quota in quotas:
        assert [0.0] * 5 == [book(quota) for _ in range(5)]
    assert book(same) > 0.0
    for quota in [*quotas, same]:
        quota.close()


def test_a_store_in_memory_is_shared_within_the_process_alone():
    usual = {"environment": "live", "account": "default", "integration": "stripe"}
    store, other = Store(None), Store(None)
    spent(quota_in(store, **usual))
    assert book(quota_in(store, **usual)) > 0.0
    assert book(quota_in(other, **usual)) == 0.0
    one, two = quota_in(store, **usual), quota_in(store, **usual)
    assert [True, True, False] == [one.enter(2), two.enter(2), two.enter(2)]
    one.close()
    assert two.enter(2)


# --- holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_is_for_all_and_the_longer_one_stays(opened: Make, clocks: Clocks):
    one, other = opened(), opened()
    one.hold(8)
    one.hold(3)
    clocks.now += 2
    assert Turn(held_s=pytest.approx(6), is_booked=False) == other.book(INTERVAL_S, BURST)
    assert Turn(held_s=pytest.approx(6), is_booked=False) == other.book(0.0, 1.0)  # an account without a rate
    clocks.now += 6
    assert Turn() == other.book(INTERVAL_S, BURST)


def test_an_account_without_a_rate_waits_for_nothing_else(opened: Make):
    one, other = opened(), opened()
    spent(one)
    assert Turn() == other.book(0.0, 1.0)


# --- what lies there may be anything ----------------------------------------------------------------------------------


@pytest.mark.parametrize("booted", [BOOTED + 86_400, BOOTED - 86_400], ids=["a later boot", "an earlier boot"])
def test_what_was_written_before_the_last_boot_is_forgotten(opened: Make, clocks: Clocks, booted: float):
    one = opened()
    spent(one)
    one.hold(3600)
    clocks.now, clocks.booted = 60.0, booted
    assert [0.0] * 5 == [book(opened()) for _ in range(5)]


def test_a_clock_that_is_set_right_little_by_little_changes_nothing(opened: Make, clocks: Clocks):
    one = opened()
    spent(one)
    for _ in range(10):
        clocks.booted += 1.0
        assert book(opened()) > 0.0


RUBBISH = [
    b"",
    b"\0",
    b"\0" * 8,
    b"\0" * 200,
    b"rubbish of sorts, longer than what is kept there",
    b"\0" * 8 + struct.pack("<3dI", BOOTED, 1e12, 1e12, 0),
    b"\0" * 8 + struct.pack("<3dI", float("nan"), float("inf"), float("nan"), 7),
    os.urandom(36),
]


@pytest.mark.parametrize("content", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_in_the_file_is_a_quota_that_nobody_used(opened: Make, tmp_path: Path, content: bytes):
    one = opened()
    spent(one)
    file_of(tmp_path).write_bytes(content)
    assert [0.0] * 5 == [book(opened()) for _ in range(5)]
    assert book(one) == pytest.approx(INTERVAL_S)


def test_who_has_a_file_open_that_was_deleted_shares_the_one_at_its_place(opened: Make, tmp_path: Path):
    one, newcomer = opened(), opened()
    book(one)
    file_of(tmp_path).unlink()
    spent(newcomer)
    assert book(one) > 0.0


def test_the_files_are_the_owners_alone(opened: Make, tmp_path: Path):
    quota = opened()
    book(quota)
    quota.enter(2)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / FOLDER).iterdir()}
    assert {"account": 0o600, "account-0": 0o600} == modes
    assert 0o700 == stat.S_IMODE((tmp_path / FOLDER).stat().st_mode)


def test_files_that_nobody_used_for_a_day_are_cleared_away(opened: Make, tmp_path: Path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    old, used = time.time() - STALE_S - 60, time.time() - STALE_S + 60
    for name, at in {"account": old, "gone": old, "gone-0": used, "used": used, "used-0": old}.items():
        (folder / name).touch()
        os.utime(folder / name, (at, at))
    book(opened())
    assert {"account", "used", "used-0"} == {path.name for path in folder.iterdir()}


# --- where nothing can be shared, each goes by its own limit ----------------------------------------------------------


def test_before_there_is_a_store_nothing_is_made_and_nobody_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    quota = quota_in(Store(tmp_path / "none"), environment="live", account="default", integration="stripe")
    assert [Turn()] * 10 == [quota.book(INTERVAL_S, BURST) for _ in range(10)]
    assert quota.enter(1)
    quota.leave()
    quota.hold(5)
    assert [] == list(tmp_path.iterdir())
    assert [] == caplog.messages


def test_a_folder_that_cannot_be_used_is_told_once_and_nobody_waits(
    opened: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / FOLDER).write_text("a file")
    quota = opened()
    assert [Turn()] * 10 == [quota.book(INTERVAL_S, BURST) for _ in range(10)]
    assert quota.enter(1)
    assert quota.enter(1)
    quota.leave()
    [said] = caplog.messages
    assert "each keeps to it alone" in said


# --- processes that end, stop or divide -------------------------------------------------------------------------------


@contextmanager
def process(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program with a quota of that folder until it has said something, and kill it at the end."""
    head = "import sys, time; from pathlib import Path; from newfuse.store.quota_file import QuotaFile; "
    head += f"kept = QuotaFile(Path({str(folder / FOLDER)!r}), 'account'); "
    child = subprocess.Popen(
        [sys.executable, "-c", head + program], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert child.stdout is not None
    try:
        assert "there\n" == child.stdout.readline()
        yield child
    finally:
        child.kill()
        child.communicate()


HAS_THE_LOCK = "context = kept.locked(); context.__enter__(); print('there', flush=True); time.sleep(60)"
HAS_TWO_PLACES = "kept.enter(3), kept.enter(3); print('there', flush=True); time.sleep(60)"


def test_a_process_that_was_killed_with_the_lock_keeps_nobody_out(opened: Make, tmp_path: Path):
    quota = opened()
    with process(HAS_THE_LOCK, tmp_path) as child:
        assert Turn(wait_s=BUSY_POLL_S, is_booked=False) == quota.book(INTERVAL_S, BURST)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert Turn() == quota.book(INTERVAL_S, BURST)


def test_a_process_that_was_stopped_with_the_lock_is_not_waited_for_long(opened: Make, clocks: Clocks, tmp_path: Path):
    holder, quota = QuotaFile(tmp_path / FOLDER, "account"), opened()
    with holder.locked():
        assert not quota.book(INTERVAL_S, BURST).is_booked
        clocks.now += BUSY_LIMIT_S / 2
        assert not quota.book(INTERVAL_S, BURST).is_booked
        clocks.now += BUSY_LIMIT_S
        assert Turn() == quota.book(INTERVAL_S, BURST)
        quota.hold(60)  # has no one to tell, and does not wait either
    assert Turn() == quota.book(INTERVAL_S, BURST)  # the first that is shared
    assert BURST - 1 == [book(quota) for _ in range(6)].count(0.0)
    holder.close()


def test_a_lock_that_is_had_for_a_moment_is_waited_for(opened: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    quota = opened()
    book(quota)
    holder = os.open(file_of(tmp_path), os.O_RDWR)
    assert lock_descriptor(holder, blocking=False)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        unlock_descriptor(holder)

    monkeypatch.setattr(quota_file.time, "sleep", pause)
    assert 0.0 == book(quota)
    assert 1 == len(pauses)
    os.close(holder)


def test_places_are_shared_and_those_of_a_process_that_was_killed_are_free_again(opened: Make, tmp_path: Path):
    one, other = opened(), opened()
    with process(HAS_TWO_PLACES, tmp_path) as child:
        assert [True, False] == [one.enter(3), other.enter(3)]
        one.leave()
        assert [True, False] == [other.enter(3), one.enter(3)]
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert [True, True, False] == [one.enter(3), one.enter(3), one.enter(3)]
    one.close()
    assert [True, True, False] == [other.enter(3), other.enter(3), other.enter(3)]


def test_a_fork_does_not_share_its_parents_lock(tmp_path: Path):
    (tmp_path / FOLDER).mkdir()
    parent, child = (QuotaFile(tmp_path / FOLDER, "account") for _ in range(2))
    with parent.locked():
        assert parent._file is not None
        child._file, child._process = os.dup(parent._file), os.getpid() + 1  # as a fork has it
        with child.locked() as moments:
            assert moments is None
    with child.locked() as moments:
        assert moments is not None
    parent.close()
    child.close()
