"""What really exists in the account, for comparison with what a caller believes."""

from __future__ import annotations

from typing import Any

from newfuse.sandbox.mailchimp.segments import members_of
from newfuse.sandbox.mailchimp.state import STATUSES, Audience, Campaign, Message, Segment, State, iso

COUNTED = ("members_created", "members_updated", "members_unchanged", "campaigns_created")


def truth(state: State) -> dict[str, Any]:
    """Return the account as JSON.

    Returns:
        `lists` {id: {name, members: {address: status}}}; `campaigns` {id: {…}}, times ISO 8601 or null;
        `messages` [{campaign_id, email, at}] in the order sent (an automation's stand under the id of its
        e-mail); `test_messages` likewise; `segments` {list id: {segment id: {name, type, members}}};
        `tags` {list id: {name: [address]}}, which are the static segments again; `automations` {id: {…}};
        `writes`: how many there were of each kind since the start, `members_unchanged` being upserts that
        changed nothing.
    """
    return {
        "lists": {
            audience.id: {
                "name": audience.name,
                "members": {member.email: member.status for member in audience.members.values()},
            }
            for audience in state.audiences.values()
        },
        "campaigns": {campaign.id: _campaign(campaign) for campaign in state.campaigns.values()},
        "messages": [_message(message) for message in state.messages],
        "test_messages": [_message(message) for message in state.tests],
        "segments": {audience.id: _segments(audience) for audience in state.audiences.values()},
        "tags": {audience.id: _tags(audience) for audience in state.audiences.values()},
        "automations": {
            automation.id: {
                "title": automation.title,
                "status": automation.status,
                "list_id": automation.list_id,
                "queued": sum(len(email.queue) for email in automation.emails.values()),
                "emails_sent": sum(len(email.messages) for email in automation.emails.values()),
            }
            for automation in state.automations.values()
        },
        "writes": {**dict.fromkeys(COUNTED, 0), **state.writes},
    }


def _campaign(campaign: Campaign) -> dict[str, Any]:
    return {
        "status": campaign.status,
        "type": campaign.type,
        "subject_line": campaign.settings["subject_line"],
        "title": campaign.settings["title"],
        "list_id": campaign.recipients.get("list_id"),
        "segment": campaign.recipients.get("segment_opts"),
        "schedule_time": _time(campaign.schedule_at),
        "send_time": _time(campaign.send_at),
        "emails_sent": len(campaign.messages),
    }


def _time(at: float | None) -> str | None:
    return None if at is None else iso(at)


def _message(message: Message) -> dict[str, Any]:
    return {"campaign_id": message.campaign_id, "email": message.email, "at": iso(message.at)}


def _emails(audience: Audience, segment: Segment) -> list[str]:
    return [member.email for member in members_of(audience, segment, set(STATUSES))]


def _segments(audience: Audience) -> dict[str, Any]:
    return {
        str(segment.id): {"name": segment.name, "type": segment.type, "members": _emails(audience, segment)}
        for segment in audience.segments.values()
    }


def _tags(audience: Audience) -> dict[str, list[str]]:
    return {
        segment.name: _emails(audience, segment) for segment in audience.segments.values() if segment.options is None
    }
