"""Crews: agents and tasks that run together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from typing import Any, Self

from newfuse.crew.agent import NAME, NAME_RULE, Agent
from newfuse.crew.models import ModelChoice, model_of
from newfuse.crew.order import predecessors
from newfuse.crew.runbook_calls import called_tools
from newfuse.crew.task import Task
from newfuse.crew.tool import Tool
from newfuse.errors import ConfigurationError
from newfuse.report.run_output import RunOutput


class Crew:
    """Agents and the tasks they do together.

    Tasks run as soon as what they wait for has ended. What cannot run (a cycle, an unknown agent or task, a name used
    twice, a runbook that calls a tool its agent lacks) is refused when the crew is built.
    """

    def __init__(self, name: str, *, agents: Iterable[Agent] = (), tasks: Iterable[Task] = ()) -> None:
        """Build a crew.

        Args:
            name: Lower case with underscores; part of the name of every run's folder.
            agents: Its agents.
            tasks: Its tasks, in the order they are reported.

        Raises:
            ConfigurationError: It could not run; says why.
        """
        if not NAME.match(name):
            raise ConfigurationError(f"crew {name!r}: {NAME_RULE}")
        self.name = name
        self.agents: dict[str, Agent] = {}
        self.tasks: dict[str, Task] = {}
        for agent in agents:
            self.add_agent(agent)
        for task in tasks:
            self.add_task(task)
        self.check()

    def add_agent(self, agent: Agent) -> Self:
        """Add an agent.

        Raises:
            ConfigurationError: There is one of that name.
        """
        if agent.name in self.agents:
            raise ConfigurationError(f"crew {self.name}: two agents are called {agent.name}.")
        self.agents[agent.name] = agent
        return self

    def add_task(self, task: Task) -> Self:
        """Add a task; its agent must be in the crew, the tasks of its context may follow.

        Raises:
            ConfigurationError: There is one of that name, its agent is unknown, its runbook calls a tool that the agent
                lacks, or it closes a circle.
        """
        if task.name in self.tasks:
            raise ConfigurationError(f"crew {self.name}: two tasks are called {task.name}.")
        known = self.agents.get(task.agent_name)
        if known is None or (isinstance(task.agent, Agent) and task.agent is not known):
            names = ", ".join(self.agents) or "none"
            raise ConfigurationError(
                f"crew {self.name}: task {task.name} is for the agent {task.agent_name!r}, "
                f"which is not in the crew ({names})."
            )
        self._check_tools(task, known)
        self.tasks[task.name] = task
        try:
            self._check_circles()
        except ConfigurationError:
            del self.tasks[task.name]
            raise
        return self

    def check(self) -> None:
        """Refuse a crew that could not run.

        Raises:
            ConfigurationError: A task's context names a task that is not in the crew, or waits in a circle.
        """
        for task in self.tasks.values():
            unknown = [name for name in task.context_names if name not in self.tasks]
            if unknown:
                raise ConfigurationError(
                    f"crew {self.name}: task {task.name} waits for {', '.join(unknown)}, which is not in the crew."
                )
        self._check_circles()

    def agent_of(self, task: Task) -> Agent:
        """Return the agent that does a task."""
        return self.agents[task.agent_name]

    def without_performer(self, choice: ModelChoice) -> list[str]:
        """Return the tasks nobody can do under a choice of the run's model: without a runbook, for agents without one.

        Raises:
            ConfigurationError: The model that an agent is set to cannot be used.
        """
        return [
            task.name
            for task in self.tasks.values()
            if task.runbook is None and model_of(self.agent_of(task), choice).is_runbook
        ]

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets its tasks work on, each once."""
        return list(dict.fromkeys(name for task in self.tasks.values() for name in task.datasets))

    @property
    def integrations(self) -> list[str]:
        """Slugs of the integrations its tasks are about, and of those whose tools its agents have, each once."""
        of_tasks = [slug for task in self.tasks.values() for slug in task.integrations]
        tools = [tool for task in self.tasks.values() for tool in self.agent_of(task).toolbox]
        of_tools = [tool.integration for tool in tools if isinstance(tool, Tool) and tool.integration]
        return list(dict.fromkeys([*of_tasks, *of_tools]))

    def run(self, data: dict[str, list[Any]] | None = None, **options: Any) -> RunOutput:
        """Run the crew and write its reports; the synchronous door to `arun`.

        Raises:
            ConfigurationError: Something is wrong with the crew, the data or the settings; nothing was started.
            NewFuseError: The run has ended or broken off, and its reports cannot be written.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.arun(data, **options))
        raise ConfigurationError("Crew.run() cannot be called from async code; use `await crew.arun(…)` there.")

    execute = run

    async def arun(self, data: dict[str, list[Any]] | None = None, **options: Any) -> RunOutput:
        """Run the crew and write its reports.

        Args:
            data: Lists of records by dataset name.
            **options: See `newfuse.crew.crew_run.RunOptions`: environment, model, out, store, repeat, repeat_anew,
                inputs, watcher, base_urls.

        Returns:
            The result, the folder of the reports, and the exit code.

        Raises:
            ConfigurationError: Something is wrong with the crew, the data or the settings; nothing was started.
            NewFuseError: The run has ended or broken off, and its reports cannot be written.
        """
        # LangChain is loaded when a crew runs, not when it is built.
        from newfuse.crew.crew_run import RunOptions, run_crew

        self.check()
        if not self.tasks:
            raise ConfigurationError(f"crew {self.name}: it has no tasks.")
        return await run_crew(self, data or {}, RunOptions(**options))

    def _check_tools(self, task: Task, agent: Agent) -> None:
        if task.runbook is None:
            return
        has = agent.tool_names
        for name, place in called_tools(task.runbook).items():
            if name not in has:
                raise ConfigurationError(
                    f"crew {self.name}: the runbook of {task.name} calls {name} ({place}), which its agent "
                    f"{agent.name} lacks; it has: {', '.join(has) or 'no tools'}."
                )

    def _check_circles(self) -> None:
        waits = predecessors(list(self.tasks.values()))
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as exc:
            circle = " → ".join(reversed(exc.args[1]))
            raise ConfigurationError(f"crew {self.name}: tasks wait for each other in a circle: {circle}.") from None
