"""Runs a crew from its data to its reports."""

from __future__ import annotations

import importlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from langsmith import tracing_context

from newfuse.config import load_settings, store_folder
from newfuse.crew.agent import Agent
from newfuse.crew.crew import Crew
from newfuse.crew.data import check_data, make_datasets
from newfuse.crew.job import RunContext
from newfuse.crew.models import NAME_A_MODEL, RUNBOOK, ModelChoice, build_model, choose_model, close_model, model_of
from newfuse.crew.recording import Recording
from newfuse.crew.repetition import finish_if_done, take_up, unfinished
from newfuse.crew.run_record import RunFrame, make_record, told_of
from newfuse.crew.runbook_model import RunbookModel
from newfuse.crew.task import Task
from newfuse.crew.task_run import Performer, Performers, run_task, skipped
from newfuse.crew.watch import Harmless, RunStarted, Watcher
from newfuse.crew.workflow import run_workflow
from newfuse.effects import Ledger
from newfuse.effects.pruning import prune
from newfuse.environment import Environment
from newfuse.errors import ConfigurationError, MissingCredential, NewFuseError, StoreFailed
from newfuse.http.record import CallRecord
from newfuse.integrations import IntegrationRegistry, integration_in, pointed_elsewhere
from newfuse.private_files import make_private_folder
from newfuse.report import RunOutput, RunRecord, write_reports
from newfuse.report.facts import FactBook
from newfuse.report.results import Repetition, RunStatus, TaskOutcome
from newfuse.store import CallLog, Store

