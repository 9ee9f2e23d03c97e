"""Conditions of saved segments, evaluated over members.

Evaluated: EmailAddress, TextMerge, SelectMerge, DateMerge, BirthdayMerge, Date, StaticSegment (tags),
Language, VIP, MemberRating. The others need what a sandbox does not have (opens, orders, places) and are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.state import JSON, Audience, Member

RATING = 2  # every member of the sandbox has the rating of a new contact

_TEXT: dict[str, Callable[[str, str], bool]] = {
    "is": lambda have, want: have == want,
    "not": lambda have, want: have != want,
    "contains": lambda have, want: want in have,
    "notcontain": lambda have, want: want not in have,
    "starts": lambda have, want: have.startswith(want),
    "ends": lambda have, want: have.endswith(want),
    "greater": lambda have, want: have > want,
    "less": lambda have, want: have < want,
    "blank": lambda have, want: not have,
    "blank_not": lambda have, want: bool(have),
}
_SAME = ("is", "not")
_ORDER = ("is", "not", "greater", "less")
_BLANK = ("blank", "blank_not")
_OPS: dict[str, tuple[str, ...]] = {
    "EmailAddress": ("is", "not", "contains", "notcontain", "starts", "ends", "greater", "less"),
    "TextMerge": tuple(_TEXT),
    "SelectMerge": ("is", "not", "blank", "blank_not", "notcontain", "contains"),
    "DateMerge": (*_ORDER, *_BLANK),
    "BirthdayMerge": (*_SAME, *_BLANK),
    "Date": (*_ORDER, *_BLANK),
    "StaticSegment": ("static_is", "static_not"),
    "Language": _SAME,
    "VIP": ("member", "notmember"),
    "MemberRating": _ORDER,
}
_FIELDS: dict[str, tuple[str, ...]] = {
    "EmailAddress": ("merge0", "EMAIL"),
    "StaticSegment": ("static_segment",),
    "Date": ("timestamp_opt", "info_changed"),
    "Language": ("language",),
    "VIP": ("gmonkey",),
    "MemberRating": ("rating",),
}
_VALUELESS = {"blank", "blank_not", "member", "notmember"}


def check_options(audience: Audience, options: JSON) -> None:
    """Refuse `{match, conditions}` that cannot be evaluated on this list.

    Raises:
        Problem: 400 Invalid Resource naming the condition.
    """
    errors: list[problems.FieldError] = []
    if options.get("match", "all") not in ("any", "all"):
        errors.append(("options.match", "Data presented is not one of the accepted values: any, all."))
    conditions = options.get("conditions", [])
    if not isinstance(conditions, list):
        raise problems.invalid_resource([("options.conditions", "Schema describes array")])
    for index, condition in enumerate(conditions):
        if message := _fault(audience, condition):
            errors.append((f"options.conditions.item:{index}", message))
    if errors:
        raise problems.invalid_resource(errors)


def matching(audience: Audience, options: JSON, members: Iterable[Member]) -> list[Member]:
    """Return the members that meet any or all of the conditions; no condition is met by nobody."""
    conditions = options.get("conditions", [])
    combine = any if options.get("match", "all") == "any" else all
    return [
        member
        for member in members
        if conditions and combine(_holds(audience, member, condition) for condition in conditions)
    ]


def _fault(audience: Audience, condition: Any) -> str:
    if not isinstance(condition, dict):
        return "Schema describes object"
    kind = str(condition.get("condition_type"))
    if kind not in _OPS:
        return f"The sandbox evaluates {', '.join(_OPS)}; not {kind}."
    if condition.get("op") not in _OPS[kind]:
        return f"op is not one of the accepted values: {', '.join(_OPS[kind])}."
    field = condition.get("field")
    if kind in _FIELDS:
        if field not in _FIELDS[kind]:
            return f"field is not one of the accepted values: {', '.join(_FIELDS[kind])}."
    elif _tag(audience, field) is None:
        return "field does not name a merge field of this list."
    if condition["op"] not in _VALUELESS and "value" not in condition:
        return "Required fields were not provided: value"
    return ""


def _tag(audience: Audience, field: Any) -> str | None:
    """Return the merge tag that a condition's field names: `FNAME` or `merge1`."""
    for merge in audience.merge_fields.values():
        if field in (merge.tag, f"merge{merge.id}"):
            return merge.tag
    return None


def _holds(audience: Audience, member: Member, condition: JSON) -> bool:
    kind, op, value = condition["condition_type"], condition["op"], condition.get("value", "")
    if kind == "StaticSegment":
        inside = str(value).isdecimal() and int(value) in member.tags
        return inside is (op == "static_is")
    if kind == "VIP":
        return bool(member.vip) is (op == "member")
    if kind == "MemberRating":
        return _TEXT[op](str(RATING), str(value))
    if kind == "Date":
        return _date_holds(member, condition)
    if kind == "EmailAddress":
        have = member.email
    elif kind == "Language":
        have = member.language
    else:  # a merge field; one that was deleted since is blank for everyone
        have = str(member.merge_fields.get(_tag(audience, condition["field"]) or "", ""))
    return _TEXT[op](have.lower(), str(value).lower())


def _date_holds(member: Member, condition: JSON) -> bool:
    """Compare days (UTC): a `Date` value is `date` with the day in `extra`, or the day itself."""
    if condition["field"] == "timestamp_opt":
        have = member.timestamp_opt[:10]
    else:
        have = datetime.fromtimestamp(member.changed, UTC).date().isoformat()
    value = str(condition.get("value", ""))
    want = str(condition.get("extra", "")) if value == "date" else value
    if condition["op"] in {"greater", "less"} and not have:
        return False
    return _TEXT[condition["op"]](have, want[:10])
