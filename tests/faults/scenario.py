"""What one write does when nothing is wrong: found by doing it, before it is done under faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from faults.arguments import MOST_TRIES, Made, Template, templates
from faults.examples import EXAMPLES
from faults.truth import Changes, described, of_number
from faults.world import Catalog, World, new_token, perform
from newfuse.effects import Ledger
from newfuse.errors import NewFuseError
from newfuse.integrations import ActionSpec, WriteStatus
from newfuse.store import Store
from newfuse.types import Once


class NoScenario(AssertionError):
    """A write that the matrix cannot hold: for want of arguments, of a vendor, or because it is not what it says."""


@dataclass(frozen=True)
class Scenario:
    """One write, and how its happening is told from its not happening.

    Attributes:
        slug: The integration.
        spec: The action.
        template: Its arguments.
        once: What it changes at the vendor when it happens once.
        attempts: Numbers that count attempts, and grow when the same is asked for again although nothing happens.
    """

    slug: str
    spec: ActionSpec
    template: Template
    once: Changes
    attempts: frozenset[tuple[str, ...]]

    def of_the_write(self, changes: Changes) -> Changes:
        """Leave out requests that the write does not consist of: connecting and looking up may be POSTs too."""
        return {what: n for what, n in changes.items() if what in self.once or not what[1].startswith("accepted/")}

    def is_once(self, changes: Changes) -> bool:
        """Say whether these changes are those of the write, once and whole."""
        counted = {*self.once, *changes} - self.attempts
        tried = all(changes.get(place, 0) >= self.once.get(place, 0) for place in self.attempts)
        return tried and all(self.once.get(what, 0) == changes.get(what, 0) for what in counted)


class Scenarios:
    """Finds scenarios, each once."""

    def __init__(self, catalog: Catalog, examples: dict[str, dict[str, Any]] = EXAMPLES) -> None:
        self.catalog = catalog
        self.recipes: dict[str, Template] = {}
        self._examples = examples
        self._found: dict[str, Scenario | NoScenario] = {}
        self._under_way: set[str] = set()

    async def of(self, world: World, slug: str, action: str) -> Scenario:
        """Return the scenario of a write.

        Raises:
            NoScenario: Says what to add or to mend.
        """
        name = f"{slug}.{action}"
        if name not in self._found:
            self._under_way.add(name)
            try:
                self._found[name] = await self._find(world, slug, action)
            except NoScenario as missing:
                if len(self._under_way) > 1:  # perhaps only for want of what is being looked for just now
                    raise
                self._found[name] = missing
            finally:
                self._under_way.discard(name)
        found = self._found[name]
        if isinstance(found, NoScenario):
            raise found
        return found

    async def _find(self, world: World, slug: str, action: str) -> Scenario:
        name = f"{slug}.{action}"
        if slug not in world.server.sandbox.vendors:
            raise NoScenario(f"{name}: the sandbox has no {slug!r}, so nobody can say what really happened")
        cls = self.catalog[slug]
        said = "no argument can be derived"
        blind: Scenario | None = None
        for index, template in enumerate(templates(cls, cls.specs[action], self._examples.get(name, {}))):
            if index == MOST_TRIES:
                break
            found = await self._tried(world, slug, action, template)
            if isinstance(found, str):
                said = found
            elif any("truth" in what[1] for what in found.once):
                self.recipes[name] = template
                return found
            else:  # the log says that it was accepted, the truth does not show it: something else may show
                blind = blind or found
        if blind is None:
            raise NoScenario(f"{name}: give an example for it in tests/faults/examples.py ({said})")
        self.recipes[name] = blind.template
        return blind

    async def _tried(self, world: World, slug: str, action: str, template: Template) -> Scenario | str:
        """Do it twice with records of their own, and the second once more; say why it will not do."""
        name = f"{slug}.{action}"
        try:
            for made in _made_in(template):
                if f"{slug}.{made.action}" in self._under_way:
                    return f"{made.action} needs {action} itself"
                await self.of(world, slug, made.action)
        except NoScenario as missing:
            return str(missing)
        spec = self.catalog[slug].specs[action]
        seen: list[Changes] = []
        world.renew()
        await world.healthy(slug)
        for _ in range(2):
            try:
                arguments = await world.prepared(slug, template, self.recipes)
                reference, before = new_token(), world.look()
                performed = await self._asked(world, slug, action, arguments, reference)
            except (NewFuseError, LookupError) as refused:
                return str(refused)
            refusals = [str(error) for status, error in performed if status is not WriteStatus.CONFIRMED]
            if refusals:
                return "; ".join(refusals)
            seen.append(world.changes(before))
        if not seen[0]:
            return f"with {template} nothing changes"
        if seen[0] != seen[1]:
            return f"two that are alike differ: {described(seen[0])} | {described(seen[1])}"
        if spec.once not in {Once.KEY, Once.NATURAL}:
            return Scenario(slug, spec, template, seen[0], frozenset())
        before = world.look()
        await self._asked(world, slug, action, arguments, reference)  # by a ledger that knows nothing of it
        again = world.changes(before)
        attempts = of_number(again)
        if attempts != set(again):
            raise NoScenario(f"{name} says once={spec.once.value!r}, and asked again does more: {described(again)}")
        return Scenario(slug, spec, template, seen[0], frozenset(attempts))

    async def _asked(self, world: World, slug: str, action: str, arguments: dict[str, Any], reference: str) -> Any:
        ledger = Ledger(Store(None))
        try:
            integration = await world.healthy(slug)
            former, integration._ledger = integration._ledger, ledger
            try:
                return await perform(integration, action, arguments, reference)
            finally:
                integration._ledger = former
        finally:
            await ledger.store.close()


def _made_in(value: Any) -> list[Made]:
    if isinstance(value, Made):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [made for part in parts for made in _made_in(part)]
