"""Merge fields of a list: what its members carry besides their address."""

from __future__ import annotations

import re

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import Kind, decode
from newfuse.sandbox.mailchimp.members import Members
from newfuse.sandbox.mailchimp.paging import flag, page
from newfuse.sandbox.mailchimp.state import JSON, Audience, MergeField
from newfuse.sandbox.vendor import VendorRequest

TYPES = (
    "text",
    "number",
    "address",
    "phone",
    "date",
    "url",
    "imageurl",
    "radio",
    "dropdown",
    "birthday",
    "zip",
)
MAX_TAG_CHARS = 10  # mailchimp.com/developer/marketing/docs/merge-fields
_KINDS: dict[str, Kind] = {
    "name": "string",
    "tag": "string",
    "required": "boolean",
    "default_value": "string",
    "public": "boolean",
    "display_order": "integer",
    "help_text": "string",
    "options": "object",
}


class MergeFields:
    """The merge fields resource of every list."""

    def __init__(self, members: Members) -> None:
        """Find lists as `members` does."""
        self._members = members

    def get_all(self, request: VendorRequest, list_id: str) -> JSON:
        """GET /lists/{list_id}/merge-fields."""
        audience = self._members.audience(list_id)
        kind = request.param("type")
        rows = [field for field in audience.merge_fields.values() if kind in {None, field.type}]
        if flag(request, "required"):
            rows = [field for field in rows if field.required]
        shown = [_describe(audience, field) for field in page(request, rows)]
        return {"merge_fields": shown, "list_id": list_id, "total_items": len(rows)}

    def get(self, request: VendorRequest, list_id: str, merge_id: str) -> JSON:
        """GET /lists/{list_id}/merge-fields/{merge_id}."""
        audience = self._members.audience(list_id)
        return _describe(audience, _find(audience, merge_id))

    def post(self, request: VendorRequest, list_id: str) -> JSON:
        """POST /lists/{list_id}/merge-fields: members get the default value."""
        audience = self._members.audience(list_id)
        data = decode(request, required=("name", "type"), kinds={**_KINDS, "type": TYPES})
        number = max(audience.merge_fields, default=0) + 1
        tag = str(data.get("tag") or re.sub(r"\W", "", data["name"])).upper()[:MAX_TAG_CHARS] or f"MMERGE{number}"
        if any(field.tag == tag for field in audience.merge_fields.values()) or tag == "EMAIL":
            raise problems.bad_request(f'A Merge Field with the tag "{tag}" already exists for this list.')
        field = MergeField(
            id=number,
            tag=tag,
            name=data["name"],
            type=data["type"],
            required=data.get("required", False),
            default=data.get("default_value", ""),
            public=data.get("public", False),
            order=data.get("display_order", number + 1),
            help_text=data.get("help_text", ""),
            options=data.get("options", {}),
        )
        audience.merge_fields[number] = field
        for member in audience.members.values():
            member.merge_fields[tag] = field.default
        return _describe(audience, field)

    def delete(self, request: VendorRequest, list_id: str, merge_id: str) -> None:
        """DELETE /lists/{list_id}/merge-fields/{merge_id}: its values go too."""
        audience = self._members.audience(list_id)
        field = audience.merge_fields.pop(_find(audience, merge_id).id)
        for member in audience.members.values():
            member.merge_fields.pop(field.tag, None)


def _find(audience: Audience, merge_id: str) -> MergeField:
    field = audience.merge_fields.get(int(merge_id)) if merge_id.isdecimal() else None
    if field is None:
        raise problems.resource_not_found()
    return field


def _describe(audience: Audience, field: MergeField) -> JSON:
    return {
        "merge_id": field.id,
        "tag": field.tag,
        "name": field.name,
        "type": field.type,
        "required": field.required,
        "default_value": field.default,
        "public": field.public,
        "display_order": field.order,
        "options": field.options,
        "help_text": field.help_text,
        "list_id": audience.id,
    }
