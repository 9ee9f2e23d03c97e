"""The call log: every request once, whatever happens to the writing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from newfuse.errors import ConfigurationError
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


async def test_many_calls_are_written_in_the_background_and_each_once():
    store = Store(None)
    log = CallLog(store)
    count = 3 * call_log.BATCH + 7
    for number in range(count):
        log.record(call(number))
        if number % call_log.BATCH == 0:
            await asyncio.sleep(0)
    await log.flush()
    assert (count, count) == await store.read(counted)
    await store.close()


async def test_calls_that_could_not_be_written_are_written_later(monkeypatch: pytest.MonkeyPatch, caplog):
    store = Store(None)
    log = CallLog(store)
    real = store.write

    async def full(work):
        raise ConfigurationError("disk full")

    monkeypatch.setattr(store, "write", full)
    for number in range(call_log.BATCH):
        log.record(call(number))
    await asyncio.gather(*log._writing)
    with pytest.raises(ConfigurationError):
        await log.flush()
    assert "calls could not be written to the store" in caplog.text
    monkeypatch.setattr(store, "write", real)
    await log.flush()
    assert (call_log.BATCH, call_log.BATCH) == await store.read(counted)
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
