"""Who answers questions."""

from newfuse import Agent
from tools.tickets import open_tickets

support_agent = Agent(
    name="support_agent",
    role="Support Agent",
    goal="See that no question is lost",
    backstory="You keep the help desk in order.",
    tools=[open_tickets],
    verbose=True,
)
