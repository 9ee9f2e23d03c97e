"""`--sandbox [URL]`: an option whose value may be left out, which neither click nor typer reads without guessing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

SANDBOX = "--sandbox"
_ADDRESS = re.compile(r"\w+://|[^=\s-][^=\s]*:")
"""A URL, or host:port: what neither the name of a crew, nor another option, nor a `name=value` can be."""


class SandboxCommand(TyperCommand):
    """A command with `--sandbox [URL]`: without a URL the option's value is the empty text."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give the bare option its empty value before the options are read."""
        return super().parse_args(ctx, with_value(args))


def with_value(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--sandbox` as `--sandbox=VALUE`.

    The next argument is its value only when it is an address and cannot be meant for anything else.
    """
    given: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*given, argument, *rest]
        if argument == SANDBOX:
            is_address = bool(rest) and _ADDRESS.match(rest[0]) is not None
            argument = f"{SANDBOX}={rest.pop(0) if is_address else ''}"
        given.append(argument)
    return given
