"""Checks a request as sent against a vendor's OpenAPI 3 description: path, method, parameters, body, types.

A description says little about names it does not know; here they are findings, since a misspelt field is ignored
by the vendor without a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
from jsonschema import Draft202012Validator

JSON = Any
FORM = "application/x-www-form-urlencoded"
_STEP = re.compile(r"\[([^\[\]]*)\]")


def read_json(path: Path) -> JSON:
    """Read one specification file."""
    return json.loads(path.read_text(encoding="utf-8"))


def schema_problems(schema: JSON, value: JSON, *, root: JSON | None = None) -> list[str]:
    """Return what is wrong with a value by a JSON schema; references are looked up in `root`."""
    whole = schema if root is None else {**schema, "components": root.get("components", {})}
    return [f"{_at(error.absolute_path)}: {error.message}" for error in Draft202012Validator(whole).iter_errors(value)]


@dataclass(frozen=True)
class Operation:
    """One method of one path, as described."""

    template: str
    body: Mapping[str, JSON]


class Specification:
    """An OpenAPI 3 description."""

    def __init__(self, document: JSON, *, prefix: str = "") -> None:
        """Read a description whose paths stand below `prefix` at the vendor's host, e.g. `/3.0`."""
        self.document = document
        self.prefix = prefix

    def of(self, request: httpx.Request) -> list[str]:
        """Return everything that is wrong with a request as httpx would send it."""
        url, kind = request.url, request.headers.get("content-type")
        return self.problems(request.method, url.path, url.query.decode(), request.content, kind)

    def problems(self, method: str, path: str, query: str, content: bytes, content_type: str | None) -> list[str]:
        """Return everything that is wrong with one request; an empty list when nothing is.

        Args:
            method: HTTP method.
            path: The vendor's own path, e.g. `/v1/refunds/re_1`.
            query: The query as sent, without its question mark.
            content: The body as sent.
            content_type: Its header, or None.
        """
        operation = self.find(method, path)
        if operation is None:
            return [f"{method} {path}: there is no such operation"]
        return [
            f"{method} {operation.template}: {problem}"
            for problem in [
                *self._parameters(operation, query),
                *self._body(operation, content, (content_type or "").partition(";")[0].strip()),
            ]
        ]

    def find(self, method: str, path: str) -> Operation | None:
        """Return the operation of a path; one spelt out comes before one with placeholders."""
        if not path.startswith(self.prefix):
            return None
        bare = path[len(self.prefix) :] or "/"
        for template in sorted(self.document["paths"], key=lambda text: text.count("{")):
            found = re.fullmatch(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(template)), bare)
            body = self.document["paths"][template].get(method.lower())
            if found is not None and body is not None:
                return Operation(template, body)
        return None

    def _parameters(self, operation: Operation, query: str) -> Iterator[str]:
        known = {
            one["name"]: one for one in map(self.resolve, operation.body.get("parameters", [])) if one["in"] == "query"
        }
        given = nest(query)
        for name, one in known.items():
            if one.get("required") and name not in given:
                yield f"query parameter {name} is missing"
        for name, value in given.items():
            if name not in known:
                yield f"query parameter {name} is unknown"
            else:
                schema = known[name].get("schema", {})
                yield from (f"query {name}{problem}" for problem in self._value(schema, self.coerce(schema, value)))

    def _body(self, operation: Operation, content: bytes, content_type: str) -> Iterator[str]:
        described = self.resolve(operation.body.get("requestBody") or {})
        offered = described.get("content", {})
        if not content:
            if described.get("required"):
                yield "the body is missing"
            return
        if content_type not in offered:
            yield f"a body of {content_type or 'no type'} is not offered"
            return
        schema = offered[content_type]["schema"]
        value = self.coerce(schema, nest(content.decode())) if content_type == FORM else json.loads(content)
        yield from (f"body{problem}" for problem in self._value(schema, value))

    def _value(self, schema: JSON, value: JSON) -> Iterator[str]:
        yield from schema_problems(schema, value, root=self.document)
        yield from self._unknown(schema, value, "")

    def _unknown(self, schema: JSON, value: JSON, at: str) -> Iterator[str]:
        """Name the fields that an object's schema lists properties without."""
        schema = self.resolve(schema)
        if isinstance(value, list):
            for index, one in enumerate(value):
                yield from self._unknown(schema.get("items", {}), one, f"{at}.{index}")
        if not isinstance(value, dict) or not schema.get("properties"):
            return
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from self._unknown(schema["properties"][name], inner, f"{at}.{name}")
            elif not schema.get("additionalProperties"):
                yield f"{at}.{name} is unknown"

    def coerce(self, schema: JSON, value: JSON) -> JSON:
        """Turn the texts of a form into what the schema asks for, where that is possible."""
        schema = self.resolve(schema)
        for choice in schema.get("anyOf", []):
            candidate = self.coerce(choice, value)
            if not schema_problems(choice, candidate, root=self.document):
                return candidate
        kind = schema.get("type")
        if isinstance(value, dict):
            if kind == "array" and all(name.isdigit() for name in value):
                return [self.coerce(schema.get("items", {}), value[name]) for name in sorted(value, key=int)]
            inner = schema.get("properties", {})
            rest = schema.get("additionalProperties")
            rest = rest if isinstance(rest, dict) else {}
            return {name: self.coerce(inner.get(name, rest), one) for name, one in value.items()}
        if kind == "integer" and re.fullmatch(r"-?\d+", value):
            return int(value)
        if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
            return float(value)
        if kind == "boolean" and value in {"true", "false"}:
            return value == "true"
        return value

    def resolve(self, node: JSON) -> JSON:
        """Follow references inside the document."""
        while "$ref" in node:
            target: JSON = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            node = target
        return node


def nest(encoded: str) -> dict[str, JSON]:
    """Decode a query or a form; `a[b]=1` becomes `{"a": {"b": "1"}}`, and a repeated name the last of its values."""
    nested: dict[str, JSON] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        head, *steps = [name.partition("[")[0], *_STEP.findall(name)]
        here = nested
        for step in steps:
            here = here.setdefault(head, {})
            head = step
        here[head] = value
    return nested


def _at(path: Any) -> str:
    return "".join(f".{step}" for step in path)
