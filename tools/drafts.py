"""Makes campaigns in Mailchimp: segments, drafts with their content, and what is done with each of many."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from newfuse import Disposition, Entry, Integration, Job, NewFuseError, Pruned
from tools import steps
from tools.compliance import LISTED, NAMES_SHOWN, is_compliant, title_of
from tools.connection import connect
from tools.flow import Gate, Tally, each
from tools.outcome import NOT_SENT, failure_of

AT_ONCE = 4  # of the ten connections that Mailchimp allows an account
UNSUBSCRIBE = re.compile(r"\*\|UNSUB")  # mailchimp.com/help/all-the-merge-tags-cheat-sheet: *|UNSUB|*
# Everybody who has an address, so every subscribed member: Mailchimp counts and mails no others in a segment.
EVERYBODY = [{"condition_type": "EmailAddress", "field": "EMAIL", "op": "contains", "value": "@"}]


def is_prepared(entry: Entry) -> bool:
    """Say whether a campaign is there as a draft, with its content."""
    return is_compliant(entry) and steps.is_done(entry, "create") and steps.is_done(entry, "content")


async def find_or_create_segment(
    job: Job, mailchimp: Integration, list_id: str, list_name: str
) -> tuple[Any, str | None]:
    """Return the audience's segment of subscribed members, and the ledger's key if it was created now."""
    name = f"Subscribed: {list_name}"[:100]
    there = await mailchimp.execute("list_segments", {"list_id": list_id, "type": "saved", "limit": LISTED})
    for segment in there:
        if segment["name"] == name:
            return segment, None
    asked = {"list_id": list_id, "name": name, "conditions": EVERYBODY}
    performed = await mailchimp.perform("create_segment", asked, reference=job.reference(f"{list_id}:{name}"))
    error = failure_of(performed)
    if error is not None:
        raise error
    if isinstance(performed.value, Pruned):
        raise NewFuseError(
            f"the segment {name!r} was created by an earlier run and is no longer listed in Mailchimp; make it there, "
            "with everybody whose address holds an @, and run again"
        )
    return performed.value, performed.key


def keep_segment(entry: Entry, segment: Any, key: str | None) -> None:
    """Keep which segment a campaign goes to, and the ledger's key if it was created for it."""
    entry.data["segment_id"] = segment["id"]
    if key is not None and key not in entry.keys:
        entry.keys = (*entry.keys, key)


async def prepare(job: Job, work: list[Entry]) -> list[dict[str, Any]]:
    """Create drafts, fill them from their templates, and look for the unsubscribe link.

    Returns:
        The classic automations of the audiences of campaigns with a trigger.

    Raises:
        NewFuseError: Mailchimp could not be reached; the campaigns are failed with its error.
    """

    async def make(mailchimp: Integration, entry: Entry) -> NewFuseError | None:
        data = entry.data
        if "segment_id" not in data:
            segment, key = await find_or_create_segment(job, mailchimp, data["list_id"], data["list_name"])
            keep_segment(entry, segment, key)
        asked = {
            "list_id": data["list_id"],
            "subject_line": data["subject_line"],
            "title": title_of(job, entry),
            "from_name": data["from_name"],
            "reply_to": data["reply_to"],
            "segment_id": data["segment_id"],
        }
        reference = job.reference(entry.reference)
        if not steps.is_done(entry, "create"):
            created = await mailchimp.perform("create_campaign", asked, reference=reference)
            steps.note(entry, "create", created)
            error = failure_of(created)
            if error is not None:
                return error
            data["campaign_id"] = created.value["id"]
        content = {"campaign_id": data["campaign_id"], "template": {"id": data["template_id"]}}
        filled = await mailchimp.perform("set_campaign_content", content, reference=reference)
        steps.note(entry, "content", filled)
        error = failure_of(filled)
        if error is not None:
            return error
        try:
            text = await mailchimp.execute("get_campaign_content", {"campaign_id": data["campaign_id"]})
        except NewFuseError as exc:
            steps.fail(entry, "link", exc, prefix="a draft was prepared, but could not be read back: ", sent=False)
            return exc
        data["unsubscribe_link"] = bool(UNSUBSCRIBE.search(text["html"]))
        if data["unsubscribe_link"]:
            steps.clear(entry, "link")
        else:
            problem = f"template {data['template']!r} has no unsubscribe link (*|UNSUB|*); the draft stays unsent"
            steps.refuse(entry, "link", "no_unsubscribe_link", problem, Disposition.REJECTED)
        return None

    await each_campaign(job, "create", work, make)
    triggered = [entry for entry in work if entry.data["automation_trigger"] is not None]
    return await _automations(job, triggered) if triggered else []


async def _automations(job: Job, triggered: list[Entry]) -> list[dict[str, Any]]:
    """Name the classic automations of the audiences that campaigns with a trigger go to."""
    mailchimp = await connect(job, "mailchimp", ())
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
    source: dict[str, Any] = {"kind": "vendor", "integration": "mailchimp", "action": "list_automations"}
    job.fact("email.automations_found", len(found), "automations", **source)
    if found:
        job.table("Automations", found[:NAMES_SHOWN])
    return found[:NAMES_SHOWN]


async def each_campaign(
    job: Job, step: str, work: list[Entry], do: Callable[[Integration, Entry], Awaitable[NewFuseError | None]]
) -> None:
    """Do one step of every campaign; failures are kept with each, and a vendor that is down is raised.

    Args:
        job: The task's job.
        step: The step, under which a failure is kept that came before its write.
        work: The campaigns.
        do: Does it with one; returns the failure it has kept with the campaign itself, and raises any other.
    """
    if not work:
        return
    gate = Gate()
    mailchimp = await connect(job, "mailchimp", work)

    async def one(entry: Entry) -> None:
        if gate.closed and gate.error is not None:
            steps.hold_back(entry, step, gate.error)
            return
        try:
            error = await do(mailchimp, entry)
        except NewFuseError as exc:
            error = exc
            # A draft that is there already lacks its content.
            steps.fail(entry, "content" if steps.is_done(entry, step) else step, exc, prefix=NOT_SENT, sent=False)
        if error is None:
            gate.passed()
        else:
            gate.note(error)

    await each(work, one, at_once=AT_ONCE, tally=Tally(job, len(work), f"campaigns to {step}"))
    if gate.error is not None:
        raise gate.error
