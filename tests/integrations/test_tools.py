"""Actions as LangChain tools: failures are error messages, and a model that repeats itself repeats nothing."""

from __future__ import annotations

import json

import httpx
import pytest
from langchain_core.messages import ToolMessage

from integrations.conftest import KEY, DeskVendor
from integrations.desk import Desk
from newfuse.http import calling


def call(name: str, **arguments: object) -> dict:
    return {"type": "tool_call", "id": "call-1", "name": name, "args": arguments}


async def use(desk: Desk, name: str, **arguments: object) -> ToolMessage:
    tool = {tool.name: tool for tool in desk.tools()}[name]
    return await tool.ainvoke(call(name, **arguments))


async def test_there_is_one_tool_per_action_with_its_schema(desk: Desk):
    tools = {tool.name: tool for tool in desk.tools()}
    assert {"desk_find_tickets", "desk_open_ticket", "desk_update_tickets"} == set(tools)
    find = tools["desk_find_tickets"]
    assert desk.specs["find_tickets"].description == find.description
    assert desk.specs["find_tickets"].signature.arguments is find.args_schema


async def test_a_result_is_json_for_the_model_and_data_for_programs(desk: Desk):
    message = await use(desk, "desk_find_tickets", subject="Help", person={"email": "ada@example.com"})
    assert ("success", [{"id": "1", "subject": "Help"}]) == (message.status, message.artifact)
    assert message.artifact == json.loads(message.content)


async def test_a_refusal_is_an_error_message_without_secrets(desk: Desk, vendor: DeskVendor):
    vendor.answers = [httpx.Response(422, json={"message": f"too long for {KEY}"})]
    message = await use(desk, "desk_open_ticket", subject="x")
    assert "error" == message.status
    assert "too long" in message.content
    assert KEY not in message.content


async def test_a_desk_that_is_not_connected_is_an_error_message(desk: Desk):
    await desk.disconnect()
    message = await use(desk, "desk_open_ticket", subject="x")
    assert ("error", "Not connected to Help Desk. Call connect() first.") == (message.status, message.content)


async def test_a_batch_with_a_failed_item_is_a_message_that_says_so(desk: Desk, vendor: DeskVendor):
    vendor.answers = [httpx.Response(422, json={"message": "too long"})]
    message = await use(desk, "desk_update_tickets", tickets=[{"id": "1"}])
    assert "failed" in message.content
    assert "too long" in message.content


@pytest.mark.parametrize(("run_id", "sent"), [("run-1", 1), (None, 2)])
async def test_within_a_run_a_repeated_write_is_done_once(
    desk: Desk, vendor: DeskVendor, run_id: str | None, sent: int
):
    with calling(run_id=run_id):
        first = await use(desk, "desk_open_ticket", subject="x")
        second = await use(desk, "desk_open_ticket", subject="x")
    assert first.artifact == second.artifact
    assert sent == len(vendor.writes())


async def test_another_run_or_other_contents_are_another_write(desk: Desk, vendor: DeskVendor):
    for run_id, subject in (("run-1", "x"), ("run-1", "y"), ("run-2", "x")):
        with calling(run_id=run_id):
            await use(desk, "desk_open_ticket", subject=subject)
    assert 3 == len(vendor.writes())


async def test_arguments_that_do_not_fit_are_an_error_message_without_their_values(desk: Desk, vendor: DeskVendor):
    seen = len(vendor.requests)
    message = await use(desk, "desk_find_tickets", subject="x", limit="SECRET", colour="SECRET")
    assert "error" == message.status
    assert message.content.startswith("desk.find_tickets: limit: ")
    assert "colour: " in message.content
    assert "SECRET" not in message.content
    assert seen == len(vendor.requests)
