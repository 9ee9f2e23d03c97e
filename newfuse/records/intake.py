"""Reads records as they come in: a typed model where they fit, a rejection that names the field where they do not."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, LiteralString, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from newfuse.errors import InvalidArguments
from newfuse.records.dataset import Dataset, Disposition, Entry, cut
from newfuse.records.work import Work

M = TypeVar("M", bound="InputRecord")

TURN = 200  # records handled before the other tasks of the run get their turn: some 10 ms
PROBLEMS_NAMED = 3  # per record
EXTRA_KEYS_NAMED = 10
DIGEST_LENGTH = 32  # hexadecimal digits: 128 bits
FIELD_LENGTH = 80  # characters of a field's path that are repeated in a reason
RULE = "rule"  # in the context of a validation error that carries a rule of ours
KEY_LENGTH = 40  # characters of an unknown key that are repeated in a note

Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A whole number of 64 bits: what every vendor can read."""

KINDS: dict[str, type[InputRecord]] = {}
"""What the records of each dataset look like; a tool for one of them refuses another's."""


class InputRecord(BaseModel):
    """Base of the input models: strict types (a numeric text is no number), and no infinities.

    `class Payment(InputRecord, dataset="payments")` says which list of the input file holds them. The text below a
    field, and an `example`, are what `newfuse data describe` prints.
    """

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        allow_inf_nan=False,
        str_strip_whitespace=True,
        use_attribute_docstrings=True,
    )
    example: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, *, dataset: str | None = None, **kwargs: Any) -> None:
        """Note which dataset these are the records of."""
        super().__init_subclass__(**kwargs)
        if dataset is not None:
            KINDS[dataset] = cls


def take(job: Work, handle: str, root: str) -> Dataset:
    """Return the dataset of a handle, if its records are of the kind that a tool works on.

    Raises:
        InvalidArguments: There is no such dataset, or it holds records of another kind.
    """
    dataset = job.dataset(handle)
    others = KINDS.keys() - {root}
    wrong = {entry.root for entry in dataset} & others
    if wrong or handle in others:
        held = ", ".join(sorted(wrong)) or handle
        raise InvalidArguments("dataset", [("dataset", f"{handle!r} holds {held}; this tool works on {root}")])
    return dataset


def whole(job: Work, dataset: Dataset) -> Dataset:
    """Return the dataset that this one was derived from in the beginning: what shares are measured against."""
    while dataset.derived_from is not None:
        dataset = job.dataset(dataset.derived_from)
    return dataset


def quality(dataset: Dataset) -> float | None:
    """Return what share of the records read so far is fit to be sent, in percent; the reports count the same way."""
    looked_at = dataset.looked_at()
    return percent(looked_at - dataset.counts()[Disposition.REJECTED.value], looked_at)


