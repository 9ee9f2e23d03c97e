"""Facts about records: their source is derived from what counts them, never typed beside the number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from newfuse.records.dataset import Dataset, Entry
from newfuse.records.step import Step, StepCounts
from newfuse.records.work import Work
from newfuse.types import JSON


def count_step(job: Work, step: Step, entries: Iterable[Entry], name: str) -> StepCounts:
    """Record what became of a step as the facts `{name}_confirmed`, `_skipped`, `_failed` and `_unknown`."""
    counts = step.tally(entries)
    for status in ("confirmed", "skipped", "failed", "unknown"):
        job.fact(f"{name}_{status}", getattr(counts, status), step.counts, **step.source, state=status)
    return counts


def count_records(job: Work, dataset: Dataset, unit: str, counts: Mapping[str, JSON], **about: JSON) -> None:
    """Record counts of a dataset's records as facts, by name; `about` is kept beside the source."""
    for name, count in counts.items():
        job.fact(name, count, unit, kind="dataset", dataset=dataset.name, **about)
