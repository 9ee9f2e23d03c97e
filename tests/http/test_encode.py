"""Forms and queries, against a decoder that knows nothing of the encoder."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newfuse.errors import InvalidArguments
from newfuse.http.encode import encode_form, encode_query

NAMES = st.text(min_size=1, max_size=8).filter(lambda name: "[" not in name and "]" not in name)
NAMES = NAMES.filter(lambda name: not name.isdigit())
LEAVES = st.one_of(st.text(max_size=12), st.integers(), st.booleans())
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def decode_form(body: str) -> dict[str, Any]:
    """Rebuild nested values from bracketed keys, the way a server does."""
    root: dict[str, Any] = {}
    for key, value in parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body)):
        first, brackets = re.fullmatch(r"([^\[]*)((?:\[[^\]]*\])*)", key, re.DOTALL).groups()
        path = [first, *re.findall(r"\[([^\]]*)\]", brackets)]
        place = root
        for name in path[:-1]:
            place = place.setdefault(name, {})
        assert path[-1] not in place
        place[path[-1]] = value
    return root


def as_sent(value: Any) -> Any:
    """Turn a value into what a decoder can give back: texts, and lists as numbered mappings."""
    if isinstance(value, dict):
        return {name: as_sent(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return {str(index): as_sent(inner) for index, inner in enumerate(value)}
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_a_form_decodes_to_what_went_in(fields):
    encoded = encode_form(fields)
    assert encoded.isascii()
    assert as_sent(fields) == decode_form(encoded)


@given(st.dictionaries(NAMES, st.one_of(LEAVES, st.lists(LEAVES, min_size=1, max_size=3)), max_size=4))
def test_a_query_repeats_the_key_of_a_list(params):
    pairs = parse_qsl(encode_query(params), keep_blank_values=True)
    expected = [
        (name, as_sent(inner))
        for name, value in params.items()
        for inner in (value if isinstance(value, list) else [value])
    ]
    assert expected == pairs


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"metadata": {"plan": "x"}}, "metadata[plan]=x"),
        ({"a": ["p", "q"]}, "a[0]=p&a[1]=q"),
        ({"items": [{"price": "p_1", "quantity": 2}]}, "items[0][price]=p_1&items[0][quantity]=2"),
        ({"confirm": True, "off_session": False}, "confirm=true&off_session=false"),
        ({"a": None, "b": {"c": None}, "d": [], "e": {}}, ""),
        ({"description": ""}, "description="),
        ({"amount": 2999, "rate": Decimal("1.10")}, "amount=2999&rate=1.10"),
        ({"pg[limit]": 10}, "pg[limit]=10"),
        ({"q": "a b&c=d+é"}, "q=a+b%26c%3Dd%2B%C3%A9"),
    ],
)
def test_a_form_is_written_as_stripe_reads_it(fields, body):
    assert body == encode_form(fields)


def test_a_query_nests_mappings_even_inside_lists():
    assert "created[gte]=5" == encode_query({"created": {"gte": 5}})
    assert "f[0][id]=1&f[1][id]=2" == encode_query({"f": [{"id": 1}, {"id": 2}]})


@pytest.mark.parametrize(
    "fields", [{"a": {"b]": 1}}, {"a": {"b[": 1}}, {"a": {1: 2}}, {1: 2}, {"a": b"raw"}, {"a": {1, 2}}], ids=repr
)
def test_what_a_form_cannot_say_is_refused(fields):
    with pytest.raises(InvalidArguments):
        encode_form(fields)
