"""Stripe-style nested form encoding: `a[b][c]=1`, `a[]=1`, `a[0][b]=1`.

https://docs.stripe.com/api?lang=curl
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.vendor import JSON

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_STEP = re.compile(r"\[([^\[\]]*)\]")
_MAX_DEPTH = 20  # deeper than any Stripe parameter; keeps a hostile name from costing much


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, JSON]:
    """Nest the pairs of a form body or a query.

    `a[b]` makes a dict, `a[]` a list. `a[0]` makes a dict with the key "0": whether numbers are indexes or
    names (as they may be in `metadata`) is known only to the parameter. A name that is not well formed is
    kept as it is, so that it is refused as an unknown parameter. Of a scalar sent twice the last counts.

    Raises:
        StripeError: One name is used both for a value and for something nested (400).
    """
    decoded: dict[str, JSON] = {}
    for name, value in pairs:
        found = _NAME.match(name)
        if found is None or found[2].count("[") > _MAX_DEPTH:
            decoded[name] = value
            continue
        _place(decoded, name, [found[1], *_STEP.findall(found[2])], value)
    return decoded


def _place(root: dict[str, JSON], name: str, steps: list[str], value: str) -> None:
    here: JSON = root
    for position, step in enumerate(steps[:-1]):
        following = steps[position + 1]
        here = _descend(here, step, following, name)
    _set(here, steps[-1], value, name)


def _descend(here: JSON, step: str, following: str, name: str) -> JSON:
    """Return the container below `here` at `step`, making it when it is not there."""
    if step == "":
        if not isinstance(here, list):
            raise _conflict(name)
        # `a[][x]=1&a[][y]=2&a[][x]=3` is two elements: a name that repeats begins the next one.
        if not here or not isinstance(here[-1], dict) or following in here[-1]:
            here.append({})
        return here[-1]
    if not isinstance(here, dict):
        raise _conflict(name)
    if step not in here:
        here[step] = [] if following == "" else {}
    if not isinstance(here[step], dict | list):
        raise _conflict(name)
    return here[step]


def _set(here: JSON, step: str, value: str, name: str) -> None:
    if step == "" and isinstance(here, list):
        here.append(value)
    elif step != "" and isinstance(here, dict) and not isinstance(here.get(step), dict | list):
        here[step] = value
    else:
        raise _conflict(name)


def _conflict(name: str) -> StripeError:
    return StripeError(f"Invalid request: `{name}` is given both as a value and as something nested.", param=name)
