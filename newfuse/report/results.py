"""What a run came to: the typed form of `results.json` and of what the reports are written from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from newfuse.observe.alerts import Alert
from newfuse.observe.statistics import CallStatistics
from newfuse.report.facts import Fact
from newfuse.types import JSON

SCHEMA_VERSION = 1
SUCCESS_THRESHOLD = 80.0  # percent of tasks completed from which a run counts as a success, as in the seed
OUTPUT_CHARACTERS = 32_000  # kept of a task's closing words: some ten pages, more than a model writes in one answer


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class RunStatus(StrEnum):
    """The verdict on a run."""

    SUCCESS = "SUCCESS"
    NEEDS_ATTENTION = "NEEDS ATTENTION"


class TaskStatus(StrEnum):
    """How a task ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    WAITING = "waiting"


class EffectCounts(_Model):
    """Writes of one task: planned = recorded as intents by this run plus those skipped.

    planned = confirmed + failed + unknown + skipped.
    """

    planned: int = 0
    confirmed: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0


class TaskOutput(_Model):
    """What a task hands on to the tasks that wait for it and to whoever started the run."""

    text: str = ""
    """Its performer's closing words, unchecked, at most `OUTPUT_CHARACTERS`; the reports print what was measured."""
    value: JSON = None
    """The value of the task's `output_type`; None where it names none, or where none that fits was handed over."""
    by: str = ""
    """Who said so: a model, or `runbook`; empty where nothing was said."""


class TaskResult(_Model):
    """One task in `results.json`."""

    name: str
    agent: str
    status: TaskStatus
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    report: str | None
    """File name of the task's report, in the run's folder."""
    exceptions: str | None = None
    """File name of the complete list of its records that were not simply written; None when there are none."""
    calls: int
    """Requests as sent, retries included."""
    effects: EffectCounts
    facts: list[str]
    output: TaskOutput = TaskOutput()
    """What it hands on: words and a value as its performer gave them, secrets masked."""


class ModelUse(_Model):
    """What models were asked in a run; the runbook asks none. Tokens are None when a server did not count them."""

    calls: int = 0
    input_tokens: int | None = 0
    output_tokens: int | None = 0

    @classmethod
    def of(cls, outcomes: Iterable[TaskOutcome]) -> Self:
        """Add up what the performers of all tasks used."""
        parts = [one for outcome in outcomes for one in outcome.performances]
        return cls(
            calls=sum(one.model_calls for one in parts),
            input_tokens=_sum([one.input_tokens for one in parts]),
            output_tokens=_sum([one.output_tokens for one in parts]),
        )


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


class IntegrationResult(_Model):
    """One integration in `results.json`; times are None when nothing was sent."""

    calls: int
    """Requests as sent, retries included."""
    ok: int
    errors: int
    retries: int
    p50_ms: float | None
    p95_ms: float | None
    records: int
    """Records written and confirmed in this run."""
    status: Literal["connected", "failed", "not measured"]
    """By the last health call of the run, or by the connection when there was none."""
    unsent: int = 0
    """Requests that cannot have reached the vendor; not among `calls`."""
    mean_ms: float | None = None
    p99_ms: float | None = None

    @classmethod
    def of(
        cls, statistics: CallStatistics, *, records: int, status: Literal["connected", "failed", "not measured"]
    ) -> Self:
        """Make it of the statistics of the run's calls."""
        return cls(
            calls=statistics.calls,
            ok=statistics.ok,
            errors=statistics.errors,
            retries=statistics.retries,
            p50_ms=statistics.p50_ms,
            p95_ms=statistics.p95_ms,
            records=records,
            status=status,
            unsent=statistics.unsent,
            mean_ms=statistics.mean_ms,
            p99_ms=statistics.p99_ms,
        )


class HealthReading(_Model):
    """One health call: whether the vendor answered, how fast, and when."""

    ok: bool
    latency_ms: float
    at: datetime
    error: str | None = None


class Observations(_Model):
    """What was observed of the vendors: health calls, the calls of the window before the end of the run, alerts."""

    health: dict[str, HealthReading]
    """By integration; one that is missing was not asked."""
    window_since: datetime
    """Beginning of the window; it ends with the run."""
    window: dict[str, CallStatistics]
    """By integration, all runs of this mode in the store; one that is missing has no data."""
    alerts: list[Alert]


class Obstacle(_Model):
    """What stood in the way of one of the reports."""

    file: str
    written: bool
    """Whether the file was written all the same."""
    what: str


