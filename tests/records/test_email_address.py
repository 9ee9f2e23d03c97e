"""E-mail addresses: the short way says what the library says."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from newfuse.records.email_address import normalize_email

LOCALS = st.text("abcXYZ019.!#$%&'*+/=?^_`{|}~-\" @<>()ä\u0301\u202e", max_size=70)
NAMES = st.text("abxnXN09-.ä_", max_size=70)
ENDS = st.sampled_from(["", ".com", ".COM", ".test", ".example", ".c0", ".museum", ".xn--p1ai", ".local", ".invalid"])
ADDRESSES = st.builds(lambda local, name, end: f"{local}@{name}{end}", LOCALS, NAMES, ENDS)
PLAIN = st.from_regex(r"[A-Za-z0-9._+-]{1,20}@([A-Za-z0-9-]{1,10}\.){1,3}[A-Za-z]{2,5}", fullmatch=True)


def as_the_library_says(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except (EmailNotValidError, UnicodeError):
        return None


@given(ADDRESSES | PLAIN | st.text(max_size=20))
@example("Ada@Example.COM")
@example("a@xn--bcher-kva.example.com")
@example(f"{'a' * 242}@example.com")
@example(f"{'a' * 243}@example.com")
@example("ada@example.com\n")
@example("POSTMASTER@example.com")
@example("a@" + ".".join(["b" * 60] * 5))
def test_every_text_is_what_the_library_makes_of_it(text: str):
    assert as_the_library_says(text) == normalize_email(text)


@pytest.mark.parametrize("text", ["", "ada", "ada@", "@example.com", "a..b@example.com", "ada@localhost", "a@b.test"])
def test_what_is_no_address_is_refused(text: str):
    assert normalize_email(text) is None


def test_addresses_of_one_domain_are_judged_each_by_its_own():
    assert "ada@example.com" == normalize_email("Ada@EXAMPLE.com")
    assert normalize_email("ada.@example.com") is None
    assert "b+c@example.com" == normalize_email("b+c@example.com")
