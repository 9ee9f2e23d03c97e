"""Campaigns as they come in: what a fit one is, and when it is to be sent."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import StringConstraints

from newfuse import Entry, InputRecord
from newfuse.records import digest, read, rejects

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]

QUARTER_HOUR = timedelta(minutes=15)  # the grid Mailchimp schedules on: developer/marketing/api/campaigns/schedule
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CampaignRecord(InputRecord, dataset="email_campaigns"):
    """One record of `email_campaigns`; audience and template are named as in Mailchimp."""

    type: Name
    list_name: Name
    # mailchimp.com/help/best-practices-for-email-subject-lines: 150 characters
    subject_line: Annotated[str, StringConstraints(min_length=1, max_length=150)]
    template: Name
    automation_trigger: Name | None = None
    send_time: Name | None = None
    reference: Name | None = None

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
    entry.data = {**contents, "digest": mark}
    entry.reference = record.reference or f"{record.type}:{mark[:12]}"


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
