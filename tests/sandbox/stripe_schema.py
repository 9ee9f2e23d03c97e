"""Validators for the objects of Stripe's OpenAPI 3.0 description, as JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

IGNORED = {"x-expandableFields", "x-expansionResources", "x-resourceId", "x-stripeResource", "discriminator"}


def load(specs: Path) -> dict[str, Any]:
    """Read `stripe.json`, converted: nullable values may be null, ids may stand for expandable objects."""
    document = json.loads((specs / "stripe.json").read_text(encoding="utf-8"))
    converted: dict[str, Any] = convert(document["components"]["schemas"])
    return converted


def convert(schema: Any) -> Any:
    """Turn OpenAPI 3.0's dialect into JSON Schema 2020-12."""
    if isinstance(schema, list):
        return [convert(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: convert(value) for name, value in schema.items() if name not in IGNORED}
    if isinstance(result.get("$ref"), str):
        result["$ref"] = result["$ref"].replace("#/components/schemas/", "#/$defs/")
    if result.pop("nullable", False) is True:
        return {"anyOf": [result, {"type": "null"}]}
    return result


def problems(definitions: dict[str, Any], name: str, value: Any) -> list[str]:
    """Return what is wrong with a value that should be the named object; empty when nothing is."""
    validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(value)]
