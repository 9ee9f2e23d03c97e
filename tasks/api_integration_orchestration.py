"""The orchestration: health of every system and consistency across them, after the specialists are done."""

from agents.api_orchestrator import api_orchestrator
from newfuse import Brief, Procedure, Task, call, runbook
from tasks.analytics_event_tracking import analytics_event_tracking
from tasks.crm_data_synchronization import crm_data_synchronization
from tasks.email_campaign_automation import email_campaign_automation
from tasks.payment_transaction_processing import payment_transaction_processing


@runbook
def procedure(_brief: Brief) -> Procedure:
    """Ask every system for its health, compare them with each other, and sum the tasks up."""
    yield call("check_integration_health")
    yield call("validate_data_flow")
    yield call("summarize_outcomes")
    return None


api_integration_orchestration = Task(
    name="api_integration_orchestration",
    title="🎯 Integration Orchestration",
    description=(
        "Coordinate all API integrations to ensure data consistency and workflow efficiency. Monitor integration "
        "health, handle cross-system dependencies, and provide comprehensive integration status reporting."
    ),
    expected_output=(
        "Integration orchestration report with system health status, data flow validation, and performance metrics"
    ),
    agent=api_orchestrator,
    is_async=False,
    context=(
        crm_data_synchronization,
        payment_transaction_processing,
        email_campaign_automation,
        analytics_event_tracking,
    ),
    integrations=("hubspot", "stripe", "mailchimp", "ga4"),
    sums_up=True,
    required_facts=("health.integrations_ok", "flow.checks_passed"),
    runbook=procedure,
)