REPORTS = Path("reports")
EMBEDDED = "newfuse.sandbox.environment"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a crew is run.

    Attributes:
        environment: The world to work in; None starts a sandbox for this run alone.
        model: The model asked for, or None; see `choose_model`.
        out: Where the run's folder is made.
        store: Folder of the store, an open Store, or None for the configured one.
        repeat: Do again what earlier runs confirmed; recorded as such. A repetition that is unfinished is continued.
        repeat_anew: Begin another repetition even where one is unfinished.
        inputs: Values for the placeholders of the tasks' descriptions.
        watcher: Told what happens.
        data_place: Where the data came from, for messages.
        base_urls: Where single integrations lead instead, by slug: a mock, a proxy, a double that is served apart.
    """

    environment: Environment | None = None
    model: str | None = None
    out: Path = REPORTS
    store: Store | Path | None = None
    repeat: bool = False
    repeat_anew: bool = False
    inputs: dict[str, Any] = field(default_factory=dict)
    watcher: Watcher = field(default_factory=Watcher)
    data_place: str = "data"
    base_urls: Mapping[str, str] = field(default_factory=dict)


async def run_crew(crew: Crew, data: dict[str, Any], options: RunOptions) -> RunOutput:
    """Run a crew and write its reports.

    Raises:
        ConfigurationError: Something is wrong with the crew, the data or the settings; nothing was started.
        StoreFailed: The store cannot even be read any more, so there is nothing to write reports from.
        NewFuseError: The run has ended, and its reports cannot be written; says what it came to.
    """
    datasets = make_datasets(check_data(data, place=options.data_place), crew.datasets, place=options.data_place)
    for task in crew.tasks.values():
        task.brief(options.inputs)
    choice = choose_model(options.model)
    keep_days = load_settings().keep_days
    _refuse_what_nobody_can_do(crew, choice)
    async with AsyncExitStack() as stack:
        # LangChain's makers offer a tracing service; nothing is contacted but the vendors and the model.
        stack.enter_context(tracing_context(enabled=False))
        performers = _performers(crew, choice, stack)
        environment = options.environment or stack.enter_context(_embedded_sandbox())
        environment = pointed_elsewhere(environment, options.base_urls)
        store = await stack.enter_async_context(_opened(options.store))
        ledger, call_log = Ledger(store), CallLog(store)
        stack.callback(ledger.owner.release)
        watcher = Harmless(options.watcher)

        def record(call: CallRecord) -> None:
            call_log.record(call)
            if call.sent:
                watcher.request_sent(call.task, call.integration)

        registry = _registry(crew, environment, ledger, record)
        started_at = datetime.now(UTC)
        run_id = secrets.token_hex(5)
        await store.read(lambda _connection: None)  # an unusable store is found before a folder is made
        with suppress(StoreFailed):  # the run's own row is written next, and meets the same
            await prune(store, timedelta(days=keep_days))
        repeating, left = await _repetition(store, run_id, crew, environment, options)
        folder = _make_folder(options.out, f"{crew.name}_{started_at:%Y%m%d}_{run_id}")
        run = RunContext(
            run_id=run_id,
            mode=environment.mode,
            folder=folder,
            datasets=datasets,
            registry=registry,
            ledger=ledger,
            call_log=call_log,
            facts=FactBook(),
            repetition=repeating.id if repeating is not None else None,
            inputs=options.inputs,
            on_progress=watcher.progressed,
            on_tool=watcher.tool_called,
        )
        recording = Recording(run)
        stack.push_async_callback(recording.flush_calls)  # of an interrupted run too
        stack.push_async_callback(registry.disconnect_all)
        frame = RunFrame(
            crew=crew,
            run=run,
            recording=recording,
            environment=environment,
            model=choice.label,
            started_at=started_at,
            repetition=repeating,
        )
        about = {"crew": crew.name, "environment": environment.places, "model": choice.label}
        try:
            await recording.begin({**about, "started_at": started_at.isoformat()})
        except ConfigurationError:
            folder.rmdir()  # nothing was started, and nothing stays
            raise
        try:
            watcher.run_started(
                RunStarted(
                    run_id=run_id,
                    mode=environment.mode,
                    elsewhere=environment.elsewhere,
                    model=choice.label,
                    model_why=choice.why,
                    tasks=[(task.name, task.heading, task.agent_name) for task in crew.tasks.values()],
                    records={name: len(datasets.get(name)) for name in crew.datasets},
                    repetition=repeating,
                    unfinished=left,
                )
            )
            outcomes = await _run_tasks(crew, recording, performers, watcher)
            watcher.reporting()
            if repeating is not None:
                repeating.finished = await finish_if_done(store, repeating, run_id, outcomes.values())
            record_of_run = await make_record(frame, outcomes, store)
            files = await _reported(record_of_run, folder, recording)
            await recording.end(record_of_run.result.status.value)
            if recording.failure is not None and record_of_run.store_failure is None:  # it failed at the very last
                record_of_run = told_of(record_of_run, recording.failure)
                files = await _reported(record_of_run, folder, recording)
        except _ReportsFailed:
            raise
        except BaseException:
            await recording.end()
            raise
        return RunOutput(record_of_run, record_of_run.published(), folder, files, run.values)


class _ReportsFailed(NewFuseError):
    """The run has ended, and its reports cannot be written."""


async def _reported(record: RunRecord, folder: Path, recording: Recording) -> list[Path]:
    try:
        return write_reports(record, folder)
    except OSError as exc:
        await recording.end(RunStatus.NEEDS_ATTENTION.value)
        result, writes = record.result, record.effects
        raise _ReportsFailed(
            f"The reports cannot be written to {folder}: {exc.strerror}. The run has ended: "
            f"{result.completed_tasks} of {result.total_tasks} tasks completed; {writes.confirmed} writes confirmed, "
            f"{writes.failed} failed, {writes.unknown} unknown, {writes.skipped} confirmed earlier. "
            f"{record.store_failure or f'`newfuse runs show {result.run_id}` has more.'}"
        ) from exc


def _refuse_what_nobody_can_do(crew: Crew, choice: ModelChoice) -> None:
    names = crew.without_performer(choice)
    if names:
        raise ConfigurationError(
            f"crew {crew.name}: {', '.join(names)} {'has' if len(names) == 1 else 'have'} no runbook and can only be "
            f"done by a model, but there is none ({choice.why}). {NAME_A_MODEL}"
        )


async def _run_tasks(
    crew: Crew, recording: Recording, performers: Callable[[Agent], Performers], watcher: Watcher
) -> dict[str, TaskOutcome]:
    run = recording.run

    async def ended(outcome: TaskOutcome) -> TaskOutcome:
        run.outcomes[outcome.name] = outcome
        await recording.keep(outcome)
        watcher.task_ended(outcome)
        return outcome

    async def start(task: Task) -> TaskOutcome:
        watcher.task_started(task.name)
        agent = crew.agent_of(task)
        return await ended(await run_task(run, task, agent, performers(agent)))

    async def skip(task: Task, why: str) -> TaskOutcome:
        return await ended(skipped(task, crew.agent_of(task), why))

    return await run_workflow(list(crew.tasks.values()), start, skip)


def _performers(crew: Crew, choice: ModelChoice, stack: AsyncExitStack) -> Callable[[Agent], Performers]:
    """Make each model's client once, however many agents use it; the stack closes them."""
    runbooks = {task.name: task.runbook for task in crew.tasks.values() if task.runbook is not None}
    types = {task.name: task.output_type for task in crew.tasks.values() if task.output_type is not None}
    runbook = Performer(RUNBOOK, RunbookModel(runbooks=runbooks, output_types=types))
    clients: dict[tuple[object, ...], Performer] = {}

    def client(chosen: ModelChoice) -> Performer | None:
        if chosen.is_runbook:
            return None
        key = (chosen.name, chosen.base_url, chosen.key)
        if key not in clients:
            model = build_model(chosen)
            stack.push_async_callback(close_model, model)
            clients[key] = Performer(chosen.label, model, chosen.masker)
        return clients[key]

    by_agent: dict[str, Performers] = {}
    for agent in crew.agents.values():
        chosen = model_of(agent, choice)
        by_agent[agent.name] = Performers(chosen=client(chosen), chosen_why=chosen.why, runbook=runbook)
    return lambda agent: by_agent[agent.name]


