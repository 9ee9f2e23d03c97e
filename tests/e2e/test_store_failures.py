"""The default crew on a store that fails in mid-run: no vendor is written to after it, and the run says so."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import pytest

from e2e.inside import Inside
from e2e.vendors import addresses, minor, new_charges
from newfuse.store import Store

pytestmark = pytest.mark.slow

READING_POSTS = ("/search", "/batch/read", "/debug/mp/collect", ":runReport")
SAMPLE_USD = 2_999 + 9_999  # what the two payments of the sample take


def refuse_writes(store: Store) -> None:
    with store._open().connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")


def delete(store: Store) -> None:
    assert store.folder is not None
    shutil.rmtree(store.folder)


FAILING = {"deleted": delete, "full": refuse_writes}


class Trap:
    """Lets the store fail once it knows so many effects, and keeps what had been recorded and sent by then."""

    def __init__(self, inside: Inside, effects: int, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside = inside
        self.is_sprung = False
        self.states: Counter[str] = Counter()
        self.sent = 0
        real = Store._write

        def write(store: Store, work: Any) -> Any:
            if not self.is_sprung and self._look(store) >= effects:
                self.is_sprung = True
                self.sent = len(inside.server.sandbox.log)
                FAILING[how](store)
            return real(store, work)

        monkeypatch.setattr(Store, "_write", write)

    def _look(self, store: Store) -> int:
        rows = store._read(lambda connection: connection.exec_driver_sql("SELECT state FROM effects").all())
        runs = store._read(lambda connection: connection.exec_driver_sql("SELECT 1 FROM runs").all())
        self.states = Counter(row.state for row in rows)
        return self.states.total() if runs else -1  # before that nothing was started

    def writes_sent_since(self) -> list[str]:
        """List the requests after the failure that change something."""
        since = self.inside.server.sandbox.log[self.sent :]
        return [entry.path for entry in since if entry.method != "GET" and not entry.path.endswith(READING_POSTS)]


@pytest.mark.parametrize("how", FAILING)
@pytest.mark.parametrize("recorded", [0, 5, 10])
async def test_a_store_that_fails_in_mid_run_stops_the_writes_and_is_no_success(
    inside: Inside,
    sample_data: dict[str, list[Any]],
    how: str,
    recorded: int,
    monkeypatch: pytest.MonkeyPatch,
):
    before = inside.vendors.truth()
    with monkeypatch.context() as patched:
        trap = Trap(inside, recorded, how, patched)
        first = await inside.run(sample_data)
    assert trap.is_sprung
    assert (1, "NEEDS ATTENTION") == (first.code, first.results["status"])
    since = trap.writes_sent_since()
    assert len(since) <= trap.states["intent"], since  # those that were on their way
    effects: Counter[str] = Counter()
    for task in first.results["tasks"]:
        effects.update(task["effects"])
    assert trap.states.total() == effects["planned"]
    assert trap.states["intent"] == effects["unknown"]
    assert "The run is not recorded whole" in (first.folder / "INTEGRATION_SUMMARY.md").read_text(encoding="utf-8")
    if how == "full":  # and there is room again
        await inside.run(sample_data)
        truth = inside.vendors.truth()
        assert {"usd": SAMPLE_USD} == minor(truth, before, "captured_minor")
        assert 2 == len(new_charges(truth, before))
        assert {1} == set(Counter(addresses(truth)).values())
        made = Counter(row["title"] for row in truth["mailchimp"]["campaigns"].values())
        assert {1} == set(made.values())
