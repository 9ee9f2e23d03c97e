"""The analytics specialist: events that are valid before they are sent."""

from newfuse import Agent
from tools import analytics, files

analytics_integrator = Agent(
    name="analytics_integrator",
    role="Analytics Integration Specialist",
    goal="Track events and sync data with analytics platforms",
    backstory=(
        "You are an analytics expert who understands data tracking, event management, and analytics implementation. "
        "You ensure all user interactions are properly tracked and analyzed."
    ),
    tools=(*analytics.TOOLS, files.write_file),
    verbose=True,
)
