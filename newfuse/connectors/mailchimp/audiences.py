"""Audiences and their merge fields.

API: https://mailchimp.com/developer/marketing/api/lists/
"""

from __future__ import annotations

from newfuse import Integration, action
from newfuse.connectors.mailchimp.lists import DEFAULT_LIMIT, Limit, read_list
from newfuse.connectors.mailchimp.records import Audience, Id, MergeField

PATH = "/3.0/lists"


class Audiences(Integration):
    """See the audiences of an account and what their members carry."""

    @action(effect="read")
    async def list_audiences(self, limit: Limit = DEFAULT_LIMIT) -> list[Audience]:
        """List the account's audiences.

        Args:
            limit: Most audiences to return; exactly as many mean that there may be more.

        Returns:
            The audiences with their counts of members; an empty list when there are none.
        """
        # https://mailchimp.com/developer/marketing/api/lists/get-lists-info/
        rows = await read_list(self, PATH, items="lists", limit=limit)
        return [Audience.model_validate(row) for row in rows]

    @action(effect="read")
    async def get_audience(self, list_id: Id) -> Audience:
        """Read one audience.

        Args:
            list_id: Its id, e.g. a1b2c3d4e5.

        Returns:
            The audience with its counts of members.

        Raises:
            NotFound: There is no such audience.
        """
        # https://mailchimp.com/developer/marketing/api/lists/get-list-info/
        return Audience.model_validate(await self.api.get(f"{PATH}/{{list_id}}", values={"list_id": list_id}))

    @action(effect="read")
    async def list_merge_fields(self, list_id: Id, limit: Limit = DEFAULT_LIMIT) -> list[MergeField]:
        """List the merge fields of an audience: what its members can carry, and what they must.

        Args:
            list_id: The audience's id.
            limit: Most fields to return; exactly as many mean that there may be more.

        Returns:
            The fields; `tag` is what merge_fields of a member are named by.

        Raises:
            NotFound: There is no such audience.
        """
        # https://mailchimp.com/developer/marketing/api/list-merges/list-merge-fields/
        rows = await read_list(
            self, f"{PATH}/{{list_id}}/merge-fields", items="merge_fields", limit=limit, values={"list_id": list_id}
        )
        return [MergeField.model_validate(row) for row in rows]
