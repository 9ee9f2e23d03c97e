"""`POST /crm/v3/objects/{type}/search`: filters, sorting and paging over what search has indexed.

https://developers.hubspot.com/docs/guides/api/crm/search
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from newfuse.sandbox.hubspot.collection import Collection, Record
from newfuse.sandbox.hubspot.refusal import bad_request, names

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 10
MAX_RESULTS: Final = 10_000  # of one search, over all its pages
MAX_GROUPS: Final = 5
MAX_FILTERS_PER_GROUP: Final = 6
MAX_FILTERS: Final = 18

Properties = Mapping[str, str]
_TOKEN: Final = re.compile(r"[^\s@.,;:/]+")


def search(collection: Collection, asked: Any, now: float) -> dict[str, Any]:
    """Answer a search.

    Raises:
        Refused: 400, the request is not well formed or goes over a limit.
    """
    if not isinstance(asked, Mapping):
        raise bad_request("Invalid input JSON: an object is expected")
    limit = _whole(asked, "limit", DEFAULT_LIMIT)
    after = _whole(asked, "after", 0)
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_request(f"limit must be between 1 and {MAX_LIMIT}, but was {limit}")
    if after + limit > MAX_RESULTS:
        raise bad_request(f"Paging over {MAX_RESULTS} results of a search is not possible")
    matches = _filter_groups(collection, asked.get("filterGroups") or [])
    words = str(asked.get("query") or "").lower()
    found: list[tuple[Record, Properties]] = []
    for record in collection:
        properties = None if record.archived else record.searchable(now)
        if properties is None or not matches(properties):
            continue
        texts = (properties.get(name, "").lower() for name in collection.schema.searched)
        if words and not any(words in text for text in texts):
            continue
        found.append((record, properties))
    _sort(collection, found, asked.get("sorts") or [])
    shown = names(asked, "properties") or collection.schema.shown
    shown = tuple(dict.fromkeys((*shown, "hs_object_id", "createdate", collection.schema.modified)))
    answer: dict[str, Any] = {
        "total": len(found),
        "results": [
            {**record.as_json(()), "properties": {name: properties.get(name) for name in shown}}
            for record, properties in found[after : after + limit]
        ],
    }
    if after + limit < len(found):
        answer["paging"] = {"next": {"after": str(after + limit)}}
    return answer


def _whole(asked: Mapping[str, Any], name: str, default: int) -> int:
    value = asked.get(name)
    if value is None or value == "":
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise bad_request(f"{name} must be a whole number") from None
    if number < 0:
        raise bad_request(f"{name} must not be negative")
    return number


def _filter_groups(collection: Collection, groups: Any) -> Callable[[Properties], bool]:
    """Return the test: any group, all of its filters."""
    if not isinstance(groups, list) or not all(isinstance(group, Mapping) for group in groups):
        raise bad_request("Invalid input JSON: filterGroups must be a list of objects")
    tests = [[_filter(collection, given) for given in group.get("filters") or ()] for group in groups]
    if len(tests) > MAX_GROUPS or sum(map(len, tests)) > MAX_FILTERS:
        raise bad_request(f"Too many filters: {MAX_GROUPS} groups and {MAX_FILTERS} filters at most")
    if any(len(group) > MAX_FILTERS_PER_GROUP for group in tests):
        raise bad_request(f"Too many filters in a group: {MAX_FILTERS_PER_GROUP} at most")
    if not tests:
        return lambda _: True
    return lambda properties: any(all(test(properties) for test in group) for group in tests)


def _filter(collection: Collection, given: Any) -> Callable[[Properties], bool]:
    if not isinstance(given, Mapping):
        raise bad_request("Invalid input JSON: a filter must be an object")
    name, operator = given.get("propertyName"), given.get("operator")
    definition = collection.schema.properties.get(str(name))
    if name is None or definition is None:
        raise bad_request(f"There was a problem with the request: unknown property {name}")
    key = str(name)
    value = str(given.get("value", "")).lower()
    values = {value.lower() for value in names(given, "values")}
    high = str(given.get("highValue", "")).lower()
    ordered = _number if definition.type == "number" else _same
    needs = {"HAS_PROPERTY": (), "NOT_HAS_PROPERTY": (), "IN": ("values",), "NOT_IN": ("values",)}
    for field in needs.get(str(operator), ("value", "highValue") if operator == "BETWEEN" else ("value",)):
        if given.get(field) in (None, "", []):
            raise bad_request(f"Filter on {key} with operator {operator} needs {field}")

    def of(properties: Properties) -> str:
        return properties.get(key, "").lower()

    tests: dict[str, Callable[[Properties], bool]] = {
        "EQ": lambda properties: of(properties) == value,
        # Like HubSpot, NEQ and NOT_IN do not find records without the property.
        "NEQ": lambda properties: of(properties) not in ("", value),
        "IN": lambda properties: of(properties) in values,
        "NOT_IN": lambda properties: bool(of(properties)) and of(properties) not in values,
        "HAS_PROPERTY": lambda properties: bool(of(properties)),
        "NOT_HAS_PROPERTY": lambda properties: not of(properties),
        "LT": lambda properties: bool(of(properties)) and ordered(of(properties)) < ordered(value),
        "LTE": lambda properties: bool(of(properties)) and ordered(of(properties)) <= ordered(value),
        "GT": lambda properties: bool(of(properties)) and ordered(of(properties)) > ordered(value),
        "GTE": lambda properties: bool(of(properties)) and ordered(of(properties)) >= ordered(value),
        "BETWEEN": lambda properties: (
            bool(of(properties)) and ordered(value) <= ordered(of(properties)) <= ordered(high)
        ),
        "CONTAINS_TOKEN": lambda properties: _has_token(of(properties), value),
        "NOT_CONTAINS_TOKEN": lambda properties: not _has_token(of(properties), value),
    }
    if operator not in tests:
        raise bad_request(f"Invalid operator {operator}: one of {', '.join(tests)} is expected")
    return tests[str(operator)]


def _has_token(text: str, pattern: str) -> bool:
    """Say whether the text, or one of its words, is the pattern; `*` stands for any characters."""
    wanted = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    return any(wanted.fullmatch(token) for token in (text, *_TOKEN.findall(text)))


def _same(value: str) -> Any:
    return value


def _number(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        raise bad_request(f"{value} was not a valid number.") from None


def _sort(collection: Collection, found: list[tuple[Record, Properties]], sorts: Any) -> None:
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise bad_request("sorts must be a list of one")  # HubSpot sorts by one property only
    for sort in sorts:
        name, descending = sort, False
        if isinstance(sort, Mapping):
            name, descending = sort.get("propertyName"), sort.get("direction") == "DESCENDING"
        elif isinstance(sort, str) and sort.startswith("-"):
            name, descending = sort[1:], True
        definition = collection.schema.properties.get(str(name))
        if definition is None:
            raise bad_request(f"There was a problem with the request: unknown property {name}")
        ordered = _number if definition.type == "number" else _same
        key = str(name)
        with_value = [pair for pair in found if pair[1].get(key)]
        without = [pair for pair in found if not pair[1].get(key)]
        with_value.sort(key=lambda pair: ordered(pair[1][key]), reverse=descending)
        found[:] = with_value + without
