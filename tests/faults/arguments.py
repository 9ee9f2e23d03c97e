"""Finds working arguments for any write of any integration: from its schema, its own words, and its other actions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from newfuse.integrations import ActionSpec, Integration
from newfuse.types import Effect

TOKEN = "{token}"
SAMPLE = "zz000000"  # what stands for a token while it is held against a pattern
ADDRESS = f"{TOKEN}@example.com"  # RFC 2606: nobody's
LATER = "{later}"
DAYS_LATER = 3
MOST_CHOICES = 8  # for one argument
MOST_TRIES = 60  # for one action

EXAMPLE = re.compile(r"e\.g\. \"?([^\s,;\"{]*[^\s,;\".{])")  # "Three-letter ISO code, e.g. usd."
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.]*\d)")
ADDRESSES = re.compile(r"email|e_mail|reply_to|address")


class Made:
    """One field of what another action of the integration answers; that action is done first."""

    def __init__(self, action: str, field: str = "id", **given: Any) -> None:
        """Name the action, the field and the arguments that the action does not get by derivation."""
        self.action, self.field, self.given = action, field, given

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.given.items())
        return f"{self.action}({given[2:]}).{self.field}"


class Listed:
    """One field of the first record in a list that an action reads."""

    def __init__(self, action: str, field: str = "id") -> None:
        self.action, self.field = action, field

    def __repr__(self) -> str:
        return f"{self.action}()[0].{self.field}"


Template = dict[str, Any]
"""Arguments in which `{token}`, `{later}`, Made and Listed stand for what every attempt gets anew."""


def templates(cls: type[Integration], spec: ActionSpec, example: Template) -> Iterator[Template]:
    """Yield what may work as arguments of an action, the likeliest first.

    Args:
        cls: The integration.
        spec: The action.
        example: Arguments that are given and not to be looked for.
    """
    schema = spec.signature.arguments.model_json_schema()
    reader = _Reader(cls, spec, schema.get("$defs", {}))
    fields: dict[str, Any] = schema.get("properties", {})
    required = [name for name in schema.get("required", []) if name not in example]
    choices = {name: reader.choices(name, fields[name]) for name in required}
    if any(not found for found in choices.values()):
        return
    base = {**{name: found[0] for name, found in choices.items()}, **example}
    yield base
    for name, found in choices.items():
        yield from ({**base, name: other} for other in found[1:])
    for name in fields:
        if name not in base:
            yield from ({**base, name: other} for other in reader.choices(name, fields[name])[:1])
    for name, value in base.items():
        if isinstance(value, Made):
            yield from ({**base, name: other} for other in _variations(cls, value))


def filled(template: Any, token: str, now: float) -> Any:
    """Put the token and the time into a template; Made and Listed stay."""
    if isinstance(template, str):
        later = datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=DAYS_LATER)
        return template.replace(TOKEN, token).replace(LATER, later.isoformat())
    if isinstance(template, Mapping):
        return {name: filled(value, token, now) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, token, now) for value in template]
    return template


def _variations(cls: type[Integration], made: Made) -> Iterator[Made]:
    """Yield the other things that an action can make, by its choices: a payment that is held and not taken, …"""
    schema = cls.specs[made.action].signature.arguments.model_json_schema()
    for name, field in schema.get("properties", {}).items():
        values = field.get("enum") or ([True, False] if field.get("type") == "boolean" else [])
        for value in values:
            yield Made(made.action, made.field, **{**made.given, name: value})


class _Reader:
    """Reads the schema of one action."""

    def __init__(self, cls: type[Integration], spec: ActionSpec, definitions: Mapping[str, Any]) -> None:
        self._cls = cls
        self._spec = spec
        self._definitions = definitions

    def choices(self, name: str, field: Mapping[str, Any]) -> list[Any]:
        """Return values that a parameter may take, the likeliest first."""
        schema = self._resolved(field)
        said = field.get("description", "")
        found = list(schema["enum"]) if "enum" in schema else list(self._by_type(name, schema, said))
        fit = [value for value in found if _fits(value, schema)]
        return [value for index, value in enumerate(fit) if value not in fit[:index]][:MOST_CHOICES]

    def _by_type(self, name: str, schema: Mapping[str, Any], said: str) -> Iterator[Any]:
        match schema.get("type"):
            case "string":
                if schema.get("format") == "date-time":
                    yield LATER
                yield from self._ids(name)
                if ADDRESSES.search(name):
                    yield ADDRESS
                yield TOKEN
                yield from EXAMPLE.findall(said)
            case "integer":
                yield from self._ids(name)
                yield from (int(number) for number in NUMBER.findall(said))
                yield from (schema.get("minimum", 1), 100)
            case "number":
                yield 1.5
            case "boolean":
                yield from (True, False)
            case "array":
                yield from ([*_two(one)] for one in self._items(name, schema, said))
            case "object":
                yield from self._objects(schema, said)

    def _items(self, name: str, schema: Mapping[str, Any], said: str) -> Iterator[Any]:
        items = {**self._resolved(schema.get("items", {})), "description": said}
        yield from self.choices(name.removesuffix("s"), items)

    def _objects(self, schema: Mapping[str, Any], said: str) -> Iterator[Any]:
        example = _json_in(said)
        fields = schema.get("properties", {})
        if example is not None:
            yield {name: self._own(value, fields.get(name)) for name, value in example.items()}
        if fields:
            wanted = {name: self.choices(name, fields[name]) for name in schema.get("required", [])}
            if all(wanted.values()):
                yield {name: found[0] for name, found in wanted.items()}

    def _own(self, value: Any, field: Mapping[str, Any] | None) -> Any:
        """Put the attempt's own word in the place of a text of an example, where any text may stand."""
        if not isinstance(value, str):
            return value
        if "@" in value:
            return ADDRESS
        schema = self._resolved(field) if field is not None else {}
        return TOKEN if schema.get("type") == "string" and "enum" not in schema and _fits(TOKEN, schema) else value

    def _resolved(self, field: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow references, and leave null aside."""
        for one in field.get("anyOf", []):
            if one.get("type") != "null":
                return self._resolved(one)
        if "$ref" in field:
            return self._resolved(self._definitions[field["$ref"].rpartition("/")[2]])
        return field

    def _ids(self, name: str) -> Iterator[Made | Listed]:
        """Yield where an id comes from: by the type it reads, by the noun in its name, by the name itself."""
        if not name.endswith("_id"):
            return
        others = {other: spec for other, spec in self._cls.specs.items() if other != self._spec.name}
        reading = {other: spec for other, spec in others.items() if spec.effect is Effect.READ}
        writing = {other: spec for other, spec in others.items() if spec.effect is not Effect.READ}
        kinds = [spec.signature.returns for spec in reading.values() if [name] == _required(spec)]
        alike = [other for other, spec in writing.items() if spec.signature.returns in kinds]
        yield from (Made(other) for other in alike if name not in _required(writing[other]))
        yield from (Listed(other) for other, spec in reading.items() if _lists(spec, kinds))
        yield from (Made(other) for other in writing if other == f"create_{name.removesuffix('_id')}")
        for other, spec in writing.items():
            kind = spec.signature.returns
            if isinstance(kind, type) and issubclass(kind, BaseModel) and name in kind.model_fields:
                yield Made(other, name)
        yield from (Made(other) for other in alike if name in _required(writing[other]))  # brought a step further


def _required(spec: ActionSpec) -> list[str]:
    return [name for name, field in spec.signature.arguments.model_fields.items() if field.is_required()]


def _lists(spec: ActionSpec, kinds: list[Any]) -> bool:
    returns = spec.signature.returns
    return not _required(spec) and get_origin(returns) is list and get_args(returns)[0] in kinds


def _two(value: Any) -> Iterator[Any]:
    """Return two of a kind, each with a word of its own."""
    for letter in "ab":
        yield _lettered(value, letter)


def _lettered(value: Any, letter: str) -> Any:
    if isinstance(value, str):
        return value.replace(TOKEN, f"{TOKEN}{letter}")
    if isinstance(value, Mapping):
        return {name: _lettered(one, letter) for name, one in value.items()}
    if isinstance(value, list):
        return [_lettered(one, letter) for one in value]
    return value


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, str) and value != LATER:
        text = value.replace(TOKEN, SAMPLE)
        pattern = schema.get("pattern")
        long_enough = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
        return long_enough and (pattern is None or re.search(pattern, text) is not None)
    if isinstance(value, int | float):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _json_in(text: str) -> dict[str, Any] | None:
    """Return the first JSON object that stands in a text."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
