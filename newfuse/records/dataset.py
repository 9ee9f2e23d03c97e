"""Datasets: the records a run works on, by handle, and what became of each.

Records never travel through a model: tools take a dataset's name, and a model sees counts, field names, a few sample
rows with personal values masked, and the exceptions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from newfuse.errors import InvalidArguments
from newfuse.privacy import mask_record, mask_text
from newfuse.redact import redact, redact_text

if TYPE_CHECKING:
    from newfuse.records.outcome import StepOutcome

SAMPLE_ROWS = 2  # enough to recognize the shape; more would be the model's tokens growing with the data
SAMPLE_TEXT = 80  # characters of one value in a sample or an exception
SAMPLE_FIELDS = 40  # fields of one record; no vendor's record here has more
SAMPLE_ITEMS = 10  # items of a list or an object in it
SAMPLE_DEPTH = 3  # levels of nesting: a record's own fields, and objects and lists in them
SECRET_REACH = 4 * SAMPLE_TEXT  # characters that are searched for secrets: one that begins in the sample ends in these
SAMPLE_SIZE = 2_000  # characters of one sample row: nesting multiplies the limits above


STEPS_SHARED = 64  # kinds of steps that many records share: a handful a crew
UNDECIDED = "effect_undecided"
"""Rule of a record that an earlier run left in doubt for good and has reported: only a person can decide it."""


class Disposition(StrEnum):
    """What became of one record in this run."""

    PENDING = "pending"
    """Nothing yet: work is left."""
    CONFIRMED = "confirmed"
    """Written, and the vendor confirmed it."""
    SKIPPED = "skipped"
    """Written by an earlier run with the same contents; nothing was sent."""
    REJECTED = "rejected"
    """Found unfit before it was sent, by rules of ours or the vendor's validation; the reason is named."""
    DUPLICATE = "duplicate"
    """Stands for the same thing as another record of the dataset, which is written in its place."""
    FAILED = "failed"
    """The vendor could not be reached, refused us or the record, or declined; it did not happen."""
    UNKNOWN = "unknown"
    """It may have happened; it is never repeated blindly."""


OPEN = frozenset({Disposition.PENDING, Disposition.FAILED, Disposition.UNKNOWN})
"""Work is left here: failed and unknown writes are tried again when a tool is called again, and the ledger makes sure
that what may have happened is not sent blindly."""
WRITTEN = frozenset({Disposition.CONFIRMED, Disposition.SKIPPED})
EXCEPTIONAL = frozenset(Disposition) - WRITTEN
REASON_LENGTH = 160  # characters of one reason that a model is shown: enough for a vendor's sentence


_NO_STEPS: Mapping[str, StepOutcome] = MappingProxyType({})  # shared: a run may hold a million records


@lru_cache(maxsize=STEPS_SHARED)
def _one_step(step: str, outcome: StepOutcome) -> Mapping[str, StepOutcome]:
    """Return the steps of every record that has this one alone; a dictionary each would be a fifth of its memory."""
    return MappingProxyType({step: outcome})


class Entry:
    """One record of a dataset and what became of it.

    Attributes:
        root: The dataset it came in.
        index: Its place there, from 0.
        data: The record.
        reference: What makes two writes of it the same; empty until it was read.
        disposition: What became of it, by all its steps.
        reason: Why, for people, when it was not simply written.
        rule: Short name of the rule or error behind the reason.
        keys: The ledger's keys of its writes.
        steps: What became of each write that it needs, by the step's name.
        is_named: Whether the reference is the record's own, and not made of its contents.
        digest: What tells its contents from another's.
    """

    __slots__ = (
        "data",
        "digest",
        "disposition",
        "index",
        "is_named",
        "keys",
        "reason",
        "reference",
        "root",
        "rule",
        "steps",
    )

    def __init__(self, root: str, index: int, data: Any) -> None:
        self.root = root
        self.index = index
        self.data = data
        self.reference = ""
        self.disposition = Disposition.PENDING
        self.reason: str | None = None
        self.rule: str | None = None
        self.keys: tuple[str, ...] = ()
        self.steps: Mapping[str, StepOutcome] = _NO_STEPS
        self.is_named = False
        self.digest = ""

    @property
    def place(self) -> str:
        """Where the record stands in the input, e.g. `customers[3]`."""
        return f"{self.root}[{self.index}]"

    @property
    def is_undecided(self) -> bool:
        """Whether an earlier run left it in doubt for good, so that this run could do nothing about it."""
        return self.disposition is Disposition.UNKNOWN and self.rule == UNDECIDED

    def settle(self, disposition: Disposition, reason: str | None = None, *, rule: str | None = None) -> None:
        """Say what became of the record.

        Args:
            disposition: What became of it.
            reason: For people: why, when it was not simply written.
            rule: Short name of the rule or error behind the reason, for counting.
        """
        self.disposition, self.reason, self.rule = disposition, reason, rule

    def reject(self, rule: str, field: str, problem: str) -> None:
        """Settle the record as not fit to be sent, naming its place and field."""
        where = f"{field}: " if field else ""
        self.settle(Disposition.REJECTED, f"{self.place}: {where}{problem}", rule=rule)

    def identify(self, own: str | None, made: str, digest: str) -> None:
        """Say what makes the record this one in every run.

        Args:
            own: The reference it brings, if any.
            made: The reference made of its contents, used where it brings none.
            digest: What tells its contents from another's.
        """
        self.reference, self.is_named, self.digest = own or made, own is not None, digest

    def keep_step(self, step: str, outcome: StepOutcome) -> None:
        """Keep what became of a write that the record needs, in place of what was known of it."""
        first = not self.steps and outcome.is_done
        if first and (outcome.value is None or isinstance(outcome.value, str)):
            self.steps = _one_step(step, outcome)
        else:
            self.steps = {**self.steps, step: outcome}

    def forget_step(self, step: str) -> None:
        """Keep nothing of a write that the record needs."""
        self.steps = {name: outcome for name, outcome in self.steps.items() if name != step}

    def belongs_to(self, key: str | None) -> None:
        """Keep the ledger's key of a write that was done for the record."""
        if key and key not in self.keys:
            self.keys = (*self.keys, key)


