"""Every question gets a ticket."""

from agents.support_agent import support_agent
from newfuse import Brief, Procedure, Task, call, runbook


@runbook
def procedure(_brief: Brief) -> Procedure:
    """Open the tickets."""
    opened = yield call("open_tickets", dataset="questions")
    return f"{opened['confirmed']} tickets were opened."


question_intake = Task(
    name="question_intake",
    description="Open a ticket for every question.",
    expected_output="A ticket for every question, and the reason where there is none",
    agent=support_agent,
    datasets=["questions"],
    integrations=["desk"],
    required_facts=["tickets.opened"],
    runbook=procedure,
)
