"""The e-mail specialist's tools: review audiences, check compliance, segment, prepare, schedule, track."""

from __future__ import annotations

from collections import Counter
from typing import Any

from newfuse import Disposition, Entry, Integration, Job, NewFuseError, Tool, ToolResult, tool
from tools import campaign_records as campaigns
from tools import steps
from tools.compliance import LISTED, NAMES_SHOWN, comply, count_campaigns, is_compliant
from tools.connection import connect
from tools.drafts import each_campaign, find_or_create_segment, is_prepared, keep_segment, prepare
from tools.flow import Gate, Tally
from tools.outcome import NOT_SENT, OPEN, answer, disposition_of, fail, failure_of, hold_back, percent
from tools.records import require_taken, take

ROOT = "email_campaigns"
DRAFT = frozenset({"save", "paused"})


@tool
async def review_audiences(job: Job) -> ToolResult:
    """Read Mailchimp's audiences with how many members are subscribed, unsubscribed and cleaned; no member is changed.

    Returns:
        How many audiences there are, and for each its members by status and whether it asks for double opt-in.

    Raises:
        VendorError: Mailchimp could not be reached.
    """
    mailchimp = await connect(job, "mailchimp", ())
    audiences = await mailchimp.execute("list_audiences", {"limit": LISTED})
    rows = [
        {
            "audience": audience["name"],
            "subscribed": audience["stats"]["member_count"],
            "unsubscribed": audience["stats"]["unsubscribe_count"],
            "cleaned": audience["stats"]["cleaned_count"],
            "double opt-in": audience["double_optin"],
        }
        for audience in audiences
    ]
    source: dict[str, Any] = {"kind": "vendor", "integration": "mailchimp", "action": "list_audiences"}
    job.fact("email.audiences", len(rows), "audiences", **source)
    for status in ("subscribed", "unsubscribed", "cleaned"):
        job.fact(f"email.members_{status}", sum(row[status] for row in rows), "members", **source)
    job.table("Audiences", rows[:NAMES_SHOWN])
    subscribed = sum(row["subscribed"] for row in rows)
    data = {"audiences": len(rows), "subscribed": subscribed, "first": rows[:NAMES_SHOWN]}
    return answer(f"{len(rows)} audiences with {subscribed} subscribed members.", data)


@tool
async def check_compliance(job: Job, dataset: str = ROOT) -> ToolResult:
    """Check campaigns before anything is created: audience, template, subject, consent, and the time to send.

    A campaign for an audience or template that does not exist, for an audience where nobody is subscribed, or with a
    time to send that is past, is rejected by name. Nobody is subscribed or changed by this.

    Args:
        dataset: Handle of the campaigns.

    Returns:
        The handle of the compliant campaigns, how many are compliant and rejected, and the rejected ones with reasons.

    Raises:
        VendorError: Mailchimp could not be reached; the campaigns are failed by name.
    """
    records = take(job, dataset, ROOT)
    await comply(job, records)
    compliant = job.derive(records, "compliant", [entry for entry in records if is_compliant(entry)])
    counts = records.counts()
    data = {
        "handle": compliant.name,
        "total": len(records),
        "compliant": len(compliant),
        "rejected": counts["rejected"],
        "skipped": counts["skipped"],
    }
    sentence = f"{len(compliant)} of {len(records)} campaigns comply; {counts['rejected']} were rejected."
    return answer(sentence, data, records.entries)


@tool
async def create_segments(job: Job, dataset: str = ROOT) -> ToolResult:
    """Make sure that the audience of each compliant campaign has a segment of its subscribed members.

    Args:
        dataset: Handle of the campaigns.

    Returns:
        How many segments there were already and were created, with their counts of members.

    Raises:
        VendorError: Mailchimp could not be reached; the campaigns are failed by name.
    """
    records = take(job, dataset, ROOT)
    await comply(job, records)
    audiences: dict[str, list[Entry]] = {}
    for entry in records:
        if is_compliant(entry) and entry.disposition in OPEN:
            audiences.setdefault(entry.data["list_id"], []).append(entry)
    gate = Gate()
    rows: list[dict[str, Any]] = []
    created = 0
    if audiences:
        mailchimp = await connect(job, "mailchimp", [entry for entries in audiences.values() for entry in entries])
        for list_id, entries in audiences.items():
            if gate.closed and gate.error is not None:
                for entry in entries:
                    hold_back(entry, gate.error)
                continue
            try:
                segment, key = await find_or_create_segment(job, mailchimp, list_id, entries[0].data["list_name"])
            except NewFuseError as exc:
                in_doubt = disposition_of(exc) is Disposition.UNKNOWN
                note = gate.insist if in_doubt else gate.note
                note(exc)
                said = "may or may not have been made" if in_doubt else "could not be made"
                for entry in entries:
                    fail(entry, exc, prefix=f"{NOT_SENT}its segment {said}: ", sent=False)
                continue
            created += key is not None
            for entry in entries:
                keep_segment(entry, segment, key)
            rows.append({"segment": segment["name"], "members": segment["member_count"], "new": key is not None})
    known = job.run.facts.get("email.segments_created", job.task)
    total = created + (known.value if known is not None else 0)
    job.fact("email.segments_created", total, "segments", **_effects("create_segment"))
    if rows:
        source: dict[str, Any] = {"kind": "vendor", "integration": "mailchimp", "action": "list_segments"}
        job.fact("email.segment_members", sum(row["members"] for row in rows), "members", **source)
        job.table("Segments", rows[:NAMES_SHOWN])
    if gate.error is not None:
        raise gate.error
    data = {"handle": records.name, "segments": len(rows), "created": created, "first": rows[:NAMES_SHOWN]}
    return answer(f"{len(rows)} segments, {created} of them new.", data, records.entries)


