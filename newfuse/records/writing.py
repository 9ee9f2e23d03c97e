"""Takes records through a step: each by itself, or in batches as long as one request takes.

What holds for every step is done here, once. A vendor is connected, or the records are failed by name. What is done is
skipped. A few are on their way at a time, and a vendor that has failed is asked no further. Writes go by the record's
reference, so that each happens once; one in doubt stays so. Every record counts as done for whoever watches, however it
ended. What failed on the way is returned, to be raised when everything has been counted.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from newfuse.errors import NewFuseError
from newfuse.integrations import Integration, Performed
from newfuse.records.dataset import Entry
from newfuse.records.ensured import NotEnsured
from newfuse.records.flow import Tally, batches, each
from newfuse.records.gate import Gate
from newfuse.records.outcome import NOT_SENT, failure_of, is_pruned
from newfuse.records.step import Step
from newfuse.records.work import Work

Asked = Mapping[str, Any] | tuple[str, Mapping[str, Any]] | None
"""An action's arguments; with its name where it is one of the step's `or_else`; None to send nothing."""
Ask = Callable[[Integration, Entry], Asked | Awaitable[Asked]]

ITEMS = 100  # of one batch where the action names no limit


async def write_each(
    job: Work,
    step: Step,
    entries: Iterable[Entry],
    ask: Ask,
    *,
    keep: Callable[[Entry, Any], None] | None = None,
    gate: Gate | None = None,
) -> NewFuseError | None:
    """Take each record that is not done yet through a step.

    Args:
        job: The task's job.
        step: The step.
        entries: The records.
        ask: Returns the action's arguments for a record, or None when it has settled the record itself.
        keep: Takes what the vendor answered of a record that is done; read back where the answer is no longer kept.
        gate: Shared by several steps of one call, so that a vendor that failed in one is not asked in the next.

    Returns:
        The failure that the tool should end with once it has counted, or None.
    """

    async def write(vendor: Integration, some: list[Entry]) -> NewFuseError | None:
        [entry] = some
        found = ask(vendor, entry)
        asked = await found if inspect.isawaitable(found) else found
        if asked is None:
            return None
        action, arguments = asked if isinstance(asked, tuple) else (step.action, asked)
        try:
            performed = await vendor.perform(action, arguments, reference=job.reference(entry.reference))
        except NewFuseError as exc:
            step.fail(entry, exc)
            return exc
        step.settle(entry, performed)
        error = failure_of(performed)
        if error is None and keep is not None:
            try:
                keep(entry, await _answer(vendor, step, performed))
            except NewFuseError as exc:
                step.fail(entry, exc)
                return exc
        return error

    work = [entry for entry in entries if not step.is_done(entry)]
    return await _take_through(job, step, work, 1, write, gate=gate)


async def write_batches(
    job: Work,
    step: Step,
    entries: Iterable[Entry],
    ask: Callable[[Entry], Any],
    *,
    gate: Gate | None = None,
) -> NewFuseError | None:
    """Take the records that are not done yet through a step whose action writes many at once.

    Args:
        job: The task's job.
        step: The step; how many one request takes stands in its action's schema.
        entries: The records.
        ask: Returns the item that a record is in the request.
        gate: Shared by several steps of one call.

    Returns:
        The failure that the tool should end with once it has counted, or None.
    """

    async def write(vendor: Integration, some: list[Entry]) -> NewFuseError | None:
        asked = {str(vendor.specs[step.action].batch): [ask(entry) for entry in some]}
        references = [job.reference(entry.reference) for entry in some]
        try:
            performed = await vendor.perform_batch(step.action, asked, references=references)
        except NewFuseError as exc:
            for entry in some:
                step.fail(entry, exc)
            return exc
        for entry, one in zip(some, performed, strict=True):
            step.settle(entry, one)
        errors = [error for error in map(failure_of, performed) if error is not None]
        return errors[0] if errors else None

    work = [entry for entry in entries if not step.is_done(entry)]
    return await _take_through(job, step, work, None, write, gate=gate)


async def each_record(
    job: Work,
    step: Step,
    entries: Sequence[Entry],
    do: Callable[[Integration, Entry], Awaitable[None]],
    *,
    gate: Gate | None = None,
    failing: str = NOT_SENT,
    doing: str = "",
) -> NewFuseError | None:
    """Do something with each record that is not the step's write itself, such as reading what the step needs.

    Args:
        job: The task's job.
        step: The step that a failure is kept under.
        entries: The records.
        do: Does it; a NewFuseError that it raises fails the record.
        gate: Shared by several steps of one call.
        failing: Words before the error's own.
        doing: What is done, for whoever watches; the step's own words when not given.

    Returns:
        The failure that the tool should end with once it has counted, or None.
    """

    async def one(vendor: Integration, some: list[Entry]) -> None:
        await do(vendor, some[0])

    return await each_batch(job, step, entries, 1, one, gate=gate, failing=failing, doing=doing)


async def each_batch(
    job: Work,
    step: Step,
    entries: Sequence[Entry],
    size: int,
    do: Callable[[Integration, list[Entry]], Awaitable[None]],
    *,
    gate: Gate | None = None,
    failing: str = NOT_SENT,
    doing: str = "",
) -> NewFuseError | None:
    """Do something with records in lists of at most `size`; a failure is that of every record in the list.

    Args:
        job: The task's job.
        step: The step that a failure is kept under.
        entries: The records.
        size: Most records in a list.
        do: Does it; a NewFuseError that it raises fails those of the list that it has not settled.
        gate: Shared by several steps of one call.
        failing: Words before the error's own.
        doing: What is done, for whoever watches; the step's own words when not given.

    Returns:
        The failure that the tool should end with once it has counted, or None.
    """

    async def one(vendor: Integration, some: list[Entry]) -> None:
        await do(vendor, some)

    return await _take_through(job, step, entries, size, one, gate=gate, failing=failing, doing=doing)


async def _take_through(
    job: Work,
    step: Step,
    entries: Sequence[Entry],
    size: int | None,
    do: Callable[[Integration, list[Entry]], Awaitable[NewFuseError | None]],
    *,
    gate: Gate | None,
    failing: str = NOT_SENT,
    doing: str = "",
) -> NewFuseError | None:
    """Do something with records in lists; `do` raises a failure, or returns one that it has kept with the records."""
    gate = gate if gate is not None else Gate()
    if not entries:
        return gate.error
    tally = Tally(job, len(entries), doing or step.doing)

    def give_up(some: Sequence[Entry], error: NewFuseError, prefix: str) -> None:
        for entry in some:
            step.fail(entry, error, prefix=prefix, sent=False)

    vendor = await _connect(job, step, gate)
    if vendor is None:
        assert gate.error is not None
        give_up(entries, gate.error, failing)
        tally.add(len(entries))
        return gate.error

    async def attempt(some: list[Entry]) -> None:
        if gate.stopped is not None:
            give_up(some, gate.stopped, failing)
            return
        before = [(entry.disposition, entry.reason) for entry in some]

        def untouched() -> list[Entry]:
            """Return those of the records that `do` has not settled itself before it failed."""
            pairs = zip(some, before, strict=True)
            return [entry for entry, state in pairs if (entry.disposition, entry.reason) == state]

        try:
            error = await do(vendor, some)
        except NotEnsured as exc:
            give_up(some, exc.error, f"{failing}{exc.why}: ")
            if exc.in_doubt:
                gate.insist(exc.error)
            else:
                gate.note(exc.error)
        except NewFuseError as exc:
            give_up(untouched(), exc, failing)
            gate.note(exc)
        else:
            if error is None:
                gate.passed()
            else:
                gate.note(error)

    size = size if size is not None else vendor.specs[step.action].most_items or ITEMS
    await each(batches(entries, size), attempt, at_once=step.at_once, tally=tally)
    return gate.error


async def _connect(job: Work, step: Step, gate: Gate) -> Integration | None:
    if gate.stopped is not None:
        return None
    try:
        return await job.integration(step.integration)
    except NewFuseError as exc:
        gate.close(exc)
        return None


async def _answer(vendor: Integration, step: Step, performed: Performed) -> Any:
    """Return what a write answered; one whose answer was pruned is read from the vendor by its id."""
    if performed.value is None:
        raise NewFuseError("a person said that this was done; what the vendor answered is not known")
    if not is_pruned(performed.value) or step.read_by is None:
        return performed.value
    action, parameter = step.read_by
    return await vendor.execute(action, {parameter: performed.value["id"]})
