"""Contacts synchronized per second: the app's tools with the ledger on disk, beside a bare httpx loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.child import MeasurementFailed, in_child
from benchmarks.contacts import contacts
from benchmarks.figures import Figure, figure, pairwise
from benchmarks.meter import Used, metered
from benchmarks.servers import fetch, fetch_log, sandbox

PAIRS = 5
COUNT, QUICK_COUNT = 10_000, 300
WARM_UP = 200  # contacts before the clock starts: imports, connections and the database file are there afterwards
BATCH = 100  # HubSpot's limit for one request, and what the tools send
ANSWERS_MS = (0, 100)
"""What is added to the emulator's own time for a batch. At 0 it answers within some 4 ms, as no vendor does, and what
is compared is processor time; at 100 the vendor is what is waited for, as in earnest."""
ALLOWED = 0.8
AT = "vendor's answer + {} ms"
ONE, SAME, OURS = "bare, one request at a time", "bare, as many at once as ours", "ours"
SIDES: dict[str, tuple[str, dict[str, Any]]] = {
    ONE: ("bare", {"at_once": 1}),
    SAME: ("bare", {"at_once": None}),
    OURS: ("ours", {}),
}


def run(*, quick: bool) -> list[Figure]:
    """Measure the three in turn, each in a fresh interpreter and on an empty CRM."""
    count, pairs = (QUICK_COUNT, 1) if quick else (COUNT, PAIRS)
    found: list[Figure] = []
    with sandbox() as vendors:
        for answer_ms in ANSWERS_MS:
            got: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
            for _ in range(pairs):
                for side, (function, how) in SIDES.items():
                    fetch(f"{vendors}/_sandbox/reset", post=True)
                    slow = {"slug": "hubspot", "path": "*/batch/upsert", "kind": "slow", "delay_s": answer_ms / 1000}
                    if answer_ms:
                        fetch(f"{vendors}/_sandbox/faults", post=slow)
                    one = in_child(f"benchmarks.contact_sync:{function}", vendors=vendors, count=count, **how)
                    _check(vendors, count)
                    got[side].append(one)
            found += _figures(AT.format(answer_ms), got, count)
    return found


def _figures(at: str, got: dict[str, list[dict[str, Any]]], count: int) -> list[Figure]:
    found: list[Figure] = []
    for side in (ONE, SAME):
        ratios = pairwise(list(zip(got[OURS], got[side], strict=True)), "per_s")
        found.append(figure(f"{at}: contacts per second, ours ÷ {side}", ratios, "×", at_least=ALLOWED))
    for side, ones in got.items():
        found.append(figure(f"{at}: contacts per second, {side}", [one["per_s"] for one in ones], "/s"))
    for side, ones in got.items():
        found.append(figure(f"{at}: own CPU per contact, {side}", [one["cpu_s"] / count * 1e6 for one in ones], "µs"))
    if at == AT.format(0):  # nothing is sent to a vendor
        again = [one["again_per_s"] for one in got[OURS]]
        found.append(figure("a second run: unchanged contacts found written, per second", again, "/s"))
    return found


def _check(vendors: str, count: int) -> None:
    """Refuse a measurement that wrote less, or otherwise, than it should."""
    wrote = [row for row in fetch_log(vendors) if row["path"].endswith("/batch/upsert")]
    wanted = -(-count // BATCH) + WARM_UP // BATCH
    if len(wrote) != wanted or any(row["status"] not in {200, 201} for row in wrote):
        raise MeasurementFailed(f"{len(wrote)} batches instead of {wanted}, {sorted({row['status'] for row in wrote})}")


def _rows(count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    everything = contacts(WARM_UP + count)
    return everything[:WARM_UP], everything[WARM_UP:]


async def ours(vendors: str, count: int) -> dict[str, Any]:
    """Validate, deduplicate and synchronize with the CRM specialist's tools, without an agent around them."""
    from benchmarks.crew_runs import scratch, world_at

    first, rows = _rows(count)
    with scratch() as folder:
        world = await world_at(vendors)
        await _synchronize(first, world, folder)
        used, states = await _synchronize(rows, world, folder)
        again, states_again = await _synchronize(rows, world, folder)
    if states["confirmed"] != count or states_again["skipped"] != count:
        raise MeasurementFailed(f"{count} contacts became {states}, then {states_again}")
    return {"per_s": count / used.wall_s, "cpu_s": used.cpu_s, "again_per_s": count / again.wall_s}


