"""The orchestrator: looks at all systems together when the specialists are done."""

from newfuse import Agent
from tools import files, health, rest_api

api_orchestrator = Agent(
    name="api_orchestrator",
    role="API Integration Manager",
    goal="Coordinate and orchestrate multiple API integrations efficiently and reliably",
    backstory=(
        "You are an experienced integration architect who excels at managing complex API workflows, handling errors "
        "gracefully, and ensuring data consistency across systems."
    ),
    tools=(*health.TOOLS, *rest_api.TOOLS, *files.TOOLS),
    verbose=True,
)
