"""Checks campaigns before anything is created: against what Mailchimp has, and against the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from newfuse import Dataset, Disposition, Entry, Integration, Job, NewFuseError
from tools import campaign_records as campaigns
from tools.connection import connect
from tools.outcome import OPEN, hold_back
from tools.records import note_extra, refuse_contradictions, unread, whole

LISTED = 1_000  # audiences, templates, campaigns looked through: ten pages of a hundred
NAMES_SHOWN = 10
ON_ITS_WAY = frozenset({"schedule", "sending", "sent"})


async def comply(job: Job, records: Dataset) -> None:
    """Check what was not checked yet, first by itself, then against what Mailchimp has.

    Raises:
        NewFuseError: Mailchimp could not be reached; the campaigns are failed with its error.
    """
    extra: Counter[str] = Counter()
    async for entry in unread(job, records, "validating campaigns"):
        campaigns.check(entry, extra)
    note_extra(job, "email_campaigns", extra)
    refuse_contradictions(whole(job, records))
    work = [entry for entry in records if entry.reference and entry.disposition in OPEN and "list_id" not in entry.data]
    try:
        if work:
            mailchimp = await connect(job, "mailchimp", work)
            try:
                await _compare(job, mailchimp, work)
            except NewFuseError as exc:
                for entry in work:
                    if entry.disposition in OPEN:
                        hold_back(entry, exc)
                raise
    finally:
        count_campaigns(job, records)


def count_campaigns(job: Job, records: Dataset) -> None:
    """Count the campaigns by whether they comply; counted again after every step, which may find one unfit."""
    everything = whole(job, records)
    source: dict[str, Any] = {"kind": "dataset", "dataset": everything.name}
    compliant = sum(is_compliant(entry) for entry in everything)
    job.fact("email.campaigns", len(everything), "campaigns", **source)
    job.fact("email.campaigns_compliant", compliant, "campaigns", **source)
    job.fact("email.campaigns_rejected", everything.counts()["rejected"], "campaigns", **source)


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
            _reject(entry, "no_consent", f"list_name: {entry.data['list_name']!r}: {problem}")
        elif not audience["campaign_defaults"]["from_name"] or not audience["campaign_defaults"]["from_email"]:
            problem = "the audience has no default sender; set one in Mailchimp"
            _reject(entry, "sender_missing", f"list_name: {entry.data['list_name']!r}: {problem}")
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
    _reject(entry, "send_time_past", f"send_time: {problem}")
    return False


def _refuse(entry: Entry, rule: str, field: str, name: str, kind: str, known: dict[str, Any]) -> None:
    there = ", ".join(sorted(known)[:NAMES_SHOWN]) or "none"
    _reject(entry, rule, f"{field}: there is no {kind} {name!r}; there are: {there}")


def _reject(entry: Entry, rule: str, problem: str) -> None:
    entry.settle(Disposition.REJECTED, f"{entry.place}: {problem}", rule=rule)


def is_compliant(entry: Entry) -> bool:
    """Say whether a campaign was checked and may be created."""
    return bool(entry.reference) and "list_id" in entry.data


def title_of(job: Job, entry: Entry) -> str:
    """Return the campaign's name inside Mailchimp, which holds its reference so that it is found again."""
    return f"{entry.data['subject_line']} [{job.reference(entry.reference)}]"
