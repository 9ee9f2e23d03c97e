"""Analytics: events validated before they are sent, conversions configured, and what arrived read back."""

from collections.abc import Mapping

from agents.analytics_integrator import analytics_integrator
from newfuse import AlertRule, Brief, FactCounts, Procedure, Reading, Severity, Task, call, runbook

VALID, SENT, SEEN = "analytics.events_valid", "analytics.events_sent", "analytics.events_seen"
SKIPPED = "analytics.events_skipped"  # valid, and sent by an earlier run: not missing from this one
UNKNOWN = "analytics.events_unknown"  # nobody can tell, so nobody can say that they are missing
NOT_READ_BACK = "this run, not read back"


@runbook
def procedure(_brief: Brief) -> Procedure:
    """Validate, configure conversions, send, then read back what arrived."""
    valid = yield call("validate_events", dataset="analytics_events")
    yield call("configure_conversions", dataset=valid["handle"])
    yield call("send_events", dataset=valid["handle"])
    yield call("read_report", dataset=valid["handle"])
    return None


def lost(counts: Mapping[str, int]) -> Reading:
    """Count the events that were valid and not accepted, and those accepted and not seen when read back."""
    to_send, sent = counts[VALID] - counts.get(SKIPPED, 0) - counts.get(UNKNOWN, 0), counts[SENT]
    missing = max(0, to_send - sent)
    if SEEN not in counts:
        return Reading(missing, max(to_send, sent), NOT_READ_BACK)
    return Reading(missing + max(0, sent - counts[SEEN]), max(to_send, sent), "this run, read back")


data_gaps = AlertRule(
    name="Analytics data gaps",
    severity=Severity.WARNING,
    watches=FactCounts((VALID, SENT), lost, also=(SEEN, SKIPPED, UNKNOWN), window=NOT_READ_BACK),
    threshold=0,
    unit="events missing",
)

analytics_event_tracking = Task(
    name="analytics_event_tracking",
    title="📈 Analytics Tracking",
    description=(
        "Implement comprehensive event tracking across all customer touchpoints. Set up conversion tracking, goal "
        "configurations, and custom events. Push relevant data to analytics platforms for reporting and analysis."
    ),
    expected_output=(
        "Analytics implementation report with event tracking setup, conversion goals, and data validation results"
    ),
    agent=analytics_integrator,
    datasets=("analytics_events",),
    integrations=("ga4",),
    required_facts=(VALID, SENT, "analytics.key_events", SEEN),
    runbook=procedure,
)
