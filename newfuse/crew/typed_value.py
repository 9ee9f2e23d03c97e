"""A task's typed value: how a model is asked for it, and what it has to be before it is handed on."""

from __future__ import annotations

import json
from collections.abc import Callable

from langchain.agents.structured_output import StructuredOutputValidationError, ToolStrategy
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from newfuse.errors import NewFuseError
from newfuse.integrations.schema import problems_of
from newfuse.redact import MASK, SECRET_NAMES, redact
from newfuse.types import JSON

HAND_OVER = (
    "hand_over"  # what the model calls; not the type's own name, of which providers take letters and digits only
)
ASKED_AT_MOST = 3  # model calls for one value: the first, and two that mend what did not fit
VALUE_CHARACTERS = 100_000  # of a value as JSON: what is larger is data, and belongs into a dataset or a file
PROBLEMS_SHOWN = 5  # of a value that does not fit, in a sentence


class Wanted:
    """What a model is asked for when its work is done; remembers what was wrong with what it gave."""

    def __init__(self, type_: type[BaseModel]) -> None:
        self.type = type_
        self.problem = ""
        # By a tool call, not by the provider's own structured output: every server that calls tools can do that, and
        # providers take only a part of what a schema can say.
        self.strategy = ToolStrategy(type_, handle_errors=self._explain, tool_message_content="Taken.")
        for spec in self.strategy.schema_specs:
            spec.name = HAND_OVER
            spec.description = " ".join(f"Hand over the result of your task. {type_.__doc__ or ''}".split())

    @property
    def again(self) -> str:
        """What a model is told that answered with something else."""
        return f"Please call {HAND_OVER} with the result: it is taken in no other way."

    def _explain(self, error: Exception) -> str:
        """Say to the model why what it gave was not taken."""
        cause = error.source.__cause__ if isinstance(error, StructuredOutputValidationError) else None
        if isinstance(cause, ValidationError):
            self.problem = misfit(self.type, cause)
        elif isinstance(error, StructuredOutputValidationError):
            self.problem = f"it does not fit {self.type.__name__} ({type(cause or error.source).__name__})"
        else:
            self.problem = f"{HAND_OVER} was called more than once in one answer"
        return f"Not taken: {self.problem}. Call {HAND_OVER} again, once."


def misfit(type_: type[BaseModel], error: ValidationError) -> str:
    """Say what of a value does not fit its type, without repeating the value."""
    problems = problems_of(error, whole="the whole")
    listed = "; ".join(f"{place}: {problem}" for place, problem in problems[:PROBLEMS_SHOWN])
    more = f"; and {len(problems) - PROBLEMS_SHOWN} more" if len(problems) > PROBLEMS_SHOWN else ""
    return f"it does not fit {type_.__name__}: {listed}{more}"


def written_down(value: object) -> JSON:
    """Return a value as JSON from which its type makes the same value again.

    Raises:
        ValueError: It holds what JSON cannot.
    """
    return to_jsonable_python(value, by_alias=True, round_trip=True, inf_nan_mode="null")


def revived(value: JSON, type_: type[BaseModel]) -> BaseModel:
    """Make a value of its JSON.

    Raises:
        ValidationError: It does not fit.
    """
    return type_.model_validate_json(json.dumps(value))


def checked(given: object, type_: type[BaseModel], mask: Callable[[str], str]) -> tuple[BaseModel, JSON]:
    """Check a value that was handed over, and take the secrets out of it.

    Args:
        given: An instance of the type, or its fields.
        type_: The type.
        mask: What texts in it go through.

    Returns:
        The value, and the same as JSON.

    Raises:
        NewFuseError: It does not fit, is too large, or cannot be written down; says what is wrong.
    """
    try:
        plain = written_down(given)
        size = len(json.dumps(plain))
        if size > VALUE_CHARACTERS:
            raise NewFuseError(
                f"it is {size} characters of JSON, more than the {VALUE_CHARACTERS} that are handed on; put records "
                "into a dataset or a file and hand on its name"
            )
        value = _masked(plain, mask)
        return revived(value, type_), value
    except NewFuseError:
        raise
    except ValidationError as exc:
        raise NewFuseError(misfit(type_, exc)) from None  # the cause would repeat the values
    except Exception as exc:  # whatever a type's own code raises
        raise NewFuseError(f"it does not fit {type_.__name__} ({type(exc).__name__})") from exc


def _masked(value: JSON, mask: Callable[[str], str], *, secret: bool = False) -> JSON:
    """Mask what is secret, and leave the shape: the type may ask for numbers and truth values under any name."""
    if isinstance(value, dict):
        return {
            mask(name): _masked(inner, mask, secret=secret or SECRET_NAMES.search(name) is not None)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_masked(inner, mask, secret=secret) for inner in value]
    if isinstance(value, str):
        return MASK if secret and value else mask(value)
    return redact(value)
