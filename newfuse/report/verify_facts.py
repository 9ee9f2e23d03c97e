"""Takes facts again from where they came: calls and writes from the store, derived ones from their inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from newfuse.records.derived import evaluate
from newfuse.records.reading import ERROR_STATUS
from newfuse.report.facts import Fact
from newfuse.report.results import RunResult
from newfuse.store import Store
from newfuse.store.schema import calls, effects
from newfuse.types import JSON


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the store holds of a run.

    Attributes:
        answered: Ids of the calls that were answered, by task, integration and action.
        confirmed: Confirmed writes by task, integration and action.
    """

    answered: dict[tuple[str, str, str], set[str]]
    confirmed: dict[tuple[str, str, str], int]


async def facts_taken_again(result: RunResult, store: Store) -> list[str]:
    """Return what of a run's facts does not follow from their sources, a sentence each."""
    recorded = await store.read(lambda connection: _recorded(connection, result.run_id))
    values = {(_text(fact, "task"), fact.name): fact.value for fact in result.facts}
    return [problem for fact in result.facts for problem in _problems(fact, values, recorded)]


def _recorded(connection: Connection, run_id: str) -> _Recorded:
    answered: dict[tuple[str, str, str], set[str]] = {}
    where = [calls.c.run_id == run_id, calls.c.error.is_(None), calls.c.status < ERROR_STATUS]
    for row in connection.execute(
        select(calls.c.task, calls.c.integration, calls.c.action, calls.c.call_id).where(*where)
    ):
        answered.setdefault((row.task, row.integration, row.action), set()).add(row.call_id)
    by = [effects.c.task, effects.c.integration, effects.c.action]
    where = [effects.c.run_id == run_id, effects.c.state == "confirmed"]
    query = select(*by, func.count().label("number")).where(*where).group_by(*by)
    return _Recorded(answered, {(row[0], row[1], row[2]): row.number for row in connection.execute(query)})


def _problems(fact: Fact, values: dict[tuple[str, str], JSON], recorded: _Recorded) -> Iterator[str]:
    kind = fact.source.get("kind")
    if kind == "derived" and "expression" in fact.source:
        yield from _derived(fact, values)
    elif kind == "vendor" and "call_ids" in fact.source and fact.value is not None:
        yield from _told(fact, recorded)
    elif kind == "effects" and fact.source.get("state") == "confirmed":
        found = sum(recorded.confirmed.get(place, 0) for place in _places(fact))
        if not isinstance(fact.value, int) or fact.value > found:
            yield f"{fact.id} ({fact.name}): {fact.value} is said, {found} was found in the ledger."


def _derived(fact: Fact, values: dict[tuple[str, str], JSON]) -> Iterator[str]:
    task, unless, inputs = _text(fact, "task"), fact.source.get("unless"), fact.source.get("inputs")
    value: float | None = None
    if unless is None or values.get((task, str(unless))) == 0:
        named = inputs if isinstance(inputs, dict) else {}
        try:
            value = evaluate(_text(fact, "expression"), {key: values.get((task, str(of))) for key, of in named.items()})
        except (ValueError, SyntaxError):
            yield f"{fact.id} ({fact.name}): its formula cannot be computed."
            return
    if value != fact.value:
        yield f"{fact.id} ({fact.name}): {fact.value} is said, {value} follows from its inputs."


def _told(fact: Fact, recorded: _Recorded) -> Iterator[str]:
    answered = {id_ for place in _places(fact) for id_ in recorded.answered.get(place, ())}
    ids, count = fact.source["call_ids"], fact.source.get("calls")
    if not ids or not isinstance(ids, list):
        yield f"{fact.id} ({fact.name}): {fact.value} is said without a call that told it."
    elif not isinstance(count, int) or count > len(answered) or not answered.issuperset(map(str, ids)):
        yield f"{fact.id} ({fact.name}): the store does not have the {count} answered calls that told it."


def _places(fact: Fact) -> list[tuple[str, str, str]]:
    actions = _text(fact, "action").split(", ")
    return [(_text(fact, "task"), _text(fact, "integration"), action) for action in actions]


def _text(fact: Fact, name: str) -> str:
    return str(fact.source.get(name, ""))
