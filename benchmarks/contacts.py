"""Invented contacts, as many as a load needs; all valid, all distinct."""

from __future__ import annotations

from typing import Any

STAGES = ("lead", "customer", "opportunity", "subscriber")


def contacts(count: int) -> list[dict[str, Any]]:
    """Return that many records of the input file's `customers`.

    The first look alike however many there are, so that a sample of them does not grow with their number.
    """
    return [
        {
            "id": None,
            "data": {
                "email": f"person{number:06}@example.com",
                "firstname": f"First{number:06}",
                "lastname": f"Last{number:06}",
                "company": f"Company {number % 500:03}",
                "phone": f"+1202555{number % 10_000:04}",
                "lifecycle_stage": STAGES[number % len(STAGES)],
            },
        }
        for number in range(count)
    ]
