"""Members of a list: upsert, add, change, archive, delete for good, find.

Compliance: someone who left by the unsubscribe link, or whose address bounced, cannot be subscribed by the
API any more, only asked again (`pending`). Someone whom the *account* unsubscribed, over the API, can be.
"""

from __future__ import annotations

from typing import Any

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import Body, Kind, check, decode
from newfuse.sandbox.mailchimp.member_document import asked_for, describe
from newfuse.sandbox.mailchimp.paging import flag, page
from newfuse.sandbox.mailchimp.state import (
    ARCHIVED,
    JSON,
    STATUSES,
    Audience,
    Member,
    State,
    epoch,
    iso,
    subscriber_hash,
)
from newfuse.sandbox.mailchimp.tags import assign, describe_all, remove
from newfuse.sandbox.vendor import VendorRequest

KINDS: dict[str, Kind] = {
    "email_address": "string",
    "status": STATUSES,
    "status_if_new": STATUSES,
    "email_type": ("html", "text"),
    "merge_fields": "object",
    "interests": "object",
    "location": "object",
    "language": "string",
    "vip": "boolean",
    "ip_signup": "string",
    "ip_opt": "string",
    "timestamp_signup": "string",
    "timestamp_opt": "string",
    "tags": "array",
}
_COPIED = ("email_type", "language", "vip", "ip_signup", "ip_opt", "timestamp_signup", "timestamp_opt")
MAX_MERGE_TEXT = 255  # bytes a text merge field holds (mailchimp.com/help/manage-audience-signup-form-fields)
NO_REASON = "N/A (Unsubscribed by an admin)"  # what the vendor shows when the account did it


