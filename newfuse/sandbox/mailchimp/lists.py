"""Lists (audiences), batch subscribing, merge fields and webhooks of a list."""

from __future__ import annotations

from typing import Any

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import Body, Kind, decode
from newfuse.sandbox.mailchimp.member_document import describe
from newfuse.sandbox.mailchimp.members import Members
from newfuse.sandbox.mailchimp.paging import flag, page
from newfuse.sandbox.mailchimp.state import (
    ARCHIVED,
    JSON,
    STATUSES,
    Audience,
    Campaign,
    Member,
    MergeField,
    State,
    iso,
    subscriber_hash,
)
from newfuse.sandbox.vendor import VendorRequest

MAX_BATCH = 500  # mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe
REQUIRED = (
    "name",
    "permission_reminder",
    "email_type_option",
    "contact.company",
    "contact.address1",
    "contact.city",
    "contact.country",
    "campaign_defaults.from_name",
    "campaign_defaults.from_email",
    "campaign_defaults.subject",
    "campaign_defaults.language",
)
KINDS: dict[str, Kind] = {
    "name": "string",
    "permission_reminder": "string",
    "email_type_option": "boolean",
    "contact": "object",
    "campaign_defaults": "object",
    "double_optin": "boolean",
    "marketing_permissions": "boolean",
    "notify_on_subscribe": "string",
    "notify_on_unsubscribe": "string",
    "use_archive_bar": "boolean",
}
CONTACT = ("company", "address1", "address2", "city", "state", "zip", "country", "phone")
# What every new list has (mailchimp.com/help/manage-audience-signup-form-fields).
DEFAULT_MERGE_FIELDS = (
    ("FNAME", "First Name", "text"),
    ("LNAME", "Last Name", "text"),
    ("ADDRESS", "Address", "address"),
    ("PHONE", "Phone Number", "phone"),
    ("BIRTHDAY", "Birthday", "birthday"),
)


def new_audience(state: State, list_id: str, settings: JSON, created: float) -> Audience:
    """Add a list with the merge fields that every list has."""
    audience = Audience(id=list_id, web_id=state.ids.number("list"), settings=settings, created=created)
    for number, (tag, name, kind) in enumerate(DEFAULT_MERGE_FIELDS, start=1):
        audience.merge_fields[number] = MergeField(number, tag, name, kind, order=number + 1)
    state.audiences[list_id] = audience
    return audience


