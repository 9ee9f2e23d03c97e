"""Runs one task: the model first, the runbook where it falls short, and the verdict by ledger and accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from langgraph.errors import GraphBubbleUp

from newfuse.crew.accounts import account_of, effects_of, list_exceptions
from newfuse.crew.agent import Agent
from newfuse.crew.briefing import brief, reminder, task_text
from newfuse.crew.completeness import in_doubt, nothing_accepted, outstanding_work, unconfirmed
from newfuse.crew.job import Job, RunContext
from newfuse.crew.models import RUNBOOK
from newfuse.crew.performance import Conversation, perform
from newfuse.crew.runbook_model import brief_message
from newfuse.crew.task import Task
from newfuse.crew.tool_adapter import adapt
from newfuse.errors import NewFuseError, Rejected, StoreFailed, VendorError
from newfuse.log import logger
from newfuse.redact import Masker, redact_text
from newfuse.report.results import CheckResult, TaskOutcome, TaskStatus

_log = logger("crew")
RUNBOOK_LIMIT = 200  # steps of a runbook: far above the longest, so that one that never ends is stopped and named


@dataclass(frozen=True, slots=True)
class Performer:
    """What leads a conversation: a chat model, its name, and what masks its keys."""

    name: str
    model: BaseChatModel
    masker: Masker | None = None


@dataclass(frozen=True, slots=True)
class Performers:
    """Who may work on a task.

    Attributes:
        chosen: The model of the task's agent, or None when the run follows the runbooks.
        chosen_why: Why it was chosen.
        runbook: The runbook model.
    """

    chosen: Performer | None
    chosen_why: str
    runbook: Performer


async def run_task(run: RunContext, task: Task, agent: Agent, performers: Performers) -> TaskOutcome:
    """Do one task and say how it ended; a failure is an outcome, not an exception."""
    started_at = datetime.now(UTC)
    job = Job(run, task.name, agent.name)
    conversations: list[Conversation] = []
    error: str | None = None
    try:
        await _work(job, task, agent, performers, conversations)
        error = await _verdict(job, task, conversations)
    except (GraphBubbleUp, asyncio.CancelledError):
        raise
    except NewFuseError as exc:
        error = redact_text(exc.for_model)
    except Exception as exc:
        _log.exception("task %s broke off", task.name)
        error = f"broke off with an internal fault: {type(exc).__name__}"
    try:
        return await _outcome(job, task, agent, conversations, started_at, error)
    except Exception as exc:  # a tool left an account that cannot be written down: the ledger's own still can
        _log.exception("the account of task %s cannot be written down", task.name)
        error = f"its account cannot be written down ({type(exc).__name__}){f'; {error}' if error else ''}"
        blank = Job(run, task.name, agent.name)
        return await _outcome(blank, replace(task, datasets=()), agent, conversations, started_at, error)


def skipped(task: Task, agent: Agent, why: str) -> TaskOutcome:
    """Return the outcome of a task that was not started."""
    now = datetime.now(UTC)
    return TaskOutcome(
        name=task.name,
        title=task.heading,
        agent=agent.name,
        role=agent.role,
        status=TaskStatus.SKIPPED,
        started_at=now,
        finished_at=now,
        error=why,
        integrations=list(task.integrations),
        sums_up=task.sums_up,
    )


async def _work(job: Job, task: Task, agent: Agent, performers: Performers, done: list[Conversation]) -> None:
    tools = [adapt(tool, job) for tool in agent.tools]
    opening = brief_message(task_text(job, task), brief(job, task))

    async def performance(who: Performer, messages: Sequence[BaseMessage], why: str, limit: int) -> Conversation:
        before = job.tool_calls
        conversation = await perform(
            agent, who.model, tools, messages, by=who.name, why=why, limit=limit, masker=who.masker
        )
        conversation.performance.tool_calls = job.tool_calls - before
        done.append(conversation)
        return conversation

    why = performers.chosen_why
    if performers.chosen is not None:
        limit = agent.call_limit
        first = await performance(performers.chosen, [opening], why, limit)
        left = outstanding_work(job, task)
        if left and not first.failed and not _vendor_is_down(job):
            handed_back = [*first.messages, HumanMessage(reminder(left))]
            await performance(performers.chosen, handed_back, "it had stopped before the work was done", limit)
            left = outstanding_work(job, task)
        accounted = not left and (not done[-1].failed or (job.tool_calls and _is_measurable(task)))
        if accounted or _vendor_is_down(job):
            return
        ended = done[-1].performance.ended if done[-1].failed else f"left work undone: {'; '.join(left)}"
        why = f"{performers.chosen.name} {ended}"
    if task.runbook is None:
        if performers.chosen is None:
            raise NewFuseError(f"The task {task.name} has no runbook; it needs a model (--model).")
        return
    job.start_over()
    await performance(performers.runbook, [opening], why, RUNBOOK_LIMIT)


def _vendor_is_down(job: Job) -> bool:
    """Say whether a failure of a vendor or of the store stands open that another performer would meet as well.

    What a vendor refused (`Rejected`) may be the model's own mistake.
    """
    return any(
        isinstance(error, VendorError | StoreFailed) and not isinstance(error, Rejected) for error in job.open_errors()
    )


def _is_measurable(task: Task) -> bool:
    """Say whether the task names something by which it can be seen to be done, whatever its performer says."""
    return bool(task.datasets or task.required_facts)


async def _verdict(job: Job, task: Task, conversations: list[Conversation]) -> str | None:
    """Return what keeps the task from being completed, or None."""
    errors = job.open_errors()
    vendor_errors = [error for error in errors if isinstance(error, VendorError)]
    if vendor_errors:
        return redact_text(vendor_errors[0].for_model)
    if errors:
        return redact_text(errors[0].for_model)
    problems = [
        *outstanding_work(job, task),
        *nothing_accepted(job, task),
        *await unconfirmed(job, task),
        *await in_doubt(job, task),
    ]
    if problems:
        ended = conversations[-1].performance.ended if conversations else "done"
        return "; ".join(problems) + (f" ({ended})" if ended != "done" else "")
    last = conversations[-1]
    if last.failed and (last.performance.by == RUNBOOK or not _is_measurable(task)):
        # A procedure that broke off has not been done; and where nothing measurable was asked for, its word counts.
        return f"{last.performance.by} {last.performance.ended}"
    return None


async def _outcome(
    job: Job, task: Task, agent: Agent, conversations: list[Conversation], started_at: datetime, error: str | None
) -> TaskOutcome:
    # Who ended the task speaks for it; the words of a performer whose work was done over are not true of it.
    speaker = conversations[-1] if conversations and conversations[-1].closing_text else None
    effects = await effects_of(job)
    listed = await list_exceptions(job, task)
    return TaskOutcome(
        name=task.name,
        title=task.heading,
        agent=agent.name,
        role=agent.role,
        status=TaskStatus.COMPLETED if error is None else TaskStatus.FAILED,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        error=error,
        prose=redact_text(speaker.closing_text) if speaker is not None else "",
        prose_by=speaker.performance.by if speaker is not None else "",
        performances=[said.performance for said in conversations],
        effects=effects.all,
        money_effects=effects.money,
        to_decide=effects.to_decide,
        exceptions_file=listed,
        datasets=[account_of(job.dataset(name)) for name in task.datasets],
        checks=[CheckResult(**asdict(check)) for check in job.checks],
        notes=list(job.notes),
        tables=dict(job.tables),
        integrations=list(task.integrations),
        sums_up=task.sums_up,
    )
