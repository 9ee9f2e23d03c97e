"""The API-integration crew: four specialists side by side, then the orchestrator."""

from agents.analytics_integrator import analytics_integrator
from agents.api_orchestrator import api_orchestrator
from agents.crm_sync_specialist import crm_sync_specialist
from agents.email_marketing_specialist import email_marketing_specialist
from agents.payment_processor import payment_processor
from newfuse import Crew
from tasks.analytics_event_tracking import analytics_event_tracking
from tasks.api_integration_orchestration import api_integration_orchestration
from tasks.crm_data_synchronization import crm_data_synchronization
from tasks.email_campaign_automation import email_campaign_automation
from tasks.payment_transaction_processing import payment_transaction_processing

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
)