class Members:
    """The members resource of every list."""

    def __init__(self, state: State) -> None:
        """Work on `state`."""
        self._state = state

    def audience(self, list_id: str) -> Audience:
        """Return a list.

        Raises:
            Problem: 404, there is none of that id.
        """
        audience = self._state.audiences.get(list_id)
        if audience is None:
            raise problems.resource_not_found()
        return audience

    def find(self, audience: Audience, key: str) -> Member:
        """Return a member by subscriber hash or e-mail address.

        Raises:
            Problem: 404, there is none.
        """
        member = audience.members.get(hash_of(key))
        if member is None:
            raise problems.resource_not_found()
        return member

    def get_all(self, request: VendorRequest, list_id: str) -> JSON:
        """GET /lists/{list_id}/members: archived members only when their status is asked for."""
        audience = self.audience(list_id)
        rows = [member for member in audience.members.values() if asked_for(request, member)]
        field = request.param("sort_field")
        if field in {"timestamp_opt", "timestamp_signup"}:
            rows.sort(key=lambda member: str(getattr(member, field)))
        elif field == "last_changed":
            rows.sort(key=lambda member: member.changed)
        if request.param("sort_dir") == "DESC":
            rows.reverse()
        shown = [describe(audience, member) for member in page(request, rows)]
        return {"members": shown, "list_id": list_id, "total_items": len(rows)}

    def get(self, request: VendorRequest, list_id: str, key: str) -> JSON:
        """GET /lists/{list_id}/members/{subscriber_hash}."""
        audience = self.audience(list_id)
        return describe(audience, self.find(audience, key))

    def post(self, request: VendorRequest, list_id: str) -> JSON:
        """POST /lists/{list_id}/members: an address that is on the list already is refused."""
        audience = self.audience(list_id)
        data = decode(request, required=("email_address", "status"), kinds=KINDS)
        email = problems.check_email(data["email_address"])
        known = audience.members.get(subscriber_hash(email))
        if known is not None and known.status != ARCHIVED:
            raise problems.member_exists(email)
        member, _ = self.save(
            audience, known, data, status=data["status"], validate=not flag(request, "skip_merge_validation")
        )
        return describe(audience, member)

    def put(self, request: VendorRequest, list_id: str, key: str) -> JSON:
        """PUT /lists/{list_id}/members/{subscriber_hash}: add or update.

        A hash that names nobody adds the address in the body, under the hash of that address; if that one is
        on the list, "Member Exists", which is what a caller meets who did not lower the case before hashing
        (github.com/VingtCinq/python-mailchimp issue 182).
        """
        audience = self.audience(list_id)
        data = decode(request, kinds=KINDS)
        known = audience.members.get(hash_of(key))
        if known is None:
            required = [name for name in ("email_address", "status_if_new") if not data.get(name)]
            if required:
                raise problems.invalid_resource([(name, "This value should not be blank.") for name in required])
            clash = audience.members.get(subscriber_hash(problems.check_email(data["email_address"])))
            if clash is not None:
                raise problems.member_exists(clash.email)
        new = known is None or known.status == ARCHIVED
        status = (data.get("status_if_new") or data.get("status")) if new else data.get("status")
        member, _ = self.save(audience, known, data, status=status, validate=not flag(request, "skip_merge_validation"))
        return describe(audience, member)

    def patch(self, request: VendorRequest, list_id: str, key: str) -> JSON:
        """PATCH /lists/{list_id}/members/{subscriber_hash}: change some fields, the address among them."""
        audience = self.audience(list_id)
        member = self.find(audience, key)
        data = decode(request, kinds=KINDS)
        data.pop("tags", None)  # not a field of PATCH
        member, _ = self.save(
            audience,
            member,
            data,
            status=data.get("status"),
            validate=not flag(request, "skip_merge_validation"),
        )
        return describe(audience, member)

    def delete(self, request: VendorRequest, list_id: str, key: str) -> None:
        """DELETE /lists/{list_id}/members/{subscriber_hash}: archive; the member can be added again."""
        member = self.find(self.audience(list_id), key)
        if member.status == ARCHIVED:
            raise problems.member_not_removable()
        member.status = ARCHIVED
        member.changed = member.status_at = self._state.now()
        self._state.writes["members_archived"] += 1

    def delete_permanent(self, request: VendorRequest, list_id: str, key: str) -> None:
        """POST …/actions/delete-permanent: forget the member; the address cannot be imported again."""
        audience = self.audience(list_id)
        member = self.find(audience, key)
        del audience.members[member.id]
        audience.forgotten.add(member.id)
        self._state.writes["members_deleted"] += 1

    def save(
        self,
        audience: Audience,
        known: Member | None,
        data: Body,
        *,
        status: str | None,
        validate: bool,
        sync_tags: bool = False,
    ) -> tuple[Member, str]:
        """Create or change one member, or refuse and change nothing.

        Args:
            audience: The list.
            known: The member to change; None creates one.
            data: The member's fields as given.
            status: What the member's status is to become; None leaves it.
            validate: Require the merge fields that the list requires.
            sync_tags: Take away the tags that `data` does not name.

        Returns:
            The member, and which counter this write belongs to: members_created, members_updated or
            members_unchanged.

        Raises:
            Problem: 400, by the first rule that is broken.
        """
        check(data, kinds=KINDS)
        email = problems.check_email(data["email_address"]) if data.get("email_address") else None
        if known is None and email is None:
            raise problems.invalid_email()
        address = email or (known.email if known else "")
        key = subscriber_hash(address)
        if (known is None or key != known.id) and key in audience.members:
            raise problems.member_exists(address)
        if key in audience.forgotten:
            raise problems.forgotten_email(address)
        if status == "subscribed" and known is not None and known.in_compliance:
            raise problems.compliance_state(known.email)
        _check_times(data)
        merged = _merge(audience, known, data, validate=validate)

        now = self._state.now()
        before = None if known is None else _snapshot(known)
        member = known or Member(email=address, status="", web_id=self._state.ids.number("member"), changed=now)
        if member.email != address:
            audience.members.pop(member.id, None)
            member.email = address
        audience.members[key] = member
        member.merge_fields = merged
        for name in _COPIED:
            if name in data:
                setattr(member, name, data[name])
        member.interests = {**member.interests, **data.get("interests", {})}
        member.location = {**member.location, **data.get("location", {})}
        if status:
            _enter(member, status, now)
        names = [str(_tag_name(tag)) for tag in data.get("tags", [])]
        if sync_tags:
            for tag in describe_all(audience, member):
                if tag["name"] not in names:
                    remove(self._state, audience, member, tag["name"])
        assign(self._state, audience, member, names)
        outcome = _outcome(before, member)
        if outcome != "members_unchanged":
            member.changed = now
        self._state.writes[outcome] += 1
        return member, outcome

    def unsubscribe(self, list_id: str, email: str, reason: str = "") -> Member:
        """Do what the unsubscribe link of an e-mail does, so that the member is in compliance state."""
        member = self.find(self.audience(list_id), email)
        member.status, member.in_compliance = "unsubscribed", True
        member.unsubscribe_reason = reason
        member.changed = member.status_at = self._state.now()
        return member


