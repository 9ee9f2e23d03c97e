"""Sending campaigns, at once or at a time.

API: https://mailchimp.com/developer/marketing/api/campaigns/
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime

from newfuse import Expect, Integration, action
from newfuse.connectors.mailchimp.records import Campaign, CampaignState, Id, SendChecklist

ONE = "/3.0/campaigns/{campaign_id}"
QUARTER_HOUR_MIN = 15  # "only be scheduled to send on the quarter-hour (:00, :15, :30, :45)": specification

LEFT = frozenset({"sending", "sent", "canceling", "canceled"})  # statuses that only a campaign once sent can have
DRAFT = frozenset({"save", "paused"})


def on_quarter_hour(at: datetime) -> datetime:
    """Return a moment in UTC, if it is one that Mailchimp sends at.

    Raises:
        ValueError: It is not; the message says which ones are.
    """
    moment = at.astimezone(UTC)
    if moment.minute % QUARTER_HOUR_MIN or moment.second or moment.microsecond:
        raise ValueError("Mailchimp sends on the quarter hour only (:00, :15, :30 or :45, no seconds)")
    return moment


QuarterHour = Annotated[AwareDatetime, AfterValidator(on_quarter_hour)]


class Sending(Integration):
    """Send campaigns, or schedule them."""

    @action(effect="read")
    async def get_send_checklist(self, campaign_id: Id) -> SendChecklist:
        """Ask Mailchimp whether a campaign can be sent.

        Args:
            campaign_id: The campaign's id.

        Returns:
            Whether it is ready, and every point Mailchimp looked at.

        Raises:
            NotFound: There is no such campaign.
        """
        # https://mailchimp.com/developer/marketing/api/campaign-checklist/get-campaign-send-checklist/
        row = await self.api.get(f"{ONE}/send-checklist", values={"campaign_id": campaign_id})
        return SendChecklist.model_validate(row)

    @action(effect="write", once="lookup", lookup="_scheduled")
    async def schedule_campaign(self, campaign_id: Id, schedule_time: QuarterHour) -> CampaignState:
        """Schedule a draft to be mailed at a time.

        Args:
            campaign_id: The campaign's id.
            schedule_time: When, with its time zone, e.g. 2026-05-01T09:15:00Z; a quarter hour in the future.

        Returns:
            The campaign's new status, schedule, and the time.

        Raises:
            Rejected: The time is past, or the campaign is not ready, scheduled or sent already.
        """
        # https://mailchimp.com/developer/marketing/api/campaigns/schedule-campaign/
        await self.api.post(
            f"{ONE}/actions/schedule",
            values={"campaign_id": campaign_id},
            json={"schedule_time": schedule_time.isoformat()},
            expect=Expect.NOTHING,
        )
        return CampaignState(campaign_id=campaign_id, status="schedule", schedule_time=schedule_time)

    # By lookup and not natural: Mailchimp refuses to unschedule what is not scheduled.
    @action(effect="write", once="lookup", lookup="_unscheduled")
    async def unschedule_campaign(self, campaign_id: Id) -> CampaignState:
        """Take back a schedule: the campaign is a draft again.

        Args:
            campaign_id: The campaign's id.

        Returns:
            The campaign's new status, save.

        Raises:
            Rejected: The campaign is not scheduled.
        """
        # https://mailchimp.com/developer/marketing/api/campaigns/unschedule-campaign/
        await self._act("unschedule", campaign_id)
        return CampaignState(campaign_id=campaign_id, status="save")

    @action(effect="write", once="lookup", lookup="_sent")
    async def send_campaign(self, campaign_id: Id) -> CampaignState:
        """Mail a campaign to all its recipients now. What has left cannot be called back.

        Args:
            campaign_id: The campaign's id; get_send_checklist tells whether it is ready.

        Returns:
            The campaign's new status, sending; get_campaign tells when it is sent.

        Raises:
            Rejected: The campaign is not ready, or was sent already.
        """
        # https://mailchimp.com/developer/marketing/api/campaigns/send-campaign/
        await self._act("send", campaign_id)
        return CampaignState(campaign_id=campaign_id, status="sending")

    async def _act(self, verb: str, campaign_id: str) -> None:
        values = {"campaign_id": campaign_id}
        await self.api.post(f"{ONE}/actions/{verb}", values=values, expect=Expect.NOTHING)

    async def _sent(self, campaign_id: str) -> CampaignState | None:
        campaign = await self._look_at(campaign_id)
        return _state(campaign) if campaign.status in LEFT else None

    async def _unscheduled(self, campaign_id: str) -> CampaignState | None:
        campaign = await self._look_at(campaign_id)
        return _state(campaign) if campaign.status in DRAFT else None

    async def _scheduled(self, campaign_id: str, schedule_time: datetime) -> CampaignState | None:
        campaign = await self._look_at(campaign_id)
        # A scheduled campaign shows its time as `send_time`, and keeps it when it goes out. [unverified]
        there = campaign.status == "schedule" or campaign.status in LEFT
        if not there or campaign.send_time != schedule_time:
            return None
        return CampaignState(campaign_id=campaign_id, status=campaign.status, schedule_time=schedule_time)

    async def _look_at(self, campaign_id: str) -> Campaign:
        row: Any = await self.api.get(ONE, values={"campaign_id": campaign_id})
        return Campaign.model_validate(row)


def _state(campaign: Campaign) -> CampaignState:
    return CampaignState(campaign_id=campaign.id, status=campaign.status)
