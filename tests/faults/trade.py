"""Data for a run that has something of everything, and nothing that a vendor would refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

LATER = (datetime.now(UTC) + timedelta(days=30)).replace(hour=9, minute=15, second=0, microsecond=0)
EVENTS = 12


def trade() -> dict[str, list[Any]]:
    """Return three customers, four payments, two campaigns and a dozen events."""

    def customer(number: int) -> dict[str, Any]:
        return {"id": None, "data": {"email": f"buyer{number}@trade.example", "firstname": f"First{number}"}}

    def payment(number: int, amount: int, currency: str, **more: Any) -> dict[str, Any]:
        about = {"description": f"Order {number}", "reference": f"order-{number}"}
        return {
            "amount": amount,
            "currency": currency,
            "customer_email": f"buyer{number}@trade.example",
            **about,
            **more,
        }

    def campaign(subject: str, **more: Any) -> dict[str, Any]:
        kind = {"type": "product_announcement", "list_name": "active_customers", "template": "product_update_template"}
        return {**kind, "subject_line": subject, **more}

    def event(number: int) -> dict[str, Any]:
        return {"event_category": "trade", "event_action": "view", "event_label": f"label-{number}"}

    return {
        "customers": [customer(number) for number in range(3)],
        "payments": [
            payment(0, 1_000, "usd"),
            payment(1, 2_500, "usd", refund=True),
            payment(2, 7_700, "usd", capture_method="manual", refund=700),
            payment(1, 1_999, "eur", capture_method="manual", reference="order-3"),
        ],
        "email_campaigns": [campaign("A draft"), campaign("In a month", send_time=LATER.isoformat())],
        "analytics_events": [event(number) for number in range(EVENTS)],
    }
