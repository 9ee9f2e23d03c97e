"""E-mail campaigns: checked for consent and rules, prepared, scheduled in the future only, and tracked."""

from collections.abc import Mapping

from agents.email_marketing_specialist import email_marketing_specialist
from newfuse import AlertRule, Brief, FactCounts, Procedure, Reading, Severity, Task, call, runbook

SENT, BOUNCED = "email.emails_sent", "email.bounces"


@runbook
def procedure(_brief: Brief) -> Procedure:
    """Look at the audiences, check compliance, make segments, prepare and schedule campaigns, read performance."""
    yield call("review_audiences")
    compliant = yield call("check_compliance", dataset="email_campaigns")
    yield call("create_segments", dataset=compliant["handle"])
    yield call("prepare_campaigns", dataset=compliant["handle"])
    yield call("schedule_campaigns", dataset=compliant["handle"])
    yield call("track_performance", dataset=compliant["handle"])
    return None


def delivered(counts: Mapping[str, int]) -> Reading:
    """Return the share of the e-mails sent that did not bounce, in percent."""
    sent = counts[SENT]
    return Reading((sent - counts[BOUNCED]) * 100 / sent if sent else None, sent)


deliverability = AlertRule(
    name="Email deliverability",
    severity=Severity.WARNING,
    watches=FactCounts((SENT, BOUNCED), delivered),
    threshold=95.0,
    unit="%",
    below=True,
)

email_campaign_automation = Task(
    name="email_campaign_automation",
    title="📧 Email Automation",
    description=(
        "Set up and execute automated email marketing campaigns. Create subscriber segments, design email sequences, "
        "schedule campaigns, and track performance metrics. Ensure compliance with email marketing regulations."
    ),
    expected_output=(
        "Email automation setup report with campaign configurations, subscriber statistics, and performance tracking "
        "setup"
    ),
    agent=email_marketing_specialist,
    datasets=("email_campaigns",),
    integrations=("mailchimp",),
    required_facts=(
        "email.members_subscribed",
        "email.campaigns_created",
        "email.campaigns_scheduled",
        "email.campaigns_sent",
    ),
    runbook=procedure,
)
