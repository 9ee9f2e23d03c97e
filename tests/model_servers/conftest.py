from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator


@pytest.fixture
def fits_specification(specs: Path) -> Callable[[str, str, Any], None]:
    """Check a body against a schema of a vendor's published OpenAPI file: `(file, schema, body)`."""
    validators: dict[tuple[str, str], Draft202012Validator] = {}

    def check(file: str, schema: str, body: Any) -> None:
        if (file, schema) not in validators:
            components = json.loads((specs / file).read_text(), object_hook=_with_null)["components"]
            root = {"$ref": f"#/components/schemas/{schema}", "components": components}
            validators[file, schema] = Draft202012Validator(root)
        validators[file, schema].validate(body)

    return check


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Say `nullable: true`, which OpenAI's file keeps from OpenAPI 3.0, in the words of JSON Schema."""
    return {"anyOf": [schema, {"type": "null"}]} if schema.get("nullable") is True else schema