@tool
async def prepare_campaigns(job: Job, dataset: str = ROOT) -> ToolResult:
    """Create the compliant campaigns as drafts with their templates, each once; nothing is mailed.

    The finished draft must hold an unsubscribe link, or the campaign is rejected and stays an unsent draft. For a
    campaign with an automation trigger the audience's classic automations are looked up and named.

    Args:
        dataset: Handle of the campaigns.

    Returns:
        How many drafts were created, existed from earlier runs, or were rejected; and the automations found.

    Raises:
        VendorError: Mailchimp could not be reached; what was not created is failed by name.
    """
    records = take(job, dataset, ROOT)
    await comply(job, records)
    compliant = [entry for entry in records if is_compliant(entry)]
    work = [entry for entry in compliant if entry.disposition in OPEN or not is_prepared(entry)]
    automations: list[dict[str, Any]] = []
    try:
        if work:
            automations = await prepare(job, work)
    finally:
        prepared = [entry for entry in compliant if is_prepared(entry)]
        done = Counter(steps.status(entry, "create") for entry in compliant)
        linked = sum(bool(entry.data.get("unsubscribe_link")) for entry in compliant)
        job.fact("email.campaigns_created", done["confirmed"], "campaigns", **_effects("create_campaign"))
        job.fact("email.campaigns_skipped", done["skipped"], "campaigns", **_effects("create_campaign"))
        source: dict[str, Any] = {"kind": "vendor", "integration": "mailchimp", "action": "get_campaign_content"}
        read = [entry for entry in prepared if "unsubscribe_link" in entry.data]
        job.fact("email.campaigns_with_unsubscribe_link", linked if read else None, "campaigns", **source)
        unread = len(prepared) - len(read)
        evidence = f"{linked} of {len(prepared)} prepared campaigns hold an unsubscribe link"
        evidence += f"; {unread} could not be read" if unread else ""
        lacking = linked < len(read)
        passed = False if lacking else (None if unread or not read else True)
        job.check("Unsubscribe link in every campaign", passed, evidence)
        count_campaigns(job, records)
    data = {
        "handle": records.name,
        "created": done["confirmed"],
        "skipped": done["skipped"],
        "prepared": len(prepared),
        "with_unsubscribe_link": linked,
        "automations": automations,
    }
    created, skipped = done["confirmed"], done["skipped"]
    sentence = f"{created} campaigns created as drafts, {skipped} by an earlier run; nothing was mailed."
    return answer(sentence, data, records.entries)


