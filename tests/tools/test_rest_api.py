"""The generic tool reads, only reads, and only where the run has an integration."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import parse_qsl

import pytest

from newfuse import InvalidArguments, NotFound, Unavailable
from tools import crm, payments
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
    [found] = result.data["data"]["data"]
    assert ("customer", "[text of 22 characters]") == (found["object"], found["email"])


@pytest.mark.parametrize("method", ["POST", "put", "PATCH", "DELETE", "GET /x", ""])
async def test_whatever_could_write_is_refused_with_the_way_out(bench, method):
    run = bench()
    with pytest.raises(InvalidArguments, match="upsert_contacts"):
        await run.call(rest_api, integration="hubspot", method=method, endpoint="/crm/v3/objects/contacts")
    assert 0 == run.calls("hubspot")


@pytest.mark.parametrize(
    "endpoint",
    [
        *("https://evil.example.com/x", "//evil.example.com/x", "/../stripe/v1", "", "/", "\\\\host\\x", "/a/%2e%2e/b"),
        *(
            "/..%2fstripe/v1",
            "/..%2Fstripe",
            "/a%5c..%5Cb",
            "/%252e%252e/stripe",
            "/..;/stripe",
            "/a;x=1/b",
            "/a%00",
            "/%3b",
        ),
    ],
)
async def test_it_does_not_leave_the_integrations_host(bench, endpoint):
    run = bench()
    with pytest.raises(InvalidArguments, match="endpoint: "):
        await run.call(rest_api, integration="hubspot", method="GET", endpoint=endpoint)
    assert 0 == run.calls("hubspot")


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


# --- what is shown -------------------------------------------------------------------------------------------------


def test_answers_are_shortened_and_secrets_masked():
    shown = module.look({"client_secret": "pi_1_secret_x", "rows": list(range(50)), "id": "x" * 500, "api_key": 7})
    assert (module.MASK, module.MASK) == (shown["client_secret"], shown["api_key"])
    assert [0, 1, 2, 3, 4, "… (50 items in all)"] == shown["rows"]
    assert len(shown["id"]) < 110
    assert len(module.look({str(number): 1 for number in range(10_000)})) <= module.SHOWN_FIELDS + 1


PRIVATE = ("jane.smith@example.com", "Jane", "Smith", "555", "4242", "1 Main St", "Berlin", "12345-Z", "likes tea")


def test_of_a_record_fields_numbers_statuses_and_times_are_shown_and_no_text_of_or_about_a_person():
    record = {
        "id": "cus_1",
        "object": "customer",
        "status": "active",
        "created": 1_700_000_000,
        "createdate": "2025-03-05T10:15:02.123Z",
        "livemode": False,
        "name": "Jane Smith",
        "email": "jane.smith@example.com",
        "phone": 15550101,
        "birthdate": "1990-01-01",
        "address": {"line1": "1 Main St", "status": "12345-Z", "city": {"type": "Berlin"}},
        "card": {"last4": "4242", "exp_month": 12, "brand": "visa"},
        "metadata": {"id": "likes tea", "type": "Jane", "when": "2025-01-01", "n": 555},
        "notes": ["likes tea", {"text": "ask Jane"}],
        "contact": {"status": "jane.smith@example.com"},
        "jane.smith@example.com": None,
    }
    shown = module.look(record)
    assert [*list(record)[:-1], "j…@example.com"] == list(shown)
    assert ("cus_1", "customer", "active", 1_700_000_000, "2025-03-05T10:15:02.123Z", False) == tuple(shown.values())[
        :6
    ]
    assert "[text of 10 characters]" == shown["name"]
    assert {"line1", "status", "city"} == set(shown["address"])
    assert ("[int]", "[int]") == (shown["phone"], shown["metadata"]["n"])
    text = json.dumps(shown)
    assert [] == [found for found in (*PRIVATE, "1990", "15550101", "visa") if found in text]


PATHS = [
    ("hubspot", "/crm/v3/objects/contacts?properties=email,firstname,lastname,phone"),
    ("stripe", "/v1/customers"),
    ("stripe", "/v1/charges"),
    ("stripe", "/v1/payment_methods/pm_card_visa"),
    ("mailchimp", "/3.0/lists"),
    ("mailchimp", "/3.0/lists/{list}/members"),
]


@pytest.mark.parametrize(("integration", "path"), PATHS)
async def test_nothing_of_a_person_is_shown_of_what_the_vendors_hold(bench, integration, path):
    run = bench()
    await run.call(crm.sync_contacts)
    await run.call(payments.process_payments)
    client = await run.job.integration(integration)
    if "{list}" in path:
        path = path.format(list=(await client.api.request("GET", "/3.0/lists")).body["lists"][0]["id"])
    where, _, query = path.partition("?")
    held = json.dumps((await client.api.request("GET", where, params=dict(parse_qsl(query)))).body)
    seen = await run.call(rest_api, integration=integration, method="GET", endpoint=path)
    personal = {
        *re.findall(r"[\w.+-]+@[\w.-]+", held),
        *re.findall(r"\+\d[\d -]{6,}", held),
        *(found[1] for found in re.findall(PERSONAL_FIELD, held)),
    }
    assert personal or path == "/3.0/lists"
    assert [] == [one for one in personal if one in seen.text]


PERSONAL_FIELD = r'"(firstname|lastname|name|last4|FNAME|LNAME|phone|line1|city|ip_opt)": "([^"]{3,})"'


async def test_a_task_is_shown_only_so_much_however_many_it_asks_for_at_once(bench):
    run = bench(customers=[{"email": f"c{number}@example.com", "firstname": "C"} for number in range(60)])
    await run.call(crm.sync_contacts)
    asked = {"integration": "hubspot", "method": "GET", "endpoint": "/crm/v3/objects/contacts"}
    once = await run.call(rest_api, **asked)
    size = len(json.dumps(once.data["data"], ensure_ascii=False))
    assert 200 < size <= module.SHOWN_CHARS + 40
    several = await asyncio.gather(*(run.call(rest_api, **asked) for _ in range(16)))
    shown = [once, *several]
    total = sum(len(json.dumps(one.data["data"], ensure_ascii=False)) for one in shown)
    while run.job.shown_chars[module.NAME] < module.TASK_CHARS:
        await run.call(rest_api, **asked)
    before = run.calls("hubspot")
    with pytest.raises(InvalidArguments, match="this task has seen its 10000 characters"):
        await run.call(rest_api, **asked)
    assert before == run.calls("hubspot")  # the vendor is not asked for what nobody may see
    assert total <= module.TASK_CHARS + 17 * 40
    await run.again().call(rest_api, **asked)  # another task has its own