def percent(part: int, whole: int) -> float | None:
    """Return a share in percent with one decimal, or None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def require_taken(job: Work, dataset: Dataset, step: str) -> None:
    """Refuse a step that comes too early: what it counted now would say nothing of the records that still wait.

    Raises:
        InvalidArguments: Records of the whole dataset are pending; names the tool to call first.
    """
    everything = whole(job, dataset)
    waiting = len(everything.pending())
    if waiting:
        problem = f"{waiting} of {len(everything)} records still wait for {step}; call that first, then this again"
        raise InvalidArguments("dataset", [("dataset", problem)])


def read(model: type[M], entry: Entry, extra: Counter[str]) -> M | None:
    """Return a record as a model, or settle it as rejected and return None.

    Args:
        model: What it should look like.
        entry: The record.
        extra: Counts the keys that the model does not know; they are left out.
    """
    row = entry.data
    if not isinstance(row, dict):
        entry.reject("not_an_object", "", f"must be an object, and is {_kind(row)}")
        return None
    known = _keys(model)
    if not known.issuperset(row):
        extra.update(cut(str(key), KEY_LENGTH) for key in row if key not in known)
    try:
        return model.model_validate(row)
    except ValidationError as exc:
        problems = exc.errors(include_url=False, include_input=False)
    named = [f"{_field(problem)}: {problem['msg']}" for problem in problems[:PROBLEMS_NAMED]]
    more = f"; and {len(problems) - PROBLEMS_NAMED} more" if len(problems) > PROBLEMS_NAMED else ""
    rules = {problem["type"] if RULE in problem.get("ctx", {}) else "invalid_field" for problem in problems}
    rule = rules.pop() if len(rules) == 1 else "invalid_field"
    entry.settle(Disposition.REJECTED, f"{entry.place}: {'; '.join(named)}{more}", rule=rule)
    return None


def unfit(rule: LiteralString, problem: str, *, field: str = "") -> PydanticCustomError:
    """Return the error that a record's validator raises to have it rejected by a rule of its own.

    Args:
        rule: Short name of the rule, for counting.
        problem: What is wrong, for people.
        field: The field, where the validator is not that of one field.
    """
    return PydanticCustomError(rule, "{problem}", {"problem": problem, "field": field, RULE: rule})


def rejects(rule: LiteralString, field: str) -> Callable[[Callable[[M], str | None]], Any]:
    """Make a method of an `InputRecord` a named rejection: it returns what is wrong with the field, or None.

    Args:
        rule: Short name of the rule, for counting.
        field: The field that is to be mended.
    """

    def decorate(method: Callable[[M], str | None]) -> Any:
        def check(self: M) -> M:
            problem = method(self)
            if problem is not None:
                raise unfit(rule, problem, field=field)
            return self

        return model_validator(mode="after")(check)

    return decorate


@cache
def _keys(model: type[InputRecord]) -> frozenset[str]:
    return frozenset(alias for name, field in model.model_fields.items() for alias in (name, field.alias) if alias)


def digest(contents: Any) -> str:
    """Return what tells one record's contents from another's: the same for the same contents, in every run."""
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


def refuse_contradictions(entries: Iterable[Entry]) -> None:
    """Settle records that carry the reference of an earlier one: the same again, or a contradiction."""
    first: dict[str, Entry] = {}
    for entry in entries:
        if not entry.reference or entry.disposition in {Disposition.REJECTED, Disposition.DUPLICATE}:
            continue
        earlier = first.setdefault(entry.reference, entry)
        if earlier is entry or entry.disposition is not Disposition.PENDING:
            continue
        if earlier.digest == entry.digest:
            entry.settle(Disposition.DUPLICATE, f"is {earlier.place} again, by its reference", rule="duplicate")
        else:
            problem = f"{entry.reference[:80]!r} is also that of {earlier.place}, which has other contents"
            entry.reject("reference_conflict", "reference", problem)


async def take_in(
    job: Work, records: Dataset, root: str, check: Callable[[Entry, Counter[str]], str | None], doing: str
) -> list[str]:
    """Read the records that no tool has read yet, and say in the report which of their keys were not used.

    Args:
        job: The task's job.
        records: The records.
        root: The list of the input file that they come from.
        check: Reads one; counts its unknown keys, and returns a warning or None.
        doing: What is done, for whoever watches.

    Returns:
        The warnings.
    """
    extra: Counter[str] = Counter()
    warnings: list[str] = []
    async for entry in unread(job, records, doing):
        warning = check(entry, extra)
        if warning is not None:
            warnings.append(warning)
    note_extra(job, root, extra)
    return warnings


def note_extra(job: Work, root: str, extra: Counter[str]) -> None:
    """Say in the report which keys of the records were not used."""
    if extra:
        named = ", ".join(f"{key} ({count})" for key, count in extra.most_common(EXTRA_KEYS_NAMED))
        more = f" and {len(extra) - EXTRA_KEYS_NAMED} others" if len(extra) > EXTRA_KEYS_NAMED else ""
        job.note(f"Keys of {root} that are not known and were kept out: {named}{more}.")


async def unread(job: Work, entries: Iterable[Entry], note: str) -> AsyncIterator[Entry]:
    """Iterate over the records that no tool has read yet, letting other tasks work in between.

    A record that was read has a reference; one that was found unfit is no longer pending.
    """
    fresh = [entry for entry in entries if _is_unread(entry)]
    for done, entry in enumerate(fresh):
        if done % TURN == 0:
            job.progress(done, len(fresh), note)
            await asyncio.sleep(0)
        if _is_unread(entry):  # a model may call two tools at once: in between the other may have read it
            yield entry
    if fresh:
        job.progress(len(fresh), len(fresh), note)


def _is_unread(entry: Entry) -> bool:
    return not entry.reference and entry.disposition is Disposition.PENDING


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "a truth value", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "something else")


def _field(problem: ErrorDetails) -> str:
    named = problem.get("ctx", {}).get("field", "")
    return named or cut(".".join(str(part) for part in problem["loc"]), FIELD_LENGTH) or "record"
