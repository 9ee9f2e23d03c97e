"""Data of a small shop that has something of everything: fit, twice, unfit, refunded, declined, too early, too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

FIT_CUSTOMERS = 34
LATER = (datetime.now(UTC) + timedelta(days=30)).replace(hour=9, minute=15, second=0, microsecond=0)

# What the payments below come to when each is made once, in minor units.
CAPTURED = {"usd": 1_000 + 2_500 + 7_700 + 4_000, "eur": 1_999 + 12_345, "jpy": 5_000}
REFUNDED = {"usd": 2_500 + 700, "eur": 345}
TAKEN = 7


def customers() -> list[Any]:
    """40 records: 34 fit, 3 that repeat one of them, 3 unfit."""
    fit = [
        {
            "id": None,
            "data": {
                "email": f"customer{number}@shop.example",
                "firstname": f"First{number}",
                "lastname": f"Last{number}",
                "lifecycle_stage": "customer" if number % 2 else "lead",
            },
        }
        for number in range(FIT_CUSTOMERS)
    ]
    again = [
        {"id": None, "data": {"email": "CUSTOMER0@shop.example", "company": "Shop"}},
        {"id": None, "data": {"email": " customer1@shop.example "}},
        {"id": None, "data": {"email": "customer2@shop.example", "firstname": "Other"}},
    ]
    unfit = [
        {"id": None, "data": {"email": "not an address"}},
        {"id": None, "data": {"firstname": "Nobody"}},
        {"id": None, "data": {"email": "stage@shop.example", "lifecycle_stage": "king"}},
    ]
    return [*fit[:20], *again, *fit[20:], *unfit]


def payment(amount: Any, currency: Any, customer: int, **more: Any) -> dict[str, Any]:
    """One payment of a customer, in minor units."""
    return {
        "amount": amount,
        "currency": currency,
        "customer_email": f"customer{customer}@shop.example",
        "description": f"Order {customer}",
        **more,
    }


def payments() -> list[dict[str, Any]]:
    """12 records: 7 that take money, 1 declined, 4 refused before they are sent."""
    return [
        payment(1_000, "usd", 1, reference="order-1"),
        payment(2_500, "usd", 2, reference="order-2", refund=True),
        payment(7_700, "USD", 3, reference="order-3", capture_method="manual", refund=700),
        payment(1_999, "eur", 4, reference="order-4", capture_method="manual"),
        payment(12_345, "eur", 5, reference="order-5", refund=345),
        payment(5_000, "jpy", 6, reference="order-6"),
        payment(4_000, "usd", 7),
        payment(4_000, "usd", 7),  # once more or written twice? nobody can tell
        payment(9_900, "usd", 8, reference="order-8", payment_method="pm_card_chargeDeclined"),
        payment(-500, "usd", 9, reference="order-9"),
        payment(500, "zzz", 9, reference="order-10"),
        payment(1_001, "usd", 1, reference="order-1"),  # says something else under the same name
    ]


def campaigns() -> list[dict[str, Any]]:
    """6 records: a draft, one to schedule, and four that cannot be."""

    def campaign(subject: str, **more: Any) -> dict[str, Any]:
        return {
            "type": "product_announcement",
            "list_name": "active_customers",
            "subject_line": subject,
            "template": "product_update_template",
            **more,
        }

    return [
        campaign("A draft"),
        campaign("In a month", send_time=LATER.isoformat()),
        campaign("Too late", send_time="2024-01-15T10:00:00Z"),
        campaign("To nobody", list_name="no_such_list"),
        campaign("Without a form", template="no_such_template"),
        campaign("Whenever", send_time="tomorrow"),
    ]


def events() -> list[dict[str, Any]]:
    """60 records: 57 fit, 3 with names that no analytics service takes."""
    fit = [
        {
            "event_category": "shop",
            "event_action": ["view", "add_to_basket", "subscribe"][number % 3],
            "event_label": f"label {number}",
            "custom_dimensions": {"number": str(number)},
        }
        for number in range(57)
    ]
    unfit = [
        {"event_category": "shop", "event_action": ""},
        {"event_category": "shop", "event_action": "x" * 300},
        {"event_category": "shop"},
    ]
    return [*fit[:30], *unfit, *fit[30:]]


def shop() -> dict[str, list[Any]]:
    """The whole file."""
    return {
        "customers": customers(),
        "payments": payments(),
        "email_campaigns": campaigns(),
        "analytics_events": events(),
    }
