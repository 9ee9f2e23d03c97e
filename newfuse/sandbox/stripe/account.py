"""The account that the keys belong to.

https://docs.stripe.com/api/accounts/retrieve
"""

from __future__ import annotations

from newfuse.sandbox.stripe.balance import DEFAULT_CURRENCY
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.parameters import EXPAND, Shape
from newfuse.sandbox.vendor import JSON


def _retrieve(call: Call) -> JSON:
    return {
        "id": f"acct_{call.books.identifiers.scramble('account')[:16]}",
        "object": "account",
        "business_profile": {"mcc": None, "name": "Sandbox", "support_email": None, "url": None},
        "business_type": "company",
        "capabilities": {
            "card_payments": "active",
            "transfers": "active",
            "us_bank_account_ach_payments": "active",
        },
        "charges_enabled": True,
        "country": "US",
        "default_currency": DEFAULT_CURRENCY,
        "details_submitted": True,
        "email": "owner@example.com",
        "payouts_enabled": True,
        "type": "standard",
    }


OPERATIONS = (Operation("GET", "/v1/account", Shape(EXPAND), _retrieve),)
