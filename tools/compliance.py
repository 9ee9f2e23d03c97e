"""Checks campaigns before anything is created: against what Mailchimp has, and against the clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from newfuse import Dataset, Disposition, Entry, Integration, Job, NewFuseError, Step, each_batch
from newfuse.records import OPEN, count_records, refuse_contradictions, take_in, whole
from tools import campaign_records as campaigns

CREATE = Step(
    name="create",
    integration="mailchimp",
    action="create_campaign",
    counts="campaigns",
    doing="campaigns to create",
    at_once=4,  # of the ten connections that Mailchimp allows an account
)
LISTED = 1_000  # audiences, templates, campaigns looked through: ten pages of a hundred
NAMES_SHOWN = 10
ON_ITS_WAY = frozenset({"schedule", "sending", "sent"})


async def comply(job: Job, records: Dataset) -> NewFuseError | None:
    """Check what was not checked yet, first by itself, then against what Mailchimp has.

    Returns:
        Why Mailchimp could not be reached, in which case the campaigns are failed with it, or None.
    """
    await take_in(job, records, "email_campaigns", campaigns.check, "validating campaigns")
    refuse_contradictions(whole(job, records))
    work = [entry for entry in records if entry.reference and entry.disposition in OPEN and "list_id" not in entry.data]

    async def compare(mailchimp: Integration, some: list[Entry]) -> None:
        await _compare(job, mailchimp, some)

    down = await each_batch(job, CREATE, work, len(work), compare, doing="comparing campaigns")
    count_campaigns(job, records)
    return down


def count_campaigns(job: Job, records: Dataset) -> None:
    """Count the campaigns by whether they comply; counted again after every step, which may find one unfit."""
    everything = whole(job, records)
    counts = {
        "email.campaigns": len(everything),
        "email.campaigns_compliant": sum(map(is_compliant, everything)),
        "email.campaigns_rejected": everything.counts()["rejected"],
    }
    count_records(job, everything, "campaigns", counts)


async def _compare(job: Job, mailchimp: Integration, work: Sequence[Entry]) -> None:
    audiences = {row["name"]: row for row in await mailchimp.execute("list_audiences", {"limit": LISTED})}
    asked = {"limit": LISTED, "type": "user"}
    templates = {row["name"]: row for row in await mailchimp.execute("list_templates", asked)}
    for entry in work:
        audience, template = audiences.get(entry.data["list_name"]), templates.get(entry.data["template"])
        if audience is None:
            _refuse(entry, "unknown_audience", "list_name", entry.data["list_name"], "audience", audiences)
        elif template is None:
            _refuse(entry, "unknown_template", "template", entry.data["template"], "template", templates)
        elif not audience["stats"]["member_count"]:
            problem = "nobody in this audience is subscribed, so nobody has consented to be mailed"
            entry.reject("no_consent", "list_name", f"{entry.data['list_name']!r}: {problem}")
        elif not audience["campaign_defaults"]["from_name"] or not audience["campaign_defaults"]["from_email"]:
            problem = "the audience has no default sender; set one in Mailchimp"
            entry.reject("sender_missing", "list_name", f"{entry.data['list_name']!r}: {problem}")
        elif await _is_in_time(job, mailchimp, entry, audience["id"]):
            sender = audience["campaign_defaults"]
            entry.data |= {
                "list_id": audience["id"],
                "template_id": template["id"],
                "from_name": sender["from_name"],
                "reply_to": sender["from_email"],
            }
    named = {audiences[name]["id"]: audiences[name] for entry in work if (name := entry.data["list_name"]) in audiences}
    stats = [audience["stats"] for audience in named.values()]
    subscribed = sum(stat["member_count"] for stat in stats)
    others = sum(stat["unsubscribe_count"] + stat["cleaned_count"] for stat in stats)
    evidence = (
        f"{len(named)} audiences: {subscribed} members are subscribed, {others} unsubscribed or cleaned; "
        "members were only read, and Mailchimp mails subscribed ones alone"
    )
    job.check("Consent", subscribed > 0 if named else None, evidence)


async def _is_in_time(job: Job, mailchimp: Integration, entry: Entry, list_id: str) -> bool:
    """Say whether a campaign can still be sent at its time; else settle it: rejected, or done by an earlier run."""
    moment = campaigns.read_time(entry.data["send_time"]) if entry.data["send_time"] is not None else None
    now = job.now()
    if moment is None or moment > now:
        return True
    title = title_of(job, entry)
    for row in await mailchimp.execute("list_campaigns", {"list_id": list_id, "limit": LISTED}):
        if row["settings"]["title"] == title and row["status"] in ON_ITS_WAY:
            entry.data["campaign_id"] = row["id"]
            entry.settle(Disposition.SKIPPED, "an earlier run has scheduled it", rule="already_done")
            return False
    problem = f"{entry.data['send_time']} is in the past (it is {now:%Y-%m-%dT%H:%MZ}); nothing was created"
    entry.reject("send_time_past", "send_time", problem)
    return False


def _refuse(entry: Entry, rule: str, field: str, name: str, kind: str, known: dict[str, Any]) -> None:
    there = ", ".join(sorted(known)[:NAMES_SHOWN]) or "none"
    entry.reject(rule, field, f"there is no {kind} {name!r}; there are: {there}")


def is_compliant(entry: Entry) -> bool:
    """Say whether a campaign was checked and may be created."""
    return bool(entry.reference) and "list_id" in entry.data


def title_of(job: Job, entry: Entry) -> str:
    """Return the campaign's name inside Mailchimp, which holds its reference so that it is found again."""
    return f"{entry.data['subject_line']} [{job.reference(entry.reference)}]"
