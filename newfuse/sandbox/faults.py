"""Faults that are asked for: which requests they hit, and what happens to those."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, get_args

FaultKind = Literal["status", "timeout", "reset", "commit_then_drop", "slow", "rate_limit"]

DEFAULT_STATUS: Final = 500
DEFAULT_SLOW_S: Final = 1.0
# Longer than the 30 s that our clients wait by default, so that they, not the sandbox, give up first.
DEFAULT_TIMEOUT_S: Final = 60.0
DEFAULT_RETRY_AFTER_S: Final = 1.0
MAX_DELAY_S: Final = 3600.0  # a fault that holds a connection longer than an hour is a mistake
_OWN_FIELDS: Final = {
    "status": {"status"},
    "timeout": {"delay_s"},
    "slow": {"delay_s"},
    "rate_limit": {"retry_after_s"},
}
_COMMON_FIELDS: Final = {"slug", "path", "method", "kind", "count", "probability"}


class InvalidFault(ValueError):
    """A fault that was asked for cannot be: `field` is wrong for the reason that the message gives."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the field and the reason."""
        super().__init__(f"{field}: {reason}")
        self.field = field


@dataclass(slots=True)
class Fault:
    """One fault: the first in the list that hits a request is applied to it.

    `path` is matched against the vendor's own path: as a glob when it holds `*`, `?` or `[`, else as a
    prefix.
    """

    slug: str
    kind: FaultKind
    path: str | None = None
    method: str | None = None
    status: int | None = None
    delay_s: float | None = None
    retry_after_s: float | None = None
    count: int | None = None  # how many more requests it hits; None is without limit
    probability: float | None = None  # of hitting a request that matches; None is always

    @classmethod
    def parse(cls, given: Any, slugs: Collection[str]) -> Fault:
        """Read a fault as it was asked for, filling in what its kind leaves open.

        Args:
            given: The decoded JSON object.
            slugs: The vendors there are.

        Raises:
            InvalidFault: A field is missing, unknown, of the wrong type or out of bounds.
        """
        if not isinstance(given, dict):
            raise InvalidFault("fault", "must be an object, or a list of objects")
        kind: Any = given.get("kind")
        if kind not in get_args(FaultKind):
            raise InvalidFault("kind", f"must be one of {', '.join(get_args(FaultKind))}")
        slug = given.get("slug")
        if not isinstance(slug, str) or slug not in slugs:
            raise InvalidFault("slug", f"must be one of {', '.join(slugs)}")
        for name in given:
            if name not in _COMMON_FIELDS | _OWN_FIELDS.get(kind, set()):
                raise InvalidFault(str(name), f"is not a field of a fault of kind {kind}")
        path, method = _text(given, "path"), _text(given, "method")
        if path is not None and not path.startswith(("/", "*")):
            raise InvalidFault("path", "must begin with / (or with * as a glob)")
        count = _number(given, "count", 1, float("inf"), whole=True)
        fault = cls(
            slug=slug,
            kind=kind,
            path=path,
            method=method.upper() if method else None,
            count=None if count is None else int(count),
            probability=_number(given, "probability", 0, 1),
        )
        if kind == "status":
            fault.status = int(_number(given, "status", 400, 599, whole=True) or DEFAULT_STATUS)
        elif kind in ("slow", "timeout"):
            delay_s = _number(given, "delay_s", 0, MAX_DELAY_S)
            default_s = DEFAULT_SLOW_S if kind == "slow" else DEFAULT_TIMEOUT_S
            fault.delay_s = default_s if delay_s is None else delay_s
        elif kind == "rate_limit":
            retry_after_s = _number(given, "retry_after_s", 0, MAX_DELAY_S)
            fault.retry_after_s = DEFAULT_RETRY_AFTER_S if retry_after_s is None else retry_after_s
        return fault

    def matches(self, slug: str, method: str, path: str) -> bool:
        """Say whether a request is one that this fault may hit."""
        if slug != self.slug or self.method not in (None, method):
            return False
        if self.path is None:
            return True
        if any(mark in self.path for mark in "*?["):
            return fnmatchcase(path, self.path)
        return path.startswith(self.path)

    def as_json(self) -> dict[str, Any]:
        """Return the fields that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Faults:
    """The active faults, in the order in which they were asked for."""

    def __init__(self, seed: int = 0) -> None:
        """Start with none; `seed` makes the draws of probabilities repeatable."""
        self._random = random.Random(seed)
        self._active: list[Fault] = []

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that still can hit a request."""
        return tuple(self._active)

    def add(self, *faults: Fault) -> None:
        """Add faults after those that are there."""
        self._active.extend(faults)

    def clear(self) -> None:
        """End every fault."""
        self._active.clear()

    def draw(self, slug: str, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request, if any, and count it down."""
        for fault in self._active:
            if not fault.matches(slug, method, path):
                continue
            if fault.probability is not None and self._random.random() >= fault.probability:
                continue
            if fault.count is not None:
                fault.count -= 1
                if fault.count == 0:
                    self._active.remove(fault)
            return fault
        return None


def _text(given: dict[str, Any], field: str) -> str | None:
    value = given.get(field)
    if value is not None and (not isinstance(value, str) or not value):
        raise InvalidFault(field, "must be a text that is not empty")
    return value


def _number(given: dict[str, Any], field: str, least: float, most: float, *, whole: bool = False) -> float | None:
    value = given.get(field)
    if value is None:
        return None
    expected = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, expected) or not least <= value <= most:
        bounds = f"of at least {least:g}" if most == float("inf") else f"from {least:g} to {most:g}"
        raise InvalidFault(field, f"must be a {'whole ' if whole else ''}number {bounds}")
    return value