def hash_of(key: str) -> str:
    """Return the subscriber hash of what stands in a path: a hash, or an e-mail address."""
    return subscriber_hash(key) if "@" in key else key


def _check_times(data: Body) -> None:
    for name in ("timestamp_signup", "timestamp_opt"):
        if data.get(name):
            try:
                epoch(data[name])
            except ValueError as exc:
                raise problems.invalid_resource([(name, "Please enter a valid ISO 8601 date.")]) from exc


def _merge(audience: Audience, known: Member | None, data: Body, *, validate: bool) -> JSON:
    """Return the merge fields to be; tags that the list does not have are dropped, as the vendor does."""
    given = {str(tag).upper(): value for tag, value in data.get("merge_fields", {}).items()}
    merged: JSON = {}
    errors: list[problems.FieldError] = []
    for field in audience.merge_fields.values():
        current = known.merge_fields.get(field.tag, field.default) if known else field.default
        value = given.get(field.tag, current)
        if field.type == "number" and not isinstance(value, (int, float)) and value != "":
            try:
                value = float(str(value))
            except (TypeError, ValueError):
                errors.append((field.tag, "Please enter a number"))
        elif field.type != "address" and isinstance(value, (dict, list)):
            errors.append((field.tag, f"Schema describes string, {type(value).__name__} found instead"))
        elif field.type == "text" and len(str(value).encode()) > MAX_MERGE_TEXT:
            errors.append((field.tag, f"Data must be {MAX_MERGE_TEXT} characters or fewer"))
        if validate and field.required and value in ("", None):
            errors.append((field.tag, "Please enter a value"))
        merged[field.tag] = "" if value is None else value
    if errors:
        raise problems.invalid_merge_fields(errors)
    return merged


def _enter(member: Member, status: str, now: float) -> None:
    if member.status == status:
        return
    member.status = status
    member.status_at = now
    if status in {"subscribed", "pending"}:
        member.unsubscribe_reason = ""
        member.timestamp_signup = member.timestamp_signup or iso(now)
    if status == "subscribed":
        member.timestamp_opt = member.timestamp_opt or iso(now)
    if status == "unsubscribed" and not member.in_compliance:
        member.unsubscribe_reason = NO_REASON
    if status == "cleaned":
        member.in_compliance = True


def _tag_name(tag: Any) -> Any:
    """Return the name of a tag given as a string, or as `{"name": …}`."""
    return tag.get("name", "") if isinstance(tag, dict) else tag


def _snapshot(member: Member) -> tuple[Any, ...]:
    copied = tuple(getattr(member, name) for name in _COPIED)
    return (
        member.email,
        member.status,
        copied,
        dict(member.merge_fields),
        dict(member.interests),
        dict(member.location),
        frozenset(member.tags),
    )


def _outcome(before: tuple[Any, ...] | None, member: Member) -> str:
    if before is None:
        return "members_created"
    return "members_unchanged" if _snapshot(member) == before else "members_updated"
