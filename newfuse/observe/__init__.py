"""What the recorded calls say: statistics of a run and of a window of time, and the alerts evaluated on them."""

from newfuse.observe.alerts import (
    Alert,
    AlertState,
    AlertThresholds,
    Deliverability,
    EventCounts,
    MoneyOutcome,
    Severity,
    evaluate,
)
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
    "Alert",
    "AlertState",
    "AlertThresholds",
    "CallStatistics",
    "Deliverability",
    "EndpointStatistics",
    "EventCounts",
    "MoneyOutcome",
    "RunCalls",
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
