"""The e-mail specialist's tools: review audiences, check compliance, segment, prepare, schedule, track."""

from __future__ import annotations

from collections import Counter
from typing import Any

from newfuse import Entry, Integration, Job, Tool, ToolResult, answer, each_record, tool
from newfuse.records import OPEN, Reading, count_records, derive, read_each, require_taken, take
from tools.compliance import CREATE, LISTED, NAMES_SHOWN, comply, count_campaigns, is_compliant
from tools.drafts import LINK, SCHEDULE, Segments, automations, is_prepared, prepare, schedule

ROOT = "email_campaigns"
PERFORMANCE = {
    "emails_sent": "e-mails",
    "unique_opens": "people",
    "unique_clicks": "people",
    "bounces": "e-mails",
    "unsubscribed": "e-mails",
    "abuse_reports": "e-mails",
}
"""What a campaign's report tells, and its unit."""


@tool
async def review_audiences(job: Job) -> ToolResult:
    """Read Mailchimp's audiences with how many members are subscribed, unsubscribed and cleaned; no member is changed.

    Returns:
        How many audiences there are, and for each its members by status and whether it asks for double opt-in.

    Raises:
        VendorError: Mailchimp could not be reached.
    """
    mailchimp = await job.integration("mailchimp")
    async with job.reading("mailchimp", "list_audiences") as reading:
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
    reading.fact("email.audiences", len(rows), "audiences")
    for status in ("subscribed", "unsubscribed", "cleaned"):
        reading.fact(f"email.members_{status}", sum(row[status] for row in rows), "members")
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
    down = await comply(job, records)
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
    return answer(sentence, data, records.entries, down=down)


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
    down = await comply(job, records)
    segments = Segments(job)
    found: dict[str, Any] = {}

    async def ensure(mailchimp: Integration, entry: Entry) -> None:
        found[entry.data["list_id"]] = await segments.of(mailchimp, entry)

    async with job.reading("mailchimp", "list_segments") as reading:
        if down is None:
            work = [entry for entry in records if is_compliant(entry) and entry.disposition in OPEN]
            down = await each_record(job, CREATE, work, ensure, doing="campaigns to find segments for")
    created = {segment["id"] for segment in segments.ensured.made.values()}
    rows = [
        {"segment": segment["name"], "members": segment["member_count"], "new": segment["id"] in created}
        for segment in found.values()
    ]
    segments.ensured.measure("mailchimp", "email.segments_created", "segments")
    if rows:
        reading.fact("email.segment_members", sum(row["members"] for row in rows), "members")
        job.table("Segments", rows[:NAMES_SHOWN])
    data = {"handle": records.name, "segments": len(rows), "created": len(created), "first": rows[:NAMES_SHOWN]}
    return answer(f"{len(rows)} segments, {len(created)} of them new.", data, records.entries, down=down)


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
    down = await comply(job, records)
    compliant = [entry for entry in records if is_compliant(entry)]
    work = [entry for entry in compliant if entry.disposition in OPEN or not is_prepared(entry)]
    async with job.reading("mailchimp", LINK.action) as reading:
        if down is None:
            down = await prepare(job, work)
    prepared = [entry for entry in compliant if is_prepared(entry)]
    done = CREATE.tally(compliant)
    job.fact("email.campaigns_created", done.confirmed, "campaigns", **CREATE.source, state="confirmed")
    job.fact("email.campaigns_skipped", done.skipped, "campaigns", **CREATE.source)
    linked = _check_links(job, reading, prepared)
    count_campaigns(job, records)
    triggered = [entry for entry in work if entry.data["automation_trigger"] is not None]
    data = {
        "handle": records.name,
        "created": done.confirmed,
        "skipped": done.skipped,
        "prepared": len(prepared),
        "with_unsubscribe_link": linked,
        "automations": await automations(job, triggered) if down is None else [],
    }
    sentence = f"{done.confirmed} campaigns created as drafts, {done.skipped} by an earlier run; nothing was mailed."
    return answer(sentence, data, records.entries, down=down)


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

    down = await schedule(job, timed)
    done = SCHEDULE.tally(timed)
    job.fact("email.campaigns_scheduled", done.confirmed, "campaigns", **SCHEDULE.source, state="confirmed")
    count_records(job, records, "campaigns", {"email.campaigns_left_as_drafts": len(drafts)})
    count_campaigns(job, records)
    data = {
        "handle": records.name,
        "scheduled": done.confirmed,
        "skipped": done.skipped,
        "drafts": len(drafts),
        "failed": done.failed + done.unknown,
    }
    sentence = f"{done.confirmed} campaigns scheduled, {done.skipped} by an earlier run; {len(drafts)} stay drafts."
    return answer(sentence, data, records.entries, down=down)


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
    reading = job.reading("mailchimp", "get_campaign", "get_report")

    async def read(id_: str) -> None:
        campaign = await mailchimp.execute("get_campaign", {"campaign_id": id_})
        statuses[campaign["status"]] += 1
        if campaign["status"] == "sent":
            report = await mailchimp.execute("get_report", {"campaign_id": id_})
            bounces = report["bounces"]
            sums["emails_sent"] += report["emails_sent"]
            sums["unique_opens"] += report["opens"]["unique_opens"]
            sums["unique_clicks"] += report["clicks"]["unique_clicks"]
            sums["bounces"] += bounces["hard_bounces"] + bounces["soft_bounces"] + bounces["syntax_errors"]
            sums["unsubscribed"] += report["unsubscribed"]
            sums["abuse_reports"] += report["abuse_reports"]

    if ids:
        mailchimp = await job.integration("mailchimp")
        async with reading:
            await read_each(job, ids, read, at_once=CREATE.at_once, doing="reading campaigns")
    sent = statuses["sent"]
    reading.fact("email.campaigns_sent", sent, "campaigns")
    measured = {
        name: reading.fact(f"email.{name}", sums[name], unit, by="get_report") for name, unit in PERFORMANCE.items()
    }
    derive(
        job,
        "email.deliverability",
        "%",
        "100 * (sent - bounced) / sent",
        inputs={"sent": "email.emails_sent", "bounced": "email.bounces"},
        says="e-mails that did not bounce, of all sent",
    )
    if not ids:
        job.note("There is no campaign to read the performance of.")
    elif not sent:
        job.note("None of these campaigns has been sent yet, so there is no performance to measure.")
    data = {"handle": records.name, "campaigns": len(ids), "by_status": dict(statuses), **measured}
    return answer(f"{sent} of {len(ids)} campaigns have been sent.", data)


def _check_links(job: Job, reading: Reading, prepared: list[Entry]) -> int:
    """Check that the drafts hold unsubscribe links, as far as they were read; return how many do."""
    read = [entry for entry in prepared if "unsubscribe_link" in entry.data]
    linked = sum(bool(entry.data["unsubscribe_link"]) for entry in read)
    unread = len(prepared) - len(read)
    if reading.made() or not read:  # else all of them were read by an earlier call, whose fact stands
        reading.fact("email.campaigns_with_unsubscribe_link", linked if read else None, "campaigns")
    evidence = f"{linked} of {len(prepared)} prepared campaigns hold an unsubscribe link"
    evidence += f"; {unread} could not be read" if unread else ""
    passed: bool | None = linked == len(read)
    if passed and (unread or not read):
        passed = None
    job.check("Unsubscribe link in every campaign", passed, evidence)
    return linked


TOOLS: list[Tool] = [
    review_audiences,
    check_compliance,
    create_segments,
    prepare_campaigns,
    schedule_campaigns,
    track_performance,
]
