"""Sending campaigns: checklist, send, schedule, and what the clock does to them.

A campaign goes `save` → (`schedule` →) `sending` → `sent`. Its messages leave at once when sending begins:
one to each subscribed member of its recipients. It shows as `sending` for a moment, in which it can be
cancelled, though whatever left stays sent. The clock is looked at whenever anything is asked: a schedule that
is due is sent then.
"""

from __future__ import annotations

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import decode
from newfuse.sandbox.mailchimp.campaigns import Campaigns
from newfuse.sandbox.mailchimp.content import UNSUBSCRIBE_TAG
from newfuse.sandbox.mailchimp.state import JSON, Campaign, Message, State, epoch
from newfuse.sandbox.vendor import VendorRequest

SENDING_S = 1.0  # how long a campaign shows as `sending`; long enough to be seen, short enough to wait for
QUARTER_HOUR_S = 900  # spec, schedule_time: "only be scheduled to send on the quarter-hour (:00, :15, :30, :45)"
NOT_READY = "Your Campaign is not ready to send."  # github.com/drewm/mailchimp-api issue 209


class Sending:
    """The actions of every campaign."""

    def __init__(self, state: State, campaigns: Campaigns) -> None:
        """Work on `state`, finding campaigns and their recipients as `campaigns` does."""
        self._state = state
        self._campaigns = campaigns

    def advance(self) -> None:
        """Send what has come due, and finish what was being sent."""
        now = self._state.now()
        for campaign in self._state.campaigns.values():
            if campaign.status == "schedule" and (campaign.schedule_at or 0.0) <= now:
                if self._is_ready(campaign):
                    self._begin(campaign, campaign.schedule_at or now)
                else:  # its list or its members are gone since [unverified]
                    campaign.status, campaign.schedule_at = "paused", None
            if campaign.status == "sending" and (campaign.send_at or 0.0) + SENDING_S <= now:
                campaign.status = "sent"

    def checklist(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /campaigns/{campaign_id}/send-checklist."""
        items = self._items(self._campaigns.find(campaign_id))
        return {"is_ready": all(item["type"] != "error" for item in items), "items": items}

    def send(self, request: VendorRequest, campaign_id: str) -> None:
        """POST …/actions/send: 204, and the messages have left."""
        campaign = self._campaigns.find(campaign_id)
        if campaign.status not in {"save", "paused", "schedule"}:
            raise problems.bad_request("This campaign has already been sent.")  # [unverified]
        if not self._is_ready(campaign):
            raise problems.bad_request(NOT_READY)
        self._begin(campaign, self._state.now())

    def schedule(self, request: VendorRequest, campaign_id: str) -> None:
        """POST …/actions/schedule: a quarter-hour in the future, UTC.

        The vendor's words begin "This campaign cannot be scheduled:" (github.com/amro/gibbon issue 243); what
        follows the colon is ours.
        """
        campaign = self._campaigns.find(campaign_id)
        data = decode(request, required=("schedule_time",), kinds={"schedule_time": "string"})
        try:
            at = epoch(data["schedule_time"])
        except ValueError as exc:
            message = "Please enter a valid ISO 8601 date."
            raise problems.invalid_resource([("schedule_time", message)]) from exc
        if campaign.status == "schedule":
            reason = "it is scheduled already"
        elif campaign.status not in {"save", "paused"}:
            reason = "it has been sent"
        elif at % QUARTER_HOUR_S:
            reason = "campaigns may only be scheduled to send on the quarter-hour (:00, :15, :30, :45)"
        elif at <= self._state.now():
            reason = "schedule_time must be in the future"
        elif not self._is_ready(campaign):
            reason = NOT_READY.rstrip(".")
        else:
            campaign.status, campaign.schedule_at = "schedule", at
            return
        raise problems.bad_request(f"This campaign cannot be scheduled: {reason}.")

    def unschedule(self, request: VendorRequest, campaign_id: str) -> None:
        """POST …/actions/unschedule: back to a draft."""
        campaign = self._campaigns.find(campaign_id)
        if campaign.status != "schedule":
            raise problems.bad_request("This campaign is not scheduled.")  # [unverified]
        campaign.status, campaign.schedule_at = "save", None

    def cancel(self, request: VendorRequest, campaign_id: str) -> None:
        """POST …/actions/cancel-send: while it is being sent; what left stays sent."""
        campaign = self._campaigns.find(campaign_id)
        if campaign.status != "sending":
            raise problems.bad_request("This campaign cannot be canceled.")  # [unverified]
        campaign.status = "canceled"

    def test(self, request: VendorRequest, campaign_id: str) -> None:
        """POST …/actions/test: e-mails to the given addresses, which count as no campaign send."""
        campaign = self._campaigns.find(campaign_id)
        data = decode(
            request,
            required=("test_emails", "send_type"),
            kinds={"test_emails": "array", "send_type": ("html", "plaintext")},
        )
        emails = [problems.check_email(email) for email in data["test_emails"]]
        if campaign.content is None or not campaign.settings["subject_line"]:
            raise problems.bad_request(NOT_READY)
        self._state.tests.extend(Message(campaign.id, email, self._state.now()) for email in emails)

    def _begin(self, campaign: Campaign, at: float) -> None:
        campaign.status, campaign.send_at, campaign.schedule_at = "sending", at, None
        campaign.messages = [Message(campaign.id, member.email, at) for member in self._campaigns.recipients(campaign)]
        self._state.messages.extend(campaign.messages)

    def _is_ready(self, campaign: Campaign) -> bool:
        return all(item["type"] != "error" for item in self._items(campaign))

    def _items(self, campaign: Campaign) -> list[JSON]:
        """Return what the checklist finds; ids and details [unverified], the shape is the specification's."""
        audience = self._campaigns.audience(campaign)
        count = len(self._campaigns.recipients(campaign))
        settings, content = campaign.settings, campaign.content or {"html": "", "plain_text": ""}
        text = content["html"] or content["plain_text"]
        items: list[JSON] = []

        def add(number: int, heading: str, good: str, bad: str = "", kind: str = "error") -> None:
            found = {"type": kind, "details": bad} if bad else {"type": "success", "details": good}
            items.append({"id": number, "heading": heading, **found})

        name = audience.name if audience else ""
        no_list = "" if audience else "You must select an audience."
        empty = "" if count else "There are no subscribed contacts to send to."
        no_reply = "" if settings["reply_to"] else "You must enter a reply-to email address."
        no_unsubscribe = "" if UNSUBSCRIBE_TAG in text else "No unsubscribe link: the required footer is added."
        add(501, "Audience", f"{name} ({count} recipients)", no_list or empty)
        add(502, "Subject", settings["subject_line"], "" if settings["subject_line"] else "Subject is empty.")
        add(503, "From name", settings["from_name"], "" if settings["from_name"] else "From name is empty.")
        add(504, "Replies", f"All replies will go to {settings['reply_to']}.", no_reply)
        add(505, "Content", "Content is set.", "" if text.strip() else "Your email is empty.")
        add(506, "Unsubscribe link", "Contacts can unsubscribe.", no_unsubscribe, kind="warning")
        return items
