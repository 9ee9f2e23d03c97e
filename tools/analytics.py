"""The analytics specialist's tools: validate, configure conversions, send, read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from newfuse import (
    Dataset,
    Disposition,
    Entry,
    Integration,
    Job,
    MissingCredential,
    NewFuseError,
    Tool,
    ToolResult,
    tool,
)
from tools import event_records as events
from tools.connection import connect
from tools.flow import Gate, Tally, each
from tools.outcome import NOT_SENT, OPEN, WRITTEN, answer, disposition_of, fail, failure_of, hold_back, settle
from tools.records import note_extra, quality, refuse_contradictions, require_taken, take, unread, whole

ROOT = "analytics_events"
CHUNK = 25  # events of one request: https://developers.google.com/analytics/devguides/collection/protocol/ga4
AT_ONCE = 8  # requests on their way at the same time; Google names no limit of its own
ROWS_SHOWN = 20
REPORT_LAG_H = 48  # support.google.com/analytics/answer/11198161: until an event is surely in reports


@tool
async def validate_events(job: Job, dataset: str = ROOT) -> ToolResult:
    """Turn the records into GA4 events and have Google's validation server look at each; nothing is stored.

    Google's collection says yes to anything, so what the validation server has against an event rejects it by name.

    Args:
        dataset: Handle of the events.

    Returns:
        The handle of the valid events, how many are valid and rejected, and the rejected ones with Google's words.

    Raises:
        VendorError: Google could not be reached; the events are failed by name.
    """
    records = take(job, dataset, ROOT)
    await _validate(job, records)
    valid = job.derive(records, "valid", _valid(records))
    data = {"handle": valid.name, "total": len(records), "valid": len(valid), "rejected": records.counts()["rejected"]}
    return answer(f"{len(valid)} of {len(records)} events are valid.", data, records.entries)


@tool
async def configure_conversions(job: Job, dataset: str = ROOT) -> ToolResult:
    """Make sure that the events marked as conversions are key events of the property, and list its key events.

    Args:
        dataset: Handle of the events.

    Returns:
        How many key events the property has, which were created, and which the dataset needs; `available` is false
        where no access token or property was given.

    Raises:
        VendorError: Google could not be reached or lacks the permission.
    """
    records = take(job, dataset, ROOT)
    await _read(job, records)
    wanted = sorted({entry.data["event"]["name"] for entry in _readable(records) if entry.data["conversion"]})
    ga4 = await connect(job, "ga4", ())
    source: dict[str, Any] = {"kind": "vendor", "integration": "ga4", "action": "list_key_events"}
    try:
        known = {row["event_name"] for row in await ga4.execute("list_key_events", {})}
    except MissingCredential as exc:
        job.note(f"Key events could not be read or configured: {exc.for_model}")
        job.fact("analytics.key_events", None, "key events", **source)
        return answer("Key events need an access token and a property id.", {"available": False, "wanted": wanted})
    created: list[str] = []
    failed: NewFuseError | None = None
    for name in wanted:
        if name in known:
            continue
        performed = await ga4.perform("create_key_event", {"event_name": name}, reference=job.reference(name))
        error = failure_of(performed)
        if error is None:
            created.append(name)
        else:
            failed = failed or error
            said = "may or may not have been" if disposition_of(error) is Disposition.UNKNOWN else "could not be"
            job.note(f"{name} {said} made a key event: {error.for_model}")
    before = job.run.facts.get("analytics.key_events_created", job.task)
    total = len(created) + (before.value if before is not None else 0)
    effects = {"kind": "effects", "integration": "ga4", "action": "create_key_event"}
    job.fact("analytics.key_events", len(known | set(created)), "key events", **source)
    job.fact("analytics.key_events_created", total, "key events", **effects)
    if failed is not None:
        raise failed
    data = {
        "handle": records.name,
        "available": True,
        "key_events": len(known | set(created)),
        "created": created[:ROWS_SHOWN],
        "wanted": wanted[:ROWS_SHOWN],
    }
    return answer(f"{len(known | set(created))} key events, {len(created)} of them new.", data)


@tool
async def send_events(job: Job, dataset: str = ROOT) -> ToolResult:
    """Send the valid events to GA4, each once; those that were not validated yet are so first.

    An event without an answer stays unknown and is not sent again: Google cannot tell that it has seen it before.

    Args:
        dataset: Handle of the events.

    Returns:
        How many were sent, sent by an earlier run, rejected, failed or are unknown, and the exceptions by place.

    Raises:
        VendorError: Google could not be reached; what was not sent is failed by name.
    """
    records = take(job, dataset, ROOT)
    gate = Gate()
    try:
        await _validate(job, records)
        work = [entry for entry in _valid(records) if entry.disposition in OPEN]
        if work:
            ga4 = await connect(job, "ga4", work)
            await _send(job, ga4, work, gate)
    finally:
        counts = _count(job, records)
    if gate.error is not None:
        raise gate.error
    sentence = f"{counts['sent']} events sent, {counts['skipped']} by an earlier run."
    return answer(sentence, {"handle": records.name, **counts}, records.entries)


@tool
async def read_report(job: Job, dataset: str = ROOT) -> ToolResult:
    """Read from GA4's reports how many of the events sent today are there, and name the gaps.

    Args:
        dataset: Handle of the events, after they were sent.

    Returns:
        Events sent by this run and seen in the report by name; `available` is false where no access token or
        property was given. In live runs an event may take 48 hours until it is in a report.

    Raises:
        VendorError: Google could not be reached.
    """
    records = take(job, dataset, ROOT)
    require_taken(job, records, "send_events")
    sent = Counter(
        entry.data["event"]["name"] for entry in _readable(records) if entry.disposition is Disposition.CONFIRMED
    )
    ga4 = await connect(job, "ga4", ())
    source: dict[str, Any] = {"kind": "vendor", "integration": "ga4", "action": "run_report"}
    asked = {
        "metrics": ["eventCount"],
        "dimensions": ["eventName"],
        "start_date": "yesterday",  # the property's days are not ours
        "end_date": "today",
    }
    try:
        report = await ga4.execute("run_report", asked)
    except MissingCredential as exc:
        job.note(f"Reports could not be read: {exc.for_model}")
        for name in ("analytics.events_seen", "analytics.gaps"):
            job.fact(name, None, "events", **source)
        return answer("Reports need an access token and a property id.", {"available": False, "sent": sent.total()})
    counted = {row["eventName"]: int(row["eventCount"]) for row in report["rows"]}
    rows = [
        {"event": name, "sent by this run": count, "in the report": counted.get(name, 0)}
        for name, count in sorted(sent.items())
    ]
    seen = sum(min(count, counted.get(name, 0)) for name, count in sent.items())
    gaps = sent.total() - seen
    job.fact("analytics.events_seen", seen, "events", **source)
    job.fact("analytics.gaps", gaps if sent else None, "events", **source)
    if rows:
        job.table("Events in the report", rows[:ROWS_SHOWN])
    late = f"; reports lag by up to {REPORT_LAG_H} hours" if job.run.mode == "live" else ""
    evidence = "this run sent no event to look for"
    if sent:
        evidence = f"{seen} of {sent.total()} events sent by this run are in the report{late}"
    job.check("Analytics data gaps", gaps == 0 if sent else None, evidence)
    data = {"available": True, "sent": sent.total(), "seen": seen, "gaps": gaps, "first": rows[:ROWS_SHOWN]}
    return answer(f"{evidence}.", data)


async def _read(job: Job, records: Dataset) -> None:
    """Read what was not read yet."""
    extra: Counter[str] = Counter()
    async for entry in unread(job, records, "validating events"):
        events.check(entry, extra)
    note_extra(job, ROOT, extra)
    everything = whole(job, records)
    if all(entry.reference or entry.disposition is not Disposition.PENDING for entry in everything):
        events.number_twins(everything)
    refuse_contradictions(everything)


async def _validate(job: Job, records: Dataset) -> None:
    """Read the records, and show Google those that it has not looked at yet."""
    everything = whole(job, records)
    await _read(job, everything)
    work = [entry for entry in _readable(records) if entry.disposition in OPEN and not entry.data.get("validated")]
    try:
        if work:
            ga4 = await connect(job, "ga4", work)
            gate = Gate()

            async def look(chunk: Sequence[Entry]) -> None:
                await _look_at(ga4, chunk, gate)

            chunks = (work[at : at + CHUNK] for at in range(0, len(work), CHUNK))
            await each(chunks, look, at_once=AT_ONCE, tally=Tally(job, len(work), "validating events"))
            if gate.error is not None:
                raise gate.error
    finally:
        _count_records(job, records)


def _count_records(job: Job, records: Dataset) -> None:
    """Count the events by whether they are fit; counted again after sending, which may find one unfit."""
    everything = whole(job, records)
    source: dict[str, Any] = {"kind": "dataset", "dataset": everything.name}
    job.fact("analytics.events", len(everything), "events", **source)
    job.fact("analytics.events_valid", len(_valid(everything)), "events", **source)
    job.fact("analytics.events_rejected", everything.counts()["rejected"], "events", **source)
    about = {**source, "kind": "derived", "formula": "events not rejected, of all that were looked at"}
    job.fact("analytics.data_quality", quality(everything), "%", **about)


async def _look_at(ga4: Integration, chunk: Sequence[Entry], gate: Gate) -> None:
    """Have Google look at some events; where it has something against them, at each by itself to know which."""
    if gate.closed and gate.error is not None:
        for entry in chunk:
            hold_back(entry, gate.error)
        return
    asked = {"client_id": chunk[0].data["client_id"], "events": [entry.data["event"] for entry in chunk]}
    try:
        found = await ga4.execute("validate_events", asked)
    except NewFuseError as exc:
        gate.note(exc)
        for entry in chunk:
            fail(entry, exc, prefix=f"{NOT_SENT}could not be validated: ", sent=False)
        return
    gate.passed()
    if found and len(chunk) > 1:
        for entry in chunk:
            await _look_at(ga4, [entry], gate)
    elif found:
        [entry] = chunk
        said = "; ".join(f"{one['field_path']}: {one['description']}" for one in found)
        entry.settle(Disposition.REJECTED, f"{entry.place}: {said}", rule=found[0]["validation_code"] or "invalid")
    else:
        for entry in chunk:
            entry.data["validated"] = True


async def _send(job: Job, ga4: Integration, work: Sequence[Entry], gate: Gate) -> None:
    # One request an event: a request is one write of the ledger, and how events fall into larger ones would change
    # with the data, so that a second run could not tell what the first has sent.
    async def send(entry: Entry) -> None:
        if gate.closed and gate.error is not None:
            hold_back(entry, gate.error)
            return
        event, client_id = entry.data["event"], entry.data["client_id"]
        reference = job.reference(entry.reference)
        try:
            if entry.data["conversion"]:
                asked = {"client_id": client_id, "conversions": [_as_conversion(event)]}
                performed = await ga4.perform("send_conversions", asked, reference=reference)
            else:
                asked = {"client_id": client_id, "events": [event]}
                performed = await ga4.perform("send_events", asked, reference=reference)
        except NewFuseError as exc:
            gate.note(exc)
            fail(entry, exc)
            return
        settle(entry, performed)
        error = failure_of(performed)
        if error is None:
            gate.passed()
        else:
            gate.note(error)

    await each(work, send, at_once=AT_ONCE, tally=Tally(job, len(work), "events"))


def _as_conversion(event: dict[str, Any]) -> dict[str, Any]:
    params = dict(event["params"])
    own = {name: params.pop(name) for name in ("value", "currency") if name in params}
    return {"name": event["name"], "params": params, **own}


def _readable(records: Dataset) -> list[Entry]:
    kept = {Disposition.REJECTED, Disposition.DUPLICATE}
    return [entry for entry in records if entry.reference and entry.disposition not in kept]


def _valid(records: Dataset) -> list[Entry]:
    return [entry for entry in _readable(records) if entry.data.get("validated")]


def _count(job: Job, records: Dataset) -> dict[str, int]:
    _count_records(job, records)
    everything = whole(job, records)
    states = everything.counts()
    written = [entry for entry in _readable(everything) if entry.disposition in WRITTEN]
    converted = [entry for entry in written if entry.data["conversion"] and entry.disposition is Disposition.CONFIRMED]
    counts = {
        "sent": states["confirmed"],
        "skipped": states["skipped"],
        "rejected": states["rejected"],
        "duplicates": states["duplicate"],
        "failed": states["failed"],
        "unknown": states["unknown"],
        "conversions": len(converted),
    }
    source: dict[str, Any] = {"kind": "effects", "integration": "ga4", "action": "send_events, send_conversions"}
    for name in ("sent", "skipped", "failed", "unknown"):
        job.fact(f"analytics.events_{name}", counts[name], "events", **source)
    job.fact("analytics.conversions_sent", counts["conversions"], "events", **source)
    return counts


TOOLS: list[Tool] = [validate_events, configure_conversions, send_events, read_report]
