"""What Mailchimp's objects look like to a caller: only the fields an agent reads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from newfuse import Record

# What a caller may give a member; `archived` is reached by archive_member alone.
MemberStatus = Literal["subscribed", "unsubscribed", "cleaned", "pending", "transactional"]
EmailType = Literal["html", "text"]

Id = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
# 254: RFC 5321, 4.5.3.1.3, a path less its brackets.
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

# Mailchimp writes a time that is not known as an empty text.
Moment = Annotated[AwareDatetime | None, BeforeValidator(lambda value: value or None)]


class MemberUpsert(BaseModel):
    """One member to add or change, in Mailchimp's own words."""

    model_config = ConfigDict(extra="forbid")

    email_address: Email = Field(description="The member's address.")
    status: MemberStatus | None = Field(
        None, description="Status to give, to a member that is on the list too; needed for one that is not."
    )
    merge_fields: dict[str, Any] | None = Field(None, description="Values by merge tag, e.g. FNAME.")
    interests: dict[str, bool] | None = Field(None, description="Membership by interest id.")
    language: str | None = Field(None, description="Language code, e.g. en.")
    vip: bool | None = Field(None, description="Whether the member is a VIP.")
    email_type: EmailType | None = Field(None, description="Which kind of mail the member asked for.")
    timestamp_opt: AwareDatetime | None = Field(None, description="When the member agreed to be mailed.")
    ip_opt: str | None = Field(None, description="Address the agreement came from.")


class TagChange(BaseModel):
    """One tag to set or to take away."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(description="The tag.")
    status: Literal["active", "inactive"] = Field("active", description="active sets it, inactive takes it away.")


class Account(Record):
    """Whose account this is."""

    account_id: str
    account_name: str
    email: str | None = None
    role: str | None = None
    total_subscribers: int | None = None
    account_timezone: str | None = None


class AudienceStats(Record):
    """How many contacts an audience has."""

    member_count: int = 0
    unsubscribe_count: int = 0
    cleaned_count: int = 0
    campaign_count: int = 0


class CampaignDefaults(Record):
    """The sender an audience's campaigns have unless they say otherwise."""

    from_name: str = ""
    from_email: str = ""
    subject: str = ""
    language: str = ""


class Audience(Record):
    """One audience (Mailchimp's API calls it a list)."""

    id: str
    name: str
    permission_reminder: str = ""
    double_optin: bool | None = None
    campaign_defaults: CampaignDefaults = CampaignDefaults()
    stats: AudienceStats = AudienceStats()
    date_created: Moment = None


class MergeField(Record):
    """One field that the members of an audience carry."""

    merge_id: int
    tag: str
    name: str
    type: str
    required: bool = False
    default_value: str | float | None = None


class Tag(Record):
    """One tag of a member."""

    id: int
    name: str


class Member(Record):
    """One member of an audience.

    Attributes:
        id: The subscriber hash.
        status: One of the statuses a caller may give, or `archived`.
    """

    id: str
    email_address: str
    status: str
    full_name: str | None = None
    merge_fields: dict[str, Any] = Field(default_factory=dict)
    tags: list[Tag] = Field(default_factory=list)
    vip: bool | None = None
    unsubscribe_reason: str | None = None
    last_changed: Moment = None
    list_id: str | None = None


class ArchivedMember(Record):
    """A member that is archived now."""

    list_id: str
    id: str
    email_address: str
    status: str = "archived"


class TagsChanged(Record):
    """The tags that were set and taken away, as Mailchimp accepted them."""

    list_id: str
    email_address: str
    active: list[str]
    inactive: list[str]


class Segment(Record):
    """One segment of an audience: static ones are what tags are, saved ones follow conditions."""

    id: int
    name: str
    type: str
    member_count: int = 0
    list_id: str | None = None
    created_at: Moment = None
    updated_at: Moment = None


class SegmentError(Record):
    """Addresses that could not be put into a segment, and why."""

    email_addresses: list[str] = Field(default_factory=list)
    error: str


class SegmentChange(Record):
    """What became of a change of a segment's members."""

    total_added: int
    total_removed: int
    error_count: int = 0
    errors: list[SegmentError] = Field(default_factory=list)


class Recipients(Record):
    """Whom a campaign goes to."""

    list_id: str = ""
    list_name: str = ""
    recipient_count: int = 0


class CampaignSettings(Record):
    """Subject and sender of a campaign."""

    title: str = ""
    subject_line: str = ""
    preview_text: str = ""
    from_name: str = ""
    reply_to: str = ""


class Campaign(Record):
    """One campaign.

    Attributes:
        status: `save` (a draft), `paused`, `schedule`, `sending`, `sent`, `canceling`, `canceled` or `archived`.
        send_time: When it was sent, or is scheduled to be.
    """

    id: str
    type: str
    status: str
    emails_sent: int = 0
    send_time: Moment = None
    create_time: Moment = None
    content_type: str | None = None
    recipients: Recipients = Recipients()
    settings: CampaignSettings = CampaignSettings()


class CampaignState(Record):
    """The status a campaign has after an action."""

    campaign_id: str
    status: str
    schedule_time: Moment = None


class CampaignContent(Record):
    """How much content a campaign has; the content itself is read with get_campaign_content."""

    campaign_id: str
    html_chars: int
    plain_text_chars: int


class CampaignText(Record):
    """The content of a campaign; empty texts where none was set."""

    html: str
    plain_text: str


class ChecklistItem(Record):
    """One thing Mailchimp looked at before sending: type `success`, `warning` or `error`."""

    type: str
    heading: str
    details: str


class SendChecklist(Record):
    """Whether a campaign can be sent, and what stands in the way."""

    is_ready: bool
    items: list[ChecklistItem] = Field(default_factory=list)


class Bounces(Record):
    """Messages that came back."""

    hard_bounces: int = 0
    soft_bounces: int = 0
    syntax_errors: int = 0


class Opens(Record):
    """Who opened a campaign; `open_rate` is a fraction."""

    opens_total: int = 0
    unique_opens: int = 0
    open_rate: float = 0.0


class Clicks(Record):
    """Who clicked in a campaign; `click_rate` is a fraction."""

    clicks_total: int = 0
    unique_clicks: int = 0
    unique_subscriber_clicks: int = 0
    click_rate: float = 0.0


class Report(Record):
    """What became of a campaign that was sent."""

    id: str
    campaign_title: str = ""
    subject_line: str = ""
    list_id: str = ""
    emails_sent: int = 0
    abuse_reports: int = 0
    unsubscribed: int = 0
    bounces: Bounces = Bounces()
    opens: Opens = Opens()
    clicks: Clicks = Clicks()
    send_time: Moment = None


class AutomationSettings(Record):
    """Title and sender of an automation."""

    title: str = ""
    from_name: str = ""
    reply_to: str = ""


class Automation(Record):
    """One classic automation: status `save`, `paused` or `sending`."""

    id: str
    status: str
    emails_sent: int = 0
    settings: AutomationSettings = AutomationSettings()
    recipients: Recipients = Recipients()
    create_time: Moment = None
    start_time: Moment = None


class Template(Record):
    """One template: type `user`, `base` or `gallery`."""

    id: int
    name: str
    type: str
    category: str | None = None
    active: bool | None = None
    date_created: Moment = None
