"""Reads the input file: a JSON object whose lists of records become the run's datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from newfuse.crew.dataset import Dataset, Datasets
from newfuse.errors import InvalidData

Rows = dict[str, list[Any]]


def read_data(path: Path) -> Rows:
    """Read an input file.

    Returns:
        The records by dataset name.

    Raises:
        InvalidData: The file is missing, unreadable, not JSON (with line and column), or not an object of lists.
    """
    place = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InvalidData("there is no such file; give the path of a JSON file with --data.", place=place) from None
    except UnicodeDecodeError as exc:
        raise InvalidData(f"is not UTF-8 text (byte {exc.start}).", place=place) from None
    except OSError as exc:
        raise InvalidData(f"cannot be read: {exc.strerror}.", place=place) from None
    try:
        content = json.loads(text)
    except json.JSONDecodeError as exc:
        where = f"{place}, line {exc.lineno} column {exc.colno}"
        raise InvalidData(f"is not valid JSON: {exc.msg}.", place=where) from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise InvalidData("holds a number of too many digits to be data.", place=place) from None
    except RecursionError:
        raise InvalidData("is nested too deeply to be data.", place=place) from None
    return check_data(content, place=place)


def check_data(content: Any, *, place: str = "data") -> Rows:
    """Check that a value is an object of lists.

    Raises:
        InvalidData: It is not; names the key.
    """
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise InvalidData(
            f"must be a JSON object with lists of records such as customers; it is a {kind}.", place=place
        )
    for name, rows in content.items():
        if not isinstance(rows, list):
            kind = type(rows).__name__
            raise InvalidData(f"must be a list of records; it is a {kind}.", place=f"{place}, key {name!r}")
    return content


def make_datasets(rows: Rows, wanted: list[str], *, place: str = "data") -> Datasets:
    """Make the datasets a crew works on; one the data does not have is empty.

    Args:
        rows: Records by dataset name.
        wanted: Names the crew's tasks work on.
        place: The file, for messages.

    Raises:
        InvalidData: None of the wanted datasets is there.
    """
    if wanted and not set(wanted) & set(rows):
        found = ", ".join(sorted(rows)) or "nothing"
        raise InvalidData(f"has none of {', '.join(wanted)}; it has {found}.", place=place)
    datasets = Datasets()
    for name in wanted:
        datasets.add(Dataset.from_rows(name, rows.get(name, [])))
    return datasets
