"""Payments: created and confirmed once, captured, refunded where asked, and reconciled with what the vendor shows."""

from agents.payment_processor import payment_processor
from newfuse import AlertRule, Brief, MoneyFailures, Procedure, Severity, Task, ToolFailed, call, runbook


@runbook
def procedure(_brief: Brief) -> Procedure:
    """Validate, process, capture what is authorized, refund what is asked for, then reconcile with the vendor."""
    valid = yield call("validate_payments", dataset="payments")
    try:
        yield call("process_payments", dataset=valid["handle"])
        yield call("capture_payments", dataset=valid["handle"])
        yield call("refund_payments", dataset=valid["handle"])
    except ToolFailed:
        # Money may have moved before it failed: what the vendor shows is compared all the same.
        yield call("reconcile_payments", dataset=valid["handle"])
        raise
    yield call("reconcile_payments", dataset=valid["handle"])
    return None


payment_failures = AlertRule(
    name="Payment processing failures",
    severity=Severity.CRITICAL,
    watches=MoneyFailures(),
    threshold=0,
    unit="payments failed or unsettled",
)

payment_transaction_processing = Task(
    name="payment_transaction_processing",
    title="💳 Payment Processing",
    description=(
        "Process pending payment transactions securely. Handle payment intents, capture authorized payments, process "
        "refunds as needed, and update transaction records. Run the payment security checks and generate payment "
        "reports."
    ),
    expected_output=(
        "Payment processing report with transaction summaries, success rates, and the results of the security checks"
    ),
    agent=payment_processor,
    datasets=("payments",),
    integrations=("stripe",),
    required_facts=(
        "payments.succeeded",
        "payments.captures_confirmed",
        "payments.refunds_confirmed",
        "payments.mismatched",
    ),
    runbook=procedure,
)
