"""Telephone numbers: the short way says what the library says."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newfuse.records.phone_number import normalize_phone

KINDS = sorted(phonenumbers.PhoneNumberType.values())
EXAMPLES = sorted(
    {
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        for region in phonenumbers.SUPPORTED_REGIONS
        for kind in KINDS
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None
    }
)


def as_the_library_says(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    if phonenumbers.is_valid_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return text


@st.composite
def nearly_numbers(draw: st.DrawFn) -> str:
    """A number that some country has, some of its digits changed, left out or put in."""
    digits = list(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(1, len(digits) - 1))
        digits[place : place + draw(st.integers(0, 1))] = draw(st.text("0123456789", max_size=2))
    return "".join(digits)


@pytest.mark.parametrize("group", range(10))
def test_every_countrys_example_numbers_are_what_the_library_makes_of_them(group: int):
    some = EXAMPLES[group::10]
    assert len(some) > 50
    assert [as_the_library_says(text) for text in some] == [normalize_phone(text) for text in some]


@given(nearly_numbers() | st.from_regex(r"\+[0-9]{1,16}", fullmatch=True) | st.text("+0123456789 -().x", max_size=20))
@example("+12025550123")
@example("+1-555-0101")
@example("+390236618300")  # Italy keeps its leading zero
@example("+4402079460000")  # a national prefix where none belongs
@example("+80012345678")  # a code of no country
@example("+12025550123\n")
def test_every_text_is_what_the_library_makes_of_it(text: str):
    assert as_the_library_says(text) == normalize_phone(text)
