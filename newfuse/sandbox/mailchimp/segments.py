"""Segments of a list: saved ones (conditions) and static ones (chosen addresses, which are tags)."""

from __future__ import annotations

from typing import Any

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import Body, decode
from newfuse.sandbox.mailchimp.conditions import check_options, matching
from newfuse.sandbox.mailchimp.member_document import describe
from newfuse.sandbox.mailchimp.members import Members, hash_of
from newfuse.sandbox.mailchimp.paging import flag, page
from newfuse.sandbox.mailchimp.state import JSON, Audience, Member, Segment, State, iso, subscriber_hash
from newfuse.sandbox.mailchimp.tags import (
    check_changes,
    describe_all,
    remove,
    segment_for,
)
from newfuse.sandbox.vendor import VendorRequest

MAX_CHANGES = 500  # spec: members_to_add and members_to_remove take 500 addresses each
NOT_IN_AUDIENCE = "Email addresses are not subscribed to the audience"  # [unverified] wording


class Segments:
    """The segments and tags resources of every list."""

    def __init__(self, state: State, members: Members) -> None:
        """Work on `state`, finding lists and members as `members` does."""
        self._state = state
        self._members = members

    def get_all(self, request: VendorRequest, list_id: str) -> JSON:
        """GET /lists/{list_id}/segments."""
        audience = self._members.audience(list_id)
        kind = request.param("type")
        rows = [segment for segment in audience.segments.values() if kind in {None, segment.type}]
        shown = [self._describe(request, audience, segment) for segment in page(request, rows)]
        return {"segments": shown, "list_id": list_id, "total_items": len(rows)}

    def get(self, request: VendorRequest, list_id: str, segment_id: str) -> JSON:
        """GET /lists/{list_id}/segments/{segment_id}."""
        audience = self._members.audience(list_id)
        return self._describe(request, audience, find(audience, segment_id))

    def post(self, request: VendorRequest, list_id: str) -> JSON:
        """POST /lists/{list_id}/segments: `static_segment` (addresses) or `options` (conditions)."""
        audience = self._members.audience(list_id)
        data = decode(
            request,
            required=("name",),
            kinds={"name": "string", "static_segment": "array", "options": "object"},
        )
        if ("static_segment" in data) == ("options" in data):
            raise problems.bad_request("Please provide either static_segment or options.")  # [unverified]
        if "options" in data:
            check_options(audience, data["options"])
        elif audience.tagged(data["name"]):
            raise problems.bad_request("Sorry, that tag already exists.")
        now = self._state.now()
        segment = Segment(
            id=self._state.ids.number("segment"),
            name=data["name"],
            created=now,
            updated=now,
            options=_options(data["options"]) if "options" in data else None,
        )
        audience.segments[segment.id] = segment
        for member in _known(audience, data.get("static_segment", [])):
            member.tags[segment.id] = now
        self._state.writes["segments_created"] += 1
        return self._describe(request, audience, segment)

    def patch(self, request: VendorRequest, list_id: str, segment_id: str) -> JSON:
        """PATCH /lists/{list_id}/segments/{segment_id}; `static_segment` replaces the members."""
        audience = self._members.audience(list_id)
        segment = find(audience, segment_id)
        data = decode(request, kinds={"name": "string", "static_segment": "array", "options": "object"})
        if "options" in data:
            if segment.options is None:
                raise problems.bad_request("A static segment has no conditions.")  # [unverified]
            check_options(audience, data["options"])
            segment.options = _options(data["options"])
        if "static_segment" in data:
            self._require_static(segment)
            for member in audience.members.values():
                member.tags.pop(segment.id, None)
            for member in _known(audience, data["static_segment"]):
                member.tags[segment.id] = self._state.now()
        segment.name = data.get("name", segment.name)
        segment.updated = self._state.now()
        return self._describe(request, audience, segment)

    def change_members(self, request: VendorRequest, list_id: str, segment_id: str) -> JSON:
        """POST /lists/{list_id}/segments/{segment_id}: add and remove addresses of a static segment."""
        audience = self._members.audience(list_id)
        segment = find(audience, segment_id)
        self._require_static(segment)
        data = decode(request, kinds={"members_to_add": "array", "members_to_remove": "array"})
        lists = [data.get(name, []) for name in ("members_to_add", "members_to_remove")]
        if any(len(addresses) > MAX_CHANGES for addresses in lists):
            raise problems.bad_request(f"You may only change up to {MAX_CHANGES} members at a time.")
        added, removed, unknown = [], [], []
        for address in lists[0]:
            member = audience.members.get(subscriber_hash(str(address)))
            if member is None or member.status != "subscribed":
                unknown.append(address)
            elif segment.id not in member.tags:
                member.tags[segment.id] = self._state.now()
                added.append(member)
        for address in lists[1]:
            member = audience.members.get(subscriber_hash(str(address)))
            if member is None or member.tags.pop(segment.id, None) is None:
                unknown.append(address)
            else:
                removed.append(member)
        self._state.writes["tags_changed"] += len(added) + len(removed)
        errors = [{"email_addresses": unknown, "error": NOT_IN_AUDIENCE}] if unknown else []
        return {
            "members_added": [describe(audience, member) for member in added],
            "members_removed": [describe(audience, member) for member in removed],
            "errors": errors,
            "total_added": len(added),
            "total_removed": len(removed),
            "error_count": len(errors),
        }

    def delete(self, request: VendorRequest, list_id: str, segment_id: str) -> None:
        """DELETE /lists/{list_id}/segments/{segment_id}: the members stay on the list."""
        audience = self._members.audience(list_id)
        segment = find(audience, segment_id)
        del audience.segments[segment.id]
        for member in audience.members.values():
            member.tags.pop(segment.id, None)

    def get_members(self, request: VendorRequest, list_id: str, segment_id: str) -> JSON:
        """GET /lists/{list_id}/segments/{segment_id}/members: subscribed ones, others on request."""
        audience = self._members.audience(list_id)
        rows = members_of(audience, find(audience, segment_id), _statuses(request))
        shown = [describe(audience, member) for member in page(request, rows)]
        return {"members": shown, "total_items": len(rows)}

    def add_member(self, request: VendorRequest, list_id: str, segment_id: str) -> JSON:
        """POST /lists/{list_id}/segments/{segment_id}/members."""
        audience = self._members.audience(list_id)
        segment = find(audience, segment_id)
        self._require_static(segment)
        data = decode(request, required=("email_address",), kinds={"email_address": "string"})
        member = self._members.find(audience, problems.check_email(data["email_address"]))
        if segment.id not in member.tags:
            member.tags[segment.id] = self._state.now()
            self._state.writes["tags_changed"] += 1
        return describe(audience, member)

    def remove_member(self, request: VendorRequest, list_id: str, segment_id: str, key: str) -> None:
        """DELETE /lists/{list_id}/segments/{segment_id}/members/{subscriber_hash}."""
        audience = self._members.audience(list_id)
        segment = find(audience, segment_id)
        self._require_static(segment)
        member = audience.members.get(hash_of(key))
        if member is None or member.tags.pop(segment.id, None) is None:
            raise problems.resource_not_found()
        self._state.writes["tags_changed"] += 1

    def get_tags(self, request: VendorRequest, list_id: str, key: str) -> JSON:
        """GET /lists/{list_id}/members/{subscriber_hash}/tags."""
        audience = self._members.audience(list_id)
        rows = describe_all(audience, self._members.find(audience, key))
        return {"tags": list(page(request, rows)), "total_items": len(rows)}

    def change_tags(self, request: VendorRequest, list_id: str, key: str) -> None:
        """POST /lists/{list_id}/members/{subscriber_hash}/tags: active adds, inactive removes; 204."""
        audience = self._members.audience(list_id)
        member = self._members.find(audience, key)
        data = decode(request, required=("tags",), kinds={"tags": "array", "is_syncing": "boolean"})
        check_changes(data["tags"])
        for tag in data["tags"]:
            if tag["status"] == "inactive":
                changed = remove(self._state, audience, member, tag["name"])
            else:
                segment = segment_for(self._state, audience, tag["name"])
                changed = segment.id not in member.tags
                member.tags.setdefault(segment.id, self._state.now())
            self._state.writes["tags_changed"] += changed

    def search_tags(self, request: VendorRequest, list_id: str) -> JSON:
        """GET /lists/{list_id}/tag-search?name=: tags whose name begins with it; all without one."""
        audience = self._members.audience(list_id)
        begin = (request.param("name") or "").lower()
        tags = [
            {"id": segment.id, "name": segment.name}
            for segment in audience.segments.values()
            if segment.options is None and segment.name.lower().startswith(begin)
        ]
        return {"tags": tags, "total_items": len(tags)}

    def _describe(self, request: VendorRequest, audience: Audience, segment: Segment) -> JSON:
        options = segment.options or {
            "match": "any",
            "conditions": [
                {
                    "condition_type": "StaticSegment",
                    "field": "static_segment",
                    "op": "static_is",
                    "value": segment.id,
                }
            ],
        }
        return {
            "id": segment.id,
            "name": segment.name,
            "member_count": len(members_of(audience, segment, _statuses(request))),
            "type": segment.type,
            "created_at": iso(segment.created),
            "updated_at": iso(segment.updated),
            "options": options,
            "list_id": audience.id,
        }

    @staticmethod
    def _require_static(segment: Segment) -> None:
        if segment.options is not None:
            raise problems.bad_request("Members of a saved segment follow its conditions.")  # [unverified]


def find(audience: Audience, segment_id: Any) -> Segment:
    """Return a segment of a list.

    Raises:
        Problem: 404, there is none of that id.
    """
    segment = audience.segments.get(int(segment_id)) if str(segment_id).isdecimal() else None
    if segment is None:
        raise problems.resource_not_found()
    return segment


def members_of(audience: Audience, segment: Segment, statuses: set[str]) -> list[Member]:
    """Return the members of a segment that have one of the statuses."""
    members = (member for member in audience.members.values() if member.status in statuses)
    if segment.options is None:
        return [member for member in members if segment.id in member.tags]
    return matching(audience, segment.options, members)


def _statuses(request: VendorRequest) -> set[str]:
    optional = {name for name in ("cleaned", "transactional", "unsubscribed") if flag(request, f"include_{name}")}
    return {"subscribed"} | optional


def _options(options: Body) -> JSON:
    return {"match": options.get("match", "all"), "conditions": options.get("conditions", [])}


def _known(audience: Audience, addresses: list[Any]) -> list[Member]:
    """Return the members among addresses; spec: "Emails not present on the list will be ignored"."""
    found = (audience.members.get(subscriber_hash(str(address))) for address in addresses)
    return [member for member in found if member is not None]
