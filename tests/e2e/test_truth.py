"""No success over work that was not done, and no sentence that is not so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from e2e import agreement
from e2e.commands import Ran
from e2e.inside import Inside
from e2e.vendors import new_intents
from newfuse.crew.dataset import UNDECIDED

PAYING, MAILING, TRACKING = agreement.SPECIALISTS[1:]


def payment(number: int, **about: Any) -> dict[str, Any]:
    return {"amount": 1_000 + number, "currency": "usd", "customer_email": f"c{number}@shop.example", **about}


def event(number: int, **about: Any) -> dict[str, Any]:
    return {"event_category": "shop", "event_action": "view", "event_label": f"label {number}", **about}


def task(ran: Ran, name: str) -> dict[str, Any]:
    [found] = [one for one in ran.results["tasks"] if one["name"] == name]
    return found  # type: ignore[no-any-return]


def fact(ran: Ran, name: str) -> Any:
    [found] = [one["value"] for one in ran.results["facts"] if one["name"] == name]
    return found


def exceptions(ran: Ran, name: str) -> list[dict[str, Any]]:
    listed = json.loads((ran.folder / task(ran, name)["exceptions"]).read_text(encoding="utf-8"))
    return listed["records"]  # type: ignore[no-any-return]


def summary(ran: Ran) -> str:
    return (ran.folder / "INTEGRATION_SUMMARY.md").read_text(encoding="utf-8")


def assert_it_asks_for_attention(ran: Ran, name: str) -> None:
    assert (1, "NEEDS ATTENTION") == (ran.code, ran.results["status"])
    assert "failed" == task(ran, name)["status"]
    [title] = [line[2:].removesuffix(" Report") for line in ran.report(name).splitlines() if line.startswith("# ")]
    assert any(reason.startswith(f"{title}: failed: ") for reason in ran.results["reasons"])
    assert "**Attention:** " in summary(ran)
    assert [] == agreement.files(ran.folder)
    assert [] == agreement.markdown(ran.folder, ran.results)


async def test_payments_that_the_vendor_refuses_are_no_success(inside: Inside):
    before = inside.vendors.truth()
    inside.vendors.fault("stripe", "status", status=400, path="/v1/customers")
    ran = await inside.run({"payments": [payment(number) for number in range(8)]})
    assert {} == new_intents(inside.vendors.truth(), before)
    assert_it_asks_for_attention(ran, PAYING)
    report = ran.report(PAYING)
    assert "Of 8 records of payments, 8 failed." in report
    assert "no record of payments was done (8 failed)" in task(ran, PAYING)["error"]
    assert "| Payments reconcile | ➖ not checked |" in report
    assert "In the words of" not in report
    assert [None] * 3 == [fact(ran, f"payments.{name}_minor.usd") for name in ("authorized", "captured", "refunded")]
    assert "Correct the records" not in summary(ran)  # the input is not to blame
    assert {"failed"} == {one["disposition"] for one in exceptions(ran, PAYING)}


async def test_payments_that_are_all_unfit_are_no_success(inside: Inside):
    ran = await inside.run({"payments": [payment(number, currency="zzz") for number in range(11)]})
    assert_it_asks_for_attention(ran, PAYING)
    assert "no record of payments was done (11 rejected)" in task(ran, PAYING)["error"]
    assert "Of 11 records of payments, 11 were rejected." in ran.report(PAYING)
    assert "unknown_currency (11)" in summary(ran)


async def test_payments_whose_customers_are_in_doubt_are_no_success(inside: Inside):
    before = inside.vendors.truth()
    inside.vendors.fault("stripe", "commit_then_drop", path="/v1/customers", method="POST")
    ran = await inside.run({"payments": [payment(number) for number in range(8)]})
    assert {} == new_intents(inside.vendors.truth(), before)
    assert_it_asks_for_attention(ran, PAYING)
    assert task(ran, PAYING)["effects"]["unknown"] > 0
    assert {"failed"} == {one["disposition"] for one in exceptions(ran, PAYING)}


@pytest.mark.parametrize("path", [None, "*/campaigns", "*/segments"])
async def test_campaigns_that_the_vendor_refuses_are_no_success(
    inside: Inside, sample_data: dict[str, Any], path: str | None
):
    inside.vendors.fault("mailchimp", "status", status=400, **({"path": path, "method": "POST"} if path else {}))
    campaigns = [one for one in sample_data["email_campaigns"] if "send_time" not in one]
    ran = await inside.run({"email_campaigns": campaigns})
    assert {} == inside.vendors.truth()["mailchimp"]["campaigns"]
    assert_it_asks_for_attention(ran, MAILING)
    assert "(HTTP 400)" in task(ran, MAILING)["error"]
    assert {"pending" if path is None else "failed"} == {one["disposition"] for one in exceptions(ran, MAILING)}


@pytest.fixture
def stranger() -> Iterator[Callable[[bytes], str]]:
    """Serves one page with status 200, whatever is asked, in a vendor's place; returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(page: bytes) -> str:
        class Answer(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.send_response(200)
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - the names the standard library calls

            def log_message(self, *_said: object) -> None:
                """Say nothing."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("page", [b"{}", b"<html><body>Back soon</body></html>"])
@pytest.mark.parametrize(("slug", "name"), [("mailchimp", MAILING), ("stripe", PAYING)])
async def test_pages_in_the_place_of_a_vendor_are_no_success_and_measure_nothing(
    inside: Inside, stranger: Callable[[bytes], str], slug: str, name: str, page: bytes
):
    campaign = {
        "type": "news",
        "list_name": "active_customers",
        "subject_line": "News",
        "template": "product_update_template",
    }
    given = {"email_campaigns": [campaign]} if slug == "mailchimp" else {"payments": [payment(1), payment(2)]}
    ran = await inside.run(given, world=inside.world(**{slug: {"base_url": stranger(page)}}))
    assert_it_asks_for_attention(ran, name)
    measured = [one for one in ran.results["facts"] if one["source"]["kind"] == "vendor" and one["value"] is not None]
    assert [] == [one["name"] for one in measured if one["source"]["integration"] == slug]
    assert "✅ passed" not in ran.report(name).partition("## Checks")[2].replace("| No card data in records | ✅", "")


async def test_lost_events_are_no_success_and_every_one_is_named(inside: Inside):
    inside.vendors.fault("ga4", "commit_then_drop", path="/mp/collect", probability=0.6)
    ran = await inside.run({"analytics_events": [event(number) for number in range(60)]})
    inside.vendors.mend()
    lost = fact(ran, "analytics.events_unknown")
    assert_it_asks_for_attention(ran, TRACKING)
    assert lost == sum(one["disposition"] == "unknown" for one in exceptions(ran, TRACKING))
    assert lost == task(ran, TRACKING)["effects"]["unknown"] > 0
    assert_a_person_decides(ran)
    again = await inside.run({"analytics_events": [event(number) for number in range(60)]})
    assert (0, 0) == (again.code, task(again, TRACKING)["effects"]["unknown"])  # they were counted when it happened
    assert lost == fact(again, "analytics.events_unknown")
    assert lost == sum(one["rule"] == UNDECIDED for one in exceptions(again, TRACKING))
    assert_a_person_decides(again)


def assert_a_person_decides(ran: Ran) -> None:
    steps = [line for line in summary(ran).splitlines() if "may or may not have happened" in line]
    assert ["newfuse effects settle KEY --happened" in line for line in steps] == [True]
    dashboard = (ran.folder / "integration_health_dashboard.md").read_text(encoding="utf-8")
    assert "to be decided by a person (`newfuse effects list --unknown`)" in dashboard
    assert "settled with the vendor" not in summary(ran) + dashboard


async def test_one_count_of_rejected_records_stands_in_the_whole_report(inside: Inside):
    await inside.run({"analytics_events": [event(0, reference="e0")]})
    rows = [event(number, reference=f"e{number}") for number in range(1, 11)]
    ran = await inside.run({"analytics_events": [event(99, reference="e0"), *rows]})
    assert (1, 10, 90.9) == tuple(
        fact(ran, f"analytics.{name}") for name in ("events_rejected", "events_sent", "data_quality")
    )
    report = ran.report(TRACKING)
    assert "Of 11 records of analytics_events, 10 were done in this run and 1 was rejected." in report
    assert {"90.9%"} == set(re.findall(r"[\d.]+%", report))


async def test_there_is_one_rate_of_payments_and_it_says_what_it_is(inside: Inside):
    declined = payment(3, payment_method="pm_card_chargeDeclined")
    ran = await inside.run({"payments": [payment(1, refund=True), payment(2, capture_method="manual"), declined]})
    [said] = re.findall(r"\*\*Payment Success:\*\* (.+)", summary(ran))
    assert re.fullmatch(r"66\.7% \[f\d+\]: payments that succeeded or are held, of those that were fit .+", said)
    assert 66.7 == fact(ran, "payments.success_rate")
