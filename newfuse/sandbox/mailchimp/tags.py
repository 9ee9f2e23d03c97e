"""Tags of members. A tag is a static segment: both names lead to the same thing, as at Mailchimp."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from newfuse.sandbox.mailchimp.body import Body, check
from newfuse.sandbox.mailchimp.state import JSON, Audience, Member, Segment, State, iso


def describe_all(audience: Audience, member: Member) -> list[JSON]:
    """Return the tags of a member as GET …/tags lists them."""
    return [
        {"id": tag, "name": audience.segments[tag].name, "date_added": iso(at)}
        for tag, at in member.tags.items()
        if tag in audience.segments
    ]


def check_changes(tags: list[Any]) -> None:
    """Refuse a tag change without a name or with a status that is neither active nor inactive.

    Raises:
        Problem: 400 Invalid Resource.
    """
    for tag in tags:
        data: Body = tag if isinstance(tag, dict) else {}
        check(data, required=("name", "status"), kinds={"name": "string", "status": ("inactive", "active")})


def segment_for(state: State, audience: Audience, name: str) -> Segment:
    """Return the static segment of a name, made when there is none."""
    found = audience.tagged(name)
    if found is None:
        now = state.now()
        found = Segment(id=state.ids.number("segment"), name=name, created=now, updated=now)
        audience.segments[found.id] = found
    return found


def assign(state: State, audience: Audience, member: Member, names: Iterable[str]) -> bool:
    """Give a member tags; True when one of them was new to the member."""
    changed = False
    for name in filter(None, names):
        segment = segment_for(state, audience, name)
        if segment.id not in member.tags:
            member.tags[segment.id] = segment.updated = state.now()
            changed = True
    return changed


def remove(state: State, audience: Audience, member: Member, name: str) -> bool:
    """Take a tag from a member; False when the member did not have it."""
    segment = audience.tagged(name)
    if segment is None or member.tags.pop(segment.id, None) is None:
        return False
    segment.updated = state.now()
    return True
