"""Effects as rows of the database.

A batch of a hundred contacts is a hundred rows, written twice. The statements are compiled once and given to the
driver with plain tuples: SQLAlchemy would spend as much on a row's parameters as SQLite on the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from numbers import Number
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import dialect, insert

from newfuse.effects.intent import Intent, Outcome, Standing, State
from newfuse.store.schema import effects
from newfuse.types import JSON

CHUNK = 500  # keys per look-up: SQLite's oldest limit on variables is 999

Row = tuple[Any, ...]

_DIALECT = dialect(paramstyle="qmark")
_COLUMNS = tuple(column.name for column in effects.columns)
_STANDING = tuple(
    effects.c[name]
    for name in (
        "key",
        "fingerprint",
        "state",
        "attempt",
        "owner",
        "arguments",
        "response",
        "error",
        "created_at",
        "run_id",
    )
)
_NULL = "null"


def _recording() -> str:
    insertion = insert(effects)
    anew = {name: insertion.excluded[name] for name in _COLUMNS if name != "key"}
    return str(insertion.on_conflict_do_update(index_elements=[effects.c.key], set_=anew).compile(dialect=_DIALECT))


def _settling() -> str:
    names = ("state", "response", "error", "settled_at")
    values: list[tuple[Any, Any]] = [(effects.c[name], bindparam(name)) for name in names]
    values.append((effects.c.attempt, effects.c.attempt + bindparam("spent")))
    settled = update(effects).where(effects.c.key == bindparam("of_key")).ordered_values(*values)
    return str(settled.compile(dialect=_DIALECT))


_RECORD = _recording()
_SETTLE = _settling()


def row_of(intent: Intent, standing: Standing, *, fingerprint: str, about: dict[str, Any], now: str) -> Row:
    """Return the row of an intent, in the order of the table's columns.

    Args:
        intent: What is about to be done.
        standing: Its key, attempt and arguments as they will be sent.
        fingerprint: The intent's.
        about: `run_id`, `task`, `agent` and `owner`.
        now: The time, ISO 8601 in UTC; an attempt in doubt keeps its own.
    """
    scope = intent.scope
    return (
        standing.key,
        scope.environment,
        scope.account,
        scope.integration,
        scope.action,
        intent.reference.encode("utf-8", "backslashreplace").decode(),  # the key alone must tell it
        fingerprint,
        intent.kind.value,
        intent.once.value,
        State.INTENT.value,
        standing.attempt,
        about["owner"],
        about["run_id"],
        about["task"],
        about["agent"],
        encode(standing.arguments),
        _NULL,
        None,
        standing.begun_at or now,
        None,
    )


def record(connection: Connection, rows: Sequence[Row]) -> None:
    """Write intents, each in place of an earlier attempt of its key."""
    connection.exec_driver_sql(_RECORD, list(rows))


def settle(connection: Connection, outcomes: Sequence[Outcome], now: str) -> None:
    """Write what became of intents."""
    rows = [(one.state.value, encode(one.response), one.error, now, int(one.key_spent), one.key) for one in outcomes]
    connection.exec_driver_sql(_SETTLE, rows)


def known(connection: Connection, keys: Sequence[str]) -> dict[str, Any]:
    """Return the rows there are, by key: what a standing is judged by, `arguments` and `response` still encoded."""
    return {row.key: row for row in _look_up(connection, _STANDING, keys)}


def states(connection: Connection, keys: Sequence[str]) -> dict[str, State]:
    """Return the state of every key that is there."""
    return {key: State(state) for key, state in _look_up(connection, (effects.c.key, effects.c.state), keys)}


def encode(value: JSON) -> str:
    """Return a JSON value as the text that is kept."""
    if value is None:
        return _NULL
    try:
        return to_json(value).decode()
    except (PydanticSerializationError, ValueError):  # halves of surrogate pairs, which UTF-8 has no bytes for
        return json.dumps(value)


def decode(kept: Any) -> JSON:
    """Return the JSON value of what a column holds; SQLite turns the text of a bare number into the number."""
    return kept if kept is None or isinstance(kept, Number) else json.loads(kept)


def _look_up(connection: Connection, columns: tuple[Any, ...], keys: Sequence[str]) -> Iterator[Any]:
    for start in range(0, len(keys), CHUNK):
        some = tuple(keys[start : start + CHUNK])
        yield from connection.exec_driver_sql(_selecting(columns, len(some)), some)


@lru_cache(maxsize=64)
def _selecting(columns: tuple[Any, ...], count: int) -> str:
    """Return the statement that looks up that many keys."""
    query = select(*columns).where(effects.c.key.in_([""] * count))
    return str(query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True}))
