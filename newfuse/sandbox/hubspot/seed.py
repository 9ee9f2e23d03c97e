"""What the account holds before the first request; the ids are fixed, tests and the sample job go by them."""

from __future__ import annotations

from typing import Final

SEEDED_AT: Final = "2026-01-15T09:00:00.000Z"

CONTACTS: Final[dict[str, dict[str, str]]] = {
    # One to update: the sample job brings her new company and lifecycle stage.
    "12345": {
        "email": "jane.smith@example.com",
        "firstname": "Jane",
        "lastname": "Smith",
        "company": "Innovation",
        "lifecyclestage": "lead",
    },
    # One person twice: everything the same but the address.
    "12401": {
        "email": "alex.rivera@example.com",
        "firstname": "Alex",
        "lastname": "Rivera",
        "company": "Northwind Traders",
        "phone": "+1-555-0142",
        "lifecyclestage": "opportunity",
    },
    "12402": {
        "email": "a.rivera@northwind.example.com",
        "firstname": "Alex",
        "lastname": "Rivera",
        "company": "Northwind Traders",
        "phone": "+1-555-0142",
        "lifecyclestage": "lead",
    },
    # One that is no use as it is: no address, and a phone number that is none.
    "12403": {"firstname": "Sam", "lastname": "Okafor", "phone": "call me maybe"},
    "12404": {
        "email": "maria.garcia@example.com",
        "firstname": "Maria",
        "lastname": "Garcia",
        "company": "Contoso",
        "phone": "+1-555-0177",
        "lifecyclestage": "customer",
    },
    "12405": {
        "email": "wei.chen@example.com",
        "firstname": "Wei",
        "lastname": "Chen",
        "company": "Fabrikam",
        "phone": "+1-555-0188",
        "lifecyclestage": "subscriber",
    },
}
COMPANIES: Final[dict[str, dict[str, str]]] = {
    "20001": {"name": "Innovation Inc", "domain": "innovation.example.com", "city": "Boston"},
}
DEALS: Final[dict[str, dict[str, str]]] = {
    "30001": {
        "dealname": "Innovation: annual plan",
        "amount": "99.99",
        "pipeline": "default",
        "dealstage": "qualifiedtobuy",
        "dealtype": "newbusiness",
    },
}
FIRST_NEW_ID: Final = 100_001  # above every seeded id, so that ids ascend with time as HubSpot's do