@tool
async def schedule_campaigns(job: Job, dataset: str = ROOT) -> ToolResult:
    """Schedule the prepared campaigns that name a time to send; the others stay drafts, and the report names them.

    Mailchimp sends on quarter hours only: another time is moved to the next one, and the report names it.

    Args:
        dataset: Handle of the campaigns, after they were prepared.

    Returns:
        How many were scheduled now, by an earlier run, and stay drafts.

    Raises:
        VendorError: Mailchimp could not be reached; what was not scheduled is failed by name.
    """
    records = take(job, dataset, ROOT)
    require_taken(job, records, "prepare_campaigns")
    ready = [entry for entry in records if is_prepared(entry) and entry.data.get("unsubscribe_link")]
    timed = [entry for entry in ready if entry.data["send_time"] is not None]
    drafts = [entry for entry in ready if entry.data["send_time"] is None]
    for entry in drafts:
        job.note(f"{entry.place}: names no time to send, so it stays a draft until a person sends it.")

    async def schedule(mailchimp: Integration, entry: Entry) -> NewFuseError | None:
        moment = campaigns.read_time(entry.data["send_time"])
        assert moment is not None
        at = campaigns.next_quarter_hour(moment)
        if at != moment:
            job.note(f"{entry.place}: moved to {at:%H:%M} UTC: Mailchimp sends on quarter hours only.")
        asked = {"campaign_id": entry.data["campaign_id"]}
        campaign = await mailchimp.execute("get_campaign", asked)
        if campaign["status"] in DRAFT:
            checklist = await mailchimp.execute("get_send_checklist", asked)
            if not checklist["is_ready"]:
                errors = [item for item in checklist["items"] if item["type"] == "error"]
                wrong = "; ".join(f"{item['heading']}: {item['details']}" for item in errors)
                steps.refuse(entry, "schedule", "not_ready", wrong or "it is not ready", Disposition.FAILED)
                return None
        performed = await mailchimp.perform(
            "schedule_campaign",
            {**asked, "schedule_time": at.isoformat()},
            reference=job.reference(entry.reference),
        )
        steps.note(entry, "schedule", performed)
        return failure_of(performed)

    work = [entry for entry in timed if not steps.is_done(entry, "schedule")]
    try:
        await each_campaign(job, "schedule", work, schedule)
    finally:
        done = Counter(steps.status(entry, "schedule") for entry in timed)
        job.fact("email.campaigns_scheduled", done["confirmed"], "campaigns", **_effects("schedule_campaign"))
        job.fact("email.campaigns_left_as_drafts", len(drafts), "campaigns", kind="dataset", dataset=records.name)
        count_campaigns(job, records)
    data = {
        "handle": records.name,
        "scheduled": done["confirmed"],
        "skipped": done["skipped"],
        "drafts": len(drafts),
        "failed": done["failed"] + done["unknown"],
    }
    scheduled, skipped = done["confirmed"], done["skipped"]
    sentence = f"{scheduled} campaigns scheduled, {skipped} by an earlier run; {len(drafts)} stay drafts."
    return answer(sentence, data, records.entries)


@tool
async def track_performance(job: Job, dataset: str = ROOT) -> ToolResult:
    """Read from Mailchimp how the campaigns of the dataset stand, and the reports of those that were sent.

    Args:
        dataset: Handle of the campaigns.

    Returns:
        How many campaigns there are by status; mails, opens, clicks, bounces only where something was sent.

    Raises:
        VendorError: Mailchimp could not be reached.
    """
    records = take(job, dataset, ROOT)
    require_taken(job, records, "prepare_campaigns")
    ids = [entry.data["campaign_id"] for entry in records if entry.reference and entry.data.get("campaign_id")]
    statuses: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    if ids:
        mailchimp = await connect(job, "mailchimp", ())
        tally = Tally(job, len(ids), "reading campaigns")
        for id_ in ids:
            campaign = await mailchimp.execute("get_campaign", {"campaign_id": id_})
            statuses[campaign["status"]] += 1
            if campaign["status"] == "sent":
                report = await mailchimp.execute("get_report", {"campaign_id": id_})
                bounces = report["bounces"]
                sums += Counter(
                    emails_sent=report["emails_sent"],
                    unique_opens=report["opens"]["unique_opens"],
                    unique_clicks=report["clicks"]["unique_clicks"],
                    bounces=bounces["hard_bounces"] + bounces["soft_bounces"] + bounces["syntax_errors"],
                    unsubscribed=report["unsubscribed"],
                    abuse_reports=report["abuse_reports"],
                )
            tally.add()
    sent = statuses["sent"]
    source: dict[str, Any] = {"kind": "vendor", "integration": "mailchimp", "action": "get_report"}
    job.fact("email.campaigns_sent", sent if ids else None, "campaigns", **{**source, "action": "get_campaign"})
    measured: dict[str, int | None] = {}
    for name in ("emails_sent", "unique_opens", "unique_clicks", "bounces", "unsubscribed", "abuse_reports"):
        measured[name] = sums[name] if sent else None
        job.fact(f"email.{name}", measured[name], "people" if "unique" in name else "e-mails", **source)
    delivered = sums["emails_sent"] - sums["bounces"]
    job.fact("email.deliverability", percent(delivered, sums["emails_sent"]), "%", **{**source, "kind": "derived"})
    if not ids:
        job.note("There is no campaign to read the performance of.")
    elif not sent:
        job.note("None of these campaigns has been sent yet, so there is no performance to measure.")
    data = {"handle": records.name, "campaigns": len(ids), "by_status": dict(statuses), **measured}
    return answer(f"{sent} of {len(ids)} campaigns have been sent.", data)


def _effects(action: str) -> dict[str, Any]:
    return {"kind": "effects", "integration": "mailchimp", "action": action}


TOOLS: list[Tool] = [
    review_audiences,
    check_compliance,
    create_segments,
    prepare_campaigns,
    schedule_campaigns,
    track_performance,
]
