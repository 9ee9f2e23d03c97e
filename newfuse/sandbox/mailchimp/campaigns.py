"""Campaigns: create, find, change, copy, delete. Sending them is in `sending`, their content in `content`."""

from __future__ import annotations

import copy
from typing import Any

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import Body, Kind, decode
from newfuse.sandbox.mailchimp.conditions import check_options, matching
from newfuse.sandbox.mailchimp.content import from_template
from newfuse.sandbox.mailchimp.paging import page
from newfuse.sandbox.mailchimp.segments import members_of
from newfuse.sandbox.mailchimp.state import JSON, Audience, Campaign, Member, State, epoch, iso
from newfuse.sandbox.vendor import VendorRequest

TYPES = ("regular", "plaintext", "absplit", "rss", "variate")
SERVED = ("regular", "plaintext")
EDITABLE = ("save", "paused")
_KINDS: dict[str, Kind] = {
    "type": TYPES,
    "content_type": ("template", "multichannel"),
    "recipients": "object",
    "recipients.list_id": "string",
    "recipients.segment_opts": "object",
    "recipients.segment_opts.saved_segment_id": "integer",
    "settings": "object",
    "settings.subject_line": "string",
    "settings.preview_text": "string",
    "settings.title": "string",
    "settings.from_name": "string",
    "settings.reply_to": "string",
    "settings.to_name": "string",
    "settings.template_id": "integer",
    "tracking": "object",
}
_SETTINGS: JSON = {
    "subject_line": "",
    "preview_text": "",
    "title": "",
    "from_name": "",
    "reply_to": "",
    "use_conversation": False,
    "to_name": "",
    "folder_id": "",
    "authenticate": True,
    "auto_footer": False,
    "inline_css": False,
    "auto_tweet": False,
    "fb_comments": True,
    "timewarp": False,
    "template_id": 0,
    "drag_and_drop": False,
}
_TRACKING: JSON = {
    "opens": True,
    "html_clicks": True,
    "text_clicks": False,
    "goal_tracking": False,
    "ecomm360": False,
    "google_analytics": "",
    "clicktale": "",
}
NOTHING_YET: JSON = {  # what nobody did in a sandbox
    "opens": 0,
    "unique_opens": 0,
    "open_rate": 0,
    "clicks": 0,
    "subscriber_clicks": 0,
    "click_rate": 0,
}


