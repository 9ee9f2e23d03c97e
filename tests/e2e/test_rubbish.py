"""Done means 4: rubbish in, a clear word out; never a traceback, and the rest goes on."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e import agreement
from e2e.commands import ROOT, App
from e2e.inside import Inside
from e2e.vendors import addresses, minor, new_charges
from newfuse.cli import main

DEEP = 100_000

Refused = Callable[..., str]


@pytest.fixture
def refused(app: App, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Runs the command line, makes sure that it is refused in a line or two, and returns what it said."""
    monkeypatch.chdir(app.folder)

    def run(*arguments: str | Path) -> str:
        command, out = app.command(*arguments)
        code = main(["run", *command[2:]], root=ROOT)
        printed = capfd.readouterr()
        assert 2 == code, printed
        assert "Traceback" not in printed.out + printed.err
        assert 1 <= len(printed.err.splitlines()) <= 2, printed.err
        assert len(printed.err) < 2_500
        assert "▶" not in printed.out  # no task was started
        assert not out.exists()
        return printed.err

    return run


def missing(words: list[str], said: str) -> list[str]:
    """Return the words that were not said, and what was said instead."""
    lacking = [word for word in words if word not in said]
    return [*lacking, said] if lacking else []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["data.json, line 1 column 1", "not valid JSON"]),
        ('{"customers": [}', ["data.json, line 1 column 16", "not valid JSON"]),
        ('{"customers": [', ["data.json, line 1", "not valid JSON"]),
        ("[]", ["data.json", "must be a JSON object", "list"]),
        ("7", ["data.json", "must be a JSON object"]),
        ("null", ["data.json", "must be a JSON object"]),
        ("{}", ["data.json", "has none of customers"]),
        ('{"customers": {"id": 1}}', ["data.json", "'customers'", "must be a list"]),
        ('{"customers": [], "payments": "all"}', ["data.json", "'payments'", "must be a list"]),
        ('{"customers": [], "payments": null}', ["data.json", "'payments'", "must be a list"]),
        ("[" * DEEP, ["data.json", "nested too deeply"]),
        ('{"customers": ' + "[" * DEEP + "]" * DEEP + "}", ["data.json", "nested too deeply"]),
        ('{"payments": [{"amount": ' + "9" * 5_000 + "}]}", ["data.json", "too many digits"]),
    ],
    ids=[
        "empty",
        "broken",
        "cut off",
        "list",
        "number",
        "null",
        "nothing wanted",
        "object for list",
        "text for list",
        "null for list",
        "deep and open",
        "deep",
        "endless number",
    ],
)
def test_a_file_that_is_no_data_is_refused_in_a_line(refused: Refused, app: App, content: str, words: list[str]):
    assert [] == missing(words, refused("--data", app.file(content)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "nowhere.json"], ["nowhere.json", "no such file"]),
        (["--data", "."], ["cannot be read"]),
        (["no_such_crew"], ["no_such_crew", "api_integration"]),
        (["--no-such-option"], ["--no-such-option"]),
        (["--live", "--sandbox"], ["--live", "--sandbox"]),
        (["--sandbox", "http://127.0.0.1:9"], ["http://127.0.0.1:9", "newfuse sandbox serve"]),
        (["--sandbox", "not a url"], ["not a url"]),
        (["--model", "nonsense"], ["nonsense"]),
        (["--model", "openai:some-model"], ["OPENAI_API_KEY"]),
        (["--out", "/proc/nowhere"], ["/proc/nowhere", "--out"]),
        (["--out", "file/reports"], ["file/reports", "--out"]),
        (["--store", "file"], ["file", "store"]),
        (["--store", "/proc/nowhere"], ["/proc/nowhere"]),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_refused_in_a_line(refused: Refused, app: App, arguments: list[str], words: list[str]):
    app.file("a file", "file")
    assert [] == missing(words, refused(*arguments))


def test_a_store_that_is_no_database_is_refused(refused: Refused, app: App):
    app.store.mkdir()
    (app.store / "newfuse.db").write_bytes(b"this is no database" * 1_000)
    assert [] == missing([str(app.store), "not a database", "--store"], refused())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(refused: Refused, app: App):
    (app.folder / "sealed").mkdir(mode=0o500)
    assert [] == missing(["sealed/reports", "--out"], refused("--out", "sealed/reports"))


