"""The CRM tools against the sandbox: what is written, counted, skipped and refused."""

from __future__ import annotations

from typing import Any

import pytest

from newfuse import InvalidArguments, VendorError
from tools import crm


def customer(email: str, **data: Any) -> dict[str, Any]:
    return {"id": None, "data": {"email": email, **data}}


def by_email(bench) -> dict[str, dict[str, Any]]:
    return {row["email"]: row for row in bench.truth("hubspot")["contacts"].values() if row.get("email")}


async def test_the_sample_creates_john_and_updates_jane_by_her_id(bench):
    run = bench()
    result = await run.call(crm.sync_contacts)
    assert (1, 1) == (result.data["created"], result.data["updated"])
    assert ["confirmed", "confirmed"] == run.dispositions("customers")
    assert ["john.doe@example.com", "jane.smith@example.com"] == [entry.reference for entry in run.entries("customers")]
    held = by_email(run)
    assert ("Tech Corp", "lead", "+1-555-0101") == tuple(
        held["john.doe@example.com"][name] for name in ("company", "lifecyclestage", "phone")
    )
    jane = run.truth("hubspot")["contacts"]["12345"]
    assert ("Innovation Inc", "customer") == (jane["company"], jane["lifecyclestage"])
    writes = run.truth("hubspot")["writes"]
    assert (writes["created"], writes["updated"]) == (
        run.fact("crm.contacts_created"),
        run.fact("crm.contacts_updated"),
    )


async def test_every_confirmed_contact_is_confirmed_in_the_ledger(bench):
    run = bench()
    await run.call(crm.sync_contacts)
    keys = [key for entry in run.entries("customers") for key in entry.keys]
    assert ["confirmed"] * 2 == [state.value for state in (await run.job.run.ledger.states(keys)).values()]


async def test_calling_it_twice_in_a_run_sends_nothing_and_keeps_the_counts(bench):
    run = bench()
    first = await run.call(crm.sync_contacts)
    calls = run.calls("hubspot")
    second = await run.call(crm.sync_contacts)
    assert first.data == second.data
    assert calls == run.calls("hubspot")
    assert ["confirmed", "confirmed"] == run.dispositions("customers")


async def test_a_second_run_skips_what_the_first_has_written(bench):
    run = bench()
    await run.call(crm.sync_contacts)
    before = run.truth("hubspot")["writes"]
    again = run.again()
    result = await again.call(crm.sync_contacts)
    assert (0, 0, 2) == (result.data["created"], result.data["updated"], result.data["skipped"])
    assert ["skipped", "skipped"] == again.dispositions("customers")
    assert before == run.truth("hubspot")["writes"]


async def test_a_run_told_to_repeat_writes_again(bench):
    run = bench()
    await run.call(crm.sync_contacts)
    again = run.again(repeat=True)
    result = await again.call(crm.sync_contacts)
    assert (0, 2, 0) == (result.data["created"], result.data["updated"], result.data["skipped"])


async def test_validation_names_what_is_wrong_and_lets_the_rest_go_on(bench):
    run = bench(
        customers=[
            customer("good@example.com", phone="not a number"),
            customer("no-at-sign"),
            customer("stage@example.com", lifecycle_stage="whale"),
            customer("long@example.com", firstname="x" * 3_000_000),
            {"id": None, "data": {"firstname": "Nobody"}},
            {"id": None, "data": {"email": 7}},
            {"id": "not-digits", "data": {"email": "id@example.com"}},
            "text",
            None,
            ["list"],
        ]
    )
    result = await run.call(crm.validate_contacts)
    assert (1, 9) == (result.data["valid"], result.data["rejected"])
    assert "customers.valid" == result.data["handle"]
    rules = [entry.rule for entry in run.entries("customers")]
    assert [
        None,
        "invalid_email",
        "invalid_lifecycle_stage",
        "invalid_field",
        "email_missing",
        "invalid_field",
        "invalid_field",
        "not_an_object",
        "not_an_object",
        "not_an_object",
    ] == rules
    reasons = [entry.reason or "" for entry in run.entries("customers")]
    assert "customers[3]: firstname: String should have at most 65536 characters" == reasons[3]
    assert "customers[5]: email: Input should be a valid string" == reasons[5]
    assert 10.0 == run.fact("crm.data_quality")
    assert 1 == run.fact("crm.phones_dropped")
    assert "phone" not in run.entries("customers")[0].data
    assert any("customers[0]: phone" in note for note in run.job.notes)
    assert len(result.text) < 5_000


