"""Tells an answer of another form from a fault that nobody expected."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from newfuse.errors import UnreadableAnswer
from newfuse.integrations.schema import problems_of
from newfuse.log import logger

_log = logger("integrations")

# What Python says when a name is missing in an answer, or a value in it is of another kind.
MISREAD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
PROBLEMS_NAMED = 3


@contextmanager
def readable(integration: str, operation: str) -> Iterator[None]:
    """Raise `UnreadableAnswer` where the answer of a vendor is not what an operation returns.

    Args:
        integration: Slug the error speaks for.
        operation: Name of the action, look-up or check.

    Raises:
        UnreadableAnswer: The body could not be read: a part is missing, or of another kind. The log has the traceback.
    """
    try:
        yield
    except MISREAD as exc:
        expected = isinstance(exc, (ValidationError, KeyError))  # the others may be a mistake of the connector's
        level = logging.INFO if expected else logging.WARNING
        _log.log(level, "the answer to %s.%s could not be read", integration, operation, exc_info=True)
        raise UnreadableAnswer(
            f"the answer is not what {operation} returns ({_what_is_wrong(exc)})", integration=integration
        ) from exc


def _what_is_wrong(exc: Exception) -> str:
    """Name what is missing or wrong, without a value of the answer."""
    if isinstance(exc, ValidationError):
        problems = problems_of(exc, whole="the answer")[:PROBLEMS_NAMED]
        return "; ".join(f"{place}: {problem}" for place, problem in problems)
    if isinstance(exc, KeyError):
        return "a part of it is missing"  # which one is in the log: a key may have been a value of the answer
    return f"it is of another kind: {type(exc).__name__}"
