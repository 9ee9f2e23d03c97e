"""E-mail addresses: which are fit to be one, and the one way each is written."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, StringConstraints

from newfuse.records.intake import unfit

DOMAINS = 4_096  # remembered; contacts have few, and a list of others costs no more than it did
SHOWN = 80  # characters of a text that is none
LONGEST = 254  # characters of an address: RFC 5321 4.5.3.1.3 with errata 1690 to RFC 3696

# What RFC 5322 3.2.3 calls a dot-atom, in ASCII, before an ASCII name. An address of this kind is as good as its domain
# (quotes, comments, display names and other alphabets are the library's).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@([A-Za-z0-9.-]+)")


def normalize_email(text: str) -> str | None:
    """Return an address in lower case, as the CRM keeps it; None when it is none."""
    plain = _PLAIN.fullmatch(text) if len(text) <= LONGEST else None
    if plain is not None and _is_plain_domain(plain[1].lower()):
        return text.lower()
    return _normalized(text)


@lru_cache(maxsize=DOMAINS)
def _is_plain_domain(domain: str) -> bool:
    """Say whether the library takes addresses of that domain and leaves its name as it is."""
    return _normalized(f"a@{domain}") == f"a@{domain}"


def _normalized(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except (EmailNotValidError, UnicodeError):
        return None


def _fit(text: str) -> str:
    address = normalize_email(text)
    if address is None:
        raise unfit("invalid_email", f"{text[:SHOWN]!r} is not an e-mail address")
    return address


Email = Annotated[str, StringConstraints(max_length=512), AfterValidator(_fit)]
"""An address in lower case; another text is rejected by the rule `invalid_email`."""
