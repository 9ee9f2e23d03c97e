"""Reads `name=value` arguments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from newfuse.errors import ConfigurationError


def read_pairs(given: Sequence[str], *, what: str) -> dict[str, str]:
    """Split `name=value` arguments.

    Args:
        given: The arguments.
        what: How they are called in a message, e.g. `--input`.

    Raises:
        ConfigurationError: One has no name or no `=`, or a name is given twice.
    """
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigurationError(f"{what} {text!r}: write it as name=value.")
        if name.strip() in pairs:
            raise ConfigurationError(f"{what} {name.strip()}: is given twice.")
        pairs[name.strip()] = value
    return pairs


def read_arguments(pairs: dict[str, str], model: type[BaseModel]) -> dict[str, Any]:
    """Turn texts into the arguments of an action: JSON where they are JSON, else the text itself.

    Where the action wants a text, `12345` and `true` stay texts.

    Args:
        pairs: Texts by argument.
        model: The action's arguments.
    """
    values = {name: _json_or_text(text) for name, text in pairs.items()}
    try:
        model.model_validate(values)
    except ValidationError as exc:
        texts = {str(error["loc"][0]) for error in exc.errors(include_url=False) if error["type"] == "string_type"}
        values.update({name: pairs[name] for name in texts & pairs.keys()})
    return values


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
