"""What Mailchimp's problem documents mean.

API: https://mailchimp.com/developer/marketing/docs/errors/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newfuse import Fault, NewFuseError
from newfuse.errors import Conflict, Rejected
from newfuse.types import JSON

COMPLIANCE = "Member In Compliance State"
EXISTS = "Member Exists"
FORGOTTEN = "Forgotten Email Not Subscribed"
MAX_FIELDS = 5  # field errors repeated in a message; `detail` of the error keeps the rest

NEXT_STEP = {
    COMPLIANCE: "Only they can come back: status pending sends them a request to confirm.",
    EXISTS: "Update the member instead.",
    FORGOTTEN: "They can only sign up again by themselves, through a form.",
}


def describe_failure(status: int, headers: Mapping[str, str], body: JSON) -> Fault | None:  # noqa: ARG001
    """Read one error answer.

    Args:
        status: HTTP status; the body repeats it.
        headers: Say nothing of use.
        body: Decoded body.

    Returns:
        Detail, field errors and the next step where there is one; the code is the problem's title. None for a body
        of another shape: under load Mailchimp answers 429 and 403 without JSON.
    """
    if not isinstance(body, Mapping) or not body.get("title") or not isinstance(body.get("status"), int):
        return None
    title = str(body["title"])
    parts = [f"{title}: {body.get('detail') or 'no reason was given'}"]
    fields = body.get("errors")
    if isinstance(fields, list) and fields:
        said = (f"{_of(entry, 'field')}: {_of(entry, 'message')}" for entry in fields[:MAX_FIELDS])
        parts.append(f"({'; '.join(said)})")
    if title in NEXT_STEP:
        parts.append(NEXT_STEP[title])
    return Fault(" ".join(parts), code=title)


def member_error(row: Mapping[str, Any], *, integration: str) -> NewFuseError:
    """Return the error of one member of a batch, under the title it would have had alone.

    Args:
        row: One entry of `errors` in the answer to a batch.
        integration: Slug.
    """
    said = str(row.get("error") or "no reason was given")
    field = row.get("field")
    if field:
        said = f"{said} ({field}: {row.get('field_message') or 'not accepted'})"
    if row.get("error_code") == "ERROR_CONTACT_EXISTS":
        return Conflict(f"{said} {NEXT_STEP[EXISTS]}", integration=integration, code=EXISTS)
    # A batch tells these two by their words alone: its error_code is ERROR_GENERIC.
    for words, title in (("compliance state", COMPLIANCE), ("permanently deleted", FORGOTTEN)):
        if words in said.lower():
            return Rejected(f"{title}: {said} {NEXT_STEP[title]}", integration=integration, code=title)
    return Rejected(said, integration=integration, code=str(row.get("error_code") or "") or None)


def _of(entry: JSON, name: str) -> str:
    return str(entry.get(name) or "") if isinstance(entry, Mapping) else str(entry)
