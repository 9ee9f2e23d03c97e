"""Takes personal data out of what a model is shown: people's names, addresses, telephone numbers, cards.

Reports are for the people who keep the data, and show it; what goes to a model goes through here. Texts lose e-mail
addresses and telephone numbers wherever they stand; records also lose what stands in the usual fields about a person.
A name in a free text cannot be told from other words: it stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from newfuse.types import JSON

MASK = "[masked]"

# Signs that no address has before its @, or only in ways that are hardly ever used (RFC 5321, 4.1.2).
_AROUND = r"\s\"'`<>(),;:@=/\\\[\]{}|"
# The @ may be percent-encoded, as in a URL.
_EMAIL = re.compile(
    rf"(?<![^{_AROUND}])(?P<local>[^{_AROUND}]+?)(?:@|%40)(?P<domain>[^\W_](?:[\w.-]*\w)?|\[[^\s\]]*\])",
    re.IGNORECASE,
)

# Numbers that are written as telephone numbers are. Plain digits may as well be an id, an amount or a count.
_PHONE = re.compile(
    r"""(?<![\w+])\+[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\w)       # international: ITU-T E.164 has 15 digits at most
    | (?<![\w.,:/\#+-])
      (?!\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?!\d|[-/.]\d))        # not a date
      (?: 00[1-9](?:[ ()/-]{0,2}\d){8,13}                      # international, as it is dialled
        | 0[1-9](?:[ ()/.-]{0,2}\d){7,10}                      # national, with its prefix
        | \(\d{2,5}\)[ -]?\d(?:[ -]?\d){5,9}                   # an area code in brackets
        | \d{3}[-.]\d{3}[-.]\d{4}                              # North America
      )(?!\w|[.,:]\d)""",
    re.VERBOSE,
)
# What is called one: `phone: '555-0101' is not a telephone number`.
_CALLED_PHONE = re.compile(
    r"(?P<name>(?<![a-z])(?:(?:tele|mobile)?phone|mobile|fax)(?:[ _-]?number)?\W{1,6})[+(]?\d[\d ()./-]{4,}\d",
    re.IGNORECASE,
)

# The words of the names of fields about a person.
_PERSONAL = frozenset(
    {
        *("firstname", "lastname", "fullname", "middlename", "surname", "nickname", "givenname", "familyname"),
        *("displayname", "username", "fname", "lname", "cardholder", "salutation", "login"),
        *("phone", "telephone", "mobile", "mobilephone", "phonenumber", "fax", "tel", "whatsapp"),
        *("address", "addr", "street", "line1", "line2", "city", "town", "zip", "zipcode", "postal", "postcode"),
        *("latitude", "longitude", "lat", "lng", "ip", "ipaddress"),
        *("last4", "exp", "fingerprint", "iban", "bic", "passport", "ssn", "dob", "birth", "birthday", "birthdate"),
        *("gender", "sex", "age", "salary", "income"),
    }
)
# Whose `name` it is when a person's. By itself it may be a list's as well: rather that hidden than a customer shown.
_PEOPLE = frozenset(
    {
        *("first", "last", "full", "middle", "given", "family", "maiden", "nick", "display", "legal", "user"),
        *("customer", "contact", "person", "recipient", "sender", "buyer", "owner", "holder", "billing", "shipping"),
        *("employee", "guest", "member", "subscriber", "client", "account"),
    }
)
_EMAILS = frozenset({"email", "emails", "mail", "emailaddress"})
_JOINT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def mask_text(text: str) -> str:
    """Return a text without telephone numbers, and with a first letter and the domain left of e-mail addresses."""
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(_shortened, text)
    return _PHONE.sub(MASK, _CALLED_PHONE.sub(rf"\g<name>{MASK}", text))


def mask_record(value: JSON) -> JSON:
    """Return a copy of a JSON value in which personal fields are masked, and all texts went through `mask_text`.

    It stays to be seen whether a field is there and filled: null, empty texts and truth values are left as they are.
    """
    if isinstance(value, Mapping):
        return {
            mask_text(name) if isinstance(name, str) else name: (
                hide(inner) if is_personal(str(name)) else mask_record(inner)
            )
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [mask_record(inner) for inner in value]
    return mask_text(value) if isinstance(value, str) else value


def hide(value: JSON) -> JSON:
    """Mask what stands in a personal field; of an address each of its lines."""
    if isinstance(value, Mapping):
        return {mask_text(str(name)): hide(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [hide(inner) for inner in value]
    if value is None or isinstance(value, bool) or value == "":
        return value
    found = _EMAIL.fullmatch(value.strip()) if isinstance(value, str) else None
    return _shortened(found) if found is not None else MASK


def is_personal(name: str) -> bool:
    """Say whether a field of that name holds a person's data."""
    words = [word.lower() for word in _JOINT.split(name) if word]
    if not words:
        return False
    known = {*words, *(word.rstrip("0123456789") for word in words)}
    if known & _PERSONAL or words[-1] in _EMAILS:
        return True
    return words[-1] in {"name", "names"} and (len(words) == 1 or words[-2] in _PEOPLE)


def _shortened(found: re.Match[str]) -> str:
    return f"{found['local'][:1]}…@{found['domain']}"
