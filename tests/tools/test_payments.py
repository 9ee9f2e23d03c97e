"""The payment tools against the sandbox: to the cent, once, and honest about what did not happen."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sqlalchemy import select

from newfuse import OutcomeUnknown, VendorError
from newfuse.store.schema import calls
from tools import payments


def payment(amount: Any = 1_000, email: Any = "ada@example.com", **more: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "usd", "customer_email": email, **more}


async def run_all(run) -> None:
    for tool in payments.TOOLS:
        await run.call(tool)


def ours(run, email: str = "ada@example.com") -> list[dict[str, Any]]:
    truth = run.truth("stripe")
    ids = {id_ for id_, row in truth["customers"].items() if row["email"] == email}
    return [row for row in truth["payment_intents"].values() if row["customer"] in ids]


async def test_the_sample_is_charged_once_to_the_right_customers(bench):
    run = bench()
    before = run.truth("stripe")["captured_minor"]["usd"]
    await run_all(run)
    truth = run.truth("stripe")
    assert 2_999 + 9_999 == truth["captured_minor"]["usd"] - before == run.fact("payments.captured_minor.usd")
    assert ["confirmed", "confirmed"] == run.dispositions("payments")
    assert ["jane.smith@example.com", "john.doe@example.com"] == sorted(
        row["email"] for row in truth["customers"].values()
    )
    [john] = ours(run, "john.doe@example.com")
    assert ("Premium subscription", {"plan": "premium", "duration": "monthly"}) == (
        john["description"],
        john["metadata"],
    )
    assert (2, 100.0, 1) == tuple(
        run.fact(f"payments.{name}") for name in ("succeeded", "success_rate", "customers_created")
    )
    assert all(check.passed for check in run.job.checks)
    assert {"Payments reconcile", "No card data in records", "Payments in the right mode"} == {
        check.name for check in run.job.checks
    }


async def test_calling_it_twice_in_a_run_charges_once(bench):
    run = bench()
    first = await run.call(payments.process_payments)
    calls, truth = run.calls("stripe"), run.truth("stripe")
    second = await run.call(payments.process_payments)
    assert first.data == second.data
    assert (calls, truth) == (run.calls("stripe"), run.truth("stripe"))


async def test_a_second_run_charges_nothing_and_reconciles(bench):
    rows = {"payments": [payment(), payment(500, capture_method="manual"), payment(800, refund=True)]}
    run = bench(**rows)
    await run_all(run)
    before = run.truth("stripe")
    again = run.again(rows)
    await run_all(again)
    after = again.truth("stripe")
    assert before["payment_intents"] == after["payment_intents"]
    assert before["refunds"] == after["refunds"]
    assert ["skipped"] * 3 == again.dispositions("payments")
    assert 0 == again.fact("payments.mismatched")


async def test_held_payments_are_captured_and_refunds_given_in_whole_and_in_part(bench):
    run = bench(
        payments=[
            payment(5_000, capture_method="manual", reference="a"),
            payment(4_000, refund=True, reference="b"),
            payment(3_000, refund=1_000, reference="c"),
            payment(700, currency="EUR", reference="d"),
        ]
    )
    result = await run.call(payments.process_payments)
    assert (3, 1) == (result.data["succeeded"], result.data["authorized"])
    held = await run.call(payments.reconcile_payments)
    assert 5_000 == held.data["amounts"]["usd"]["authorized_minor"]
    captured = await run.call(payments.capture_payments)
    assert (1, 1) == (captured.data["held"], captured.data["captured"])
    refunded = await run.call(payments.refund_payments)
    assert (2, 2) == (refunded.data["requested"], refunded.data["refunded"])
    found = await run.call(payments.reconcile_payments)
    assert {"requested_minor": 12_000, "authorized_minor": 0, "captured_minor": 12_000, "refunded_minor": 5_000} == (
        found.data["amounts"]["usd"]
    )
    assert 700 == found.data["amounts"]["eur"]["captured_minor"]
    assert 0 == found.data["mismatched"]
    assert 5_000 == run.truth("stripe")["refunded_minor"]["usd"]
    assert ["confirmed"] * 4 == run.dispositions("payments")
    states = await run.job.run.ledger.states([key for entry in run.entries("payments") for key in entry.keys])
    assert {"confirmed"} == {state.value for state in states.values()}


async def test_a_refund_asked_for_later_finds_the_payment_of_the_earlier_run(bench):
    run = bench(payments=[payment()])
    await run_all(run)
    again = run.again({"payments": [payment(refund=True)]})
    await run_all(again)
    [intent] = ours(again)
    assert 1_000 == intent["amount_received"]
    assert 1_000 == again.truth("stripe")["refunded_minor"]["usd"]
    assert ["confirmed"] == again.dispositions("payments")


async def test_rubbish_is_rejected_by_place_and_field_and_the_rest_goes_on(bench):
    rows = [
        payment(),
        payment(-5),
        payment("2999"),
        payment(29.99),
        payment(True),
        payment(currency="xxx"),
        payment(currency="dollars"),
        payment(email="nobody"),
        payment(refund=2_000),
        payment(metadata={"plan": ["x"]}),
        payment(description="x" * 3_000_000),
        {},
        "text",
        payment(payment_method="4242"),
    ]
    run = bench(payments=rows)
    result = await run.call(payments.process_payments)
    assert ["confirmed"] + ["rejected"] * 13 == run.dispositions("payments")
    reasons = [entry.reason or "" for entry in run.entries("payments")]
    assert "payments[2]: amount: Input should be a valid integer" == reasons[2]
    assert reasons[5].startswith("payments[5]: currency: 'xxx' is no currency that Stripe charges in")
    assert "payments[8]: refund: 2000 is more than the amount of 1000" == reasons[8]
    assert (1, 13) == (result.data["succeeded"], result.data["rejected"])
    assert 1 == len(ours(run))


async def test_card_numbers_are_refused_and_not_kept(bench):
    card = "4242 4242 4242 4242"
    run = bench(
        payments=[
            payment(description=f"card {card}"),
            payment(description="card 2223 0000 4840 0011 12/27"),
            payment(metadata={"card_number": "1"}),
            payment(metadata={"order": "4242424242424241"}),  # its check digit is wrong: no card
        ]
    )
    result = await run.call(payments.process_payments)
    assert ["rejected", "rejected", "rejected", "confirmed"] == run.dispositions("payments")
    assert "4242 4242" not in f"{[entry.data for entry in run.entries('payments')]}{result.text}{run.job.notes}"
    await run.call(payments.reconcile_payments)
    assert [False] == [check.passed for check in run.job.checks if check.name == "No card data in records"]


async def test_twins_without_references_are_ambiguous_and_references_speak_for_themselves(bench):
    run = bench(
        payments=[
            payment(),
            payment(),
            payment(reference="r1"),
            payment(reference="r1"),
            payment(2_000, reference="r1"),
            payment(reference="r2"),
        ]
    )
    await run.call(payments.process_payments)
    assert ["confirmed", "rejected", "confirmed", "duplicate", "rejected", "confirmed"] == run.dispositions("payments")
    assert ["ambiguous", "duplicate", "reference_conflict"] == [
        run.entries("payments")[index].rule for index in (1, 3, 4)
    ]
    assert 3 == len(ours(run))


async def test_a_declined_payment_is_failed_with_its_code_and_not_tried_again_in_this_run(bench):
    run = bench(payments=[payment(payment_method="pm_card_chargeDeclinedInsufficientFunds"), payment(700)])
    result = await run.call(payments.process_payments)
    assert ["failed", "confirmed"] == run.dispositions("payments")
    assert (1, 1, 50.0) == (result.data["declined"], result.data["succeeded"], run.fact("payments.success_rate"))
    assert "insufficient_funds" == run.entries("payments")[0].rule
    calls = run.calls("stripe")
    await run.call(payments.process_payments)
    assert calls == run.calls("stripe")


async def test_a_payment_that_the_vendor_refuses_is_failed_with_the_vendors_words(bench):
    run = bench(payments=[payment(10)])
    await run.call(payments.process_payments)
    [entry] = run.entries("payments")
    assert ("failed", "amount_too_small") == (entry.disposition.value, entry.rule)
    assert entry.reason.startswith("the vendor refused it: stripe (HTTP 400): ")
    calls = run.calls("stripe")
    await run.call(payments.process_payments)
    assert calls == run.calls("stripe")  # a refusal is not asked for again in the same run


async def test_payments_whose_customers_the_vendor_refuses_are_failed_and_not_blamed_on_the_input(bench):
    run = bench()
    run.fault("stripe", "status", status=400, path="/v1/customers")
    result = await run.call(payments.process_payments)
    assert ["failed", "failed"] == run.dispositions("payments")
    assert (0, 2, 0) == tuple(result.data[name] for name in ("succeeded", "failed", "rejected"))
    said = "not sent in this run: its customer could be neither found nor created: the vendor refused it: stripe"
    assert all(entry.reason.startswith(said) for entry in run.entries("payments"))


async def test_payments_whose_customers_are_in_doubt_are_failed_and_the_tool_says_so(bench):
    run = bench(payments=[payment(1_000 + index, f"c{index}@example.com") for index in range(30)])
    run.fault("stripe", "commit_then_drop", path="/v1/customers", method="POST")
    with pytest.raises(OutcomeUnknown):
        await run.call(payments.process_payments)
    assert {"failed"} == set(run.dispositions("payments"))
    assert "its customer may or may not have been created" in run.entries("payments")[0].reason
    assert run.calls("stripe") < 60  # the gate was closed
    assert 30 == run.fact("payments.failed")


async def test_a_payment_in_doubt_stays_in_doubt_when_the_vendor_lets_nobody_in(bench):
    run = bench(payments=[payment()])
    run.fault("stripe", "commit_then_drop", path="/v1/payment_intents", method="POST", count=3)
    with pytest.raises(OutcomeUnknown):
        await run.call(payments.process_payments)
    run.fault("stripe", "status", status=403, path="/v1/payment_intents", method="POST", count=1)
    with pytest.raises(VendorError):
        await run.call(payments.process_payments)
    assert ["unknown"] == run.dispositions("payments")
    assert (1, None) == (run.fact("payments.unknown"), run.fact("payments.success_rate"))
    assert run.fact("payments.success_rate") is None


async def test_payments_that_were_never_sent_are_failed_and_only_those_that_were_are_in_doubt(bench):
    run = bench(payments=[payment(1_000 + index) for index in range(40)])
    run.fault("stripe", "status", status=500, path="/v1/payment_intents", method="POST")
    with pytest.raises(VendorError):
        await run.call(payments.process_payments)
    in_doubt = run.dispositions("payments").count("unknown")
    posts = sum(row.method == "POST" and row.path == "/v1/payment_intents" for row in run.server.sandbox.log)
    assert 0 < in_doubt <= posts
    assert 40 - in_doubt == run.dispositions("payments").count("failed")
    assert run.entries("payments")[-1].reason.startswith("not sent in this run: stripe")


async def test_an_amount_is_not_measured_while_a_payment_of_its_currency_is_in_doubt(bench):
    run = bench(payments=[payment(1_000), payment(700, currency="eur"), payment(2_500)])
    done = run.job.derive(run.job.dataset("payments"), "done", run.entries("payments")[:2])
    await run.call(payments.process_payments, dataset=done.name)
    run.fault("stripe", "commit_then_drop", path="/v1/payment_intents", method="POST", count=3)
    with pytest.raises(OutcomeUnknown):
        await run.call(payments.process_payments)
    await run.call(payments.reconcile_payments)
    assert (None, 3_500, 700) == tuple(
        run.fact(f"payments.{name}") for name in ("captured_minor.usd", "requested_minor.usd", "captured_minor.eur")
    )
    [said] = [note for note in run.job.notes if note.startswith("usd: ")]
    assert "come to at least (in minor units): authorized 0, captured 1000, refunded 0" in said


async def test_amounts_of_payments_that_do_not_exist_are_not_measured_and_nothing_is_reconciled(bench):
    run = bench()
    run.fault("stripe", "status", status=400, path="/v1/customers")
    await run_all(run)
    names = ("authorized_minor.usd", "captured_minor.usd", "refunded_minor.usd", "read_back", "mismatched")
    assert [None] * 5 == [run.fact(f"payments.{name}") for name in names]
    assert 12_998 == run.fact("payments.requested_minor.usd")
    assert {"Payments reconcile": None, "Payments in the right mode": None, "No card data in records": True} == {
        check.name: check.passed for check in run.job.checks
    }


async def test_a_live_run_without_a_payment_method_says_that_no_money_was_taken(bench):
    run = bench(payments=[payment()])
    run.job.run = dataclasses.replace(run.job.run, mode="live")
    result = await run.call(payments.process_payments)
    assert (0, 1) == (result.data["succeeded"], result.data["awaiting_customer"])
    assert "requires_payment_method" == ours(run)[0]["status"]
    assert any("no money was taken" in note for note in run.job.notes)
    await run.call(payments.reconcile_payments)
    assert 0 == run.fact("payments.captured_minor.usd")
    assert [False] == [check.passed for check in run.job.checks if check.name == "Payments in the right mode"]


@pytest.mark.parametrize(
    ("path", "disposition"), [(None, "failed"), ("/v1/payment_intents", "unknown"), ("/v1/customers", "failed")]
)
async def test_stripe_answering_500_is_kept_with_every_record_and_fails_the_tool(bench, path, disposition):
    run = bench()
    run.fault("stripe", "status", status=500, **({"path": path} if path else {}))
    with pytest.raises(VendorError):
        await run.call(payments.process_payments)
    assert [disposition] * 2 == run.dispositions("payments")
    assert 0 == run.fact("payments.succeeded")


async def test_stripe_being_unreachable_fails_the_records(bench, server):
    run = bench()
    stripe = run.job.run.registry.get_integration("stripe")
    stripe.config = stripe.config.model_copy(update={"base_url": "http://127.0.0.1:9/stripe"})
    with pytest.raises(VendorError):
        await run.call(payments.process_payments)
    assert ["failed", "failed"] == run.dispositions("payments")


async def test_a_lost_answer_charges_once(bench):
    run = bench(payments=[payment()])
    run.fault("stripe", "commit_then_drop", path="/v1/payment_intents", count=1)
    await run_all(run)
    assert ["confirmed"] == run.dispositions("payments")
    assert 1 == len(ours(run))
    assert 1_000 == run.fact("payments.captured_minor.usd")


async def test_answers_lost_for_good_are_unknown_and_settled_by_the_next_call_without_a_second_charge(bench):
    run = bench(payments=[payment()])
    run.fault("stripe", "commit_then_drop", path="/v1/payment_intents", method="POST", count=3)
    with pytest.raises(OutcomeUnknown):
        await run.call(payments.process_payments)
    assert ["unknown"] == run.dispositions("payments")
    await run_all(run)
    assert ["confirmed"] == run.dispositions("payments")
    assert 1 == len(ours(run))
    assert 1_000 == run.fact("payments.captured_minor.usd")


async def test_a_refund_that_fails_is_named_and_mended_by_calling_again(bench):
    run = bench(payments=[payment(refund=True)])
    await run.call(payments.process_payments)
    run.fault("stripe", "status", status=503, path="/v1/refunds", count=3)
    with pytest.raises(VendorError):
        await run.call(payments.refund_payments)
    [entry] = run.entries("payments")
    assert "unknown" == entry.disposition.value
    assert entry.reason.startswith("paid, but not refunded: ")
    await run.call(payments.refund_payments)
    assert "confirmed" == entry.disposition.value
    assert 1_000 == run.truth("stripe")["refunded_minor"]["usd"]


async def test_reconciliation_finds_what_was_changed_behind_our_back(bench):
    run = bench(payments=[payment()])
    await run.call(payments.process_payments)
    stripe = await run.job.integration("stripe")
    intent = run.entries("payments")[0].data["intent"]
    await stripe.execute("refund_payment", {"payment_intent_id": intent, "amount": 300})
    found = await run.call(payments.reconcile_payments)
    assert [{"place": "payments[0]", "difference": "refunded: 0 here, 300 at Stripe"}] == found.data["differences"]
    assert [False] == [check.passed for check in run.job.checks if check.name == "Payments reconcile"]


async def test_amounts_that_cannot_be_read_back_are_not_measured(bench):
    run = bench(payments=[payment()])
    await run.call(payments.process_payments)
    run.fault("stripe", "status", status=500, method="GET")
    with pytest.raises(VendorError):
        await run.call(payments.reconcile_payments)
    assert run.fact("payments.captured_minor.usd") is None
    assert 1_000 == run.fact("payments.requested_minor.usd")
    assert [None] == [check.passed for check in run.job.checks if check.name == "Payments reconcile"]


async def test_many_payments_of_one_customer_make_one_customer(bench):
    run = bench(payments=[payment(1_000 + index) for index in range(60)])
    await run_all(run)
    assert 1 == run.fact("payments.customers_created")
    assert 60 == len(ours(run)) == run.fact("payments.succeeded")


async def test_every_amount_that_the_vendor_told_names_recorded_calls(bench):
    run = bench(payments=[payment(), payment(2_500, refund=True)])
    await run_all(run)
    await run.job.run.call_log.flush()
    query = select(calls.c.call_id, calls.c.action)
    recorded = dict(await run.store.read(lambda connection: [tuple(row) for row in connection.execute(query)]))
    for name, action, count in (
        ("captured_minor.usd", "get_payment_intent", 2),
        ("refunded_minor.usd", "list_refunds", 1),
        ("read_back", "get_payment_intent", 2),
    ):
        source = run.job.run.facts.get(f"payments.{name}").source
        assert (action, count, count) == (source["action"], source["calls"], len(source["call_ids"]))
        assert {action} == {recorded[id_] for id_ in source["call_ids"]}
    rate = run.job.run.facts.get("payments.success_rate")
    assert (100.0, "100 * (taken + held) / valid") == (rate.value, rate.source["expression"])
