"""Makes campaigns in Mailchimp: segments, drafts with their content, and the times they are sent at."""

from __future__ import annotations

import re
from typing import Any

from newfuse import Disposition, Ensured, Entry, Integration, Job, NewFuseError, Step, each_record, write_each
from newfuse.records import Gate
from tools import campaign_records as campaigns
from tools.compliance import CREATE, LISTED, NAMES_SHOWN, is_compliant, title_of

CONTENT = Step(
    name="content",
    integration="mailchimp",
    action="set_campaign_content",
    counts="campaigns",
    doing="campaigns to fill",
    before="a draft was created, but has no content: ",
    at_once=CREATE.at_once,
)
LINK = Step(
    name="link",
    integration="mailchimp",
    action="get_campaign_content",
    counts="campaigns",
    doing="campaigns to read back",
    at_once=CREATE.at_once,
)
SCHEDULE = Step(
    name="schedule",
    integration="mailchimp",
    action="schedule_campaign",
    counts="campaigns",
    doing="campaigns to schedule",
    before="prepared, but not scheduled: ",
    at_once=CREATE.at_once,
)
UNSUBSCRIBE = re.compile(r"\*\|UNSUB")  # mailchimp.com/help/all-the-merge-tags-cheat-sheet: *|UNSUB|*
# Everybody who has an address, so every subscribed member: Mailchimp counts and mails no others in a segment.
EVERYBODY = [{"condition_type": "EmailAddress", "field": "EMAIL", "op": "contains", "value": "@"}]
DRAFT = frozenset({"save", "paused"})


def is_prepared(entry: Entry) -> bool:
    """Say whether a campaign is there as a draft, with its content."""
    return is_compliant(entry) and CREATE.is_done(entry) and CONTENT.is_done(entry)


class Segments:
    """The segments of subscribed members, one an audience; found, or created once.

    Attributes:
        ensured: Counts those that were created.
    """

    def __init__(self, job: Job) -> None:
        self.ensured = Ensured(
            job,
            "create_segment",
            find=self._find,
            ask=self._ask,
            failing="its segment could not be made",
            in_doubt="its segment may or may not have been made",
            gone="its segment was created by an earlier run and is no longer listed in Mailchimp; make it there, with "
            "everybody whose address holds an @, and run again",
        )

    async def of(self, mailchimp: Integration, entry: Entry) -> Any:
        """Return the segment that a campaign goes to, and keep it with the campaign."""
        key = f"{entry.data['list_id']}:Subscribed: {entry.data['list_name']}"
        segment = await self.ensured.of(mailchimp, key[: len(entry.data["list_id"]) + 101], entry)
        entry.data["segment_id"] = segment["id"]
        return segment

    async def _find(self, mailchimp: Integration, key: str) -> Any:
        list_id, _, name = key.partition(":")
        there = await mailchimp.execute("list_segments", {"list_id": list_id, "type": "saved", "limit": LISTED})
        same = [segment for segment in there if segment["name"] == name]
        return same[0] if same else None

    def _ask(self, key: str) -> dict[str, Any]:
        list_id, _, name = key.partition(":")
        return {"list_id": list_id, "name": name, "conditions": EVERYBODY}


async def prepare(job: Job, work: list[Entry]) -> NewFuseError | None:
    """Create drafts, fill them from their templates, and look for the unsubscribe link; return what failed."""
    segments, gate = Segments(job), Gate()

    async def draft(mailchimp: Integration, entry: Entry) -> dict[str, Any]:
        if "segment_id" not in entry.data:
            await segments.of(mailchimp, entry)
        names = ("list_id", "subject_line", "from_name", "reply_to", "segment_id")
        return {**{name: entry.data[name] for name in names}, "title": title_of(job, entry)}

    def keep(entry: Entry, campaign: Any) -> None:
        entry.data["campaign_id"] = campaign["id"]

    def content(_: Integration, entry: Entry) -> dict[str, Any]:
        return {"campaign_id": entry.data["campaign_id"], "template": {"id": entry.data["template_id"]}}

    await write_each(job, CREATE, work, draft, keep=keep, gate=gate)
    await write_each(job, CONTENT, filter(CREATE.is_done, work), content, gate=gate)
    failing = "a draft was prepared, but could not be read back: "
    return await each_record(job, LINK, list(filter(CONTENT.is_done, work)), _look_for_link, gate=gate, failing=failing)


async def _look_for_link(mailchimp: Integration, entry: Entry) -> None:
    data = entry.data
    text = await mailchimp.execute("get_campaign_content", {"campaign_id": data["campaign_id"]})
    data["unsubscribe_link"] = bool(UNSUBSCRIBE.search(text["html"]))
    if data["unsubscribe_link"]:
        LINK.clear(entry)
    else:
        problem = f"template {data['template']!r} has no unsubscribe link (*|UNSUB|*); the draft stays unsent"
        LINK.refuse(entry, "no_unsubscribe_link", problem, Disposition.REJECTED)


async def schedule(job: Job, timed: list[Entry]) -> NewFuseError | None:
    """Schedule campaigns on Mailchimp's next quarter hour; one that is not ready is failed with Mailchimp's reasons."""

    async def ask(mailchimp: Integration, entry: Entry) -> dict[str, Any] | None:
        moment = campaigns.read_time(entry.data["send_time"])
        assert moment is not None
        at = campaigns.next_quarter_hour(moment)
        if at != moment:
            job.note(f"{entry.place}: moved to {at:%H:%M} UTC: Mailchimp sends on quarter hours only.")
        asked = {"campaign_id": entry.data["campaign_id"]}
        campaign = await mailchimp.execute("get_campaign", asked)
        checklist = await mailchimp.execute("get_send_checklist", asked) if campaign["status"] in DRAFT else None
        if checklist is not None and not checklist["is_ready"]:
            errors = [item for item in checklist["items"] if item["type"] == "error"]
            wrong = "; ".join(f"{item['heading']}: {item['details']}" for item in errors)
            SCHEDULE.refuse(entry, "not_ready", wrong or "it is not ready")
            return None
        return {**asked, "schedule_time": at.isoformat()}

    return await write_each(job, SCHEDULE, timed, ask)


async def automations(job: Job, triggered: list[Entry]) -> list[dict[str, Any]]:
    """Name the classic automations of the audiences that campaigns with a trigger go to."""
    if not triggered:
        return []
    mailchimp = await job.integration("mailchimp")
    async with job.reading("mailchimp", "list_automations") as reading:
        there = await mailchimp.execute("list_automations", {"limit": LISTED})
    found: list[dict[str, Any]] = []
    for entry in triggered:
        own = [row for row in there if row["recipients"]["list_id"] == entry.data["list_id"]]
        found += [
            {"place": entry.place, "automation": row["settings"]["title"], "status": row["status"]} for row in own
        ]
        trigger, audience = entry.data["automation_trigger"], entry.data["list_name"]
        names = ", ".join(f"{row['settings']['title']!r} ({row['status']})" for row in own) or "none"
        job.note(
            f"{entry.place}: the trigger {trigger} is set in Mailchimp, where a person starts automations; those of "
            f"{audience}: {names}. The campaign itself is a draft."
        )
    reading.fact("email.automations_found", len(found), "automations")
    if found:
        job.table("Automations", found[:NAMES_SHOWN])
    return found[:NAMES_SHOWN]
