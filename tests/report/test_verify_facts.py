"""What a run says was measured is taken again from where it came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from newfuse.report import write_reports
from newfuse.report.verify import verify
from newfuse.store import Store
from report.run_examples import CRM, Example, make_record

RATE: dict[str, Any] = {"kind": "derived", "expression": "100 * part / whole", "formula": "a share"}
INPUTS = {"part": "crm.part", "whole": "crm.whole"}
TOLD: dict[str, Any] = {"kind": "vendor", "integration": "hubspot", "action": "batch_read_contacts"}
WROTE: dict[str, Any] = {"kind": "effects", "integration": "hubspot", "state": "confirmed"}


async def problems(store: Store, folder: Path, value: Any, **source: Any) -> list[str]:
    example = Example()
    for name, number in (("crm.part", 1), ("crm.whole", 4), ("crm.doubt", 0)):
        example.facts.add(CRM, name, number, "contacts", {"kind": "dataset", "dataset": "customers"})
    example.facts.add(CRM, "crm.tested", value, "contacts", source)
    write_reports(await make_record(store, example), folder)
    return [problem for problem in await verify(folder, store) if "crm.tested" in problem]


@pytest.mark.parametrize(
    ("value", "about", "said"),
    [
        (25.0, {"inputs": INPUTS}, None),
        (25.0, {"inputs": INPUTS, "unless": "crm.doubt"}, None),
        (26.0, {"inputs": INPUTS}, "26.0 is said, 25.0 follows from its inputs"),
        (25.0, {"inputs": {"part": "crm.part"}}, "its formula cannot be computed"),
        (25.0, {"inputs": {"part": "crm.part", "whole": "no.such"}}, "25.0 is said, None follows"),
        (25.0, {"inputs": INPUTS, "unless": "crm.part"}, "25.0 is said, None follows"),
    ],
)
async def test_a_derived_fact_follows_from_its_inputs(store: Store, tmp_path: Path, value, about, said):
    found = await problems(store, tmp_path, value, **{**RATE, **about})
    assert (said is None) == (not found)
    assert all(str(said) in problem for problem in found)


@pytest.mark.parametrize(
    ("value", "ids", "calls", "said"),
    [
        (None, [], 0, None),
        (3, [], 0, "3 is said without a call that told it"),
        (3, ["never made"], 1, "the store does not have the 1 answered calls"),
    ],
)
async def test_a_vendors_fact_rests_on_recorded_calls(store: Store, tmp_path: Path, value, ids, calls, said):
    found = await problems(store, tmp_path, value, **TOLD, call_ids=ids, calls=calls)
    assert (said is None) == (not found)
    assert all(str(said) in problem for problem in found)


async def test_confirmed_writes_are_in_the_ledger(store: Store, tmp_path: Path):
    [found] = await problems(store, tmp_path, 99, **WROTE, action="upsert_contacts")
    assert "99 is said" in found