class Campaigns:
    """The campaigns resource."""

    def __init__(self, state: State) -> None:
        """Work on `state`."""
        self._state = state

    def find(self, campaign_id: str) -> Campaign:
        """Return a campaign.

        Raises:
            Problem: 404, there is none of that id.
        """
        campaign = self._state.campaigns.get(campaign_id)
        if campaign is None:
            raise problems.resource_not_found()
        return campaign

    def editable(self, campaign_id: str) -> Campaign:
        """Return a campaign that may still be changed.

        Raises:
            Problem: 404; or 400, it is scheduled, being sent or sent. [unverified] wording
        """
        campaign = self.find(campaign_id)
        if campaign.status == "schedule":
            raise problems.bad_request("This campaign is scheduled. Unschedule it to make changes.")
        if campaign.status not in EDITABLE:
            raise problems.bad_request("This campaign has been sent and can no longer be edited.")
        return campaign

    def get_all(self, request: VendorRequest) -> JSON:
        """GET /campaigns: filters type, status, list_id, and before_/since_ send_time and create_time."""
        rows = [campaign for campaign in self._state.campaigns.values() if _asked_for(request, campaign)]
        field = request.param("sort_field")
        if field in {"create_time", "send_time"}:
            rows.sort(
                key=lambda c: c.created if field == "create_time" else c.send_at or 0.0,
                reverse=request.param("sort_dir") == "DESC",
            )
        shown = [self.describe(campaign) for campaign in page(request, rows)]
        return {"campaigns": shown, "total_items": len(rows)}

    def get(self, request: VendorRequest, campaign_id: str) -> JSON:
        """GET /campaigns/{campaign_id}."""
        return self.describe(self.find(campaign_id))

    def post(self, request: VendorRequest) -> JSON:
        """POST /campaigns: regular and plaintext ones; the other types are refused by name."""
        data = decode(request, required=("type",), kinds=_KINDS)
        if data["type"] not in SERVED:
            raise problems.bad_request(f"The sandbox does not serve campaigns of type {data['type']}.")
        self._check(data)
        campaign = Campaign(
            id=self._state.ids.hex10("campaign"),
            web_id=self._state.ids.number("campaign"),
            type=data["type"],
            created=self._state.now(),
            recipients=data.get("recipients", {}),
            settings={**_SETTINGS, **data.get("settings", {})},
            tracking={**_TRACKING, **data.get("tracking", {})},
            content_type=data.get("content_type", "template"),
        )
        self._use_template(campaign, data)
        self._state.campaigns[campaign.id] = campaign
        self._state.writes["campaigns_created"] += 1
        return self.describe(campaign)

    def patch(self, request: VendorRequest, campaign_id: str) -> JSON:
        """PATCH /campaigns/{campaign_id}: while it is a draft or paused."""
        campaign = self.editable(campaign_id)
        data = decode(request, kinds=_KINDS)
        self._check(data)
        campaign.recipients = data.get("recipients", campaign.recipients)
        campaign.settings.update(data.get("settings", {}))
        campaign.tracking.update(data.get("tracking", {}))
        self._use_template(campaign, data)
        self._state.writes["campaigns_updated"] += 1
        return self.describe(campaign)

    def delete(self, request: VendorRequest, campaign_id: str) -> None:
        """DELETE /campaigns/{campaign_id}: a sent one stays, with its report [unverified]."""
        if self.find(campaign_id).send_at is not None:
            raise problems.bad_request("This campaign has been sent and cannot be deleted.")
        del self._state.campaigns[campaign_id]

    def replicate(self, request: VendorRequest, campaign_id: str) -> JSON:
        """POST /campaigns/{campaign_id}/actions/replicate: a draft with the same settings and content."""
        original = self.find(campaign_id)
        twin = Campaign(
            id=self._state.ids.hex10("campaign"),
            web_id=self._state.ids.number("campaign"),
            type=original.type,
            created=self._state.now(),
            recipients=copy.deepcopy(original.recipients),
            settings=copy.deepcopy(original.settings),
            tracking=copy.deepcopy(original.tracking),
            content=copy.deepcopy(original.content),
            content_type=original.content_type,
        )
        twin.settings["title"] = f"{original.settings['title']} (copy 01)"
        self._state.campaigns[twin.id] = twin
        self._state.writes["campaigns_created"] += 1
        return self.describe(twin)

    def audience(self, campaign: Campaign) -> Audience | None:
        """Return the list a campaign goes to; None when it has none, or the list was deleted."""
        return self._state.audiences.get(campaign.recipients.get("list_id", ""))

    def recipients(self, campaign: Campaign) -> list[Member]:
        """Return whom a campaign would go to now: subscribed members, of the segment if there is one."""
        audience = self.audience(campaign)
        if audience is None:
            return []
        options = campaign.recipients.get("segment_opts") or {}
        if saved := options.get("saved_segment_id"):
            segment = audience.segments.get(saved)
            return members_of(audience, segment, {"subscribed"}) if segment else []
        subscribed = [member for member in audience.members.values() if member.status == "subscribed"]
        return matching(audience, options, subscribed) if options.get("conditions") else subscribed

    def describe(self, campaign: Campaign) -> JSON:
        """Return a campaign as the vendor shows it."""
        audience = self.audience(campaign)
        sent = campaign.send_at is not None
        at = campaign.send_at or campaign.schedule_at
        options = campaign.recipients.get("segment_opts") or {}
        shown: JSON = {
            "id": campaign.id,
            "web_id": campaign.web_id,
            "type": campaign.type,
            "create_time": iso(campaign.created),
            "archive_url": f"https://eepurl.com/{campaign.id}",
            "long_archive_url": f"https://mailchi.mp/sandbox/{campaign.id}",
            "status": campaign.status,
            "emails_sent": len(campaign.messages),
            "send_time": iso(at) if at is not None else "",
            "content_type": campaign.content_type,
            "needs_block_refresh": False,
            "resendable": campaign.status == "sent",
            "recipients": {
                "list_id": campaign.recipients.get("list_id", ""),
                "list_is_active": audience is not None,
                "list_name": audience.name if audience else "",
                "segment_text": "",
                "recipient_count": len(campaign.messages) if sent else len(self.recipients(campaign)),
                **({"segment_opts": options} if options else {}),
            },
            "settings": dict(campaign.settings),
            "tracking": dict(campaign.tracking),
            "delivery_status": delivery_status(campaign),
        }
        if sent:
            ecommerce = {"total_orders": 0, "total_spent": 0, "total_revenue": 0}
            shown["report_summary"] = {**NOTHING_YET, "ecommerce": ecommerce}
        return shown

    def _check(self, data: Body) -> None:
        """Refuse recipients, a reply address or a template that do not exist ([unverified] wording)."""
        recipients, settings = data.get("recipients", {}), data.get("settings", {})
        errors: list[problems.FieldError] = []
        audience = None
        if recipients:
            audience = self._state.audiences.get(recipients.get("list_id", ""))
            if audience is None:
                errors.append(("recipients.list_id", "The list ID does not exist."))
        if settings.get("reply_to"):
            try:
                problems.check_email(settings["reply_to"])
            except problems.Problem:
                errors.append(("settings.reply_to", "This value is not a valid email address."))
        if settings.get("template_id") and settings["template_id"] not in self._state.templates:
            errors.append(("settings.template_id", "The template ID does not exist."))
        options = recipients.get("segment_opts") or {}
        saved = options.get("saved_segment_id")
        if audience is not None and saved and saved not in audience.segments:
            errors.append(("recipients.segment_opts.saved_segment_id", "The segment does not exist."))
        if errors:
            raise problems.invalid_resource(errors)
        if audience is not None and options.get("conditions"):
            check_options(audience, options)

    def _use_template(self, campaign: Campaign, data: Body) -> None:
        if template := self._state.templates.get(data.get("settings", {}).get("template_id", 0)):
            campaign.content = from_template(template.html, {})
            campaign.content_type = "template"