class Repetition(_Model):
    """Doing again, on purpose, what earlier runs confirmed; it may take several runs."""

    id: str
    """Marks the references of its writes."""
    begun_at: datetime
    begun_by: str
    """The run that began it."""
    continued: bool
    """Whether this run went on with what an earlier one had left undone."""
    finished: bool = False
    """Whether this run left nothing of it undone; else the next `--repeat` continues it."""


class RunResult(_Model):
    """`results.json`."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    crew: str
    mode: Literal["sandbox", "live", "plan"]
    elsewhere: dict[str, str] = {}
    """Where single integrations led instead, by slug; empty when none did."""
    model: str
    started_at: datetime
    finished_at: datetime
    status: RunStatus
    reasons: list[str] = []
    """Why it needs attention, a phrase each; empty when it does not."""
    success_rate: float
    """Percent of tasks completed, one decimal."""
    total_tasks: int
    completed_tasks: int
    failed_tasks: int
    tasks: list[TaskResult]
    integrations: dict[str, IntegrationResult]
    facts: list[Fact]
    model_use: ModelUse = ModelUse()
    repetition: Repetition | None = None
    """None where the run was not told to repeat."""
    observed: Observations | None = None
    """Filled in when the reports are written."""
    obstacles: list[Obstacle] = []
    """Likewise; empty when nothing stood in the way of a report."""

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when somebody should look."""
        return 0 if self.status is RunStatus.SUCCESS else 1


# --- what the reports are written from, beside results.json -------------------------------------------------------


class Performance(_Model):
    """Who worked on a task: a model or the runbook, and why it was their turn."""

    by: str
    why: str
    model_calls: int = 0
    tool_calls: int = 0
    input_tokens: int | None = 0
    """None when the model's server did not say."""
    output_tokens: int | None = 0
    ended: str = "done"
    """`done`, `stopped: …` (a limit), or `failed: …`."""


class CheckResult(_Model):
    """One check; a critical one that fails makes the run need attention by itself."""

    name: str
    passed: bool | None
    """None when it was not made: nothing could be read, or there was nothing to compare."""
    evidence: str
    critical: bool = False


class RecordException(_Model):
    """One record that was not simply written: where it stands, what became of it, and why."""

    place: str
    reference: str
    disposition: str
    rule: str | None
    reason: str | None


class DatasetAccount(_Model):
    """What became of a dataset: counts by disposition, and the first exceptions by name."""

    name: str
    total: int
    counts: dict[str, int]
    rules: dict[str, int]
    """How many records each rule rejected."""
    exceptions: list[RecordException]
    """At most `EXCEPTIONS_SHOWN`; `total` and `counts` are complete, and so is the task's file of exceptions."""
    looked_at: int | None = None
    """Records that were read; None takes all that something became of."""
    undecided: int = 0
    """Of the unknown, those that an earlier run left in doubt for good, and that only a person can decide."""


EXCEPTIONS_SHOWN = 20


class TaskOutcome(_Model):
    """Everything known of a task when it ended; the typed result of a task node, JSON-serializable."""

    name: str
    title: str
    agent: str
    role: str
    status: TaskStatus
    started_at: datetime
    finished_at: datetime
    error: str | None = None
    prose: str = ""
    """The performer's closing words; a sentence of it is printed only if every figure in it was measured."""
    prose_by: str = ""
    value: JSON = None
    """The value of the task's output type, by the same performer; None without one."""
    performances: list[Performance] = []
    effects: EffectCounts = EffectCounts()
    money_effects: EffectCounts = EffectCounts()
    to_decide: int = 0
    """Of the unknown writes, those that no later run can settle: the vendor cannot be asked."""
    exceptions_file: str | None = None
    """File name of the complete list of its exceptions, in the run's folder; None when there are none."""
    datasets: list[DatasetAccount] = []
    checks: list[CheckResult] = []
    notes: list[str] = []
    tables: dict[str, list[dict[str, JSON]]] = {}
    integrations: list[str] = []
    """Slugs of the integrations this task is about."""
    context: list[str] = []
    """The tasks it waited for: what they measured was handed to it, and its closing words may give their numbers."""
    sums_up: bool = False
    """Whether it sums the run up: its closing words may give the other tasks' numbers."""

    @property
    def output(self) -> TaskOutput:
        """What it hands on."""
        return TaskOutput(text=self.prose, value=self.value, by=self.prose_by)