async def test_flat_records_numbers_as_ids_and_names_with_spaces_are_taken(bench):
    run = bench(
        customers=[
            {"id": 12345, "email": " Jane.Smith@Example.com ", "firstname": "  Janet ", "lifecycle_stage": "Customer"},
            {"email": "flat@example.com", "phone": "+44 20 7946 0958", "nickname": "Flo"},
        ]
    )
    result = await run.call(crm.sync_contacts)
    assert (1, 1) == (result.data["created"], result.data["updated"])
    assert "Janet" == run.truth("hubspot")["contacts"]["12345"]["firstname"]
    assert "+442079460958" == by_email(run)["flat@example.com"]["phone"]
    assert any("nickname (1)" in note for note in run.job.notes)


async def test_later_duplicates_fill_the_blanks_of_the_kept_record_and_contradictions_are_named(bench):
    run = bench(
        customers=[
            customer("ada@example.com", firstname="Ada", company="Engines"),
            customer("ADA@example.com", lastname="Lovelace", company="Other"),
            {"id": "12345", "data": {"email": "jane.smith@example.com"}},
            {"id": "12345", "data": {"email": "jane@elsewhere.example.com"}},
        ]
    )
    await run.call(crm.validate_contacts)
    result = await run.call(crm.deduplicate_contacts, dataset="customers.valid")
    assert (2, 2) == (result.data["distinct"], result.data["duplicates"])
    assert ["pending", "duplicate", "pending", "duplicate"] == run.dispositions("customers")
    assert "stands for the same contact as customers[0]" == run.entries("customers")[1].reason
    assert [
        "customers[1] and customers[0] differ in company; customers[0] counts",
        "customers[3] and customers[2] differ in email; customers[2] counts",
    ] == result.data["conflicts"]
    await run.call(crm.sync_contacts, dataset=result.data["handle"])
    held = by_email(run)["ada@example.com"]
    assert ("Ada", "Lovelace", "Engines") == (held["firstname"], held["lastname"], held["company"])


async def test_an_id_the_crm_does_not_have_is_matched_by_address_and_said(bench):
    run = bench(customers=[{"id": "999", "data": {"email": "new@example.com"}}])
    result = await run.call(crm.sync_contacts)
    assert 1 == result.data["created"]
    assert ["customers[0]: the CRM has no contact 999; it goes by its address."] == run.job.notes


async def test_a_record_that_the_crm_refuses_does_not_stop_the_others(bench):
    run = bench(
        customers=[
            customer("one@example.com"),
            {"id": "12404", "data": {"email": "wei.chen@example.com"}},  # the address of another contact
            customer("two@example.com"),
        ]
    )
    result = await run.call(crm.sync_contacts)
    assert ["confirmed", "failed", "confirmed"] == run.dispositions("customers")
    assert (2, 1, 0) == (result.data["created"], result.data["failed"], result.data["rejected"])
    [named] = result.data["exceptions"]
    assert named["reason"].startswith("the vendor refused it: hubspot: Contact already exists")


async def test_a_contact_whose_id_cannot_be_looked_up_is_not_written_by_its_address(bench):
    run = bench(customers=[{"id": "12345", "data": {"email": "jane.new@example.com"}}, customer("other@example.com")])
    there = set(run.truth("hubspot")["contacts"])
    run.fault("hubspot", "status", status=500, path="/crm/v3/objects/contacts/batch/read", count=3)
    with pytest.raises(VendorError):
        await run.call(crm.sync_contacts)
    assert ["failed", "confirmed"] == run.dispositions("customers")
    assert "its id could not be looked up" in run.entries("customers")[0].reason
    [new] = [row for id_, row in run.truth("hubspot")["contacts"].items() if id_ not in there]
    assert "other@example.com" == new["email"]
    await run.call(crm.sync_contacts)
    assert ["confirmed", "confirmed"] == run.dispositions("customers")
    assert "jane.new@example.com" == run.truth("hubspot")["contacts"]["12345"]["email"]
    assert len(there) + 1 == len(run.truth("hubspot")["contacts"])


async def test_reading_back_compares_property_by_property(bench):
    run = bench()
    await run.call(crm.sync_contacts)
    result = await run.call(crm.read_back_contacts)
    assert (2, 0, 0) == (result.data["matched"], result.data["mismatched"], result.data["missing"])
    assert [True] == [check.passed for check in run.job.checks if check.name == "CRM read-back"]
    hubspot = await run.job.integration("hubspot")
    await hubspot.execute("update_contact", {"contact_id": "12345", "properties": {"company": "Changed"}})
    again = await run.call(crm.read_back_contacts)
    assert [{"place": "customers[1]", "properties": ["company"]}] == again.data["differences"]
    assert (1, 1) == (run.fact("crm.contacts_matched"), run.fact("crm.contacts_mismatched"))
    assert [False] == [check.passed for check in run.job.checks if check.name == "CRM read-back"]


