"""Tells what of a task is still to be done, by the data's accounts and the ledger, whatever a model says."""

from __future__ import annotations

from itertools import islice

from newfuse.crew.accounts import effects_of
from newfuse.crew.job import Job
from newfuse.crew.task import Task
from newfuse.effects import State
from newfuse.records.dataset import Disposition
from newfuse.redact import redact_text
from newfuse.report.wording import counted

EXAMPLES = 3  # places named in a sentence
REASON_LENGTH = 160  # characters of a reason in a sentence: enough for a vendor's
CLAIMS_AT_ONCE = 5_000  # looked up together: a ledger of millions need not fit into memory


def outstanding_work(job: Job, task: Task) -> list[str]:
    """Return what is left, a sentence each; an empty list when every record is accounted for and measured."""
    left: list[str] = []
    for name in task.datasets:
        dataset = job.dataset(name)
        pending = dataset.pending()
        if pending:
            places = ", ".join(entry.place for entry in pending[:EXAMPLES])
            more = ", …" if len(pending) > EXAMPLES else ""
            left.append(f"{name}: {len(pending)} of {len(dataset)} records are not accounted for ({places}{more})")
    missing = [fact for fact in task.required_facts if job.run.facts.get(fact, task.name) is None]
    if missing:
        left.append(f"not measured yet: {', '.join(missing)}")
    return left


def nothing_accepted(job: Job, task: Task) -> list[str]:
    """Return the datasets of which not one record was done, by this run or an earlier one, a sentence each.

    A dataset without records has nothing to accept, one with pending records is unfinished, and of one whose records
    are all in doubt nobody knows.
    """
    left: list[str] = []
    for name in task.datasets:
        dataset = job.dataset(name)
        counts = dataset.counts()
        done = counts[Disposition.CONFIRMED.value] + counts[Disposition.SKIPPED.value]
        if not len(dataset) or done or counts[Disposition.PENDING.value]:
            continue
        if counts[Disposition.UNKNOWN.value] == len(dataset):
            continue
        became = ", ".join(f"{count} {disposition}" for disposition, count in counts.items() if count)
        first = next(entry for entry in dataset if entry.disposition is not Disposition.UNKNOWN)
        why = redact_text(first.reason or "no reason given")[:REASON_LENGTH]
        left.append(f"no record of {name} was done ({became}); {first.place}: {why.removeprefix(f'{first.place}: ')}")
    return left


async def in_doubt(job: Job, task: Task) -> list[str]:
    """Return how many writes may or may not have happened, in a sentence, by the records and by the ledger.

    What an earlier run left in doubt for good was counted then, and fails no later one.
    """
    records = sum(
        entry.disposition is Disposition.UNKNOWN and not entry.is_undecided
        for name in task.datasets
        for entry in job.dataset(name)
    )
    unknown = max(records, (await effects_of(job)).all.unknown)
    return [f"it is not known whether {counted(unknown, 'writes')} happened"] if unknown else []


async def unconfirmed(job: Job, task: Task) -> list[str]:
    """Return records that claim to be confirmed and are not so in the ledger, a sentence each."""
    claims = (
        entry for name in task.datasets for entry in job.dataset(name) if entry.disposition is Disposition.CONFIRMED
    )
    wrong: list[str] = []
    while some := list(islice(claims, CLAIMS_AT_ONCE)):
        states = await job.run.ledger.states([key for entry in some for key in entry.keys])
        wrong += (
            entry.place
            for entry in some  # a claim that names no effect has nothing behind it
            if not entry.keys or any(states.get(key) is not State.CONFIRMED for key in entry.keys)
        )
    if not wrong:
        return []
    return [f"{len(wrong)} writes are not confirmed in the ledger ({', '.join(wrong[:EXAMPLES])})"]