async def _synchronize(rows: list[Any], world: Any, folder: Path) -> tuple[Used, dict[str, int]]:
    from newfuse import Dataset, Datasets, IntegrationRegistry, Job, RunContext
    from newfuse.effects import Ledger
    from newfuse.http.context import calling
    from newfuse.integrations import integration_in
    from newfuse.report.facts import FactBook
    from newfuse.store import CallLog, Store
    from tools.crm import deduplicate_contacts, sync_contacts, validate_contacts

    store = Store(folder / "store")
    ledger, calls, registry, datasets = Ledger(store), CallLog(store), IntegrationRegistry(), Datasets()
    registry.register_integration(integration_in(world, "hubspot", ledger=ledger, recorder=calls.record))
    dataset = datasets.add(Dataset.from_rows("customers", rows))
    context = RunContext(
        run_id="benchmark",
        mode="sandbox",
        folder=folder,
        datasets=datasets,
        registry=registry,
        ledger=ledger,
        call_log=calls,
        facts=FactBook(),
    )
    context.run_id = f"run-{id(context)}"
    job = Job(context, "crm_data_synchronization", "crm_sync_specialist")
    with metered() as used, calling(run_id=context.run_id, task=job.task, agent=job.agent):
        valid = await validate_contacts.run(job, "customers")
        unique = await deduplicate_contacts.run(job, valid.data["handle"])
        await sync_contacts.run(job, unique.data["handle"])
        await calls.flush()
    await registry.disconnect_all()
    ledger.owner.release()
    await store.close()
    return used, dataset.counts()


async def bare(vendors: str, count: int, at_once: int | None) -> dict[str, Any]:
    """Send the same batches with one bare client: no check, no ledger, no record."""
    import httpx

    first, rows = _rows(count)
    at_once = at_once if at_once is not None else _batches_at_once()
    async with httpx.AsyncClient(base_url=vendors, headers=_authorization(), timeout=30.0) as client:

        async def send(batch: list[dict[str, Any]]) -> int:
            inputs = [_input(row["data"], str(index)) for index, row in enumerate(batch)]
            answer = await client.post("/hubspot/crm/v3/objects/contacts/batch/upsert", json={"inputs": inputs})
            answer.raise_for_status()
            return len(answer.json()["results"])

        await _send_all(first, send, 1)
        with metered() as used:
            written = await _send_all(rows, send, at_once)
    if written != count:
        raise MeasurementFailed(f"{written} of {count} contacts were written")
    return {"per_s": count / used.wall_s, "cpu_s": used.cpu_s}


def _authorization() -> dict[str, str]:
    from newfuse.sandbox import SANDBOX_CREDENTIALS

    [token] = SANDBOX_CREDENTIALS["hubspot"].values()
    return {"Authorization": f"Bearer {token}"}


def _batches_at_once() -> int:
    from tools import contact_sync

    return contact_sync.BATCHES_AT_ONCE


async def _send_all(rows: list[dict[str, Any]], send: Callable[[list[dict[str, Any]]], Any], at_once: int) -> int:
    left = iter(rows)
    written = 0

    async def worker() -> None:
        nonlocal written
        while batch := list(islice(left, BATCH)):
            sent = await send(batch)  # before the sum is read: others add to it meanwhile
            written += sent

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    return written


def _input(data: dict[str, Any], trace: str) -> dict[str, Any]:
    properties = {name: value for name, value in data.items() if name not in {"email", "lifecycle_stage"}}
    properties["lifecyclestage"] = data["lifecycle_stage"]
    return {"id": data["email"], "idProperty": "email", "properties": properties, "objectWriteTraceId": trace}
