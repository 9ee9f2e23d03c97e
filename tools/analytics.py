"""The analytics specialist's tools: validate, configure conversions, send, read back."""

from __future__ import annotations

from collections import Counter
from typing import Any

from newfuse import (
    Dataset,
    Disposition,
    Entry,
    Integration,
    Job,
    MissingCredential,
    NewFuseError,
    Step,
    Tool,
    ToolResult,
    answer,
    each_batch,
    tool,
    write_each,
)
from newfuse.records import (
    NOT_SENT,
    OPEN,
    WRITTEN,
    Ensured,
    Gate,
    NotEnsured,
    count_records,
    derive,
    refuse_contradictions,
    require_taken,
    take,
    take_in,
    whole,
)
from tools import event_records as events

SEND = Step(
    name="send",
    integration="ga4",
    action="send_events",
    or_else=("send_conversions",),
    counts="events",
    doing="events",
)
ROOT = "analytics_events"
CHUNK = 25  # events of one request: https://developers.google.com/analytics/devguides/collection/protocol/ga4
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
    down = await _validate(job, records)
    valid = job.derive(records, "valid", _valid(records))
    data = {"handle": valid.name, "total": len(records), "valid": len(valid), "rejected": records.counts()["rejected"]}
    return answer(f"{len(valid)} of {len(records)} events are valid.", data, records.entries, down=down)


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
    ga4 = await job.integration("ga4")
    reading = job.reading("ga4", "list_key_events")
    try:
        async with reading:
            known = {row["event_name"] for row in await ga4.execute("list_key_events", {})}
    except MissingCredential as exc:
        job.note(f"Key events could not be read or configured: {exc.for_model}")
        reading.fact("analytics.key_events", None, "key events")
        return answer("Key events need an access token and a property id.", {"available": False, "wanted": wanted})

    async def find(_: Integration, name: str) -> Any:
        return {} if name in known else None

    key_events = Ensured(
        job,
        "create_key_event",
        find=find,
        ask=lambda name: {"event_name": name},
        failing="could not be made a key event",
        in_doubt="may or may not have been made a key event",
    )
    down: NewFuseError | None = None
    for name in wanted:
        try:
            await key_events.of(ga4, name)
        except NotEnsured as exc:
            down = down or exc.error
            job.note(f"{name} {exc.why}: {exc.error.for_model}")
    created = [name for name in wanted if name in key_events.done and name not in known]
    reading.fact("analytics.key_events", len(known | set(created)), "key events")
    key_events.measure("ga4", "analytics.key_events_created", "key events")
    data = {
        "handle": records.name,
        "available": True,
        "key_events": len(known | set(created)),
        "created": created[:ROWS_SHOWN],
        "wanted": wanted[:ROWS_SHOWN],
    }
    return answer(f"{len(known | set(created))} key events, {len(created)} of them new.", data, down=down)


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
    down = await _validate(job, records)
    if down is None:
        work = [entry for entry in _valid(records) if entry.disposition in OPEN]
        # One request an event: a request is one write of the ledger, and how events fall into larger ones would change
        # with the data, so that a second run could not tell what the first has sent.
        down = await write_each(job, SEND, work, lambda _, entry: events.asked(entry))
    counts = _count(job, records)
    sentence = f"{counts['sent']} events sent, {counts['skipped']} by an earlier run."
    return answer(sentence, {"handle": records.name, **counts}, records.entries, down=down)


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
    ga4 = await job.integration("ga4")
    reading = job.reading("ga4", "run_report")
    asked = {
        "metrics": ["eventCount"],
        "dimensions": ["eventName"],
        "start_date": "yesterday",  # the property's days are not ours
        "end_date": "today",
    }
    try:
        async with reading:
            report = await ga4.execute("run_report", asked)
    except MissingCredential as exc:
        job.note(f"Reports could not be read: {exc.for_model}")
        for name in ("analytics.events_seen", "analytics.gaps"):
            reading.fact(name, None, "events")
        return answer("Reports need an access token and a property id.", {"available": False, "sent": sent.total()})
    counted = {row["eventName"]: int(row["eventCount"]) for row in report["rows"]}
    rows = [
        {"event": name, "sent by this run": count, "in the report": counted.get(name, 0)}
        for name, count in sorted(sent.items())
    ]
    seen = sum(min(count, counted.get(name, 0)) for name, count in sent.items())
    gaps = sent.total() - seen
    reading.fact("analytics.events_seen", seen, "events")
    reading.fact("analytics.gaps", gaps if sent else None, "events")
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
    await take_in(job, records, ROOT, events.check, "validating events")
    everything = whole(job, records)
    if all(entry.reference or entry.disposition is not Disposition.PENDING for entry in everything):
        events.number_twins(everything)
    refuse_contradictions(everything)


async def _validate(job: Job, records: Dataset) -> NewFuseError | None:
    """Read the records, and show Google those that it has not looked at yet; return what failed."""
    await _read(job, whole(job, records))
    work = [entry for entry in _readable(records) if entry.disposition in OPEN and not entry.data.get("validated")]
    doubtful: list[Entry] = []

    async def look(ga4: Integration, some: list[Entry]) -> None:
        asked = {"client_id": some[0].data["client_id"], "events": [entry.data["event"] for entry in some]}
        found = await ga4.execute("validate_events", asked)
        if found and len(some) > 1:
            doubtful.extend(some)  # each is looked at by itself, to know which it is
        elif found:
            said = "; ".join(f"{one['field_path']}: {one['description']}" for one in found)
            some[0].reject(found[0]["validation_code"] or "invalid", "", said)
        else:
            for entry in some:
                entry.data["validated"] = True

    gate = Gate()
    for entries, size in ((work, CHUNK), (doubtful, 1)):
        await each_batch(
            job,
            SEND,
            entries,
            size,
            look,
            gate=gate,
            failing=f"{NOT_SENT}could not be validated: ",
            doing="validating events",
        )
    _count_records(job, records)
    return gate.error


def _count_records(job: Job, records: Dataset) -> None:
    """Count the events by whether they are fit; counted again after sending, which may find one unfit."""
    everything = whole(job, records)
    counts = {
        "analytics.events": len(everything),
        "analytics.events_valid": len(_valid(everything)),
        "analytics.events_rejected": everything.counts()["rejected"],
        "analytics.events_looked_at": everything.looked_at(),
    }
    count_records(job, everything, "events", counts)
    derive(
        job,
        "analytics.data_quality",
        "%",
        "100 * (looked_at - rejected) / looked_at",
        inputs={"looked_at": "analytics.events_looked_at", "rejected": "analytics.events_rejected"},
        says="events not rejected, of all looked at",
    )


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
    became = {f"analytics.events_{name}": counts[name] for name in ("skipped", "failed", "unknown")}
    count_records(job, everything, "events", became, integration="ga4")
    done = {"events_sent": counts["sent"], "conversions_sent": counts["conversions"]}
    for name, count in done.items():
        job.fact(f"analytics.{name}", count, "events", **SEND.source, state="confirmed")
    return counts


TOOLS: list[Tool] = [validate_events, configure_conversions, send_events, read_report]
