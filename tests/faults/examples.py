"""What cannot be derived from an action's schema and from the other actions of its integration: one entry an action.

An entry gives some arguments; the others are derived all the same. `{token}` stands for a word of the attempt's own.
"""

from __future__ import annotations

from typing import Any

from faults.arguments import Made

EXAMPLES: dict[str, dict[str, Any]] = {
    "hubspot.create_company": {"properties": {"name": "{token}", "city": "Paris"}},
    "hubspot.create_contact": {"properties": {"email": "{token}@example.com", "firstname": "Ada"}},
    "hubspot.create_contacts": {
        "contacts": [{"email": "{token}a@example.com"}, {"email": "{token}b@example.com", "firstname": "Ada"}]
    },
    "hubspot.create_deal": {"properties": {"dealname": "{token}", "amount": "10.00"}},
    "hubspot.update_company": {"properties": {"city": "{token}"}},
    "hubspot.update_contact": {"properties": {"company": "{token}"}},
    "hubspot.update_contacts": {
        "contacts": [
            {"id": Made("create_contact"), "properties": {"company": "{token}a"}},
            {"id": Made("create_contact"), "properties": {"company": "{token}b"}},
        ]
    },
    "hubspot.update_deal": {"properties": {"amount": "20.00"}},
    "mailchimp.add_segment_members": {"email_addresses": [Made("upsert_member", "email_address")]},
    "mailchimp.archive_member": {"email": Made("upsert_member", "email_address")},
    "mailchimp.unschedule_campaign": {"campaign_id": Made("schedule_campaign", "campaign_id")},
    "mailchimp.update_tags": {"email": Made("upsert_member", "email_address")},
    "mailchimp.upsert_members": {
        "members": [
            {"email_address": "{token}a@example.com", "status": "subscribed"},
            {"email_address": "{token}b@example.com", "status": "subscribed"},
        ]
    },
    # A payment that is taken, so that a second one costs somebody money.
    "stripe.create_payment_intent": {
        "amount": 2999,
        "currency": "usd",
        "confirm": True,
        "payment_method": "pm_card_visa",
    },
    "stripe.confirm_payment_intent": {
        "payment_intent_id": Made("create_payment_intent", confirm=False),
        "return_url": "https://example.com/back",
    },
    "stripe.create_customer": {"email": "{token}@example.com", "name": "Ada"},
    # A part of it, so that a second refund is possible.
    "stripe.refund_payment": {"amount": 700},
}
