"""Campaigns and their content.

API: https://mailchimp.com/developer/marketing/api/campaigns/

Sending and scheduling them is in `sending`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from newfuse import Integration, action
from newfuse.connectors.mailchimp.lists import DEFAULT_LIMIT, MAX_LIMIT, Limit, read_list
from newfuse.connectors.mailchimp.records import Campaign, CampaignContent, CampaignText, Email, Id, Report, Text
from newfuse.errors import InvalidArguments

PATH = "/3.0/campaigns"
ONE = PATH + "/{campaign_id}"
MAX_SUBJECT = 150  # characters, mailchimp.com/help/best-practices-for-email-subject-lines

CampaignType = Literal["regular", "plaintext"]
CampaignStatus = Literal["save", "paused", "schedule", "sending", "sent"]


class TemplateContent(BaseModel):
    """A template with its editable sections filled."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(description="The template's number.")
    sections: dict[str, str] | None = Field(None, description="Content by name of the editable section.")


class Campaigns(Integration):
    """Create campaigns, fill them, and read what became of them."""

    @action(effect="write", once="lookup", lookup="_created_campaign", mark="title")
    async def create_campaign(
        self,
        list_id: Id,
        subject_line: Annotated[Text, Field(max_length=MAX_SUBJECT)],
        title: Text,
        from_name: Text,
        reply_to: Email,
        type: CampaignType = "regular",
        preview_text: str | None = None,
        to_name: str | None = None,
        segment_id: int | None = None,
        segment_conditions: list[dict[str, Any]] | None = None,
        segment_match: Literal["any", "all"] = "all",
    ) -> Campaign:
        """Create a campaign as a draft; nothing is mailed.

        After an answer was lost the campaign is found again by its exact title in the same audience. So the title
        must hold a reference of your own and be used once; with the call's reference in it, one that is there already
        is taken instead of making a second.

        Args:
            list_id: Id of the audience it goes to.
            subject_line: Subject of the mail, up to 150 characters.
            title: Name inside Mailchimp, unique in the audience, e.g. "Spring sale [run-42]".
            from_name: Name of the sender.
            reply_to: Address of the sender; its domain must be verified at Mailchimp.
            type: regular (HTML) or plaintext.
            preview_text: What mail programs show after the subject.
            to_name: Whom it is addressed to, e.g. *|FNAME|*.
            segment_id: Number of a saved segment to send to, in place of the whole audience.
            segment_conditions: Conditions of Mailchimp's to send to, in place of a saved segment.
            segment_match: Whether any or all conditions must be met.

        Returns:
            The draft, with status save and the number of recipients.

        Raises:
            Rejected: Audience, segment or sender do not fit; the fields are named.
        """
        recipients: dict[str, Any] = {"list_id": list_id}
        if segment_id is not None:
            recipients["segment_opts"] = {"saved_segment_id": segment_id}
        elif segment_conditions:
            recipients["segment_opts"] = {"match": segment_match, "conditions": segment_conditions}
        settings = {
            "subject_line": subject_line,
            "title": title,
            "from_name": from_name,
            "reply_to": reply_to,
            "preview_text": preview_text,
            "to_name": to_name,
        }
        # https://mailchimp.com/developer/marketing/api/campaigns/add-campaign/
        row = await self.api.post(
            PATH,
            json={
                "type": type,
                "recipients": recipients,
                "settings": {name: value for name, value in settings.items() if value is not None},
            },
        )
        return Campaign.model_validate(row)

    @action(effect="write", once="natural")
    async def set_campaign_content(
        self,
        campaign_id: Id,
        html: str | None = None,
        plain_text: str | None = None,
        template: TemplateContent | None = None,
    ) -> CampaignContent:
        """Set the content of a draft, replacing what was there.

        Args:
            campaign_id: The campaign's id.
            html: The mail as HTML; *|UNSUB|* stands for the unsubscribe link.
            plain_text: The mail as plain text; made from the HTML when left out.
            template: A template and its sections, in place of HTML.

        Returns:
            How long the content is now, in characters.

        Raises:
            InvalidArguments: Nothing was given, or both HTML and a template.
            Rejected: The campaign is scheduled or sent already.
        """
        if (html is None and plain_text is None and template is None) or (html is not None and template is not None):
            problem = "give html, plain_text or both, or a template"
            raise InvalidArguments(f"{self.slug}.set_campaign_content", [("html", problem)])
        body = {
            "html": html,
            "plain_text": plain_text,
            "template": template.model_dump(exclude_none=True) if template is not None else None,
        }
        # https://mailchimp.com/developer/marketing/api/campaign-content/set-campaign-content/
        row = await self.api.put(
            f"{ONE}/content",
            values={"campaign_id": campaign_id},
            json={name: value for name, value in body.items() if value is not None},
        )
        # Both are in the answer, empty where there is none: specification, PUT /campaigns/{campaign_id}/content.
        return CampaignContent(
            campaign_id=campaign_id,
            html_chars=len(row["html"] or ""),
            plain_text_chars=len(row["plain_text"] or ""),
        )

    @action(effect="read")
    async def get_campaign_content(self, campaign_id: Id) -> CampaignText:
        """Read the content of a campaign.

        Args:
            campaign_id: The campaign's id.

        Returns:
            HTML and plain text; empty texts when none was set.

        Raises:
            NotFound: There is no such campaign.
        """
        # https://mailchimp.com/developer/marketing/api/campaign-content/get-campaign-content/
        row = await self.api.get(f"{ONE}/content", values={"campaign_id": campaign_id})
        return CampaignText.model_validate(row)

    @action(effect="read")
    async def get_campaign(self, campaign_id: Id) -> Campaign:
        """Read one campaign as it stands now.

        Args:
            campaign_id: The campaign's id.

        Returns:
            The campaign with status, recipients and mails sent.

        Raises:
            NotFound: There is no such campaign.
        """
        # https://mailchimp.com/developer/marketing/api/campaigns/get-campaign-info/
        return Campaign.model_validate(await self.api.get(ONE, values={"campaign_id": campaign_id}))

    @action(effect="read")
    async def list_campaigns(
        self, list_id: Id | None = None, status: CampaignStatus | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> list[Campaign]:
        """List campaigns, newest first.

        Args:
            list_id: Only those of this audience.
            status: Only those with this status.
            limit: Most campaigns to return; exactly as many mean that there may be more.

        Returns:
            The campaigns; an empty list when there are none.
        """
        rows = await self._campaigns(limit, list_id=list_id, status=status)
        return [Campaign.model_validate(row) for row in rows]

    @action(effect="read")
    async def get_report(self, campaign_id: Id) -> Report:
        """Read what became of a campaign that was sent.

        Args:
            campaign_id: The campaign's id.

        Returns:
            Mails sent, bounces, opens, clicks and unsubscribes, as counted by Mailchimp so far.

        Raises:
            NotFound: There is no such campaign, or it was not sent yet.
        """
        # https://mailchimp.com/developer/marketing/api/reports/get-campaign-report/
        row = await self.api.get("/3.0/reports/{campaign_id}", values={"campaign_id": campaign_id})
        return Report.model_validate(row)

    async def _campaigns(self, limit: int, **filters: Any) -> list[Any]:
        newest_first = {"sort_field": "create_time", "sort_dir": "DESC"}
        # https://mailchimp.com/developer/marketing/api/campaigns/list-campaigns/
        return await read_list(self, PATH, items="campaigns", limit=limit, params={**filters, **newest_first})

    async def _created_campaign(self, list_id: str, title: str, **_: Any) -> Campaign | None:
        rows = await self._campaigns(MAX_LIMIT, list_id=list_id)
        found = next((row for row in rows if row["settings"].get("title") == title), None)
        return Campaign.model_validate(found) if found is not None else None
