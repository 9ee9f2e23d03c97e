"""Brings a store that an earlier version of the program wrote up to the tables of this one, in place."""

from __future__ import annotations

from sqlalchemy import Connection, insert, update

from newfuse.errors import ConfigurationError
from newfuse.store import schema

STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE runs ADD COLUMN owner VARCHAR",
        # Version 1 kept the process of an effect only. A run without any has no owner, and no lock speaks for it.
        "UPDATE runs SET owner = (SELECT owner FROM effects WHERE effects.run_id = runs.run_id LIMIT 1)",
        """CREATE TABLE repetitions (
            id VARCHAR NOT NULL, crew VARCHAR NOT NULL, environment VARCHAR NOT NULL, begun_at VARCHAR NOT NULL,
            begun_by VARCHAR NOT NULL, finished_at VARCHAR, finished_by VARCHAR, PRIMARY KEY (id)
        )""",
        """CREATE INDEX effects_with_contents ON effects (settled_at)
        WHERE arguments IS NOT NULL AND settled_at IS NOT NULL""",
    ),
}
"""By version, the statements that make a store of that version one of the next."""


def bring_up_to_date(connection: Connection, place: str) -> None:
    """Make the tables, or change those of an earlier version, in the transaction that is open.

    Args:
        connection: To the store.
        place: Where it lies, for messages.

    Raises:
        ConfigurationError: It was written by a version that this program does not know.
    """
    found = _version(connection)
    if found is None:
        schema.metadata.create_all(connection)
        connection.execute(insert(schema.meta).values(name="version", value=str(schema.VERSION)))
        return
    known = [str(version) for version in STEPS]
    if found not in {*known, str(schema.VERSION)}:
        raise ConfigurationError(
            f"The store in {place} has version {found}, this program needs {schema.VERSION}. "
            "Use the program that wrote it, or choose another folder with --store."
        )
    for version in range(int(found), schema.VERSION):
        for statement in STEPS[version]:
            connection.exec_driver_sql(statement)
    if found != str(schema.VERSION):
        written = update(schema.meta).where(schema.meta.c.name == "version").values(value=str(schema.VERSION))
        connection.execute(written)


def _version(connection: Connection) -> str | None:
    if not connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'meta'").scalar():
        return None
    version = connection.exec_driver_sql("SELECT value FROM meta WHERE name = 'version'").scalar()
    return None if version is None else str(version)
