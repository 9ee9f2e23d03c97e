"""The CRM specialist: keeps customer records clean and in step."""

from newfuse import Agent
from tools import crm, files

crm_sync_specialist = Agent(
    name="crm_sync_specialist",
    role="CRM Integration Specialist",
    goal="Maintain accurate and up-to-date customer data across CRM systems",
    backstory=(
        "You are a CRM expert who understands customer data management, deduplication, and synchronization best "
        "practices. You ensure data integrity across all customer touchpoints."
    ),
    tools=(*crm.TOOLS, *files.TOOLS),
    verbose=True,
)
