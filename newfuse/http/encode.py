"""Turns mappings into query strings and bodies.

Nested values follow Stripe's notation (https://docs.stripe.com/api, its SDKs): `metadata[plan]=x`,
`items[0][price]=y`.
"""

from __future__ import annotations

import json as json_codec
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from newfuse.errors import InvalidArguments
from newfuse.types import JSON


def encode_body(json: JSON, form: Mapping[str, Any] | None) -> tuple[bytes, bytes | None]:
    """Encode a request's body.

    Args:
        json: Body to send as JSON, or None.
        form: Body to send as a form, or None.

    Returns:
        The body and its content type; no bytes and None where there is no body.

    Raises:
        InvalidArguments: Both are given, or the one cannot be encoded; no value of it is repeated.
    """
    if form is not None:
        if json is not None:
            raise InvalidArguments("cannot send the body", [("form", "give either json or form, not both")])
        return encode_form(form).encode("ascii"), b"application/x-www-form-urlencoded"
    if json is None:
        return b"", None
    try:
        text = json_codec.dumps(json, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8"), b"application/json"
    except (TypeError, ValueError, RecursionError) as exc:
        # The codec's words name a type or "Out of range", never a value of the body; a bad surrogate's would.
        said = "holds a character that is not Unicode" if isinstance(exc, UnicodeEncodeError) else str(exc)
        raise InvalidArguments("cannot send the body", [("json", said)]) from None


def encode_form(fields: Mapping[str, Any]) -> str:
    """Encode a mapping as `application/x-www-form-urlencoded` with nested keys in brackets.

    Booleans become `true` and `false`, None is left out, an empty text is kept (Stripe unsets a field by it),
    empty lists and mappings leave nothing.

    Args:
        fields: Texts, numbers, booleans, None, and lists and mappings of them, nested as deep as needed.

    Returns:
        The encoded body, ASCII only.

    Raises:
        InvalidArguments: A nested key holds a bracket or is not a text, or a value is of another kind.
    """
    return _join(_nested(fields, indexed=True))


def encode_query(params: Mapping[str, Any]) -> str:
    """Encode query parameters: like `encode_form`, but a list repeats its key (`id=1&id=2`).

    Args:
        params: As for `encode_form`.

    Returns:
        The query without its question mark; empty when nothing is left.

    Raises:
        InvalidArguments: As for `encode_form`.
    """
    return _join(_nested(params, indexed=False))


def _join(pairs: Iterator[tuple[str, str]]) -> str:
    return "&".join(f"{_quote_key(key)}={quote_plus(value)}" for key, value in pairs)


def _quote_key(key: str) -> str:
    # Brackets stay readable, as the vendors' own SDKs send them.
    return quote_plus(key, safe="[]")


def _nested(fields: Mapping[str, Any], *, indexed: bool) -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        if not isinstance(key, str):
            raise InvalidArguments("cannot encode the fields", [(repr(key), "a field's name must be a text")])
        yield from _pairs(key, value, indexed=indexed)


def _pairs(key: str, value: Any, *, indexed: bool) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str) or "[" in name or "]" in name:
                problem = f"the nested name {name!r} must be a text without brackets"
                raise InvalidArguments("cannot encode the fields", [(key, problem)])
            yield from _pairs(f"{key}[{name}]", inner, indexed=indexed)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        for index, inner in enumerate(value):
            nested = indexed or isinstance(inner, (Mapping, list, tuple))
            yield from _pairs(f"{key}[{index}]" if nested else key, inner, indexed=indexed)
    else:
        yield key, _text(key, value)


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray, set, frozenset)):
        kind = type(value).__name__
        raise InvalidArguments("cannot encode the fields", [(key, f"{kind} has no place in a form")])
    return str(value)  # int, float, Decimal, UUID, date: their texts are what vendors take
