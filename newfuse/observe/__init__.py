"""What the recorded calls say: statistics of a run and of a window of time, and the alerts evaluated on them."""

from newfuse.observe.alert_rules import (
    DEFAULT_ALERTS,
    SERVICE_ALERTS,
    AlertRule,
    FactAge,
    FactCounts,
    MoneyFailures,
    MoneyOutcome,
    Observed,
    Reading,
    ServiceCalls,
    evaluate,
)
from newfuse.observe.alerts import Alert, AlertState, Severity
from newfuse.observe.call_statistics import (
    RunCalls,
    calls_by_task,
    calls_of_run,
    endpoint_statistics,
    run_statistics,
    tls_versions,
    window_statistics,
)
from newfuse.observe.statistics import CallStatistics, EndpointStatistics, nearest_rank

__all__ = [
    "DEFAULT_ALERTS",
    "SERVICE_ALERTS",
    "Alert",
    "AlertRule",
    "AlertState",
    "CallStatistics",
    "EndpointStatistics",
    "FactAge",
    "FactCounts",
    "MoneyFailures",
    "MoneyOutcome",
    "Observed",
    "Reading",
    "RunCalls",
    "ServiceCalls",
    "Severity",
    "calls_by_task",
    "calls_of_run",
    "endpoint_statistics",
    "evaluate",
    "nearest_rank",
    "run_statistics",
    "tls_versions",
    "window_statistics",
]
