"""What is in the account from the start: two audiences, their first members, templates, one automation."""

from __future__ import annotations

from newfuse.sandbox.mailchimp.lists import new_audience
from newfuse.sandbox.mailchimp.state import (
    Audience,
    Automation,
    AutomationEmail,
    Member,
    State,
    Template,
    iso,
    subscriber_hash,
)

NEW_SUBSCRIBERS = "5a1d0f3c7e"
ACTIVE_CUSTOMERS = "c83b9e2d64"
WELCOME_SERIES = "7be04a91d2"
SEEDED_AT = 1_704_067_200.0  # 2024-01-01T00:00:00Z: before every date in the sample data

# audience, address, first name, last name, status
MEMBERS = (
    (NEW_SUBSCRIBERS, "sam.taylor@example.com", "Sam", "Taylor", "subscribed"),
    (ACTIVE_CUSTOMERS, "jane.smith@example.com", "Jane", "Smith", "subscribed"),
    (ACTIVE_CUSTOMERS, "left.last.year@example.com", "Robin", "Gray", "unsubscribed"),
    (ACTIVE_CUSTOMERS, "bounced.mail@example.com", "Alex", "Stone", "cleaned"),
)
_FOOTER = '<p class="footer"><a href="*|UNSUB|*">Unsubscribe</a> | *|LIST:ADDRESS|*</p>'
_END = f"{_FOOTER}</body></html>"
TEMPLATES = (
    (
        "welcome_template_v2",
        f'<html><body><h1>Welcome, *|FNAME|*!</h1><div mc:edit="body"><p>Good to have you.</p></div>{_END}',
    ),
    (
        "product_update_template",
        f'<html><body><h1>What is new</h1><div mc:edit="body"><p>Try it today.</p></div>{_END}',
    ),
)


def fill(state: State) -> None:
    """Put the seed data into an empty account."""
    for list_id, name in ((NEW_SUBSCRIBERS, "new_subscribers"), (ACTIVE_CUSTOMERS, "active_customers")):
        new_audience(state, list_id, _settings(name), SEEDED_AT)
    for list_id, email, first, last, status in MEMBERS:
        _add(state, state.audiences[list_id], email, {"FNAME": first, "LNAME": last}, status)
    for name, html in TEMPLATES:
        number = state.ids.number("template")
        state.templates[number] = Template(number, name, html, SEEDED_AT, SEEDED_AT)
    _add_automation(state)


def _settings(name: str) -> dict[str, object]:
    return {
        "name": name,
        "contact": {
            "company": "Sandbox Inc.",
            "address1": "1 Main Street",
            "city": "Atlanta",
            "state": "GA",
            "zip": "30303",
            "country": "US",
        },
        "permission_reminder": "You signed up on our website.",
        "campaign_defaults": {
            "from_name": "Sandbox Inc.",
            "from_email": "news@example.com",
            "subject": "",
            "language": "en",
        },
        "email_type_option": False,
    }


def _add(state: State, audience: Audience, email: str, names: dict[str, str], status: str) -> None:
    member = Member(
        email=email,
        status=status,
        web_id=state.ids.number("member"),
        changed=SEEDED_AT,
        status_at=SEEDED_AT,
        merge_fields={field.tag: names.get(field.tag, "") for field in audience.merge_fields.values()},
        timestamp_signup=iso(SEEDED_AT),
        timestamp_opt=iso(SEEDED_AT),
        in_compliance=status in {"unsubscribed", "cleaned"},
        unsubscribe_reason="No longer interested" if status == "unsubscribed" else "",
    )
    audience.members[subscriber_hash(email)] = member


def _add_automation(state: State) -> None:
    email = AutomationEmail(
        id=state.ids.hex10("automation-email"),
        web_id=state.ids.number("campaign"),
        position=1,
        settings={
            "subject_line": "Welcome!",
            "title": "Welcome series: first e-mail",
            "from_name": "Sandbox Inc.",
            "reply_to": "news@example.com",
        },
        delay={"amount": 1, "type": "hour", "direction": "after", "action": "signup"},
        html=TEMPLATES[0][1],
    )
    state.automations[WELCOME_SERIES] = Automation(
        id=WELCOME_SERIES,
        list_id=NEW_SUBSCRIBERS,
        title="Welcome series",
        workflow_type="welcomeSeries",
        created=SEEDED_AT,
        settings={"from_name": "Sandbox Inc.", "reply_to": "news@example.com"},
        emails={email.id: email},
    )
