"""A vendor that repeats our key: nothing that is kept or shown of a call holds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from integrations.desk import Desk
from newfuse import NewFuseError
from newfuse.effects import Ledger
from newfuse.redact import MASK
from newfuse.store import CallLog, Store

KEY = "dk7/Q+zeta=90&omega"  # of no vendor's shape


def repeating(request: httpx.Request) -> httpx.Response:
    """Answer with the key wherever something can stand."""
    headers = {"X-Request-Id": f"r-{KEY}"}
    sent = json.loads(request.content) if request.content else {}
    if sent.get("subject") == "refused":
        error = {"message": f"no {quote(KEY, safe='')}", "code": KEY, "field": {KEY: [KEY]}}
        return httpx.Response(422, json={"error": error}, headers=headers)
    ticket = {"id": "ticket_7", "subject": f"{sent.get('subject')} {KEY}"}
    return httpx.Response(200, json=[ticket] if request.method == "GET" else ticket, headers=headers)


def everything_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def test_a_key_that_a_vendor_repeats_is_in_no_answer_error_or_store(tmp_path: Path):
    store = Store(tmp_path)
    calls = CallLog(store)
    options: dict[str, Any] = {"recorder": calls.record, "transport": httpx.MockTransport(repeating)}
    shown = []
    async with Desk(api_key=KEY, ledger=Ledger(store), **options) as desk:
        shown.append(await desk.execute("find_tickets", {"subject": "help"}))
        made = await desk.execute("open_ticket", {"subject": "help"})
        shown.append(made)
        with pytest.raises(NewFuseError) as caught:
            await desk.execute("open_ticket", {"subject": "refused"})
    shown.append([caught.value.for_model, caught.value.for_log, vars(caught.value)])
    await calls.flush()
    await store.close()
    assert ("ticket_7", f"help {MASK}") == (made.id, made.subject)
    kept = everything_below(tmp_path)
    assert b"ticket_7" in kept
    assert MASK.encode() in kept
    for form in (KEY, quote(KEY, safe="")):
        assert form not in repr(shown)
        assert form.encode() not in kept
