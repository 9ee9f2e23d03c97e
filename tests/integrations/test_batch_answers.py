"""A batch whose answers are not as many as its items has told nothing of any of them."""

from __future__ import annotations

import httpx
import pytest

from integrations.conftest import DeskVendor
from integrations.desk import Desk
from newfuse.effects import Ledger
from newfuse.errors import EffectUnknown
from newfuse.integrations import WriteStatus

TICKETS = {"tickets": [{"id": "1"}, {"id": "2"}]}


@pytest.mark.parametrize("rows", [[], [{"id": "1"}], [{"id": "1"}, {"id": "2"}, {"id": "3"}]], ids=len)
async def test_too_few_or_too_many_answers_leave_every_item_unknown_and_all_are_sent_again(
    desk: Desk, vendor: DeskVendor, ledger: Ledger, rows: list[dict[str, str]]
):
    vendor.answers = [httpx.Response(200, json=rows)]
    performed = await desk.perform_batch("update_tickets", TICKETS, references=["r1", "r2"])
    assert [(WriteStatus.UNKNOWN, EffectUnknown)] * 2 == [(one.status, type(one.error)) for one in performed]
    assert all(f"answered {len(rows)} of 2 items" in str(one.error) for one in performed)
    assert {"unknown"} == set((await ledger.states([one.key for one in performed])).values())
    again = await desk.perform_batch("update_tickets", TICKETS, references=["r1", "r2"])
    assert [WriteStatus.CONFIRMED] * 2 == [one.status for one in again]
    assert 2 == len(vendor.writes())
    assert vendor.writes()[0].content == vendor.writes()[1].content
