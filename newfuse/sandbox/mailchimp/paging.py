"""What Mailchimp's collections share: count and offset, and the fields a caller asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.vendor import VendorRequest

Row = TypeVar("Row")

DEFAULT_COUNT = 10  # spec: `count` defaults to 10
MAX_COUNT = 1000  # spec: `count` maximum


def page(request: VendorRequest, rows: Sequence[Row]) -> Sequence[Row]:
    """Return the slice of `rows` that `count` and `offset` ask for.

    Raises:
        Problem: 400, one of them is not a number or out of its bounds.
    """
    count = _number(request, "count", DEFAULT_COUNT)
    if count > MAX_COUNT:
        raise problems.invalid_resource([("count", f"Value must be less than or equal to {MAX_COUNT}")])
    offset = _number(request, "offset", 0)
    return rows[offset : offset + count]


def _number(request: VendorRequest, name: str, default: int) -> int:
    raw = request.param(name)
    if raw is None:
        return default
    if not raw.isascii() or not raw.isdecimal():
        raise problems.invalid_resource([(name, "Schema describes integer, string found instead")])
    return int(raw)


def flag(request: VendorRequest, name: str) -> bool:
    """Return whether a boolean query parameter is set."""
    return (request.param(name) or "").lower() in {"true", "1"}


def select(request: VendorRequest, body: Any) -> Any:
    """Apply `fields` and `exclude_fields` (comma-separated dotted paths; lists are looked through)."""
    if not isinstance(body, dict):
        return body
    wanted, unwanted = _paths(request, "fields"), _paths(request, "exclude_fields")
    if wanted:
        body = _keep(body, wanted)
    if unwanted:
        body = _drop(body, unwanted)
    return body


def _paths(request: VendorRequest, name: str) -> list[list[str]]:
    values: Iterable[str] = (value for key, value in request.query if key == name)
    return [path.strip().split(".") for value in values for path in value.split(",") if path.strip()]


def _keep(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_keep(item, paths) for item in value]
    if not isinstance(value, dict) or [] in paths:
        return value
    kept = {}
    for name, item in value.items():
        deeper = [path[1:] for path in paths if path[0] == name]
        if deeper:
            kept[name] = _keep(item, deeper)
    return kept


def _drop(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_drop(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    left = {}
    for name, item in value.items():
        deeper = [path[1:] for path in paths if path[0] == name]
        if [] not in deeper:
            left[name] = _drop(item, deeper) if deeper else item
    return left
