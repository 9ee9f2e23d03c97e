"""Telephone numbers: which may be one, and the international form of those that are."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import phonenumbers

LONGEST_CALLING_CODE = 3  # digits: ITU-T E.164, 6.2.1

# A number in the international form already: a plus and 6 to 15 digits (ITU-T E.164, 6.1).
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{5,14}")
_KINDS = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
_NEVER = re.compile(r"(?!)")


def normalize_phone(text: str) -> str | None:
    """Return a telephone number in the international form where it is a valid one, as it is where it may be one.

    Fictional numbers such as +1-555-0101 may be one: they are kept as they were written.
    """
    if _is_normal(text):
        return text
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    if phonenumbers.is_valid_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return text


def _is_normal(text: str) -> bool:
    """Say whether a text is, for certain, a valid number in the international form; the library judges all others.

    It asks the library's own tables, without taking apart what needs no taking apart.
    """
    if _INTERNATIONAL.fullmatch(text) is None:
        return False
    for length in range(1, LONGEST_CALLING_CODE + 1):
        numbers = _numbers(text[1 : 1 + length])
        if numbers is not None:
            return numbers.fullmatch(text, 1 + length) is not None
    return False


@cache
def _numbers(calling_code: str) -> re.Pattern[str] | None:
    """Return what valid national numbers of a calling code's main region look like; None where there is no such code.

    Left out are those that would be read in another way than they stand: with a leading zero or a national prefix.
    """
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code))
    if regions is None:
        return None
    plan = phonenumbers.PhoneMetadata.metadata_for_region(regions[0], None)
    if plan is None or plan.leading_digits is not None:  # a code of no country, or one that digits share out
        return _NEVER
    prefix = plan.national_prefix_for_parsing
    not_prefixed = f"(?!0|{prefix})" if prefix else "(?!0)"
    kinds = "|".join(filter(None, (_pattern(getattr(plan, kind)) for kind in _KINDS)))
    general = _pattern(plan.general_desc)
    return re.compile(rf"{not_prefixed}(?={general}\Z)(?:{kinds})") if general and kinds else _NEVER


def _pattern(kind: Any) -> str | None:
    """Return the pattern of one kind of numbers, their possible lengths in it."""
    if kind is None or not kind.national_number_pattern:
        return None
    lengths = "|".join(rf"[0-9]{{{length}}}" for length in kind.possible_length if length > 0)
    possible = rf"(?=(?:{lengths})\Z)" if lengths else ""
    return f"{possible}(?:{kind.national_number_pattern})"
