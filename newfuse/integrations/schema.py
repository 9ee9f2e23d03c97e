"""Signature and docstring are the schema: reads both and builds the argument model and the text a model is shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_type_hints

from docstring_parser import DocstringStyle, parse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from newfuse.errors import InvalidArguments


@dataclass(frozen=True, slots=True)
class Signature:
    """What one action or tool takes and says of itself.

    Attributes:
        arguments: Pydantic model of the arguments; unknown ones are refused.
        description: Summary, details, what comes back and what can go wrong: the text a model is shown.
        returns: The annotated return type.
    """

    arguments: type[BaseModel]
    description: str
    returns: Any


def read_signature(function: Callable[..., Any], *, injected: Iterable[str] = ()) -> Signature:
    """Read a function's parameters, types, bounds and descriptions.

    Args:
        function: An annotated function with a Google-style docstring.
        injected: Parameters supplied by the engine, absent from the schema (`self` always is).

    Raises:
        TypeError: A parameter lacks an annotation or a description, or the docstring is missing or names
            parameters that do not exist. Raised at import, so that mistakes show there.
    """
    where = function.__qualname__
    document = parse(inspect.getdoc(function) or "", style=DocstringStyle.GOOGLE)
    if not document.short_description:
        raise TypeError(f"{where}: needs a docstring; it is what a model is told about it.")
    described = {param.arg_name: " ".join((param.description or "").split()) for param in document.params}
    hidden = {"self", *injected}
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in hidden:
            continue
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise TypeError(f"{where}: {parameter} cannot be given by name, as a model does; name each parameter.")
        if name not in hints:
            raise TypeError(f"{where}: parameter {name!r} needs a type annotation.")
        if not described.get(name):
            raise TypeError(f"{where}: parameter {name!r} needs a description under Args:.")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default, description=described[name]))
    unknown = set(described) - set(fields) - hidden
    if unknown:
        raise TypeError(f"{where}: Args: describes {', '.join(sorted(unknown))}, which it does not take.")
    model = create_model(
        "".join(part.title() for part in function.__name__.split("_")) + "Arguments",
        __config__=ConfigDict(extra="forbid", protected_namespaces=()),
        **fields,
    )
    return Signature(model, _text(document), hints.get("return", Any))


def check_arguments(signature: Signature, given: dict[str, Any], *, what: str) -> dict[str, Any]:
    """Validate and convert arguments; nothing is left out or added but defaults.

    Raises:
        InvalidArguments: Names every field that does not fit, and why.
    """
    try:
        checked = signature.arguments.model_validate(given)
    except ValidationError as exc:
        raise InvalidArguments(what, problems_of(exc)) from None  # the cause would repeat the values
    return {name: getattr(checked, name) for name in signature.arguments.model_fields}


def problems_of(error: ValidationError, *, whole: str = "arguments") -> list[tuple[str, str]]:
    """Return (place, what is wrong) pairs, without the values that pydantic's own text repeats.

    Args:
        error: Pydantic's.
        whole: Place of a problem that concerns no single field.
    """
    return [
        (".".join(str(part) for part in problem["loc"]) or whole, problem["msg"])
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _text(document: Any) -> str:
    parts = [document.short_description]
    if document.long_description:
        parts.append(document.long_description)
    if document.returns and document.returns.description:
        parts.append("Returns: " + " ".join(document.returns.description.split()))
    raised = [f"{item.type_name}: {' '.join((item.description or '').split())}" for item in document.raises]
    if raised:
        parts.append("Errors: " + " | ".join(raised))
    return "\n\n".join(parts)
