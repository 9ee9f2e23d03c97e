"""Campaigns as they come in: what a fit one is, and when it is to be sent."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import StringConstraints

from newfuse import Entry, InputRecord
from newfuse.records import digest, read, rejects

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]

MOST_SUBJECT = 150  # characters: mailchimp.com/help/best-practices-for-email-subject-lines
QUARTER_HOUR = timedelta(minutes=15)  # the grid Mailchimp schedules on: developer/marketing/api/campaigns/schedule
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CampaignRecord(InputRecord, dataset="email_campaigns"):
    """One campaign to prepare as a draft, and to schedule where it names a time."""

    example: ClassVar[dict[str, Any]] = {
        "type": "product_announcement",
        "list_name": "active_customers",
        "subject_line": "What is new in May",
        "template": "product_update_template",
        "send_time": "2030-05-01T09:15:00Z",
    }

    type: Name
    """What kind of campaign it is, in your words."""
    list_name: Name
    """Name of the audience in Mailchimp."""
    subject_line: Annotated[str, StringConstraints(min_length=1, max_length=MOST_SUBJECT)]
    """The mail's subject."""
    template: Name
    """Name of the template in Mailchimp; it must hold an unsubscribe link."""
    automation_trigger: Name | None = None
    """The event that starts an automation; those of the audience are named in the report, a person starts them."""
    send_time: Name | None = None
    """When it is sent, with its zone; moved to the next quarter hour. Without it the campaign stays a draft."""
    reference: Name | None = None
    """What makes it this campaign, in every run; without one its contents do."""

    @rejects("invalid_send_time", "send_time")
    def _is_a_time(self) -> str | None:
        if self.send_time is None or read_time(self.send_time) is not None:
            return None
        return f"{self.send_time!r} is no time with its zone, such as 2026-05-01T09:15:00Z"


def check(entry: Entry, extra: Counter[str]) -> None:
    """Read one campaign; afterwards the entry holds it, with its reference, or is rejected by name."""
    record = read(CampaignRecord, entry, extra)
    if record is None:
        return
    contents = record.model_dump(exclude={"reference"})
    mark = digest(contents)
    entry.identify(record.reference, f"{record.type}:{mark[:12]}", mark)
    entry.data = contents


def read_time(text: str) -> datetime | None:
    """Return a moment in UTC, or None where the text is none, does not say its zone, or lies at the end of time."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
        next_quarter_hour(moment)  # which the last quarter of the year 9999 does not have
    except (ValueError, OverflowError):
        return None
    return moment


def next_quarter_hour(moment: datetime) -> datetime:
    """Return the moment itself if it is on a quarter hour, else the next that is."""
    late = (moment - EPOCH) % QUARTER_HOUR
    return moment if not late else moment + QUARTER_HOUR - late
