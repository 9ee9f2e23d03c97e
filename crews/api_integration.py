"""The API-integration crew: four specialists side by side, then the orchestrator."""

from pathlib import Path

from agents.analytics_integrator import analytics_integrator
from agents.api_orchestrator import api_orchestrator
from agents.crm_sync_specialist import crm_sync_specialist
from agents.email_marketing_specialist import email_marketing_specialist
from agents.payment_processor import payment_processor
from newfuse import SERVICE_ALERTS, Crew, ServiceWords, Words
from tasks.analytics_event_tracking import analytics_event_tracking, data_gaps
from tasks.api_integration_orchestration import api_integration_orchestration
from tasks.crm_data_synchronization import crm_data_synchronization, synchronization_delay
from tasks.email_campaign_automation import deliverability, email_campaign_automation
from tasks.payment_transaction_processing import payment_failures, payment_transaction_processing

crew = Crew(
    "api_integration",
    agents=[
        api_orchestrator,
        crm_sync_specialist,
        payment_processor,
        email_marketing_specialist,
        analytics_integrator,
    ],
    tasks=[
        crm_data_synchronization,
        payment_transaction_processing,
        email_campaign_automation,
        analytics_event_tracking,
        api_integration_orchestration,
    ],
    alerts=(*SERVICE_ALERTS, payment_failures, synchronization_delay, deliverability, data_gaps),
    services={
        "hubspot": ServiceWords(kind="CRM", records="Customer Records"),
        "stripe": ServiceWords(kind="Payments", records="Payment Transactions"),
        "mailchimp": ServiceWords(kind="Email", records="Email Campaigns"),
        "ga4": ServiceWords(kind="Analytics", records="Analytics Events"),
    },
    words=Words(
        title="API Integration",
        work="Integration",
        performer="Specialist",
        icon="🔌",
        records={
            "customers": "customer records for CRM sync",
            "payments": "payment transactions to process",
            "email_campaigns": "email campaigns to set up",
            "analytics_events": "analytics events to track",
        },
        money="payments",
        yield_heading="Business Benefits",
        not_measured=("time saved", "sales cycles", "campaign effectiveness"),
    ),
    templates=Path(__file__).parents[1] / "templates",
)