class Lists:
    """The lists resource."""

    def __init__(self, state: State, members: Members) -> None:
        """Work on `state`; batch subscribing saves members by `members`."""
        self._state = state
        self._members = members

    def get_all(self, request: VendorRequest) -> JSON:
        """GET /lists."""
        rows = list(self._state.audiences.values())
        if email := request.param("email"):
            key = subscriber_hash(email)
            rows = [a for a in rows if key in a.members and a.members[key].status == "subscribed"]
        if request.param("sort_field") == "date_created":
            rows.sort(key=lambda a: a.created, reverse=request.param("sort_dir") == "DESC")
        return {
            "lists": [self.describe(request, audience) for audience in page(request, rows)],
            "total_items": len(rows),
            "constraints": {
                "may_create": True,
                "max_instances": 100,
                "current_total_instances": len(self._state.audiences),
            },
        }

    def get(self, request: VendorRequest, list_id: str) -> JSON:
        """GET /lists/{list_id}."""
        return self.describe(request, self._members.audience(list_id))

    def post(self, request: VendorRequest) -> JSON:
        """POST /lists."""
        data = decode(request, required=REQUIRED, kinds=KINDS)
        problems.check_email(data["campaign_defaults"]["from_email"])
        audience = new_audience(self._state, self._state.ids.hex10("list"), data, self._state.now())
        self._state.writes["lists_created"] += 1
        return self.describe(request, audience)

    def patch(self, request: VendorRequest, list_id: str) -> JSON:
        """PATCH /lists/{list_id}."""
        audience = self._members.audience(list_id)
        audience.settings = {**audience.settings, **decode(request, kinds=KINDS)}
        return self.describe(request, audience)

    def delete(self, request: VendorRequest, list_id: str) -> None:
        """DELETE /lists/{list_id}: with its members; reports of its campaigns stay."""
        self._members.audience(list_id)
        del self._state.audiences[list_id]

    def batch(self, request: VendorRequest, list_id: str) -> JSON:
        """POST /lists/{list_id}: up to 500 members; each is saved or stands in `errors`; always 200."""
        audience = self._members.audience(list_id)
        data = decode(
            request,
            required=("members",),
            kinds={"members": "array", "update_existing": "boolean", "sync_tags": "boolean"},
        )
        rows = data["members"]
        if len(rows) > MAX_BATCH:
            message = f"Array must have no more than {MAX_BATCH} items"  # [unverified] wording
            raise problems.invalid_resource([("members", message)])
        created: list[JSON] = []
        updated: list[JSON] = []
        errors: list[JSON] = []
        seen: set[str] = set()
        for row in rows:
            email = str(row.get("email_address", "")) if isinstance(row, dict) else ""
            key = subscriber_hash(email.strip())
            if key in seen:
                if not flag(request, "skip_duplicate_check"):
                    errors.append(_error(email, "Duplicate items found in the request."))  # [unverified]
                continue
            seen.add(key)
            try:
                member, outcome = self._save(
                    audience, row, key, data, validate=not flag(request, "skip_merge_validation")
                )
            except problems.Problem as problem:
                errors.append(_error(email, problem.detail, problem))
            else:
                (created if outcome == "members_created" else updated).append(describe(audience, member))
        return {
            "new_members": created,
            "updated_members": updated,
            "errors": errors,
            "total_created": len(created),
            "total_updated": len(updated),
            "error_count": len(errors),
        }

    def _save(self, audience: Audience, row: Any, key: str, data: Body, *, validate: bool) -> tuple[Member, str]:
        if not isinstance(row, dict):
            raise problems.invalid_email()
        email = problems.check_email(row.get("email_address"))
        known = audience.members.get(key)
        active = known is not None and known.status != ARCHIVED
        if active and not data.get("update_existing", False):
            raise problems.Problem(
                400,
                "Member Exists",
                f"{email} is already a list member, do you want to update?"
                " please provide update_existing:true in the request body",
            )
        status = row.get("status")
        if not active and status is None:
            raise problems.invalid_resource([("status", "This value should not be blank.")])
        return self._members.save(
            audience,
            known,
            row,
            status=status,
            validate=validate,
            sync_tags=data.get("sync_tags", False),
        )

    def describe(self, request: VendorRequest, audience: Audience) -> JSON:
        """Return a list as the vendor shows it, statistics counted from the members."""
        settings = audience.settings
        sent = [c for c in self._state.campaigns.values() if _sent_to(c, audience)]
        stats = self._stats(audience, sent)
        if flag(request, "include_total_contacts"):
            stats["total_contacts"] = len(audience.members)
        contact = dict.fromkeys(CONTACT, "")
        return {
            "id": audience.id,
            "web_id": audience.web_id,
            "name": audience.name,
            "contact": {**contact, **settings["contact"]},
            "permission_reminder": settings["permission_reminder"],
            "use_archive_bar": settings.get("use_archive_bar", False),
            "campaign_defaults": settings["campaign_defaults"],
            "notify_on_subscribe": settings.get("notify_on_subscribe", ""),
            "notify_on_unsubscribe": settings.get("notify_on_unsubscribe", ""),
            "date_created": iso(audience.created),
            "list_rating": 0,
            "email_type_option": settings["email_type_option"],
            "subscribe_url_short": f"https://eepurl.com/{audience.id}",
            "subscribe_url_long": f"https://sandbox.us1.list-manage.com/subscribe?id={audience.id}",
            "beamer_address": f"us1-{audience.id}@inbound.mailchimp.com",
            "visibility": "prv",
            "double_optin": settings.get("double_optin", False),
            "has_welcome": False,
            "marketing_permissions": settings.get("marketing_permissions", False),
            "modules": [],
            "stats": stats,
        }

    @staticmethod
    def _stats(audience: Audience, sent: list[Campaign]) -> JSON:
        counts = dict.fromkeys((*STATUSES, ARCHIVED), 0)
        since = dict(counts)  # of those, who got their status after the last send
        last_sub = last_unsub = ""
        last_sent = max((c.send_at or 0.0 for c in sent), default=0.0)
        for member in audience.members.values():
            counts[member.status] += 1
            since[member.status] += member.status_at > last_sent
            if member.status == "subscribed":
                last_sub = max(last_sub, member.timestamp_opt)
            elif member.status == "unsubscribed":
                last_unsub = max(last_unsub, iso(member.status_at))
        return {
            "member_count": counts["subscribed"],
            "unsubscribe_count": counts["unsubscribed"],
            "cleaned_count": counts["cleaned"],
            "member_count_since_send": since["subscribed"],
            "unsubscribe_count_since_send": since["unsubscribed"],
            "cleaned_count_since_send": since["cleaned"],
            "campaign_count": len(sent),
            "campaign_last_sent": iso(last_sent) if sent else "",
            "merge_field_count": len(audience.merge_fields),
            "avg_sub_rate": 0,
            "avg_unsub_rate": 0,
            "target_sub_rate": 0,
            "open_rate": 0,
            "click_rate": 0,
            "last_sub_date": last_sub,
            "last_unsub_date": last_unsub,
        }


def _sent_to(campaign: Campaign, audience: Audience) -> bool:
    return campaign.send_at is not None and campaign.recipients.get("list_id") == audience.id


def _error(email: str, message: str, problem: problems.Problem | None = None) -> JSON:
    exists = problem is not None and problem.title == "Member Exists"
    first = problem.errors[0] if problem is not None and problem.errors else ("", "")
    return {
        "email_address": email,
        "error": message,
        "error_code": "ERROR_CONTACT_EXISTS" if exists else "ERROR_GENERIC",
        "field": first[0],
        "field_message": first[1],
    }
