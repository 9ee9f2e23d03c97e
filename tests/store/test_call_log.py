"""The call log: every request once, whatever happens to the writing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from newfuse.errors import StoreFailed
from newfuse.http import CallRecord
from newfuse.store import CallLog, Store, call_log
from newfuse.store.schema import calls


def call(number: int) -> CallRecord:
    return CallRecord(
        call_id=f"call-{number}",
        attempt=1,
        run_id="run",
        task="task",
        agent=None,
        integration="shop",
        action="pay",
        method="POST",
        host="shop.test",
        template="/pay",
        status=200,
        error=None,
        sent=True,
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        latency_ms=1.5,
        waited_ms=0.0,
        bytes_out=10,
        bytes_in=20,
        request_id=None,
        tls=None,
    )


def counted(connection) -> tuple[int, int]:
    return tuple(connection.execute(select(func.count(), func.count(calls.c.call_id.distinct()))).one())


async def test_a_flushed_call_is_on_disk_as_it_was():
    store = Store(None)
    log = CallLog(store)
    log.record(call(1))
    await log.flush()
    [row] = await store.read(lambda connection: connection.execute(select(calls)).mappings().all())
    assert ("call-1", "run", "shop", 200, True, 1.5) == tuple(
        row[name] for name in ("call_id", "run_id", "integration", "status", "sent", "latency_ms")
    )
    assert "2026-01-02T03:04:05+00:00" == row["started_at"]
    await store.close()


async def written(store: Store, count: int) -> None:
    """Return once that many calls are on disk, without anybody asking for it."""
    async with asyncio.timeout(5):
        while await store.read(counted) != (count, count):
            pass  # a read is a turn of the store's thread: the loop goes on meanwhile


async def test_calls_are_written_while_they_happen_with_nobody_asking_for_it():
    store = Store(None)
    log = CallLog(store)
    log.record(call(0))
    log.record(call(1))
    await written(store, 2)
    log.record(call(2))
    await written(store, 3)
    await store.close()


async def test_many_calls_of_one_moment_share_one_transaction(monkeypatch: pytest.MonkeyPatch):
    store = Store(None)
    log = CallLog(store)
    transactions = 0
    real = store.write

    async def counting(work):
        nonlocal transactions
        transactions += 1
        return await real(work)

    monkeypatch.setattr(store, "write", counting)
    for number in range(500):
        log.record(call(number))
    await written(store, 500)
    assert 1 == transactions
    await log.flush()
    assert (500, 500) == await store.read(counted)
    assert 1 == transactions
    await store.close()


def test_calls_of_a_loop_that_has_ended_do_not_keep_those_of_the_next_from_being_written():
    store = Store(None)
    log = CallLog(store)

    async def record(number: int) -> None:
        log.record(call(number))

    async def record_and_wait() -> None:
        log.record(call(2))
        await written(store, 2)
        await store.close()

    asyncio.run(record(1))  # its timer never fires
    asyncio.run(record_and_wait())


async def test_calls_that_could_not_be_written_are_written_later(monkeypatch: pytest.MonkeyPatch, caplog):
    store = Store(None)
    log = CallLog(store)
    real = store.write

    tried = asyncio.Event()

    async def full(work):
        tried.set()
        raise StoreFailed("disk full")

    monkeypatch.setattr(call_log, "DELAY_S", 0)
    monkeypatch.setattr(store, "write", full)
    for number in range(1, 4):
        tried.clear()
        log.record(call(number))
        await tried.wait()
        await asyncio.gather(*log._writing)
    with pytest.raises(StoreFailed):
        await log.flush()
    assert ["call-1", "call-2", "call-3"] == [one.call_id for one in log.unwritten]
    assert 1 == caplog.text.count("calls could not be written to the store")  # said once, not at every try
    monkeypatch.setattr(store, "write", real)
    await log.flush()
    assert (3, 3) == await store.read(counted)
    assert [] == log.unwritten
    await store.close()


async def test_a_cancelled_flush_writes_its_calls_once():
    store = Store(None)
    log = CallLog(store)
    log.record(call(1))
    flushing = asyncio.ensure_future(log.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    await log.flush()
    assert (1, 1) == await store.read(counted)
    await store.close()
