"""What one mode of the account holds: objects, the search index that lags behind them, and events."""

from __future__ import annotations

import copy
import hashlib
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from newfuse.sandbox.stripe.errors import missing_resource
from newfuse.sandbox.stripe.instruments import Instrument
from newfuse.sandbox.vendor import JSON

PREFIXES = {
    "payment_intent": "pi",
    "charge": "ch",
    "refund": "re",
    "customer": "cus",
    "payment_method": "pm",
    "balance_transaction": "txn",
    "event": "evt",
    "request": "req",
}
_SEARCHED = frozenset({"payment_intent", "charge", "customer"})
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 24


class Identifiers:
    """Makes ids that look like Stripe's and repeat with the seed: a prefix and 24 letters and digits."""

    def __init__(self, seed: int) -> None:
        """Start counting; two instances of one seed give the same ids in the same order."""
        self._seed = seed
        self._counts: dict[str, int] = {}

    def next(self, prefix: str) -> str:
        """Return the next id of a prefix, e.g. `pi_4Kd…`."""
        count = self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}_{self.scramble(f'{prefix}:{count}')}"

    def scramble(self, text: str) -> str:
        """Return 24 letters and digits that follow from the seed and a text alone."""
        number = int.from_bytes(hashlib.sha256(f"{self._seed}:{text}".encode()).digest(), "big")
        characters = []
        for _ in range(_ID_LENGTH):
            number, index = divmod(number, len(_ALPHABET))
            characters.append(_ALPHABET[index])
        return "".join(characters)


@dataclass(slots=True)
class Table:
    """All objects of one kind, oldest first, with what search knows of them."""

    rows: dict[str, dict[str, JSON]] = field(default_factory=dict)
    indexed: dict[str, dict[str, JSON]] = field(default_factory=dict)
    waiting: deque[tuple[float, str, dict[str, JSON] | None]] = field(default_factory=deque)

    def catch_up(self, now: float) -> None:
        """Let the index take in every change that is due."""
        while self.waiting and self.waiting[0][0] <= now:
            _, id_, snapshot = self.waiting.popleft()
            if snapshot is None:
                self.indexed.pop(id_, None)
            else:
                self.indexed[id_] = snapshot


class Books:
    """The objects of one mode, live or test."""

    def __init__(
        self, *, livemode: bool, identifiers: Identifiers, now: Callable[[], float], search_lag_s: float
    ) -> None:
        """Open empty books.

        Args:
            livemode: Which side of the account this is; every object says so.
            identifiers: Shared by both modes, so that no id exists twice.
            now: The clock, in epoch seconds.
            search_lag_s: Seconds until a change can be found by search.
        """
        self.livemode = livemode
        self.identifiers = identifiers
        self.clock = now
        self.search_lag_s = search_lag_s
        self.other: Books | None = None  # the other mode, for Stripe's hint in "No such …"
        self.instruments: dict[str, Instrument] = {}  # how each payment method behaves, by its id
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._scheduled = 0
        self._tables: dict[str, Table] = {kind: Table() for kind in PREFIXES}

    @property
    def now(self) -> int:
        """The time in whole epoch seconds, as objects carry it."""
        return int(self.clock())

    def schedule(self, at: float, action: Callable[[], None]) -> None:
        """Let something happen at a time, e.g. funds become available or a bank debit settles."""
        self._scheduled += 1
        heapq.heappush(self._due, (at, self._scheduled, action))

    def catch_up(self) -> None:
        """Do everything that is due by now, in the order of its time."""
        while self._due and self._due[0][0] <= self.clock():
            heapq.heappop(self._due)[2]()

    def new_id(self, kind: str) -> str:
        """Return a fresh id for an object of a kind."""
        return self.identifiers.next(PREFIXES[kind])

    def table(self, kind: str) -> Table:
        """Return the table of a kind."""
        return self._tables[kind]

    def rows(self, kind: str) -> dict[str, dict[str, JSON]]:
        """Return the objects of a kind by id, oldest first."""
        return self._tables[kind].rows

    def find(self, kind: str, id_: str, *, param: str, status: int = 404) -> dict[str, JSON]:
        """Return one object.

        Raises:
            StripeError: It does not exist in this mode.
        """
        row = self.rows(kind).get(id_)
        if row is None:
            other_mode = self.other is not None and id_ in self.other.rows(kind)
            raise missing_resource(kind, id_, param=param, status=status, other_mode=other_mode)
        return row

    def save(self, row: dict[str, JSON], *events: str) -> None:
        """Keep a new or changed object, let search know of it later, and record what happened.

        Args:
            row: The object; `object` and `id` say where it belongs.
            events: Event types to record with the object as it is now, e.g. `payment_intent.succeeded`.
        """
        kind, id_ = row["object"], row["id"]
        table = self._tables[kind]
        table.rows[id_] = row
        snapshot = copy.deepcopy(row) if events or kind in _SEARCHED else row
        if kind in _SEARCHED:
            self._index_later(table, id_, snapshot)
        for type_ in events:
            self._record(type_, snapshot)

    def remove(self, row: dict[str, JSON], event: str) -> None:
        """Delete an object, and record that."""
        table = self._tables[row["object"]]
        del table.rows[row["id"]]
        self._index_later(table, row["id"], None)
        self._record(event, copy.deepcopy(row))

    def index_everything(self) -> None:
        """Make all objects searchable at once; for seed data, which is older than the sandbox."""
        for table in self._tables.values():
            table.catch_up(float("inf"))

    def _index_later(self, table: Table, id_: str, snapshot: dict[str, JSON] | None) -> None:
        now = self.clock()
        table.catch_up(now)
        table.waiting.append((now + self.search_lag_s, id_, snapshot))

    def _record(self, type_: str, snapshot: dict[str, JSON]) -> None:
        event: dict[str, JSON] = {
            "id": self.new_id("event"),
            "object": "event",
            "api_version": None,
            "created": self.now,
            "data": {"object": snapshot},
            "livemode": self.livemode,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": type_,
        }
        self._tables["event"].rows[event["id"]] = event