def _registry(
    crew: Crew, environment: Environment, ledger: Ledger, record: Callable[[CallRecord], None]
) -> IntegrationRegistry:
    registry = IntegrationRegistry()
    missing: list[MissingCredential] = []
    for slug in crew.integrations:
        integration = integration_in(environment, slug, ledger=ledger, recorder=record)
        try:
            integration.credentials()  # a missing one is found before anything is begun
        except MissingCredential as exc:
            missing.append(exc)
        registry.register_integration(integration)
    if len(missing) > 1:  # all at once, so that nobody has to find them one by one
        raise ConfigurationError(" ".join(exc.for_model for exc in missing))
    if missing:
        raise missing[0]
    return registry


async def _repetition(
    store: Store, run_id: str, crew: Crew, environment: Environment, options: RunOptions
) -> tuple[Repetition | None, Repetition | None]:
    """Return the repetition this run works on, and the unfinished one that it leaves alone."""
    about = {"crew": crew.name, "environment": environment.lasting_name}
    if options.repeat or options.repeat_anew:
        return await take_up(store, run_id, **about, anew=options.repeat_anew), None
    return None, await unfinished(store, **about)


def _embedded_sandbox() -> AbstractContextManager[Environment]:
    # The sandbox stands above the crew: it is looked up when a run needs it.
    embedded: Callable[[], AbstractContextManager[Environment]] = importlib.import_module(EMBEDDED).embedded
    return embedded()


@asynccontextmanager
async def _opened(store: Store | Path | None) -> AsyncIterator[Store]:
    if isinstance(store, Store):
        yield store
        return
    own = Store(store if store is not None else store_folder())
    try:
        yield own
    finally:
        await own.close()


def _make_folder(out: Path, name: str) -> Path:
    folder = out / name
    try:
        make_private_folder(folder)
    except OSError as exc:
        raise ConfigurationError(
            f"The folder {folder} for the reports cannot be made: {exc.strerror}. Choose another with --out."
        ) from exc
    return folder
