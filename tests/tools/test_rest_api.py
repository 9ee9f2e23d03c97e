"""The generic tool reads, only reads, and only where the run has an integration."""

from __future__ import annotations

import pytest

from newfuse import InvalidArguments, NotFound, Unavailable
from tools import rest_api as module
from tools.rest_api import rest_api


async def test_it_reads_with_the_integrations_own_authentication(bench):
    run = bench()
    path = "crm/v3/objects/contacts/12345"
    result = await run.call(rest_api, integration="hubspot", method="get", endpoint=path, data={"archived": False})
    assert (200, True, "12345") == (result.data["status"], result.data["success"], result.data["data"]["id"])
    assert "authorization" not in {name.lower() for name in result.data["headers"]}


async def test_a_query_in_the_endpoint_is_taken(bench):
    run = bench()
    result = await run.call(
        rest_api, integration="stripe", method="GET", endpoint="/v1/customers?email=jane.smith@example.com"
    )
    assert ["jane.smith@example.com"] == [row["email"] for row in result.data["data"]["data"]]


@pytest.mark.parametrize("method", ["POST", "put", "PATCH", "DELETE", "GET /x", ""])
async def test_whatever_could_write_is_refused_with_the_way_out(bench, method):
    run = bench()
    with pytest.raises(InvalidArguments, match="upsert_contacts"):
        await run.call(rest_api, integration="hubspot", method=method, endpoint="/crm/v3/objects/contacts")
    assert 0 == run.calls("hubspot")


@pytest.mark.parametrize(
    "endpoint",
    ["https://evil.example.com/x", "//evil.example.com/x", "/../stripe/v1", "", "/", "\\\\host\\x", "/a/%2e%2e/b"],
)
async def test_it_does_not_leave_the_integrations_host(bench, endpoint):
    run = bench()
    with pytest.raises(InvalidArguments):
        await run.call(rest_api, integration="hubspot", method="GET", endpoint=endpoint)


@pytest.mark.parametrize("header", ["Authorization", "Host", "Idempotency-Key", "X-Forwarded-For"])
async def test_what_the_engine_sets_cannot_be_replaced(bench, header):
    run = bench()
    with pytest.raises(InvalidArguments, match="cannot be set here"):
        await run.call(rest_api, integration="stripe", method="GET", endpoint="/v1/balance", headers={header: "x"})


async def test_an_integration_that_the_run_does_not_have_is_refused_by_name(bench):
    run = bench()
    with pytest.raises(InvalidArguments, match="it has ga4, hubspot, mailchimp, stripe"):
        await run.call(rest_api, integration="salesforce", method="GET", endpoint="/x")


async def test_a_failure_is_raised_and_never_an_answer(bench):
    run = bench()
    with pytest.raises(NotFound):
        await run.call(rest_api, integration="stripe", method="GET", endpoint="/v1/customers/cus_none")
    run.fault("stripe", "status", status=503)
    with pytest.raises(Unavailable):
        await run.call(rest_api, integration="stripe", method="GET", endpoint="/v1/balance")


def test_answers_are_shortened_and_secrets_masked():
    shown = module.shorten({"client_secret": "pi_1_secret_x", "rows": list(range(50)), "text": "x" * 500})
    assert module.MASK == shown["client_secret"]
    assert [0, 1, 2, 3, 4, "… (50 items in all)"] == shown["rows"]
    assert len(shown["text"]) < 250
