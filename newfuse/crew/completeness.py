"""Tells what of a task is still to be done, by the data's accounts and the ledger, whatever a model says."""

from __future__ import annotations

from itertools import islice

from newfuse.crew.dataset import Disposition
from newfuse.crew.job import Job
from newfuse.crew.task import Task
from newfuse.effects import State

EXAMPLES = 3  # places named in a sentence
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
