"""The tables of the one database."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

VERSION = 2
"""Raised with every change of a table, together with a step in `newfuse.store.migrations`."""

metadata = MetaData()

meta = Table("meta", metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))

runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("crew", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("model", String, nullable=False),
    Column("started_at", String, nullable=False),  # ISO 8601, UTC
    Column("finished_at", String),
    Column("status", String, nullable=False),  # RUNNING, INTERRUPTED, or results.json's status
    Column("folder", String),  # where the reports lie
    Column("owner", String),  # the process that began it (newfuse.effects.owner)
)

repetitions = Table(
    "repetitions",
    metadata,
    Column("id", String, primary_key=True),  # marks the references of its writes
    Column("crew", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("begun_at", String, nullable=False),  # ISO 8601, UTC
    Column("begun_by", String, nullable=False),  # run
    Column("finished_at", String),
    Column("finished_by", String),  # the run that left nothing of it undone, or began another
)

tasks = Table(
    "tasks",
    metadata,
    Column("run_id", String, ForeignKey("runs.run_id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("status", String, nullable=False),
    Column("started_at", String),
    Column("finished_at", String),
    Column("error", Text),
    Column("outcome", JSON),  # the whole typed outcome
)

calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("call_id", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("run_id", String),
    Column("task", String),
    Column("agent", String),
    Column("integration", String, nullable=False),
    Column("action", String),
    Column("method", String, nullable=False),
    Column("host", String, nullable=False),
    Column("template", String, nullable=False),
    Column("status", Integer),
    Column("error", String),
    Column("sent", Boolean, nullable=False),
    Column("started_at", String, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("waited_ms", Float, nullable=False),
    Column("bytes_out", Integer, nullable=False),
    Column("bytes_in", Integer, nullable=False),
    Column("request_id", String),
    Column("tls", String),
    Index("calls_by_run", "run_id", "integration"),
    Index("calls_by_time", "started_at"),
)

effects = Table(
    "effects",
    metadata,
    Column("key", String, primary_key=True),
    Column("environment", String, nullable=False),
    Column("account", String, nullable=False),
    Column("integration", String, nullable=False),
    Column("action", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("kind", String, nullable=False),  # write, money or destructive
    Column("once", String, nullable=False),
    Column("state", String, nullable=False),  # intent, confirmed, failed or unknown
    Column("attempt", Integer, nullable=False),
    Column("owner", String, nullable=False),
    Column("run_id", String),
    Column("task", String),
    Column("agent", String),
    Column("arguments", JSON),
    Column("response", JSON),
    Column("error", Text),
    Column("created_at", String, nullable=False),
    Column("settled_at", String),
    Index("effects_by_run", "run_id", "task"),
    # Those whose contents can be pruned one day (newfuse.effects.pruning), found without reading all the others.
    Index("effects_with_contents", "settled_at", sqlite_where=text("arguments IS NOT NULL AND settled_at IS NOT NULL")),
)
