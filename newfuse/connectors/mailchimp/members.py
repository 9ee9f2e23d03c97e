"""Members of an audience.

API: https://mailchimp.com/developer/marketing/api/list-members/
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from newfuse import Expect, Integration, ItemResult, action
from newfuse.connectors.mailchimp.lists import DEFAULT_LIMIT, Limit, read_list
from newfuse.connectors.mailchimp.problems import member_error
from newfuse.connectors.mailchimp.records import (
    ArchivedMember,
    Email,
    EmailType,
    Id,
    Member,
    MemberStatus,
    MemberUpsert,
    TagChange,
    TagsChanged,
)
from newfuse.errors import NotFound, OutcomeUnknown, Rejected

PATH = "/3.0/lists/{list_id}/members"
ONE = PATH + "/{subscriber_hash}"
BATCH_PATH = "/3.0/lists/{list_id}"
MAX_BATCH = 500  # "Up to 500 members may be added or updated with each API call": specification
MAX_TAGS = 100  # more in one call is a mistake; the vendor names no limit


def subscriber_hash(email: str) -> str:
    """Return the id Mailchimp gives a member: the MD5 of the address in lower case.

    https://mailchimp.com/developer/marketing/docs/methods-parameters/#path-parameters
    """
    return hashlib.md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()


class Members(Integration):
    """Add, change, find and archive members of an audience."""

    @action(effect="write", once="natural")
    async def upsert_member(
        self,
        list_id: Id,
        email: Email,
        status_if_new: MemberStatus = "subscribed",
        status: MemberStatus | None = None,
        merge_fields: dict[str, Any] | None = None,
        interests: dict[str, bool] | None = None,
        language: str | None = None,
        vip: bool | None = None,
        email_type: EmailType | None = None,
        timestamp_opt: AwareDatetime | None = None,
        ip_opt: str | None = None,
        skip_merge_validation: bool = False,
    ) -> Member:
        """Add a member, or change the one with this address. Tags are set with update_tags.

        Args:
            list_id: The audience's id.
            email: The member's address.
            status_if_new: Status of a new member; subscribed needs their consent, pending asks them for it.
            status: New status of a member that is there already; theirs stays when left out.
            merge_fields: Values by merge tag, e.g. FNAME; fields left out stay as they are.
            interests: Membership by interest id.
            language: Language code, e.g. en.
            vip: Whether the member is a VIP.
            email_type: Which kind of mail the member asked for.
            timestamp_opt: When the member agreed to be mailed.
            ip_opt: Address the agreement came from.
            skip_merge_validation: Accept a member without the audience's required merge fields.

        Returns:
            The member as it is now.

        Raises:
            Rejected: By `code`: Member In Compliance State (they left or bounced, and cannot be subscribed for them),
                Forgotten Email Not Subscribed (deleted for good), Invalid Resource (a field does not fit).
            NotFound: There is no such audience.
        """
        body = {
            "email_address": email,
            "status_if_new": status_if_new,
            "status": status,
            "merge_fields": merge_fields,
            "interests": interests,
            "language": language,
            "vip": vip,
            "email_type": email_type,
            "timestamp_opt": timestamp_opt.isoformat() if timestamp_opt is not None else None,
            "ip_opt": ip_opt,
        }
        # https://mailchimp.com/developer/marketing/api/list-members/add-or-update-list-member/
        row = await self.api.put(
            ONE,
            values={"list_id": list_id, "subscriber_hash": subscriber_hash(email)},
            params={"skip_merge_validation": skip_merge_validation or None},
            json={name: value for name, value in body.items() if value is not None},
        )
        return Member.model_validate(row)

    @action(effect="write", once="natural", batch="members")
    async def upsert_members(
        self,
        list_id: Id,
        members: Annotated[list[MemberUpsert], Field(min_length=1, max_length=MAX_BATCH)],
        update_existing: bool = True,
        skip_merge_validation: bool = False,
    ) -> list[ItemResult]:
        """Add or change up to 500 members in one request; each succeeds or fails by itself.

        Args:
            list_id: The audience's id.
            members: The members, each with email_address and what is to be set.
            update_existing: Change those on the list already; otherwise they fail with code Member Exists.
            skip_merge_validation: Accept members without the audience's required merge fields.

        Returns:
            For each member, in order: the member as it is now, or the error with Mailchimp's title as `code`.

        Raises:
            NotFound: There is no such audience.
        """
        first: dict[str, MemberUpsert] = {}
        for member in members:
            first.setdefault(member.email_address.lower(), member)
        # https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/
        answer = await self.api.post(
            BATCH_PATH,
            values={"list_id": list_id},
            params={"skip_merge_validation": skip_merge_validation or None},
            json={
                "members": [member.model_dump(mode="json", exclude_none=True) for member in first.values()],
                "update_existing": update_existing,
            },
        )
        outcomes = _by_address(answer, self.slug)
        return [
            outcomes.get(member.email_address.lower(), _unmentioned(member, self.slug))
            if first[member.email_address.lower()] is member
            else _named_twice(member, self.slug)
            for member in members
        ]

    @action(effect="read")
    async def get_member(self, list_id: Id, email: Email) -> Member:
        """Read one member of an audience.

        Args:
            list_id: The audience's id.
            email: The member's address, in any case.

        Returns:
            The member with status, merge fields and tags; status archived when it was archived.

        Raises:
            NotFound: The address was never on this audience, or there is no such audience.
        """
        # https://mailchimp.com/developer/marketing/api/list-members/get-member-info/
        row = await self.api.get(ONE, values={"list_id": list_id, "subscriber_hash": subscriber_hash(email)})
        return Member.model_validate(row)

    @action(effect="read")
    async def list_members(
        self,
        list_id: Id,
        status: MemberStatus | None = None,
        since_last_changed: AwareDatetime | None = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> list[Member]:
        """List members of an audience; archived ones are left out.

        Args:
            list_id: The audience's id.
            status: Only those with this status.
            since_last_changed: Only those changed after this moment.
            limit: Most members to return; exactly as many mean that there may be more.

        Returns:
            The members; an empty list when there are none.

        Raises:
            NotFound: There is no such audience.
        """
        since = since_last_changed.isoformat() if since_last_changed is not None else None
        # https://mailchimp.com/developer/marketing/api/list-members/list-members-info/
        rows = await read_list(
            self,
            PATH,
            items="members",
            limit=limit,
            values={"list_id": list_id},
            params={"status": status, "since_last_changed": since},
        )
        return [Member.model_validate(row) for row in rows]

    @action(effect="write", once="natural")
    async def update_tags(
        self,
        list_id: Id,
        email: Email,
        tags: Annotated[list[TagChange], Field(min_length=1, max_length=MAX_TAGS)],
        is_syncing: bool = False,
    ) -> TagsChanged:
        """Set and take away tags of a member; a tag that does not exist yet is made.

        Args:
            list_id: The audience's id.
            email: The member's address.
            tags: Each with name, and status active to set it or inactive to take it away.
            is_syncing: Do not start the automations that wait for these tags.

        Returns:
            The tags that were accepted.

        Raises:
            NotFound: The address is not on this audience.
        """
        # https://mailchimp.com/developer/marketing/api/list-member-tags/add-or-remove-member-tags/
        await self.api.post(
            f"{ONE}/tags",
            values={"list_id": list_id, "subscriber_hash": subscriber_hash(email)},
            json={"tags": [tag.model_dump() for tag in tags], "is_syncing": is_syncing},
            expect=Expect.NOTHING,
        )
        return TagsChanged(
            list_id=list_id,
            email_address=email,
            active=[tag.name for tag in tags if tag.status == "active"],
            inactive=[tag.name for tag in tags if tag.status == "inactive"],
        )

    # By lookup and not natural: Mailchimp refuses to archive a second time (405), so that after a lost answer a
    # repetition would report a failure where there was none.
    @action(effect="destructive", once="lookup", lookup="_archived_member")
    async def archive_member(self, list_id: Id, email: Email) -> ArchivedMember:
        """Archive a member: no more mail for them, their history stays, and they can be added again.

        Args:
            list_id: The audience's id.
            email: The member's address.

        Returns:
            The archived member.

        Raises:
            NotFound: The address is not on this audience.
            Rejected: It is archived already.
        """
        key = subscriber_hash(email)
        # https://mailchimp.com/developer/marketing/api/list-members/archive-list-member/
        await self.api.delete(ONE, values={"list_id": list_id, "subscriber_hash": key}, expect=Expect.NOTHING)
        return ArchivedMember(list_id=list_id, id=key, email_address=email)

    async def _archived_member(self, list_id: str, email: str) -> ArchivedMember | None:
        key = subscriber_hash(email)
        try:
            row = await self.api.get(ONE, values={"list_id": list_id, "subscriber_hash": key})
        except NotFound:
            return None  # never there: archiving will say so itself
        if row["status"] != "archived":
            return None
        return ArchivedMember(list_id=list_id, id=key, email_address=email)


def _by_address(answer: dict[str, Any], integration: str) -> dict[str, ItemResult]:
    outcomes = {
        str(row["email_address"]).lower(): ItemResult(value=Member.model_validate(row))
        for row in [*answer["new_members"], *answer["updated_members"]]
    }
    for row in answer["errors"]:
        address = str(row.get("email_address") or "").strip().lower()
        outcomes[address] = ItemResult(error=member_error(row, integration=integration))
    return outcomes


def _named_twice(member: MemberUpsert, integration: str) -> ItemResult:
    said = f"{member.email_address} stands twice in this batch; the first entry was sent"
    return ItemResult(error=Rejected(said, integration=integration, code="Duplicate"))


def _unmentioned(member: MemberUpsert, integration: str) -> ItemResult:
    said = f"the answer to the batch does not mention {member.email_address}"
    return ItemResult(error=OutcomeUnknown(said, integration=integration))
