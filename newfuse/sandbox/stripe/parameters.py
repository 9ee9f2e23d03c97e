"""What an operation accepts, and how each value is read from its form text.

Errors raised here are validation failures: they come before an operation begins, so idempotency keys do not
keep them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from newfuse.sandbox.stripe import currencies, errors
from newfuse.sandbox.vendor import JSON

Reader = Callable[[str, JSON], JSON]  # (full parameter name, decoded text or nesting) -> value
UNSET: None = None  # what an empty string means where a value can be unset

TEXT_MAX = 5000  # the description's default maxLength
METADATA_KEYS_MAX, METADATA_KEY_MAX, METADATA_VALUE_MAX = 50, 40, 500  # docs.stripe.com/api/metadata
LIST_LIMIT_MAX = 100  # docs.stripe.com/api/pagination
_INTEGER = re.compile(r"^[+-]?[0-9]{1,18}$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")
_ECHO_MAX = 60  # characters of a refused value that an error repeats


@dataclass(frozen=True, slots=True)
class Shape:
    """The parameters of one operation, or of one nested object.

    Attributes:
        fields: Reader by name.
        required: Names without which the request is refused.
        unsupported: Names that Stripe has and this emulator refuses plainly, because ignoring them would be
            untrue.
    """

    fields: Mapping[str, Reader]
    required: tuple[str, ...] = ()
    unsupported: frozenset[str] = field(default_factory=frozenset)

    def read(self, given: Mapping[str, JSON], prefix: str = "") -> dict[str, JSON]:
        """Check and convert decoded parameters.

        Raises:
            StripeError: Unknown, missing, empty or malformed parameters (400).
        """
        unknown = [
            shorten(_join(prefix, name)) for name in given if name not in self.fields and name not in self.unsupported
        ]
        if unknown:
            raise errors.unknown_parameters(unknown)
        for name in self.required:
            if name not in given:
                raise errors.missing_parameter(_join(prefix, name))
        for name in given:
            if name in self.unsupported:
                raise errors.not_emulated(_join(prefix, name))
        return {name: self.fields[name](_join(prefix, name), value) for name, value in given.items()}


def _join(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _scalar(name: str, value: JSON) -> str:
    if not isinstance(value, str):
        kind = "array" if isinstance(value, list) else "object"
        raise errors.StripeError(f"Invalid string: {name} was given an {kind}.", param=name)
    return value


def shorten(value: str) -> str:
    """Cut a value for use in a message, so that a huge one is not sent back."""
    return value if len(value) <= _ECHO_MAX else f"{value[:20]}...{value[-20:]}"


def text(maximum: int = TEXT_MAX, *, unset: bool = True) -> Reader:
    """Read a string of at most `maximum` characters; an empty one unsets the value, where that is allowed."""

    def read(name: str, value: JSON) -> str | None:
        content = _scalar(name, value)
        if len(content) > maximum:
            raise errors.StripeError(
                f"Invalid string: {shorten(content)}; must be at most {maximum} characters", param=name
            )
        if content == "":
            if not unset:
                raise errors.empty_parameter(name)
            return UNSET
        return content

    return read


identifier: Reader = text(unset=False)


def email(maximum: int = 512) -> Reader:
    """Read an e-mail address; an empty one unsets it."""
    as_text = text(maximum)

    def read(name: str, value: JSON) -> str | None:
        content: str | None = as_text(name, value)
        if content is not None and not _EMAIL.match(content):
            raise errors.StripeError(f"Invalid email address: {shorten(content)}", code="email_invalid", param=name)
        return content

    return read


def integer(minimum: int | None = None, maximum: int | None = None) -> Reader:
    """Read an integer within bounds, both inclusive."""

    def read(name: str, value: JSON) -> int:
        content = _scalar(name, value)
        if content == "":
            raise errors.empty_parameter(name)
        if not _INTEGER.match(content):
            raise errors.invalid_integer(f"Invalid integer: {shorten(content)}", name)
        number = int(content)
        if minimum is not None and number < minimum:
            raise errors.invalid_integer(f"This value must be greater than or equal to {minimum}.", name)
        if maximum is not None and number > maximum:
            raise errors.invalid_integer(f"This value must be less than or equal to {maximum}.", name)
        return number

    return read


def boolean(name: str, value: JSON) -> bool:
    """Read `true` or `false`."""
    content = _scalar(name, value)
    if content not in {"true", "false"}:
        raise errors.StripeError(f"Invalid boolean: {shorten(content)}", param=name)
    return content == "true"


def choice(*values: str, unset: bool = False) -> Reader:
    """Read one of the values."""

    def read(name: str, value: JSON) -> str | None:
        content = _scalar(name, value)
        if content == "" and unset:
            return UNSET
        if content not in values:
            raise errors.StripeError(f"Invalid {name}: must be one of {errors.quoted_list(values)}", param=name)
        return content

    return read


def currency(name: str, value: JSON) -> str:
    """Read a currency that Stripe charges in, in lower case."""
    content = _scalar(name, value)
    if content == "":
        raise errors.empty_parameter(name)
    return currencies.normalize(name, content)


def nested(shape: Shape) -> Reader:
    """Read an object; an empty string unsets it."""

    def read(name: str, value: JSON) -> dict[str, JSON] | None:
        if value == "":
            return UNSET
        if not isinstance(value, dict):
            raise errors.StripeError("Invalid object", param=name)
        return shape.read(value, name)

    return read


def listing(reader: Reader) -> Reader:
    """Read an array, sent as `a[]=` or as `a[0]=`."""

    def read(name: str, value: JSON) -> list[JSON]:
        if isinstance(value, dict) and all(key.isdigit() for key in value):
            value = [value[key] for key in sorted(value, key=int)]
        if not isinstance(value, list):
            raise errors.StripeError("Invalid array", param=name)
        return [reader(f"{name}[{index}]", item) for index, item in enumerate(value)]

    return read


def anything(name: str, value: JSON) -> JSON:  # noqa: ARG001 - the reader's signature
    """Accept a value as it was sent; for parameters that are kept and have no effect here."""
    return value


def metadata(name: str, value: JSON) -> dict[str, str] | None:
    """Read key-value pairs; an empty value stands for "remove the key", an empty string for "remove all"."""
    if value == "":
        return UNSET
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if not isinstance(value, dict):
        raise errors.StripeError("Invalid object", param=name)
    for key, item in value.items():
        if not isinstance(item, str):
            raise errors.StripeError("Metadata values must be strings.", param=f"{name}[{key}]")
        if len(key) > METADATA_KEY_MAX:
            raise errors.StripeError(
                f"Metadata keys can have up to {METADATA_KEY_MAX} characters, but you passed in a key that "
                f"is {len(key)} characters. Invalid key: {shorten(key)}",
                param=name,
            )
        if len(item) > METADATA_VALUE_MAX:
            raise errors.StripeError(
                f"Metadata values can have up to {METADATA_VALUE_MAX} characters, but you passed in a value "
                f"that is {len(item)} characters. Invalid value: {shorten(item)}",
                param=f"{name}[{key}]",
            )
    return value


def merge_metadata(current: Mapping[str, str], given: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata after an update: keys are merged, empty values remove theirs, None removes all.

    Raises:
        StripeError: More than 50 keys would be kept (400).
    """
    if given is None:
        return {}
    merged = {key: value for key, value in {**current, **given}.items() if value != ""}
    if len(merged) > METADATA_KEYS_MAX:
        raise errors.StripeError(
            f"You can have up to {METADATA_KEYS_MAX} metadata keys, but this object would have {len(merged)}.",
            param="metadata",
        )
    return merged


def created(name: str, value: JSON) -> dict[str, int]:
    """Read a `created` filter: an exact epoch second, or any of gt, gte, lt, lte."""
    if isinstance(value, str):
        exact: int = integer(0)(name, value)
        return {"gte": exact, "lte": exact}
    range_ = Shape({bound: integer(0) for bound in ("gt", "gte", "lt", "lte")})
    read: dict[str, int] = nested(range_)(name, value)
    return read


ADDRESS = Shape({part: text() for part in ("city", "country", "line1", "line2", "postal_code", "state")})
SHIPPING = Shape(
    {
        "address": nested(ADDRESS),
        "name": text(),
        "phone": text(),
        "carrier": text(),
        "tracking_number": text(),
    },
    required=("address", "name"),
)
EXPAND: dict[str, Reader] = {"expand": listing(identifier)}
PAGE: dict[str, Reader] = {
    "limit": integer(1, LIST_LIMIT_MAX),
    "starting_after": identifier,
    "ending_before": identifier,
    **EXPAND,
}
SEARCH = Shape(
    {"query": identifier, "limit": integer(1, LIST_LIMIT_MAX), "page": identifier, **EXPAND},
    required=("query",),
)
