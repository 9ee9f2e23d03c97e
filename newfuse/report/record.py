"""Everything the reports of one run are written from."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from newfuse.observe import Alert, CallStatistics, EndpointStatistics
from newfuse.report.facts import Fact
from newfuse.report.results import (
    CheckResult,
    DatasetAccount,
    EffectCounts,
    HealthReading,
    Observations,
    RunResult,
    TaskOutcome,
    TaskResult,
)
from newfuse.report.services import Service
from newfuse.types import JSON

PERCENT = 100
PENDING, REJECTED = "pending", "rejected"  # of the dispositions of a record


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class MaintenanceWindow(_Model):
    """A maintenance window somebody configured: for which service, when in words, and by whom."""

    service: str
    when: str
    configured_by: str


class CheckCounts(NamedTuple):
    """How many checks passed, failed, and were not made because there was nothing to read or compare."""

    passed: int
    failed: int
    not_made: int


class DataQuality(_Model):
    """How many records were looked at, how many of them were fit to be sent, and what stopped the others."""

    records: int
    looked_at: int
    rejected: int
    rules: dict[str, int]

    @property
    def unread(self) -> int:
        """Records nobody has looked at."""
        return self.records - self.looked_at

    @property
    def clean(self) -> int:
        """Records looked at and not rejected."""
        return self.looked_at - self.rejected

    @property
    def percent(self) -> float | None:
        """Percent of the records looked at that were clean; None when there were none."""
        return None if self.looked_at == 0 else self.clean * PERCENT / self.looked_at


class RunRecord(_Model):
    """One run, as the reports see it.

    Attributes:
        result: What `results.json` will hold; `observed` is filled in from here.
        outcomes: How each task ended, in the order of the crew.
        services: The integrations the run is about, in the order of the customer's journey.
        health: The last health call of each integration; one that is missing was not asked.
        statistics: Of this run's calls, by integration.
        task_statistics: Of this run's calls, by task.
        endpoints: The endpoints really called, by task.
        window: Statistics of the calls since `window_since`, by integration, over all runs of this mode.
        window_since: Beginning of that window; it ends with the run.
        alerts: The alerts, evaluated.
        auth: Type of authentication in use, by integration.
        tls: TLS versions negotiated, by host; an empty list is plain HTTP.
        settings: What is really in force, by integration: names of settings (`retry attempts`, `retry total s`,
            `breaker failures`, `breaker recovery s`, `rate limit` …) with their values.
        maintenance: Maintenance windows somebody configured.
        store_failure: How the store failed while the run went on, with the way out; None when all is recorded.
    """

    result: RunResult
    outcomes: list[TaskOutcome]
    services: list[Service] = []
    health: dict[str, HealthReading] = {}
    statistics: dict[str, CallStatistics] = {}
    task_statistics: dict[str, CallStatistics] = {}
    endpoints: dict[str, list[EndpointStatistics]] = {}
    window: dict[str, CallStatistics] = {}
    window_since: datetime
    alerts: list[Alert] = []
    auth: dict[str, str] = {}
    tls: dict[str, list[str]] = {}
    settings: dict[str, dict[str, JSON]] = {}
    maintenance: list[MaintenanceWindow] = []
    store_failure: str | None = None

    def published(self) -> RunResult:
        """Return what `results.json` holds, with what was observed of the vendors."""
        observed = Observations(
            health=self.health, window_since=self.window_since, window=self.window, alerts=self.alerts
        )
        return self.result.model_copy(update={"observed": observed})

    def outcome(self, task: str | None) -> TaskOutcome | None:
        """Return how a task ended, or None when the run has no such task."""
        return next((outcome for outcome in self.outcomes if outcome.name == task), None)

    def task(self, name: str) -> TaskResult:
        """Return a task's block of `results.json`.

        Raises:
            KeyError: It has none.
        """
        for task in self.result.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def facts(self, task: str) -> list[Fact]:
        """Return the facts of a task."""
        ids = set(self.task(task).facts)
        return [fact for fact in self.result.facts if fact.id in ids]

    def label(self, slug: str) -> str:
        """Return how an integration is called in the reports."""
        return next((service.label for service in self.services if service.slug == slug), slug)

    @property
    def slugs(self) -> list[str]:
        """Every integration the run is about or called, each once."""
        named = [service.slug for service in self.services]
        return list(dict.fromkeys([*named, *self.result.integrations, *self.statistics]))

    @property
    def integrated(self) -> list[str]:
        """The services with at least one verified successful call."""
        return [slug for slug in self.slugs if slug in self.statistics and self.statistics[slug].ok > 0]

    @property
    def effects(self) -> EffectCounts:
        """All writes of the run."""
        return _total([outcome.effects for outcome in self.outcomes])

    @property
    def money_effects(self) -> EffectCounts:
        """All writes of the run that move money."""
        return _total([outcome.money_effects for outcome in self.outcomes])

    @property
    def datasets(self) -> list[DatasetAccount]:
        """The datasets the run was given, each once."""
        return self.roots([account for outcome in self.outcomes for account in outcome.datasets])

    @staticmethod
    def roots(accounts: list[DatasetAccount]) -> list[DatasetAccount]:
        """Return datasets, each once, less those derived from another of them, which hold the same records."""
        found = {account.name: account for account in accounts}
        return [account for name, account in found.items() if name.rpartition(".")[0] not in found]

    @property
    def quality(self) -> DataQuality:
        """Data quality over all datasets."""
        return quality_of(self.datasets)

    @property
    def unsettled(self) -> int:
        """The writes in doubt: this run's, and the records that an earlier one left in doubt for good."""
        return self.effects.unknown + sum(account.undecided for account in self.datasets)

    @property
    def to_decide(self) -> int:
        """Of these, those that no later run can settle."""
        of_this_run = sum(outcome.to_decide for outcome in self.outcomes)
        return of_this_run + sum(account.undecided for account in self.datasets)

    @property
    def checks(self) -> CheckCounts:
        """What the checks of all tasks came to."""
        return count_checks([check for outcome in self.outcomes for check in outcome.checks])


def count_checks(checks: list[CheckResult]) -> CheckCounts:
    """Count checks by what they came to."""
    found = Counter(check.passed for check in checks)
    return CheckCounts(found[True], found[False], found[None])


def quality_of(accounts: list[DatasetAccount]) -> DataQuality:
    """Return the data quality over some datasets."""
    accounts = RunRecord.roots(accounts)
    rules: Counter[str] = Counter()
    for account in accounts:
        rules.update(account.rules)
    return DataQuality(
        records=sum(account.total for account in accounts),
        looked_at=sum(_looked_at(account) for account in accounts),
        rejected=sum(account.counts.get(REJECTED, 0) for account in accounts),
        rules=dict(sorted(rules.items())),
    )


def _looked_at(account: DatasetAccount) -> int:
    if account.looked_at is not None:
        return account.looked_at
    return account.total - account.counts.get(PENDING, 0)


def _total(counts: list[EffectCounts]) -> EffectCounts:
    return EffectCounts(
        planned=sum(one.planned for one in counts),
        confirmed=sum(one.confirmed for one in counts),
        failed=sum(one.failed for one in counts),
        unknown=sum(one.unknown for one in counts),
        skipped=sum(one.skipped for one in counts),
    )
