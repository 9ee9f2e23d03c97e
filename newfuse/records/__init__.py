"""Records: what a run works on, how it is read, the writes it needs, and what became of each."""

from newfuse.records.dataset import EXCEPTIONAL, OPEN, UNDECIDED, WRITTEN, Dataset, Datasets, Disposition, Entry, cut
from newfuse.records.derived import derive, evaluate
from newfuse.records.ensured import Ensured, NotEnsured
from newfuse.records.flow import Tally, batches, each, read_each
from newfuse.records.gate import Gate
from newfuse.records.intake import (
    InputRecord,
    Whole,
    digest,
    percent,
    quality,
    read,
    refuse_contradictions,
    rejects,
    require_taken,
    take,
    take_in,
    unfit,
    whole,
)
from newfuse.records.measure import count_records, count_step
from newfuse.records.outcome import NOT_SENT, StepOutcome, disposition_of, failure_of
from newfuse.records.reading import Reading
from newfuse.records.step import Step, StepCounts, effects_source
from newfuse.records.writing import each_batch, each_record, write_batches, write_each

__all__ = [
    "EXCEPTIONAL",
    "NOT_SENT",
    "OPEN",
    "UNDECIDED",
    "WRITTEN",
    "Dataset",
    "Datasets",
    "Disposition",
    "Ensured",
    "Entry",
    "Gate",
    "InputRecord",
    "NotEnsured",
    "Reading",
    "Step",
    "StepCounts",
    "StepOutcome",
    "Tally",
    "Whole",
    "batches",
    "count_records",
    "count_step",
    "cut",
    "derive",
    "digest",
    "disposition_of",
    "each",
    "each_batch",
    "each_record",
    "effects_source",
    "evaluate",
    "failure_of",
    "percent",
    "quality",
    "read",
    "read_each",
    "refuse_contradictions",
    "rejects",
    "require_taken",
    "take",
    "take_in",
    "unfit",
    "whole",
    "write_batches",
    "write_each",
]
