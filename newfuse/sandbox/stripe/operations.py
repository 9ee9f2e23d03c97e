"""One API operation, and one call of it: what the resource files are written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from newfuse.sandbox.stripe.books import Books
from newfuse.sandbox.stripe.parameters import Shape
from newfuse.sandbox.vendor import JSON


@dataclass(frozen=True, slots=True)
class Call:
    """One request whose parameters have been read.

    Attributes:
        books: The state of the mode that the key belongs to.
        parameters: Checked values by name; absent ones are not there.
        version: The API version that answers, e.g. `2023-08-16`.
    """

    books: Books
    parameters: dict[str, JSON]
    version: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method and path, what it accepts, and what it does.

    Attributes:
        run: `run(call, **path_parameters)` returns the answer, or raises StripeError. Once it is called,
            execution has begun: its outcome, refusals included, is kept under the request's idempotency key.
        check: What is decided from parameters together, before execution begins.
    """

    method: str
    template: str
    shape: Shape
    run: Callable[..., JSON]
    check: Callable[[Call], None] | None = None
