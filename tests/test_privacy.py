"""What is personal does not reach a model; what a model works with does."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newfuse.privacy import MASK, hide, is_personal, mask_record, mask_text

PHONES = [
    *("+1-555-0101", "+15550101234", "+49 151 12345678", "+49 (0)30 1234567", "+44 20 7946 0958", "+33 1 23 45 67 89"),
    *("0049 151 12345678", "0151 12345678", "015112345678", "030/1234567", "01 23 45 67 89", "01.23.45.67.89"),
    *("(555) 123-4567", "(030) 1234567", "555-123-4567", "555.123.4567"),
]
# What tools, vendors and the engine say, and what a model works with.
NO_PHONES = [
    *("payments[12345]", "customers.valid.unique", "2024-01-15", "2024-01-15T10:00:00Z", "2025-03-05 10:15:02 UTC"),
    *("05.03.2025", "05.03.2025 10:00", "01/15/2024", "10:15:02.123456+00:00", "2026-05-01T09:15:00+10:00"),
    *("1234567", "12345678901", "1,234,567", "29.99 USD", "100,000 contacts", "17997", "0.001234567", "1e400"),
    *("cus_0012345678", "pi_3MtwBwLkdIwHu7ix28a3tqPa", "550e8400-e29b-41d4-a716-446655440000", "v2", "f012"),
    *("127.0.0.1:8420", "192.168.100.200", "order-0012345678", "reference 000123456789", "HTTP 429", "12 of 12"),
    *("rule email_missing (3)", "phones_dropped: 1234567", "0 created, 0 updated", "120 200 1000", "#0123456789"),
]
EMAILS = {
    "john.doe@example.com": "j…@example.com",
    "JOHN+tag@EXAMPLE.co.uk": "J…@EXAMPLE.co.uk",
    "ünï@bücher.example": "ü…@bücher.example",
    "john%40example.com": "j…@example.com",
    "john@localhost": "j…@localhost",
    "john@[127.0.0.1]": "j…@[127.0.0.1]",
    "a@b.example": "a…@b.example",
    f"{'x' * 300}@example.com": "x…@example.com",
}
AROUND = [
    "{}",
    "customers[3]: '{}' is not fit.",
    '{{"who": "{}"}}',
    "<{}>",
    "({}), and",
    "mailto:{}",
    "q={}&x=1",
    "a\n{}\nb",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("email", EMAILS)
def test_of_an_email_address_a_letter_and_the_domain_are_left(email: str, around: str):
    assert around.format(EMAILS[email]) == mask_text(around.format(email))


@pytest.mark.parametrize("around", ["{}", "call {} now", "'{}'", '{{"x": "{}"}}', "call {}.", "({})"])
@pytest.mark.parametrize("phone", PHONES)
def test_a_telephone_number_is_masked(phone: str, around: str):
    shown = mask_text(around.format(phone))
    assert around.format(MASK).replace("(", "").replace(")", "") == shown.replace("(", "").replace(")", "")


@pytest.mark.parametrize("text", NO_PHONES)
def test_what_only_looks_a_little_like_one_is_left_alone(text: str):
    for around in ("{}", "at {} and", '{{"x": "{}"}}', "{}.", "{}, {}"):
        assert around.format(text, text) == mask_text(around.format(text, text))


@pytest.mark.parametrize(
    "text",
    [
        "phone: '555-0101' is not one",
        '"phone": "5550101"',
        "mobile number 555 0101",
        "Telephone=0151-5550101",
        "fax 5550101",
    ],
)
def test_digits_that_are_called_a_telephone_number_are_masked(text: str):
    shown = mask_text(text)
    assert MASK in shown
    assert re.search(r"\d{3}", shown) is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_masking_twice_is_masking_once(text: str):
    assert mask_text(text) == mask_text(mask_text(text))


@given(
    st.text("abcXYZ019.+_-é", min_size=2, max_size=64).filter(lambda text: text[1:].strip(".")),
    st.text(max_size=40),
    st.text(max_size=40),
)
def test_no_local_part_survives_wherever_an_address_stands(local: str, before: str, after: str):
    shown = mask_text(f"{before} {local}@shop.example {after}")
    assert f"{local}@" not in shown
    assert "…@shop.example" in shown


def test_a_long_text_takes_no_long_time():
    for text in ("x" * 1_000_000, "x@" * 200_000, "%40" * 200_000, "0" * 1_000_000, "01 " * 300_000, "+1" * 300_000):
        mask_text(text)


PERSONAL = [
    *("email", "customer_email", "customerEmail", "emailAddress", "EMAIL", "receipt_email", "e-mail"),
    *("firstname", "first_name", "firstName", "FNAME", "LNAME", "lastname", "full_name", "name", "Name", "user.name"),
    *("cardholder_name", "billingName", "customer name", "surname", "display_name", "username"),
    *("phone", "mobilephone", "hs_whatsapp_phone_number", "phone1", "SMS Phone", "fax"),
    *("address", "address_line1", "addressLine2", "ADDRESS", "street", "line1", "city", "zip", "postal_code", "ip_opt"),
    *("last4", "card_last4", "exp_month", "exp_year", "iban", "birthday", "date_of_birth", "gender"),
]
IMPERSONAL = [
    *("id", "amount", "currency", "status", "lifecycle_stage", "company", "list_name", "template", "subject_line"),
    *(
        "event_name",
        "campaign_name",
        "plan",
        "metadata",
        "reference",
        "created",
        "send_time",
        "type",
        "custom_dimensions",
    ),
    *("email_campaigns", "email_type", "mailing", "description", "capture_method", "payment_method", "", "0", "zipped"),
]


@pytest.mark.parametrize("name", PERSONAL)
def test_a_field_about_a_person_is_known_by_its_name(name: str):
    assert is_personal(name)


@pytest.mark.parametrize("name", IMPERSONAL)
def test_other_fields_are_not_taken_for_one(name: str):
    assert not is_personal(name)


def test_of_a_record_the_shape_and_what_is_no_persons_is_left():
    record = {
        "id": "12345",
        "amount": 2999,
        "livemode": False,
        "data": {"email": "john.doe@example.com", "firstname": "John", "lastname": "", "phone": 15550101, "name": None},
        "address": {"line1": "1 Main St", "country": "DE", "geo": [1.5, {"zip": "12345"}]},
        "note": "ask john.doe@example.com or +1-555-0101",
        "john.doe@example.com": ["jane@example.com", 7],
    }
    assert {
        "id": "12345",
        "amount": 2999,
        "livemode": False,
        "data": {"email": "j…@example.com", "firstname": MASK, "lastname": "", "phone": MASK, "name": None},
        "address": {"line1": MASK, "country": MASK, "geo": [MASK, {"zip": MASK}]},
        "note": f"ask j…@example.com or {MASK}",
        "j…@example.com": ["j…@example.com", 7],
    } == mask_record(record)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PERSONAL, *IMPERSONAL]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_whatever_the_record_it_keeps_its_shape(value: object):
    def shape(one: object) -> object:
        if isinstance(one, dict):
            return {name: shape(inner) for name, inner in one.items()}
        return [shape(inner) for inner in one] if isinstance(one, list) else one in ("", None)

    assert shape(value) == shape(mask_record(value)) == shape(hide(value))
    json.dumps(mask_record(value))
