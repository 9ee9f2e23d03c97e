"""What became of a task's records and writes: counts, the first exceptions, and all of them in a file."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from newfuse.crew.job import Job
from newfuse.crew.task import Task
from newfuse.log import logger
from newfuse.records.dataset import EXCEPTIONAL, Dataset, Disposition, Entry, shorten
from newfuse.redact import redact_text
from newfuse.report.exceptions_file import exceptions_file, write_exceptions
from newfuse.report.results import EXCEPTIONS_SHOWN, DatasetAccount, EffectCounts, RecordException
from newfuse.types import Effect, Once

_log = logger("crew")
REASON_LENGTH = 600  # characters of one record's reason in a report: a vendor's sentence with its way out


@dataclass(frozen=True, slots=True)
class TaskEffects:
    """The writes of a task, by the ledger.

    Attributes:
        all: Every write.
        money: Those that move money.
        to_decide: Of the unknown, those that no later run can settle, because their vendor cannot be asked.
    """

    all: EffectCounts
    money: EffectCounts
    to_decide: int


async def effects_of(job: Job) -> TaskEffects:
    """Count the writes of a task."""
    rows = [row for row in await job.run.ledger.counts(job.run.run_id) if row["task"] == job.task]
    everything, money = Counter[str](), Counter[str]()
    to_decide = 0
    for row in rows:
        # An intent without an outcome when its task has ended is one nobody can speak for.
        state = "unknown" if row["state"] == "intent" else row["state"]
        everything[state] += row["count"]
        if row["kind"] == Effect.MONEY.value:
            money[state] += row["count"]
        if state == "unknown" and _rests_on_nothing(job, row):
            to_decide += row["count"]
    return TaskEffects(_counts(everything), _counts(money), to_decide)


def _counts(states: Counter[str]) -> EffectCounts:
    return EffectCounts(planned=states.total(), **states)


def _rests_on_nothing(job: Job, row: dict[str, Any]) -> bool:
    integration = job.run.registry.get_integration(row["integration"])
    spec = integration.specs.get(row["action"]) if integration is not None else None
    return spec is not None and spec.once is Once.NONE


def account_of(dataset: Dataset) -> DatasetAccount:
    """Say what became of a dataset's records."""
    rules = Counter(entry.rule for entry in dataset if entry.disposition is Disposition.REJECTED and entry.rule)
    return DatasetAccount(
        name=dataset.name,
        total=len(dataset),
        counts=dataset.counts(),
        rules={str(rule): count for rule, count in rules.items()},
        exceptions=[_exception(entry) for entry in islice(_exceptional(dataset), EXCEPTIONS_SHOWN)],
        looked_at=dataset.looked_at(),
        undecided=sum(entry.is_undecided for entry in dataset),
    )


async def list_exceptions(job: Job, task: Task) -> str | None:
    """Write the complete list of a task's exceptions beside the reports and return its name; None without any.

    A list that cannot be written is said in the task's notes: the work is done, and its counts are complete.
    """
    datasets = [job.dataset(name) for name in task.datasets]
    if not any(True for dataset in datasets for _ in _exceptional(dataset)):
        return None
    name = exceptions_file(task.name)

    def found() -> Iterator[tuple[str, RecordException]]:
        return ((dataset.name, _exception(entry)) for dataset in datasets for entry in _exceptional(dataset))

    try:
        # In a thread: the list may be long, and other tasks are at work.
        aside = await asyncio.to_thread(write_exceptions, job.run.folder / name, job.run.run_id, task.name, found)
    except OSError as exc:
        _log.exception("the exceptions of task %s cannot be listed", task.name)
        job.note(f"The complete list of exceptions could not be written: {exc.strerror or type(exc).__name__}.")
        return None
    if aside is not None:
        job.note(f"Something that could not be replaced lay in the place of {name} and was put aside as {aside}.")
    return name


def _exceptional(dataset: Dataset) -> Iterator[Entry]:
    return (entry for entry in dataset if entry.disposition in EXCEPTIONAL)


def _exception(entry: Entry) -> RecordException:
    return RecordException(
        place=entry.place,
        reference=str(shorten(entry.reference)),
        disposition=entry.disposition.value,
        rule=entry.rule,
        reason=_reason(entry),
    )


def _reason(entry: Entry) -> str | None:
    """Return why, for people: long enough to keep the way out that it names."""
    if entry.reason is None:
        return None
    text = redact_text(entry.reason)
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]}… ({len(text)} characters)"
