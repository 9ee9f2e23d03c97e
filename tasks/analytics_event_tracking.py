"""Analytics: events validated before they are sent, conversions configured, and what arrived read back."""

from agents.analytics_integrator import analytics_integrator
from newfuse import Brief, Procedure, Task, call, runbook


@runbook
def procedure(_brief: Brief) -> Procedure:
    """Validate, configure conversions, send, then read back what arrived."""
    valid = yield call("validate_events", dataset="analytics_events")
    yield call("configure_conversions", dataset=valid["handle"])
    yield call("send_events", dataset=valid["handle"])
    yield call("read_report", dataset=valid["handle"])
    return None


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
    required_facts=("analytics.events_valid", "analytics.events_sent", "analytics.key_events", "analytics.events_seen"),
    runbook=procedure,
)
