"""Whatever answers in the vendor's place: every write happens once, and what is said of it is so."""

from __future__ import annotations

import pytest

from faults.matrix import Matrix, Moment, moments
from faults.scenario import Scenarios
from faults.world import World, writes
from newfuse import available_integrations

CATALOG = available_integrations()
CELLS = [
    pytest.param(slug, action, moment, id=f"{slug}.{action} {moment.name}")
    for slug, action in writes(CATALOG)
    for moment in moments(CATALOG[slug].specs[action])
]


@pytest.mark.parametrize(("slug", "action"), [pytest.param(*one, id=".".join(one)) for one in writes(CATALOG)])
async def test_a_write_is_in_the_matrix(world: World, scenarios: Scenarios, slug: str, action: str):
    assert await scenarios.of(world, slug, action)


@pytest.mark.parametrize(("slug", "action", "moment"), CELLS)
async def test_a_foreign_answer_neither_doubles_nor_loses_nor_lies(
    world: World, scenarios: Scenarios, matrix: Matrix, slug: str, action: str, moment: Moment
):
    scenario = await scenarios.of(world, slug, action)
    wrong = await matrix.run(scenario, moment)
    assert [] == wrong, "\n".join(wrong)
