"""Header fields: checked once, merged without regard to case, ready for the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping

from newfuse.errors import InvalidArguments

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # RFC 9110, 5.1: a token
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, 5.5: all but tab

RawHeader = tuple[bytes, bytes]


def header_problem(name: str, value: str) -> str | None:
    """Say why a header cannot be sent, or None.

    Args:
        name: Field name.
        value: Field value; never repeated in the answer.
    """
    if not _NAME.match(name):
        return "is not a header name"
    if _CONTROL.search(value):
        return "holds a line break or another control character"
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return "holds a character outside of Latin-1"
    return None


def raw_headers(headers: Mapping[str, str]) -> dict[str, RawHeader]:
    """Encode headers for the wire.

    Args:
        headers: Names and values.

    Returns:
        Lower-case name to the encoded (name, value) pair, so that two of these merge by `|`.

    Raises:
        InvalidArguments: A name or value cannot be sent; the values are not repeated.
    """
    problems = [(name, said) for name, value in headers.items() if (said := header_problem(name, value))]
    if problems:
        raise InvalidArguments("cannot send the headers", problems)
    return {name.lower(): (name.encode("ascii"), value.strip().encode("latin-1")) for name, value in headers.items()}
