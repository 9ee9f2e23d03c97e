"""Every way in which an answer that is not the vendor's may come between a write and its outcome, and the judgement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aging import age_effects
from faults.answers import FOREIGN, Answer
from faults.dying_writes import ANSWERED, APPLIED, BEFORE
from faults.injector import LOST, THROUGH, Hop, Plan
from faults.scenario import Scenario, Scenarios
from faults.truth import Changes, added, described, total
from faults.world import World, mend, new_token, perform
from faults.zygote import Zygote
from newfuse.effects import Ledger
from newfuse.integrations import ActionSpec, WriteStatus
from newfuse.store import Store
from newfuse.types import Once

HOURS_LATER = 6  # older than any vendor's lag and any request, younger than any key
PAST_THE_KEY = 26  # hours; Stripe forgets a key after 24
FIRST, STILL, WELL, LATER, MORE = "at first", "while it lasts", "when all is well again", "hours later", "once more"
DONE = {WriteStatus.CONFIRMED, WriteStatus.SKIPPED}


@dataclass(frozen=True)
class Moment:
    """When the foreign answer comes.

    Attributes:
        first: What happens to the first request that writes, given the foreign answer; None when a process dies at it.
        killed: Where a process dies that writes first; another one asks again then.
        then: Whether what follows meets the foreign answer.
        only_look_ups: Only look-ups do.
        hours: How much later the one who asks again comes.
    """

    name: str
    first: Callable[[Answer], Hop] | None = None
    killed: str | None = None
    then: bool = True
    only_look_ups: bool = False
    hours: int = 0

    def plan(self, action: str, answer: Answer, *, again: bool) -> Plan:
        """Return what happens to the requests of one write, asked for by this one at first or again."""
        then = Hop(arrives=False, comes_back=answer) if self.then else THROUGH
        first = self.first(answer) if self.first is not None else then
        return Plan(action, first, then, self.only_look_ups, begun=again or self.killed is not None)


def lost(*, applied: bool) -> Callable[[Answer], Hop]:
    """The connection breaks, before or after the vendor had the request."""
    return lambda answer: Hop(arrives=applied, comes_back=LOST)


def foreign(*, applied: bool) -> Callable[[Answer], Hop]:
    """Somebody else answers, before or after the vendor had the request."""
    return lambda answer: Hop(arrives=applied, comes_back=answer)


MOMENTS = (
    Moment("to the repetition of one whose reply was lost", lost(applied=True)),
    Moment("to the repetition of one that was lost itself", lost(applied=False)),
    Moment("to all requests, the first of which arrived", foreign(applied=True)),
    Moment("to all requests, none of which arrived", foreign(applied=False)),
    Moment("to one that arrived", foreign(applied=True), then=False),
    *(Moment(f"after kill -9 {point}", killed=point) for point in (BEFORE, APPLIED, ANSWERED)),
)
LOOK_UPS = (
    Moment("to the look-up alone, the reply was lost", lost(applied=True), only_look_ups=True),
    *(
        Moment(f"to the look-up alone, {when} after kill -9 {point}", killed=point, only_look_ups=True, hours=hours)
        for when, hours in (("soon", 0), ("hours", HOURS_LATER))
        for point in (BEFORE, APPLIED)
    ),
)


KEYS = tuple(
    Moment(f"after kill -9 {point}, when the key is forgotten", killed=point, hours=PAST_THE_KEY)
    for point in (BEFORE, APPLIED)
)


def moments(spec: ActionSpec) -> tuple[Moment, ...]:
    """Return the moments that an action can meet."""
    asked = LOOK_UPS if spec.lookup is not None else ()
    keyed = KEYS if spec.once is Once.KEY else ()
    return (*MOMENTS, *asked, *keyed)


@dataclass
class Cell:
    """One write under one answer at one moment."""

    name: str
    answer: Answer
    reference: str
    arguments: dict[str, Any]
    changed: Changes = field(default_factory=dict)
    was: str = "begun"  # what the ledger last said
    wrong: list[str] = field(default_factory=list)


class Matrix:
    """Runs cells in one world, with one store, and judges them by what really happened."""

    def __init__(self, world: World, scenarios: Scenarios, folder: Path, zygote: Zygote) -> None:
        self._world, self._scenarios, self._folder, self._zygote = world, scenarios, folder, zygote

    async def run(self, scenario: Scenario, moment: Moment, answers: Mapping[str, Answer] = FOREIGN) -> list[str]:
        """Run one write at one moment under every answer, and return what is wrong, a sentence each."""
        ledger = Ledger(Store(self._folder if moment.killed is not None else None))
        try:
            return await self._run(scenario, moment, answers, ledger)
        finally:
            ledger.owner.release()
            await ledger.store.close()

    async def _run(
        self, scenario: Scenario, moment: Moment, answers: Mapping[str, Answer], ledger: Ledger
    ) -> list[str]:
        world, slug, action = self._world, scenario.slug, scenario.spec.name
        world.renew()
        cells = [
            Cell(name, answer, new_token(), await world.prepared(slug, scenario.template, self._scenarios.recipes))
            for name, answer in answers.items()
        ]
        if moment.killed is not None:
            self._kill(scenario, moment.killed, cells)
        if moment.hours:
            await self._wait(ledger, moment.hours)
        integration, injector = await world.integration(slug, ledger)
        steps = _steps(scenario, moment)
        for step, troubled in steps:
            if step == LATER:
                await self._wait(ledger, HOURS_LATER)
            for cell in cells:
                injector.plan = moment.plan(action, cell.answer, again=step == STILL) if troubled else None
                mend(integration)
                before = world.look()
                said = await _ask(integration, action, cell)
                cell.changed = added(cell.changed, scenario.of_the_write(world.changes(before)))
                must = not troubled and _must_be_done(scenario, moment, cell, late=step in {LATER, MORE})
                if not cell.wrong:  # what follows from it says nothing more
                    cell.wrong = [f"{step}: {what}" for what in _judged(scenario, cell, said, must=must)]
                cell.was = said
        await integration.disconnect()
        return [f"{cell.name} {moment.name}: {'; '.join(cell.wrong)}" for cell in cells if cell.wrong]

    def _kill(self, scenario: Scenario, point: str, cells: list[Cell]) -> None:
        world = self._world
        before = world.look()
        cls = world.catalog[scenario.slug]
        job = {
            "home": cls.__module__,
            "name": cls.__name__,
            "action": scenario.spec.name,
            "url": world.server.url,
            "store": str(self._folder),
            "point": point,
            "writes": [(cell.reference, cell.arguments) for cell in cells],
        }
        ended = self._zygote.run(job)
        assert ended == -9, f"the process was not killed at the point, it ended by itself: {self._zygote.said}"
        happened = scenario.once if point != BEFORE else {}
        for cell in cells:
            cell.changed = dict(happened)
        expected = total((what, count * len(cells)) for what, count in happened.items())
        found = scenario.of_the_write(world.changes(before))
        assert expected == found, f"killed {point}, expected {described(expected)}, found {described(found)}"

    async def _wait(self, ledger: Ledger, hours: int) -> None:
        """Let hours pass: at the vendors, and since what stands in the ledger."""
        self._world.clock.at += hours * 3600
        await age_effects(ledger.store, hours * 60)


def _steps(scenario: Scenario, moment: Moment) -> list[tuple[str, bool]]:
    """Return when the write is asked for, and whether the foreign answers still come then."""
    steps = [(FIRST, True)]
    if moment.killed is None and moment.then:
        steps.append((STILL, True))
    steps.append((WELL, False))
    if scenario.spec.lookup is not None:
        steps.append((LATER, False))
    return [*steps, (MORE, False)]


async def _ask(integration: Any, action: str, cell: Cell) -> str:
    try:
        performed = await perform(integration, action, cell.arguments, cell.reference)
    except Exception as exc:
        return f"raised {type(exc).__name__}: {exc}"
    said = sorted({status.value for status, _ in performed})
    return said[0] if len(said) == 1 else f"mixed: {', '.join(said)}"


def _must_be_done(scenario: Scenario, moment: Moment, cell: Cell, *, late: bool) -> bool:
    """Say whether a healthy vendor leaves no doubt, so that asking now must end with the write done."""
    spec = scenario.spec
    if cell.was in {WriteStatus.FAILED, *DONE} or spec.once is Once.NATURAL:
        return True
    if spec.lookup is not None:
        return late or scenario.is_once(cell.changed)  # what is found needs no waiting
    return spec.once is Once.KEY and moment.hours < PAST_THE_KEY


def _judged(scenario: Scenario, cell: Cell, said: str, *, must: bool) -> list[str]:
    """Hold what the ledger says against what happened."""
    wrong: list[str] = []
    happened, nothing = scenario.is_once(cell.changed), not cell.changed
    if not happened and not nothing:
        wrong.append(f"happened twice, or in part: {described(cell.changed)}")
    if said in DONE and not happened:
        wrong.append(f"called {said}, and it did not happen")
    elif said == WriteStatus.FAILED and not nothing:
        wrong.append("called failed, and it did happen")
    elif said not in set(WriteStatus):
        wrong.append(said)
    elif must and said not in DONE:
        wrong.append(f"is {said}, although the vendor is well and can tell")
    return wrong
