"""Tasks: what must be done, and how one sees that it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from newfuse.crew.agent import NAME, NAME_RULE, Agent
from newfuse.crew.runbook import Runbook
from newfuse.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Task:
    """One piece of a crew's work.

    Attributes:
        name: Unique in its crew; lower case with underscores.
        description: What to do; `{placeholders}` are filled from the task's and the run's inputs.
        expected_output: What a good result looks like.
        agent: Who does it: an agent, or the name of one of the crew's.
        is_async: Whether the tasks added after it may start before it ends. A task always waits for its context.
        context: Tasks, or their names, whose outcomes it needs; it starts when they have ended, however they ended.
        inputs: Values for the description's placeholders; the run's inputs win.
        title: Heading of its report; the words of its name when not given.
        datasets: Handles of the data it must account for: every record of them ends up confirmed, skipped, rejected,
            duplicate, failed or unknown, or the task is not done.
        integrations: Slugs of the integrations it is about.
        required_facts: Names of facts it must have measured, or it is not done.
        runbook: Its deterministic procedure; without one it can only be done by a model.
        output_type: A pydantic model. The task then hands on a value of it, beside its closing words: what its runbook
            returns, or what its model is asked for when the work is done. Without a value that fits it has failed.
        skip_if_context_failed: Skip it, rather than start it, when a task of its context did not complete.
    """

    name: str
    description: str
    expected_output: str
    agent: Agent | str
    is_async: bool = True
    context: Sequence[Task | str] = field(default_factory=tuple)
    inputs: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    datasets: Sequence[str] = field(default_factory=tuple)
    integrations: Sequence[str] = field(default_factory=tuple)
    required_facts: Sequence[str] = field(default_factory=tuple)
    runbook: Runbook | None = None
    output_type: type[BaseModel] | None = None
    skip_if_context_failed: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not work later.

        Raises:
            ConfigurationError: The name could not be a file's, or the output type is no pydantic model.
        """
        if not NAME.match(self.name):
            raise ConfigurationError(f"task {self.name!r}: {NAME_RULE}")
        wanted: Any = self.output_type
        if wanted is not None and not (isinstance(wanted, type) and issubclass(wanted, BaseModel)):
            raise ConfigurationError(f"task {self.name}: its output_type must be a pydantic model, a class.")

    @property
    def heading(self) -> str:
        """The title, or the words of the name."""
        return self.title or " ".join(word.capitalize() for word in self.name.split("_"))

    @property
    def agent_name(self) -> str:
        """Name of the agent that does it."""
        return self.agent if isinstance(self.agent, str) else self.agent.name

    @property
    def context_names(self) -> list[str]:
        """Names of the tasks whose outcomes it needs."""
        return [earlier if isinstance(earlier, str) else earlier.name for earlier in self.context]

    def brief(self, inputs: dict[str, Any]) -> str:
        """Return the description with its placeholders filled.

        Raises:
            ConfigurationError: A placeholder has no value, or a brace is unpaired.
        """
        try:
            return self.description.format_map({**self.inputs, **inputs})
        except KeyError as exc:
            raise ConfigurationError(f"task {self.name}: its description needs the input {exc.args[0]!r}.") from None
        except (ValueError, TypeError, IndexError, AttributeError) as exc:
            raise ConfigurationError(f"task {self.name}: its description cannot be filled in: {exc}.") from None
