"""Reports: exactly what happened to a campaign in the sandbox, where nobody opens, clicks or bounces."""

from __future__ import annotations

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.campaigns import Campaigns, delivery_status
from newfuse.sandbox.mailchimp.paging import page
from newfuse.sandbox.mailchimp.state import JSON, Campaign, Member, State, iso, subscriber_hash
from newfuse.sandbox.vendor import VendorRequest


class Reports:
    """The reports resource: of campaigns that were sent."""

    def __init__(self, state: State, campaigns: Campaigns) -> None:
        """Read `state`, finding campaigns as `campaigns` does."""
        self._state = state
        self._campaigns = campaigns

    def get_all(self, request: VendorRequest) -> JSON:
        """GET /reports."""
        kind = request.param("type")
        rows = [
            campaign
            for campaign in self._state.campaigns.values()
            if campaign.send_at is not None and kind in {None, campaign.type}
        ]
        return {"reports": [self._describe(row) for row in page(request, rows)], "total_items": len(rows)}

    def get(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /reports/{campaign_id}: 404 until the campaign was sent."""
        return self._describe(self._sent(campaign_id))

    def sent_to(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /reports/{campaign_id}/sent-to."""
        campaign = self._sent(campaign_id)
        shown = [
            {**self._recipient(campaign, message.email), "status": "sent", "open_count": 0, "gmt_offset": 0}
            for message in page(request, campaign.messages)
        ]
        return {"sent_to": shown, "campaign_id": campaign.id, "total_items": len(campaign.messages)}

    def email_activity(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /reports/{campaign_id}/email-activity: every recipient, without activity."""
        campaign = self._sent(campaign_id)
        shown = []
        for message in page(request, campaign.messages):
            recipient = self._recipient(campaign, message.email)
            del recipient["merge_fields"], recipient["vip"]
            shown.append({**recipient, "activity": []})
        return {"emails": shown, "campaign_id": campaign.id, "total_items": len(campaign.messages)}

    def open_details(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /reports/{campaign_id}/open-details: nobody opened it."""
        campaign = self._sent(campaign_id)
        return {"members": [], "campaign_id": campaign.id, "total_opens": 0, "total_items": 0}

    def click_details(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /reports/{campaign_id}/click-details: nobody clicked."""
        campaign = self._sent(campaign_id)
        return {"urls_clicked": [], "campaign_id": campaign.id, "total_items": 0}

    def unsubscribed(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /reports/{campaign_id}/unsubscribed."""
        campaign = self._sent(campaign_id)
        emails = {subscriber_hash(message.email): message.email for message in campaign.messages}
        rows = [(emails[key], at) for key, at in campaign.unsubscribes.items()]
        shown = []
        for email, at in page(request, rows):
            member = self._member(campaign, email)
            reason = member.unsubscribe_reason if member else ""
            shown.append({**self._recipient(campaign, email), "timestamp": iso(at), "reason": reason})
        return {"unsubscribes": shown, "campaign_id": campaign.id, "total_items": len(rows)}

    def _sent(self, campaign_id: str) -> Campaign:
        campaign = self._campaigns.find(campaign_id)
        if campaign.send_at is None:
            raise problems.resource_not_found()
        return campaign

    def _member(self, campaign: Campaign, email: str) -> Member | None:
        audience = self._campaigns.audience(campaign)
        return audience.members.get(subscriber_hash(email)) if audience else None

    def _recipient(self, campaign: Campaign, email: str) -> JSON:
        member = self._member(campaign, email)
        return {
            "email_id": subscriber_hash(email),
            "email_address": email,
            "merge_fields": member.merge_fields if member else {},
            "vip": member.vip if member else False,
            "campaign_id": campaign.id,
            "list_id": campaign.recipients["list_id"],
            "list_is_active": self._campaigns.audience(campaign) is not None,
        }

    def _describe(self, campaign: Campaign) -> JSON:
        audience = self._campaigns.audience(campaign)
        return {
            "id": campaign.id,
            "campaign_title": campaign.settings["title"],
            "type": campaign.type,
            "list_id": campaign.recipients["list_id"],
            "list_is_active": audience is not None,
            "list_name": audience.name if audience else "",
            "subject_line": campaign.settings["subject_line"],
            "preview_text": campaign.settings["preview_text"],
            "emails_sent": len(campaign.messages),
            "abuse_reports": 0,
            "unsubscribed": len(campaign.unsubscribes),
            "send_time": iso(campaign.send_at or 0.0),
            "bounces": {"hard_bounces": 0, "soft_bounces": 0, "syntax_errors": 0},
            "forwards": {"forwards_count": 0, "forwards_opens": 0},
            "opens": {"opens_total": 0, "unique_opens": 0, "open_rate": 0, "last_open": ""},
            "clicks": {
                "clicks_total": 0,
                "unique_clicks": 0,
                "unique_subscriber_clicks": 0,
                "click_rate": 0,
                "last_click": "",
            },
            "facebook_likes": {"recipient_likes": 0, "unique_likes": 0, "facebook_likes": 0},
            "list_stats": {"sub_rate": 0, "unsub_rate": 0, "open_rate": 0, "click_rate": 0},
            "timeseries": [],
            "ecommerce": {"total_orders": 0, "total_spent": 0, "total_revenue": 0, "currency_code": "USD"},
            "delivery_status": delivery_status(campaign),
        }