def delivery_status(campaign: Campaign) -> JSON:
    """Return the delivery status; cancelling is enabled while the campaign is being sent."""
    if campaign.status not in {"sending", "sent", "canceled"}:
        return {"enabled": False}
    words = {"sending": "delivering", "sent": "delivered", "canceled": "canceled"}
    return {
        "enabled": True,
        "can_cancel": campaign.status == "sending",
        "status": words[campaign.status],
        "emails_sent": len(campaign.messages),
        "emails_canceled": 0,
    }


def _asked_for(request: VendorRequest, campaign: Campaign) -> bool:
    wanted: tuple[tuple[str, Any], ...] = (
        ("type", campaign.type),
        ("status", campaign.status),
        ("list_id", campaign.recipients.get("list_id", "")),
    )
    if any(request.param(name) not in {None, value} for name, value in wanted):
        return False
    times = (("create_time", campaign.created), ("send_time", campaign.send_at or campaign.schedule_at))
    for name, at in times:
        for prefix in ("since", "before"):
            if (bound := request.param(f"{prefix}_{name}")) is None:
                continue
            try:
                limit = epoch(bound)
            except ValueError as exc:
                message = "Please enter a valid ISO 8601 date."
                raise problems.invalid_resource([(f"{prefix}_{name}", message)]) from exc
            if at is None or (at < limit if prefix == "since" else at >= limit):
                return False
    return True
