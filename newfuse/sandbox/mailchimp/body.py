"""Request bodies: decoding, and validation that reports every wrong field at once, as Mailchimp does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.vendor import VendorRequest

Body = dict[str, Any]
Kind = str | tuple[str, ...]  # a JSON type name, or the accepted values

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}
_MISSING = object()


def decode(request: VendorRequest, *, required: Iterable[str] = (), kinds: Mapping[str, Kind] | None = None) -> Body:
    """Return the body as an object, checked.

    Args:
        request: Its body; an empty one counts as `{}`.
        required: Field paths that must be there, dots between levels (`contact.city`).
        kinds: What each field must be when it is there.

    Raises:
        Problem: 400 JSON Parse Error, or 400 Invalid Resource naming the fields.
    """
    try:
        data = request.json() if request.body.strip() else {}
    except ValueError as exc:  # bytes that are no UTF-8, and nesting without end, included
        raise problems.json_parse_error() from exc
    if not isinstance(data, dict):
        raise problems.invalid_resource([("", f"Schema describes object, {_name(data)} found instead")])
    check(data, required=required, kinds=kinds or {})
    return data


def check(data: Body, *, required: Iterable[str] = (), kinds: Mapping[str, Kind]) -> None:
    """Refuse `data` when fields are missing or of the wrong kind.

    Raises:
        Problem: 400 Invalid Resource with one error per field.
    """
    errors: list[problems.FieldError] = []
    missing = [path for path in required if _at(data, path) is _MISSING]
    if missing:
        errors.append(("", f"Required fields were not provided: {', '.join(missing)}"))
    for path, kind in kinds.items():
        value = _at(data, path)
        if value is _MISSING:
            continue
        if isinstance(kind, tuple):
            if value not in kind:
                accepted = ", ".join(kind)
                errors.append((path, f"Data presented is not one of the accepted values: {accepted}."))
        elif not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
            errors.append((path, f"Schema describes {kind}, {_name(value)} found instead"))
    if errors:
        raise problems.invalid_resource(errors)


def _at(data: Body, path: str) -> Any:
    value: Any = data
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _name(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "boolean"
    return next((name for name, types in _TYPES.items() if isinstance(value, types)), "string")