def test_a_live_run_without_keys_lists_all_that_is_missing_and_contacts_nobody(refused: Refused):
    said = refused("--live")
    assert [] == missing(["HUBSPOT_API_KEY", "STRIPE_API_KEY", "MAILCHIMP_API_KEY", "GA4_MEASUREMENT_ID"], said)


def test_a_port_in_use_is_refused(capfd: pytest.CaptureFixture[str]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert 2 == main(["sandbox", "serve", "--port", str(port)])
    printed = capfd.readouterr()
    assert ("", 1) == (printed.out, len(printed.err.splitlines()))
    assert f"port {port}" in printed.err


def test_a_refusal_looks_the_same_from_outside(app: App):
    ran = app.run("--data", app.file('{"customers": [}'))
    assert (2, "", 1) == (ran.code, ran.stdout, len(ran.stderr.splitlines()))
    assert ran.stderr.startswith("Error: ")
    assert not ran.out.exists()


# --- records --------------------------------------------------------------------------------------------------------


def payment(**about: Any) -> dict[str, Any]:
    return {"amount": 1_000, "currency": "usd", "customer_email": "a@shop.example", "description": "x", **about}


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = {"deeper": [value]}
    return value


BAD_PAYMENTS: list[tuple[str, Any, str]] = [
    ("negative", payment(amount=-1), "amount"),
    ("zero", payment(amount=0), "amount"),
    ("fraction", payment(amount=29.99), "amount"),
    ("whole float", payment(amount=30.0), "amount"),
    ("text", payment(amount="2999"), "amount"),
    ("truth", payment(amount=True), "amount"),
    ("huge", payment(amount=10**30), "amount"),
    ("enormous", payment(amount=10**4_000), "amount"),
    ("null amount", payment(amount=None), "amount"),
    ("no currency", {"amount": 5, "customer_email": "a@shop.example"}, "currency"),
    ("unknown currency", payment(currency="zzz"), "currency"),
    ("number as currency", payment(currency=840), "currency"),
    ("long currency", payment(currency="u" * 3_000_000), "currency"),
    ("malformed address", payment(customer_email="nobody@"), "customer_email"),
    ("address as list", payment(customer_email=["a@shop.example"]), "customer_email"),
    ("3 MB", payment(description="x" * 3_000_000), "description"),
    ("deep", payment(metadata=nested(60)), "metadata"),
    ("empty reference", payment(reference=""), "reference"),
    ("null", None, "object"),
    ("list", [1, 2], "object"),
    ("words", "pay me", "object"),
    ("card", payment(metadata={"card": "4242 4242 4242 4242"}), "card"),
]
BAD_CUSTOMERS: list[tuple[str, Any, str]] = [
    ("null", None, "object"),
    ("no data", {"id": None, "data": None}, "email"),
    ("text for data", {"id": None, "data": "john"}, "data"),
    ("malformed", {"data": {"email": "john@@example"}}, "email"),
    ("number", {"data": {"email": 7}}, "email"),
    ("3 MB", {"data": {"email": "long@shop.example", "company": "x" * 3_000_000}}, "company"),
    ("3 MB address", {"data": {"email": "x" * 3_000_000 + "@shop.example"}}, "email"),
    ("surrogate", {"data": {"email": "\ud800@shop.example"}}, "email"),
    ("bad id", {"id": "12; drop", "data": {"email": "id@shop.example"}}, "id"),
    ("deep", {"data": nested(80)}, "email"),
]
BAD_CAMPAIGNS: list[tuple[str, Any, str]] = [
    ("null", None, "object"),
    ("no subject", {"type": "x", "list_name": "active_customers", "template": "y"}, "subject_line"),
    (
        "no zone",
        {
            "type": "x",
            "list_name": "active_customers",
            "template": "product_update_template",
            "subject_line": "s",
            "send_time": "2099-01-01T10:00:00",
        },
        "send_time",
    ),
    (
        "end of time",
        {
            "type": "x",
            "list_name": "active_customers",
            "template": "product_update_template",
            "subject_line": "s",
            "send_time": "9999-12-31T23:59:59Z",
        },
        "send_time",
    ),
    ("number", {"type": 1, "list_name": "active_customers", "template": "y", "subject_line": "s"}, "type"),
]
BAD_EVENTS: list[tuple[str, Any, str]] = [
    ("null", None, "object"),
    ("number", {"event_category": 1, "event_action": 2}, "event_category"),
    ("no action", {"event_category": "x"}, "event_action"),
    ("dimensions", {"event_category": "x", "event_action": "y", "custom_dimensions": "z"}, "custom_dimensions"),
    ("3 MB", {"event_category": "x", "event_action": "y" * 3_000_000}, "event_action"),
]


async def test_every_unfit_record_is_rejected_by_name_and_the_fit_ones_go_through(inside: Inside):
    good = {
        "customers": {"id": None, "data": {"email": "fit@shop.example"}},
        "payments": payment(reference="fit"),
        "email_campaigns": {
            "type": "fit",
            "list_name": "active_customers",
            "template": "product_update_template",
            "subject_line": "Fit",
        },
        "analytics_events": {"event_category": "fit", "event_action": "view"},
    }
    bad = {
        "customers": BAD_CUSTOMERS,
        "payments": BAD_PAYMENTS,
        "email_campaigns": BAD_CAMPAIGNS,
        "analytics_events": BAD_EVENTS,
    }
    data = {name: [*(row for _, row, _ in found), good[name]] for name, found in bad.items()}
    before = inside.vendors.truth()
    ran = await inside.run(data)
    truth = inside.vendors.truth()

    problems = []
    for (name, found), task in zip(bad.items(), agreement.SPECIALISTS, strict=True):
        report = ran.report(task).replace("\\", "")
        for index, (what, _, word) in enumerate(found[:20]):  # a report names the first 20
            rows = [line for line in report.splitlines() if line.startswith(f"| {name}[{index}] ")]
            if not any("| rejected |" in row and word in row for row in rows):
                problems.append(f"{name}[{index}] ({what}): {[row[:300] for row in rows]}")
        assert f"| {name} | {len(found) + 1} |" in report
        assert len(report) < 100_000
    assert [] == problems
    assert {"usd": 1_000} == minor(truth, before, "captured_minor")
    assert 1 == len(new_charges(truth, before))
    assert ["fit@shop.example"] == [one for one in addresses(truth) if one.endswith("@shop.example")]
    assert ["Fit"] == [row["subject_line"] for row in truth["mailchimp"]["campaigns"].values()]
    assert {1} == set(truth["ga4"]["counts"].values())
    assert {"completed"} == {one["status"] for one in ran.results["tasks"]}
    assert 0 == ran.code
    assert [] == agreement.markdown(ran.folder, ran.results)
    assert "4242" not in "".join(path.read_text(encoding="utf-8") for path in ran.folder.iterdir())


async def test_duplicate_references_are_charged_once(inside: Inside):
    before = inside.vendors.truth()
    ran = await inside.run({"payments": [payment(reference="one")] * 3 + [payment(reference="one", amount=2)]})
    assert {"usd": 1_000} == minor(inside.vendors.truth(), before, "captured_minor")
    report = ran.report("payment_transaction_processing").replace("\\", "")
    assert "| payments[1] | one | duplicate |" in report
    assert "| payments[3] | one | rejected |" in report


async def test_words_of_a_record_cannot_forge_a_report(inside: Inside):
    evil = "x | y |\n\n# Forged\n**Status:** completed\n<script>alert(1)</script> [f001] \x1b[2J"
    ran = await inside.run(
        {
            "payments": [payment(currency=evil), payment(reference=evil, amount=-1)],
            "customers": [{"data": {"email": evil}}],
            "email_campaigns": [{"type": evil, "list_name": evil, "template": evil, "subject_line": evil}],
            "analytics_events": [{"event_category": evil, "event_action": evil}],
        }
    )
    for path in ran.folder.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert "\n# Forged" not in text
        assert "<script>" not in text
        assert "\x1b" not in text
    assert [] == agreement.markdown(ran.folder, ran.results)


async def test_no_records_at_all_is_a_run_that_does_nothing(inside: Inside):
    before = inside.vendors.truth()
    ran = await inside.run({"customers": [], "payments": [], "email_campaigns": [], "analytics_events": []})
    assert before == inside.vendors.truth()
    assert 0 == ran.code
    assert 0 == sum(one["effects"]["planned"] for one in ran.results["tasks"])
    assert [] == agreement.markdown(ran.folder, ran.results)
