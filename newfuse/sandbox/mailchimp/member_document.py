"""A member as the vendor shows it, and the filters that choose which are shown."""

from __future__ import annotations

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.paging import flag
from newfuse.sandbox.mailchimp.state import ARCHIVED, JSON, Audience, Member, epoch, iso, subscriber_hash
from newfuse.sandbox.vendor import VendorRequest


def describe(audience: Audience, member: Member) -> JSON:
    """Return a member as the vendor shows it."""
    unsubscribed = {"unsubscribe_reason": member.unsubscribe_reason} if member.status == "unsubscribed" else {}
    names = (str(member.merge_fields.get(tag, "")) for tag in ("FNAME", "LNAME"))
    tags = [{"id": tag, "name": audience.segments[tag].name} for tag in member.tags if tag in audience.segments]
    return {
        "id": member.id,
        "email_address": member.email,
        "unique_email_id": subscriber_hash("unique:" + member.email)[:10],
        "contact_id": subscriber_hash("contact:" + member.email),
        "full_name": " ".join(name for name in names if name),
        "web_id": member.web_id,
        "email_type": member.email_type,
        "status": member.status,
        **unsubscribed,
        "consents_to_one_to_one_messaging": True,
        "merge_fields": member.merge_fields,
        "interests": member.interests,
        "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
        "ip_signup": member.ip_signup,
        "timestamp_signup": member.timestamp_signup,
        "ip_opt": member.ip_opt,
        "timestamp_opt": member.timestamp_opt,
        "member_rating": 2,  # what every new contact starts with
        "last_changed": iso(member.changed),
        "language": member.language,
        "vip": member.vip,
        "email_client": "",
        "location": {
            "latitude": 0,
            "longitude": 0,
            "gmtoff": 0,
            "dstoff": 0,
            "country_code": "",
            "timezone": "",
            "region": "",
            **member.location,
        },
        "source": "API - Generic",
        "tags_count": len(tags),
        "tags": tags,
        "list_id": audience.id,
    }


def asked_for(request: VendorRequest, member: Member) -> bool:
    """Return whether the filters of GET /lists/{list_id}/members let a member through."""
    status = request.param("status")
    if status is None:
        if member.status == ARCHIVED:
            return False
    elif member.status != status:
        return False
    if (kind := request.param("email_type")) and member.email_type != kind:
        return False
    if flag(request, "vip_only") and not member.vip:
        return False
    unique = request.param("unique_email_id")
    if unique and subscriber_hash("unique:" + member.email)[:10] != unique:
        return False
    return _within(request, "last_changed", member.changed) and _within(
        request, "timestamp_opt", epoch(member.timestamp_opt) if member.timestamp_opt else None
    )


def _within(request: VendorRequest, name: str, at: float | None) -> bool:
    bounds = request.param(f"since_{name}"), request.param(f"before_{name}")
    try:
        since, before = (epoch(bound) if bound else None for bound in bounds)
    except ValueError as exc:
        raise problems.invalid_resource([(f"since_{name}", "Please enter a valid ISO 8601 date.")]) from exc
    if since is None and before is None:
        return True
    return at is not None and (since is None or at >= since) and (before is None or at < before)
