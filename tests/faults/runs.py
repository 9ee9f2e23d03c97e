"""Runs of the default crew in processes that may die, on a sandbox that outlives them, and what they left behind."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging import age_effects_in
from faults.matrix import HOURS_LATER
from faults.trade import EVENTS
from faults.truth import Changes, Told, described
from faults.zygote import Zygote
from newfuse.sandbox import SandboxServer

KILLED = -9
ENDED = {0, 1}
# What counts attempts grows with every one of them, though nothing happens.
ATTEMPTS = re.compile(r"accepted/|.*/writes/|.*/idempotent_replays$")
EVENT = re.compile(r"label-\d+")
MOST_RUNS = 3  # until all is there: the first may come too soon for a look-up to be believed
LOST = "lost: "
UNASKABLE = "ga4"  # Google tells nobody whether an event has arrived


@dataclass(frozen=True)
class Clean:
    """A run in which nothing is wrong: what it changes, how long it takes, how many requests may change something."""

    changes: Changes
    took_s: float
    writes: int


class Shop:
    """One business: a sandbox as it was at the start, a store, and the runs on them."""

    def __init__(self, server: SandboxServer, zygote: Zygote, folder: Path) -> None:
        """Begin anew."""
        server.sandbox.reset()
        self.server, self._zygote, self._folder = server, zygote, folder
        self.told = Told(server.sandbox)
        self.before = self.told.look()
        self._runs = 0

    @property
    def store(self) -> Path:
        """The file of the store."""
        return self._folder / "store" / "newfuse.db"

    def run(self, *, kill_after_s: float | None = None, **about: Any) -> int:
        """Run the crew, and return how the process ended."""
        self._runs += 1
        sandbox = self.server.sandbox
        job = {
            "url": self.server.url,
            "instance": sandbox.instance_id,
            "vendors": list(sandbox.vendors),
            "store": str(self.store.parent),
            "out": str(self._folder / f"out{self._runs}"),
            **about,
        }
        return self._zygote.run(job, kill_after_s=kill_after_s)

    def results(self) -> dict[str, Any]:
        """Return what the last run says in results.json."""
        [folder] = (self._folder / f"out{self._runs}").iterdir()
        found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return found

    def written(self) -> str:
        """Return everything that the last run wrote for people and programs."""
        [folder] = (self._folder / f"out{self._runs}").iterdir()
        return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())

    def changed(self) -> Changes:
        """Say what the runs did at the vendors, attempts left out."""
        changes = self.told.changes(self.before, self.told.look())
        return {what: count for what, count in changes.items() if not ATTEMPTS.match(what[1])}

    def effects(self, state: str) -> list[dict[str, Any]]:
        """Return the effects in one state."""
        with sqlite3.connect(self.store) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM effects WHERE state = ?", [state]).fetchall()
        connection.close()
        return [dict(row) for row in rows]

    def money_in_doubt(self) -> list[dict[str, Any]]:
        """Return the effects on money of which nobody knows whether they happened."""
        return [row for state in ("unknown", "intent") for row in self.effects(state) if row["kind"] == "money"]

    def wait(self) -> None:
        """Let hours pass since what stands in the ledger."""
        age_effects_in(self.store.parent, HOURS_LATER * 60)

    def finish(self, clean: Changes) -> list[int]:
        """Run until nothing is missing that a later run can still do, and return how each run ended."""
        ended = [self.run()]
        while ended[-1] in ENDED and len(ended) < MOST_RUNS and self._lacks(clean):
            self.wait()
            ended.append(self.run())
        return ended

    def _lacks(self, clean: Changes) -> bool:
        return any(one.startswith(LOST) for one in self.wrong(clean))

    def wrong(self, clean: Changes) -> list[str]:
        """Hold what exists against what one run does when nothing is wrong: nothing twice, nothing lost."""
        problems = [f"money in doubt: {row['action']} {row['reference']}" for row in self.money_in_doubt()]
        changed = self.changed()
        events = f"truth/{UNASKABLE}/"
        here, there = ({w: n for w, n in one.items() if not w[1].startswith(events)} for one in (changed, clean))
        more = {what: n - there.get(what, 0) for what, n in here.items() if n > there.get(what, 0)}
        less = {what: n - here.get(what, 0) for what, n in there.items() if n > here.get(what, 0)}
        if more:
            problems.append(f"doubled, or wrong: {described(more)}")
        if less:
            problems.append(f"{LOST}{described(less)}")
        return [*problems, *self._wrong_events()]

    def _wrong_events(self) -> list[str]:
        """An event may be lost with the process that sent it, and is named then; none may be there twice."""
        labels = EVENT.findall(json.dumps(self.server.sandbox.truth(UNASKABLE)[UNASKABLE]["events"]))
        problems = [
            f"the event {label} is there {labels.count(label)} times"
            for label in set(labels)
            if labels.count(label) > 1
        ]
        unknown = {label for row in self.effects("unknown") for label in EVENT.findall(json.dumps(row["arguments"]))}
        lost = {f"label-{number}" for number in range(EVENTS)} - set(labels)
        problems += [f"the event {label} is lost, and not called unknown" for label in sorted(lost - unknown)]
        written = self.written() if unknown else ""
        for label in sorted(unknown):
            place = f"analytics_events[{label.rpartition('-')[2]}]"
            if place not in written.replace("\\", ""):
                problems.append(f"{place} is unknown, and nothing that was written names it")
        return problems
