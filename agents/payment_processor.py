"""The payment specialist: moves money once, and reconciles it."""

from newfuse import Agent
from tools import files, payments

payment_processor = Agent(
    name="payment_processor",
    role="Payment Integration Specialist",
    goal="Handle secure payment processing and transaction management",
    backstory=(
        "You are a payment processing expert who understands PCI compliance, transaction security, and financial data "
        "handling. You ensure all payments are processed accurately and securely."
    ),
    tools=(*payments.TOOLS, files.write_file),
    verbose=True,
)
