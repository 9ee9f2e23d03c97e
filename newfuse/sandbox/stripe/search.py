"""Stripe's search: its query language, over an index that lags behind.

https://docs.stripe.com/search
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.stripe.lists import DEFAULT_LIMIT
from newfuse.sandbox.stripe.operations import Call
from newfuse.sandbox.vendor import JSON

# "Under normal operating conditions, data is searchable in less than a minute"
# (docs.stripe.com/search#data-freshness): the documented worst normal case, so that code which reads its own
# writes through search is found out.
INDEXING_LAG_S = 60.0
CLAUSES_MAX = 10  # same page
SUBSTRING_MIN = 3  # same page

# Query fields by kind (same page): string fields match case-insensitively and by substring, tokens exactly.
FIELDS: dict[str, dict[str, str]] = {
    "payment_intent": {
        "amount": "number", "created": "number", "currency": "token", "customer": "token",
        "metadata": "token", "status": "token",
    },
    "charge": {
        "amount": "number", "created": "number", "currency": "token", "customer": "token",
        "disputed": "token", "metadata": "token", "refunded": "token", "status": "token",
    },
    "customer": {
        "created": "number", "email": "string", "metadata": "token", "name": "string", "phone": "string",
    },
}  # fmt: skip

_CLAUSE = re.compile(
    r"""\s*(?P<negated>-)?(?P<field>[A-Za-z_.]+)(?:\[(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\])?
    \s*(?P<operator>>=|<=|[:~=<>])\s*(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)""",
    re.VERBOSE,
)
_JOIN = re.compile(r"\s+(and|or)\s+|\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a query."""

    field: str
    key: str | None
    operator: str
    value: str | None  # None for the bare word null
    negated: bool
    type: str

    def holds(self, row: dict[str, JSON]) -> bool:
        """Return whether an object meets the condition."""
        actual = row.get(self.field)
        if self.key is not None:
            actual = (actual or {}).get(self.key)
        return self._compares(actual) is not self.negated

    def _compares(self, actual: JSON) -> bool:
        if self.value is None or actual is None:
            return self.value is None and actual is None
        if self.type == "number":
            number, wanted = int(actual), int(self.value)
            return {
                ":": number == wanted,
                "=": number == wanted,
                ">": number > wanted,
                ">=": number >= wanted,
                "<": number < wanted,
                "<=": number <= wanted,
            }[self.operator]
        text = str(actual).lower() if isinstance(actual, bool) else str(actual)
        if self.operator == "~":
            return self.value.lower() in text.lower()
        if self.type == "string":
            return self.value.lower() == text.lower()
        return self.value == text


def page(call: Call, kind: str, url: str) -> JSON:
    """Return one page of what the index holds for the call's `query`, newest first, as it was indexed.

    Raises:
        StripeError: The query or the page cursor is malformed (400).
    """
    matches = parse(kind, call.parameters["query"])
    limit, start = call.parameters.get("limit", DEFAULT_LIMIT), _offset(call.parameters.get("page"))
    table = call.books.table(kind)
    table.catch_up(call.books.clock())
    found = [row for row in table.indexed.values() if matches(row)]
    found.sort(key=lambda row: row["created"])  # stable: what is as old stays in the order of creation
    found.reverse()
    has_more = len(found) > start + limit
    return {
        "object": "search_result",
        "url": url,
        "has_more": has_more,
        "next_page": _cursor(start + limit) if has_more else None,
        "data": found[start : start + limit],
    }


def parse(kind: str, query: str) -> Callable[[dict[str, JSON]], bool]:
    """Turn a query into a test of one object.

    Raises:
        StripeError: It is not in the query language, names a field that cannot be searched, or mixes AND and
            OR.
    """
    clauses: list[Clause] = []
    joins: set[str] = set()
    position = 0
    while position < len(query.rstrip()):
        if clauses:
            join = _JOIN.match(query, position)
            if join is None:
                raise _malformed(query)
            joins.add((join[1] or "and").lower())
            position = join.end()
        found = _CLAUSE.match(query, position)
        if found is None:
            raise _malformed(query)
        clauses.append(_clause(kind, found))
        position = found.end()
    if not clauses:
        raise _malformed(query)
    if len(clauses) > CLAUSES_MAX:
        raise StripeError(f"A query can have up to {CLAUSES_MAX} clauses.", param="query")
    if len(joins) > 1:
        raise StripeError("You cannot combine AND and OR in one search query.", param="query")
    combine = any if joins == {"or"} else all
    return lambda row: combine(clause.holds(row) for clause in clauses)


def _clause(kind: str, found: re.Match[str]) -> Clause:
    field, operator, raw = found["field"], found["operator"], found["value"]
    type_ = FIELDS[kind].get(field)
    if type_ is None:
        raise StripeError(f"Field `{field}` is an unsupported search field for resource `{kind}s`.", param="query")
    key = _unquote(found["key"]) if found["key"] else None
    if (field == "metadata") is not (key is not None):
        raise StripeError('Metadata is searched by key: metadata["key"]:"value".', param="query")
    value = None if raw == "null" else _unquote(raw)
    if value is not None and type_ == "number" and not re.fullmatch(r"-?\d{1,18}", value):
        raise StripeError(f"Field `{field}` needs a number.", param="query")
    if operator in {"<", ">", "<=", ">=", "="} and (type_ != "number" or value is None):
        raise StripeError(f"Operator `{operator}` does not apply to field `{field}`.", param="query")
    if operator == "~" and (type_ != "string" or value is None or len(value) < SUBSTRING_MIN):
        raise StripeError(f"Operator `~` needs a string field and at least {SUBSTRING_MIN} characters.", param="query")
    return Clause(field, key, operator, value, found["negated"] is not None, type_)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else text


def _malformed(query: str) -> StripeError:
    return StripeError(
        f"We were unable to parse your search query: {query[:100]}. See https://stripe.com/docs/search.",
        param="query",
    )


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset:{offset}".encode()).decode()


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        found = re.fullmatch(r"offset:(\d{1,9})", base64.urlsafe_b64decode(cursor.encode()).decode())
    except (binascii.Error, UnicodeError):
        found = None
    if found is None:
        raise StripeError("Invalid page cursor.", param="page")
    return int(found[1])
