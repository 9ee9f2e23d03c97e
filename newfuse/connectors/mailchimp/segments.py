"""Segments of an audience.

API: https://mailchimp.com/developer/marketing/api/list-segments/
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from newfuse import Integration, action
from newfuse.connectors.mailchimp.lists import DEFAULT_LIMIT, MAX_LIMIT, Limit, read_list
from newfuse.connectors.mailchimp.records import Email, Id, Segment, SegmentChange, Text
from newfuse.errors import InvalidArguments

PATH = "/3.0/lists/{list_id}/segments"
MAX_CHANGES = 500  # "A maximum of 500 members can be sent": specification
MAX_NAME = 100  # mailchimp.com/help/create-and-send-to-a-segment

Addresses = Annotated[list[Email], Field(max_length=MAX_CHANGES)]


class Segments(Integration):
    """Divide an audience into segments."""

    @action(effect="read")
    async def list_segments(
        self, list_id: Id, type: Literal["saved", "static", "fuzzy"] | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> list[Segment]:
        """List the segments of an audience, tags included (they are the static ones).

        Args:
            list_id: The audience's id.
            type: Only static ones (tags), saved ones (conditions) or fuzzy ones.
            limit: Most segments to return; exactly as many mean that there may be more.

        Returns:
            The segments with their counts of members; an empty list when there are none.

        Raises:
            NotFound: There is no such audience.
        """
        # https://mailchimp.com/developer/marketing/api/list-segments/list-segments/
        rows = await read_list(
            self, PATH, items="segments", limit=limit, values={"list_id": list_id}, params={"type": type}
        )
        return [Segment.model_validate(row) for row in rows]

    @action(effect="write", once="lookup", lookup="_created_segment")
    async def create_segment(
        self,
        list_id: Id,
        name: Annotated[Text, Field(max_length=MAX_NAME)],
        static_segment: Addresses | None = None,
        conditions: list[dict[str, Any]] | None = None,
        match: Literal["any", "all"] = "all",
    ) -> Segment:
        """Create a segment: of chosen addresses, or of whoever meets conditions.

        Its name tells it from others after an answer was lost, so it must be the only one of that name in the
        audience.

        Args:
            list_id: The audience's id.
            name: Name of the segment, unique in the audience.
            static_segment: Up to 500 addresses; those not on the audience are ignored. Empty without conditions.
            conditions: Mailchimp's conditions, e.g. condition_type, field, op and value; in place of addresses.
            match: Whether any or all conditions must be met.

        Returns:
            The new segment.

        Raises:
            InvalidArguments: Both addresses and conditions were given.
            Rejected: A tag of that name exists, or a condition does not fit.
        """
        if conditions is not None and static_segment is not None:
            problem = "give static_segment or conditions, not both"
            raise InvalidArguments(f"{self.slug}.create_segment", [("conditions", problem)])
        body: dict[str, Any] = {"name": name}
        if conditions is not None:
            body["options"] = {"match": match, "conditions": conditions}
        else:
            body["static_segment"] = static_segment or []
        # https://mailchimp.com/developer/marketing/api/list-segments/add-segment/
        return Segment.model_validate(await self.api.post(PATH, values={"list_id": list_id}, json=body))

    @action(effect="write", once="natural")
    async def add_segment_members(
        self, list_id: Id, segment_id: int, email_addresses: Annotated[Addresses, Field(min_length=1)]
    ) -> SegmentChange:
        """Put addresses of the audience into a static segment; those in it already stay.

        Args:
            list_id: The audience's id.
            segment_id: The segment's number.
            email_addresses: Up to 500 addresses.

        Returns:
            How many were added, and the addresses that could not be, with the reason.

        Raises:
            NotFound: There is no such audience or segment.
            Rejected: The segment follows conditions.
        """
        # https://mailchimp.com/developer/marketing/api/list-segments/batch-add-or-remove-members/
        answer = await self.api.post(
            f"{PATH}/{{segment_id}}",
            values={"list_id": list_id, "segment_id": segment_id},
            json={"members_to_add": email_addresses},
        )
        return SegmentChange.model_validate(answer)

    async def _created_segment(self, list_id: str, name: str, **_: Any) -> Segment | None:
        rows = await read_list(self, PATH, items="segments", limit=MAX_LIMIT, values={"list_id": list_id})
        found = next((row for row in rows if row["name"] == name), None)
        return Segment.model_validate(found) if found is not None else None
