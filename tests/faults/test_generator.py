"""The matrix makes itself: a vendor nobody has told it of is in it, and what cannot be in it is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from faults.answers import FOREIGN
from faults.arguments import Made
from faults.depot import ClosedDepot, Depot, DepotVendor, ForgetfulDepot
from faults.matrix import MOMENTS, Matrix, moments
from faults.scenario import NoScenario, Scenarios
from faults.truth import described
from faults.world import Clock, World, writes
from faults.zygote import Zygote
from newfuse.integrations import Integration
from newfuse.sandbox import SandboxServer

SOME = {name: FOREIGN[name] for name in ("404", "503 with Retry-After", "200 with a page", "200 with {}")}


@asynccontextmanager
async def opened(cls: type[Integration]) -> AsyncIterator[World]:
    """Put the depot into a sandbox."""
    clock = Clock()
    with SandboxServer(now=clock) as server:
        server.sandbox.vendors["depot"] = DepotVendor(now=clock)
        async with World(server, clock, {"depot": cls}) as world:
            yield world


async def test_a_connector_that_nobody_has_told_of_gets_its_arguments_from_what_it_says_itself():
    async with opened(Depot) as world:
        scenarios = Scenarios(world.catalog)
        found = {action: await scenarios.of(world, slug, action) for slug, action in writes(world.catalog)}
    assert {"announce", "label_crate", "ship_crate", "store_crate"} == set(found)
    shipped = found["ship_crate"]
    assert "label_crate().id" == repr(shipped.template["crate_id"]), "only what is labelled can be shipped"
    assert "~ truth/depot/crates/<id>/shipped false → true" in described(shipped.once)
    assert "{token}" == found["label_crate"].template["label"], "without it nothing changes"
    assert isinstance(found["label_crate"].template["crate_id"], Made)
    assert 2 == len(found["announce"].template["subjects"])


async def test_a_connector_that_nobody_has_told_of_is_held_to_the_matrix(tmp_path: Path, dying_writes: Zygote):
    async with opened(Depot) as world:
        scenarios = Scenarios(world.catalog)
        matrix = Matrix(world, scenarios, tmp_path, dying_writes)
        for slug, action in writes(world.catalog):
            scenario = await scenarios.of(world, slug, action)
            for moment in moments(scenario.spec):
                wrong = await matrix.run(scenario, moment, SOME)
                assert [] == wrong, f"{action}: {wrong}"


async def test_a_key_that_the_vendor_does_not_see_is_found_out():
    async with opened(ForgetfulDepot) as world:
        with pytest.raises(NoScenario, match=r"depot\.store_crate says once='key', and asked again does more: .*<own>"):
            await Scenarios(world.catalog).of(world, "depot", "store_crate")


async def test_a_look_up_that_finds_nothing_whatever_is_there_is_found_out(tmp_path: Path, dying_writes: Zygote):
    async with opened(ForgetfulDepot) as world:
        scenarios = Scenarios(world.catalog)
        scenario = await scenarios.of(world, "depot", "announce")
        matrix = Matrix(world, scenarios, tmp_path, dying_writes)
        [lost_reply] = [moment for moment in MOMENTS if "reply was lost" in moment.name]
        wrong = await matrix.run(scenario, lost_reply, SOME)
    assert len(SOME) == len(wrong)
    assert all("happened twice" in one or "although the vendor is well" in one for one in wrong), wrong


async def test_an_action_for_which_no_arguments_are_found_is_named():
    async with opened(ClosedDepot) as world:
        with pytest.raises(NoScenario, match=r"depot\.open_gate: give an example for it in .*examples\.py"):
            await Scenarios(world.catalog).of(world, "depot", "open_gate")
        refused = Scenarios(world.catalog, {"depot.open_gate": {"plan": {"a": 1}}})
        with pytest.raises(NoScenario, match=r"depot\.open_gate: .*the plan is wrong"):
            await refused.of(world, "depot", "open_gate")


async def test_a_connector_without_a_vendor_in_the_sandbox_is_named():
    clock = Clock()
    with SandboxServer(now=clock) as server:
        async with World(server, clock, {"depot": Depot}) as world:
            with pytest.raises(NoScenario, match="the sandbox has no 'depot'"):
                await Scenarios(world.catalog).of(world, "depot", "announce")
