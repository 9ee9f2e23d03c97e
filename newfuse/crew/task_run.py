"""Runs one task: the model first, the runbook where it falls short, and the verdict by ledger and accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from langchain.agents.middleware import AgentMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel

from newfuse.crew.accounts import account_of, effects_of, list_exceptions
from newfuse.crew.agent import Agent
from newfuse.crew.briefing import brief, reminder, request_for_value, task_text
from newfuse.crew.completeness import in_doubt, nothing_accepted, outstanding_work, unconfirmed
from newfuse.crew.job import Job, RunContext
from newfuse.crew.langchain_tools import LangChainCalls, taken_in
from newfuse.crew.models import RUNBOOK
from newfuse.crew.performance import Conversation, perform
from newfuse.crew.runbook_model import brief_message
from newfuse.crew.task import Task
from newfuse.crew.tool import Tool
from newfuse.crew.tool_adapter import adapt
from newfuse.crew.typed_value import ASKED_AT_MOST, Wanted, checked
from newfuse.errors import NewFuseError, Rejected, StoreFailed, VendorError
from newfuse.log import logger
from newfuse.redact import Masker, redact_text
from newfuse.report.results import OUTPUT_CHARACTERS, CheckResult, Performance, TaskOutcome, TaskStatus
from newfuse.types import JSON

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


@dataclass(slots=True)
class Work:
    """How a task was worked at, and what its performers handed over.

    Attributes:
        performances: Everything that was done, in order.
        last: The conversation that ended the work; one that merely hands over a value is none.
        value: What was handed over as the task's output type.
        written: The same as JSON.
        no_value: Why there is no value, where the task hands one on.
    """

    performances: list[Performance] = field(default_factory=list)
    last: Conversation | None = None
    value: BaseModel | None = None
    written: JSON = None
    no_value: str | None = None

    def take(self, said: Conversation, task: Task, masker: Masker | None = None) -> None:
        """Take the value that a conversation ended with, where the task hands one on and it fits."""
        by, type_ = said.performance.by, task.output_type
        if said.handed_over is None:
            if type_ is not None and not said.failed:
                self.no_value = f"{by} handed over no value; the task hands on {type_.__name__}"
        elif type_ is None:
            self.no_value = f"{by} handed over a value, and the task names no type for it (output_type)"
        else:
            try:
                mask = masker.text if masker is not None else redact_text
                self.value, self.written = checked(said.handed_over, type_, mask)
            except NewFuseError as exc:
                self.no_value = f"{by} handed over no value that can be taken: {exc.for_model}"

    @property
    def speaker(self) -> Conversation | None:
        """Who ended the task speaks for it; the words of a performer whose work was done over are not true of it."""
        last = self.last
        return last if last is not None and (last.closing_text or self.value is not None) else None


async def run_task(run: RunContext, task: Task, agent: Agent, performers: Performers) -> TaskOutcome:
    """Do one task and say how it ended; a failure is an outcome, not an exception."""
    started_at = datetime.now(UTC)
    job = Job(run, task.name, agent.name)
    work = Work()
    error: str | None = None
    try:
        await _work(job, task, agent, performers, work)
        error = await _verdict(job, task, work)
    except (GraphBubbleUp, asyncio.CancelledError):
        raise
    except NewFuseError as exc:
        error = redact_text(exc.for_model)
    except Exception as exc:
        _log.exception("task %s broke off", task.name)
        error = f"broke off with an internal fault: {type(exc).__name__}"
    if work.value is not None:
        run.values[task.name] = work.value
    try:
        return await _outcome(job, task, agent, work, started_at, error)
    except Exception as exc:  # a tool left an account that cannot be written down: the ledger's own still can
        _log.exception("the account of task %s cannot be written down", task.name)
        error = f"its account cannot be written down ({type(exc).__name__}){f'; {error}' if error else ''}"
        blank = Job(run, task.name, agent.name)
        return await _outcome(blank, replace(task, datasets=()), agent, work, started_at, error)


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
    )


async def _work(job: Job, task: Task, agent: Agent, performers: Performers, work: Work) -> None:
    tools, around = _armed(agent, job)
    opening = brief_message(task_text(job, task), brief(job, task))

    async def performance(
        who: Performer, messages: Sequence[BaseMessage], why: str, limit: int, wanted: Wanted | None = None
    ) -> Conversation:
        before = job.tool_calls
        conversation = await perform(
            agent,
            who.model,
            tools if wanted is None else (),
            messages,
            by=who.name,
            why=why,
            limit=limit,
            masker=who.masker,
            around=around if wanted is None else (),
            wanted=wanted,
        )
        conversation.performance.tool_calls = job.tool_calls - before
        work.performances.append(conversation.performance)
        if wanted is None:
            work.last = conversation
        return conversation

    async def value_of_model(who: Performer, done: Conversation, type_: type[BaseModel]) -> None:
        if done.failed:
            work.no_value = f"{who.name} {done.performance.ended}, before it handed over a value"
            return
        wanted = Wanted(type_)
        asked = [*done.messages, HumanMessage(request_for_value(type_))]
        said = await performance(who, asked, "it was asked for its value", ASKED_AT_MOST, wanted)
        if said.handed_over is None:
            why_not = wanted.problem or said.performance.ended
            work.no_value = f"{who.name} handed over no value that can be taken: {why_not}"
        else:
            work.take(said, task, who.masker)

    why = performers.chosen_why
    if performers.chosen is not None:
        limit = agent.call_limit
        last = await performance(performers.chosen, [opening], why, limit)
        left = outstanding_work(job, task)
        if left and not last.failed and not _vendor_is_down(job):
            handed_back = [*last.messages, HumanMessage(reminder(left))]
            last = await performance(performers.chosen, handed_back, "it had stopped before the work was done", limit)
            left = outstanding_work(job, task)
        accounted = not left and (not last.failed or (job.tool_calls and _is_measurable(task)))
        if _vendor_is_down(job):
            return
        if accounted and task.output_type is not None:
            await value_of_model(performers.chosen, last, task.output_type)
        if accounted and work.no_value is None:
            return
        ended = last.performance.ended if last.failed else f"left work undone: {'; '.join(left)}"
        why = work.no_value or f"{performers.chosen.name} {ended}"
    if task.runbook is None:
        if performers.chosen is None:
            raise NewFuseError(f"The task {task.name} has no runbook; it needs a model (--model).")
        return
    job.start_over()
    work.no_value = None
    work.take(await performance(performers.runbook, [opening], why, RUNBOOK_LIMIT), task)


def _armed(agent: Agent, job: Job) -> tuple[list[BaseTool], list[AgentMiddleware]]:
    """Return an agent's tools for one task, and what stands around the calls of those that are LangChain's own."""
    tools = [adapt(tool, job) if isinstance(tool, Tool) else taken_in(tool) for tool in agent.toolbox]
    names = [tool.name for tool in agent.toolbox if not isinstance(tool, Tool)]
    return tools, [LangChainCalls(job, names)] if names else []


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


async def _verdict(job: Job, task: Task, work: Work) -> str | None:
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
        ended = work.last.performance.ended if work.last is not None else "done"
        return "; ".join(problems) + (f" ({ended})" if ended != "done" else "")
    last = work.last
    if last is not None and last.failed and (last.performance.by == RUNBOOK or not _is_measurable(task)):
        # A procedure that broke off has not been done; and where nothing measurable was asked for, its word counts.
        return f"{last.performance.by} {last.performance.ended}"
    return work.no_value


async def _outcome(
    job: Job, task: Task, agent: Agent, work: Work, started_at: datetime, error: str | None
) -> TaskOutcome:
    speaker = work.speaker
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
        prose=_kept(redact_text(speaker.closing_text)) if speaker is not None else "",
        prose_by=speaker.performance.by if speaker is not None else "",
        value=work.written,
        performances=list(work.performances),
        effects=effects.all,
        money_effects=effects.money,
        to_decide=effects.to_decide,
        exceptions_file=listed,
        datasets=[account_of(job.dataset(name)) for name in task.datasets],
        checks=[CheckResult(**asdict(check)) for check in job.checks],
        notes=list(job.notes),
        tables=dict(job.tables),
        integrations=list(task.integrations),
    )


def _kept(text: str) -> str:
    if len(text) <= OUTPUT_CHARACTERS:
        return text
    return f"{text[:OUTPUT_CHARACTERS]}… (cut; {len(text)} characters in all)"