async def test_the_review_finds_the_crms_own_duplicates_and_unusable_records(bench):
    run = bench()
    result = await run.call(crm.review_crm)
    assert (6, True, 1, 2) == tuple(
        result.data[name] for name in ("contacts", "complete", "invalid", "likely_duplicates")
    )
    assert [{"ids": "12401, 12402"}] == result.data["groups"]
    assert {"created": 0, "updated": 0, "unchanged": 0, "archived": 0} == run.truth("hubspot")["writes"]
    limited = await run.call(crm.review_crm, limit=3)
    assert (3, False) == (limited.data["contacts"], limited.data["complete"])


async def test_an_unreachable_crm_fails_the_records_with_its_own_error(bench):
    run = bench()
    run.fault("hubspot", "status", status=500)
    with pytest.raises(VendorError) as caught:
        await run.call(crm.sync_contacts)
    assert ["failed", "failed"] == run.dispositions("customers")
    assert all(caught.value.for_model in (entry.reason or "") for entry in run.entries("customers"))
    assert (0, 2) == (run.fact("crm.contacts_created"), run.fact("crm.contacts_failed"))


async def test_what_was_left_in_doubt_is_mended_by_calling_the_tool_again(bench):
    run = bench()
    run.fault("hubspot", "status", status=503, path="/crm/v3/objects/contacts/batch/upsert", count=3)
    with pytest.raises(VendorError):
        await run.call(crm.sync_contacts)
    assert ["unknown", "confirmed"] == run.dispositions("customers")  # a 503 does not say that nothing was written
    result = await run.call(crm.sync_contacts)
    assert (1, 1, 0) == tuple(result.data[name] for name in ("created", "updated", "unknown"))
    assert {"created": 1, "updated": 1} == {
        name: run.truth("hubspot")["writes"][name] for name in ("created", "updated")
    }


async def test_a_crm_that_goes_down_in_the_middle_is_not_asked_a_thousand_times(bench):
    run = bench(customers=[customer(f"user{index}@example.com") for index in range(2_000)])
    run.fault("hubspot", "status", status=500, path="/crm/v3/objects/contacts/batch/upsert")
    with pytest.raises(VendorError):
        await run.call(crm.sync_contacts)
    assert {"failed", "unknown"} == set(run.dispositions("customers"))
    assert run.calls("hubspot") < 30
    assert 2_000 == run.fact("crm.contacts_failed") + run.fact("crm.contacts_unknown")


async def test_a_lost_answer_writes_once_and_is_settled(bench):
    run = bench()
    run.fault("hubspot", "commit_then_drop", path="/crm/v3/objects/contacts/batch/upsert", count=1)
    result = await run.call(crm.sync_contacts)
    assert 0 == result.data["unknown"]
    assert 1 == run.truth("hubspot")["writes"]["created"]


async def test_being_slowed_down_costs_time_and_no_records(bench):
    run = bench()
    run.fault("hubspot", "rate_limit", retry_after_s=0, count=2)
    await run.call(crm.sync_contacts)
    assert ["confirmed", "confirmed"] == run.dispositions("customers")


async def test_a_thousand_contacts_with_duplicates_add_up(bench):
    rows = [customer(f"user{index % 900}@example.com", firstname=f"N{index % 900}") for index in range(1_000)]
    run = bench(customers=[*rows, customer("broken")])
    result = await run.call(crm.sync_contacts)
    assert (900, 0, 100, 1) == tuple(result.data[name] for name in ("created", "updated", "duplicates", "rejected"))
    assert 900 == run.truth("hubspot")["writes"]["created"]
    assert 1_001 == sum(run.job.dataset("customers").counts().values())
    assert len(result.text) < 5_000
    again = await run.again({"customers": rows}).call(crm.sync_contacts)
    assert (0, 900, 100) == tuple(again.data[name] for name in ("created", "skipped", "duplicates"))


async def test_a_tool_refuses_the_records_of_another(bench):
    run = bench()
    with pytest.raises(InvalidArguments, match="this tool works on customers"):
        await run.call(crm.sync_contacts, dataset="payments")
    assert ["pending", "pending"] == run.dispositions("payments")
    with pytest.raises(InvalidArguments, match="there is no 'nothing'"):
        await run.call(crm.sync_contacts, dataset="nothing")


async def test_no_records_are_no_work_and_no_call(bench):
    run = bench(customers=[])
    result = await run.call(crm.sync_contacts)
    await run.call(crm.read_back_contacts)
    assert (0, 0) == (result.data["created"], run.calls("hubspot"))
    assert run.fact("crm.data_quality") is None
    read_back = ("read_back", "matched", "mismatched", "missing")
    assert [None] * 4 == [run.fact(f"crm.contacts_{name}") for name in read_back]
    assert [None] == [check.passed for check in run.job.checks if check.name == "CRM read-back"]