class Dataset:
    """A named list of records; derived datasets hold the same entries, so accounting stays in one place."""

    def __init__(self, name: str, entries: Sequence[Entry], *, derived_from: str | None = None) -> None:
        self.name = name
        self.entries = list(entries)
        self.derived_from = derived_from

    @classmethod
    def from_rows(cls, name: str, rows: Sequence[Any]) -> Dataset:
        """Make a root dataset of raw records."""
        return cls(name, [Entry(name, index, row) for index, row in enumerate(rows)])

    def __len__(self) -> int:
        """Count the records."""
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries in order."""
        return iter(self.entries)

    def batches(self, size: int) -> Iterator[list[Entry]]:
        """Iterate over the entries in lists of at most `size`."""
        for start in range(0, len(self.entries), size):
            yield self.entries[start : start + size]

    def counts(self) -> dict[str, int]:
        """Count the records by disposition; every disposition is named."""
        found = Counter(entry.disposition for entry in self.entries)
        return {disposition.value: found.get(disposition, 0) for disposition in Disposition}

    def pending(self) -> list[Entry]:
        """Return the records nothing has become of yet."""
        return [entry for entry in self.entries if entry.disposition is Disposition.PENDING]

    def looked_at(self) -> int:
        """Count the records that were read: those with a reference, and those that something became of."""
        return sum(bool(entry.reference) or entry.disposition is not Disposition.PENDING for entry in self.entries)

    def describe(self) -> dict[str, Any]:
        """Say what a model may know of the data: its handle, count, fields and a few shortened, masked rows."""
        rows = [entry.data for entry in self.entries[:SAMPLE_ROWS]]
        named = (name for row in rows if isinstance(row, dict) for name in islice(row, SAMPLE_FIELDS))
        fields = sorted({str(shorten(name, clean=_impersonal)) for name in named})
        return {
            "handle": self.name,
            "records": len(self),
            "fields": fields[:SAMPLE_FIELDS],
            "sample": [_sample(row) for row in rows],
        }


class Datasets:
    """The datasets of one run, by handle."""

    def __init__(self) -> None:
        self._by_name: dict[str, Dataset] = {}

    def add(self, dataset: Dataset) -> Dataset:
        """Add a dataset; one of the same name is replaced."""
        self._by_name[dataset.name] = dataset
        return dataset

    def get(self, name: str) -> Dataset:
        """Return a dataset by its handle.

        Raises:
            InvalidArguments: There is none; the message lists the handles there are.
        """
        if name not in self._by_name:
            known = ", ".join(sorted(self._by_name)) or "none"
            raise InvalidArguments("dataset", [("dataset", f"there is no {name!r}; there are: {known}")])
        return self._by_name[name]

    def has(self, name: str) -> bool:
        """Say whether there is a dataset of that handle."""
        return name in self._by_name

    def roots(self) -> list[Dataset]:
        """Return the datasets that came in; the others are derived from them."""
        return [dataset for dataset in self._by_name.values() if dataset.derived_from is None]

    def names(self) -> list[str]:
        """Return the handles."""
        return list(self._by_name)


def cut(text: str, length: int = REASON_LENGTH) -> str:
    """Return a text of at most `length` characters that can be written anywhere, and say so when something was cut."""
    text = text.encode("utf-8", "replace").decode()  # JSON may hold halves of surrogate pairs, which no file takes
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


def shorten(value: Any, depth: int = SAMPLE_DEPTH, *, clean: Callable[[str], str] = redact_text) -> Any:
    """Return a copy of a JSON value for samples and messages: long texts cut, secrets masked, few items, few levels.

    Args:
        value: The value.
        depth: Levels of nesting that are shown.
        clean: What texts go through before they are cut.
    """
    if isinstance(value, str):
        shown = clean(value[:SECRET_REACH])
        return shown if len(value) <= SAMPLE_TEXT else f"{shown[:SAMPLE_TEXT]}… ({len(value)} characters)"
    if isinstance(value, (dict, list)) and depth == 0:
        return "…"
    if isinstance(value, dict):
        shown_fields = SAMPLE_FIELDS if depth == SAMPLE_DEPTH else SAMPLE_ITEMS
        shown_items = islice(value.items(), shown_fields)
        return {shorten(name, clean=clean): shorten(inner, depth - 1, clean=clean) for name, inner in shown_items}
    if isinstance(value, list):
        return [shorten(inner, depth - 1, clean=clean) for inner in value[:SAMPLE_ITEMS]]
    return value


def _sample(row: Any) -> Any:
    """Return a row as a model may see it: without secrets and a person's data, and never larger than a sample."""
    shown = mask_record(redact(shorten(row, clean=_impersonal)))
    text = json.dumps(shown, ensure_ascii=False, default=str)
    return shown if len(text) <= SAMPLE_SIZE else f"{text[:SAMPLE_SIZE]}… (cut)"


def _impersonal(text: str) -> str:
    return mask_text(redact_text(text))
