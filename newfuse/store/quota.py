"""Shares an account's quota between all who use one store: the gates of this process and of others.

What is shared is two moments: when the next call is due, and until when the vendor wants nothing to be sent. Whoever is
about to call books the next moment and waits for it on its own, so that calls of several processes come as evenly as
those of one. Nothing here waits or fails: where the moments cannot be had, a process keeps to the rate limit alone.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from json import dumps
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from newfuse.http.rate_limit import Turn
from newfuse.log import logger
from newfuse.store.database import Store
from newfuse.store.quota_file import Moments, QuotaFile

FOLDER: Final = "quota"
KEY_LENGTH: Final = 32  # hexadecimal digits of a file's name
# The moments are had by others for some microseconds at a time. Only a process that was stopped just then has them for
# longer; it sends nothing meanwhile, so nobody needs to wait for it.
BUSY_POLL_S: Final = 0.005
BUSY_LIMIT_S: Final = 1.0
# The monotonic clock begins anew with every boot; how far the wall clock is ahead of it tells one boot from another.
# Setting the clock changes that too, as does a sleep of the machine: a quota then begins anew, which harms nobody.
SAME_BOOT_S: Final = 5.0

_log = logger("store")


class Kept(Protocol):
    """Keeps the moments and the places of one account."""

    def locked(self) -> AbstractContextManager[Moments | None]:
        """Hand out the moments, for changing, to one at a time; None when another has them now.

        Raises:
            OSError: They cannot be had at all.
        """

    def enter(self, places: int) -> bool:
        """Take one of so many places; False when all are taken.

        Raises:
            OSError: Places cannot be had at all.
        """

    def leave(self) -> None:
        """Give back a place, if any is held."""

    def close(self) -> None:
        """Let go of what is open."""


class KeptInMemory:
    """Keeps them in this process."""

    def __init__(self) -> None:
        """Start with a quota that nobody has used."""
        self._moments = Moments()
        self._lock = threading.Lock()
        self._taken = 0

    @contextmanager
    def locked(self) -> Iterator[Moments | None]:
        """Hand out the moments to one thread at a time."""
        with self._lock:
            yield self._moments

    def enter(self, places: int) -> bool:
        """Take one of so many places; False when all are taken."""
        with self._lock:
            is_free = self._taken < places
            self._taken += is_free
            return is_free

    def leave(self) -> None:
        """Give back a place."""
        with self._lock:
            self._taken -= 1

    def close(self) -> None:
        """Keep everything, for others of this process."""


class Quota:
    """One account's quota, as one gate sees it; satisfies `newfuse.http.SharedQuota`."""

    def __init__(
        self, kept: Kept, *, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        """Share what is `kept`.

        Args:
            kept: The moments and places.
            clock: Seconds that are the same in every process of this machine, as `time.monotonic` is.
            wall_clock: Epoch seconds.
        """
        self._kept = kept
        self._clock = clock
        self._wall_clock = wall_clock
        self._busy_since: float | None = None
        self._places = 0  # entered, and not left
        self._is_told = False

    def book(self, interval_s: float, burst: float) -> Turn:
        """Book the moment of the next call.

        Args:
            interval_s: Time between two calls at the rate; 0 where there is no rate.
            burst: Calls that may go out at once.
        """
        try:
            with self._kept.locked() as moments:
                if moments is None:
                    return self._busy()
                self._busy_since = None
                now = self._now(moments)
                if moments.held_until > now:
                    return Turn(held_s=moments.held_until - now, is_booked=False)
                if interval_s <= 0:
                    return Turn()
                moments.due = max(moments.due, now) + interval_s
                return Turn(wait_s=max(0.0, moments.due - burst * interval_s - now))
        except OSError as exc:
            self._tell(exc)
            return Turn()

    def hold(self, seconds: float) -> None:
        """Let nobody send anything for so long; a longer hold already in force stays."""
        try:
            with self._kept.locked() as moments:
                if moments is not None:  # else the others learn it from the vendor
                    now = self._now(moments)
                    moments.held_until = max(moments.held_until, now + seconds)
        except OSError as exc:
            self._tell(exc)

    def enter(self, places: int) -> bool:
        """Take one of so many places; False when all are taken."""
        try:
            if not self._kept.enter(places):
                return False
        except OSError as exc:
            self._tell(exc)
        else:
            self._places += 1
        return True

    def leave(self) -> None:
        """Give back the place taken by `enter`."""
        if self._places:
            self._places -= 1
            self._kept.leave()

    def close(self) -> None:
        """Let go of what is open; it opens again on next use."""
        while self._places:
            self.leave()
        self._kept.close()

    def _now(self, moments: Moments) -> float:
        now = self._clock()
        boot = self._wall_clock() - now
        if not abs(boot - moments.boot) <= SAME_BOOT_S:  # not, as nothing compares with NaN
            moments.due = moments.held_until = 0.0
        moments.boot = boot
        return now

    def _busy(self) -> Turn:
        now = self._clock()
        if self._busy_since is None:
            self._busy_since = now
        if now - self._busy_since > BUSY_LIMIT_S:
            return Turn()
        return Turn(wait_s=BUSY_POLL_S, is_booked=False)

    def _tell(self, exc: OSError) -> None:
        if not self._is_told and not isinstance(exc, FileNotFoundError):  # the store has not been opened yet
            self._is_told = True
            _log.warning("a quota cannot be shared with other processes, so each keeps to it alone: %s", exc)


_in_memory: WeakKeyDictionary[Store, dict[str, KeptInMemory]] = WeakKeyDictionary()


def quota_in(store: Store, *, environment: str, account: str, integration: str) -> Quota:
    """Return the quota of one account, shared with all who use that store; a store in memory is this process's own.

    Args:
        store: Where it is kept.
        environment: `live`, or which sandbox.
        account: The vendor account.
        integration: Slug.
    """
    named = dumps([environment, account, integration]).encode()
    key = sha256(named).hexdigest()[:KEY_LENGTH]
    if store.folder is None:
        kept_here = _in_memory.setdefault(store, defaultdict(KeptInMemory))
        return Quota(kept_here[key])
    return Quota(QuotaFile(store.folder / FOLDER, key))
