"""Describes the records of a dataset, from the model that reads them: fields, bounds, defaults and an example."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from newfuse.records.intake import InputRecord

_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "null",
}
_PLAIN_LIMIT = 10**15  # a larger bound only says that it is a number of 64 bits


def described(dataset: str, kind: type[InputRecord]) -> str:
    """Return the description of a dataset's records in markdown."""
    schema = kind.model_json_schema()
    needed = set(schema.get("required", ()))
    lines = [f"## {dataset}", "", *(inspect.getdoc(kind) or "").splitlines(), ""]
    lines += ["| field | value | needed | what it is |", "|---|---|---|---|"]
    for name, field in schema["properties"].items():
        value = _value(field, schema.get("$defs", {})).replace("|", "\\|")
        about = " ".join(str(field.get("description", "")).split())
        lines.append(f"| `{name}` | {value} | {'yes' if name in needed else 'no'} | {about} |")
    if kind.example:
        lines += ["", "```json", json.dumps(kind.example, indent=2, ensure_ascii=False), "```"]
    return "\n".join(lines) + "\n"


def _value(field: dict[str, Any], named: dict[str, Any]) -> str:
    """Say in words what values a field takes."""
    if "$ref" in field:
        return _value(named[field["$ref"].rpartition("/")[2]], named)
    if "enum" in field or "const" in field:
        return " or ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        choices = [_value(one, named) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(choices))
    word = _WORDS.get(str(field.get("type")), "any value")
    inner = field.get("additionalProperties", field.get("items"))
    if isinstance(inner, dict):
        word += f" of {_value(inner, named)}"
    bounds = ", ".join(_bounds(field))
    return f"{word} ({bounds})" if bounds else word


def _bounds(field: dict[str, Any]) -> Iterator[str]:
    least, most = field.get("minimum"), field.get("maximum")
    if least is not None and abs(least) < _PLAIN_LIMIT:
        yield f"at least {least:,}"
    if most is not None and abs(most) < _PLAIN_LIMIT:
        yield f"at most {most:,}"
    if field.get("maxLength"):
        yield f"at most {field['maxLength']:,} characters"
    if field.get("maxProperties"):
        yield f"at most {field['maxProperties']} entries"
    if field.get("pattern"):
        yield f"form `{field['pattern']}`"
