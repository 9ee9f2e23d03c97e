"""Reads the input file: a JSON object whose lists of records become the run's datasets."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from newfuse.crew.repeated_key import RepeatedKey, place_of_repeated_key, refuse_repeated_keys
from newfuse.errors import InvalidData
from newfuse.records.dataset import Dataset, Datasets

Rows = dict[str, list[Any]]
SIZE_LIMIT = 200_000_000  # bytes: a million contacts, ten times what the benchmarks run, hold 1.3 GB of memory


def read_data(path: Path) -> Rows:
    """Read an input file.

    Returns:
        The records by dataset name.

    Raises:
        InvalidData: The file is missing, unreadable, too large, not JSON (with line and column), says something twice
            (with its place), or is not an object of lists.
    """
    place = str(path)
    try:
        text = _contents(path, place).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidData(f"is not UTF-8 text (byte {exc.start}).", place=place) from None
    try:
        content = json.loads(text, object_pairs_hook=refuse_repeated_keys)
    except RepeatedKey:
        line, column, where = place_of_repeated_key(text)
        raise InvalidData(
            f"{where} is given twice, and only one of them could count; remove the other.",
            place=f"{place}, line {line} column {column}",
        ) from None
    except json.JSONDecodeError as exc:
        where = f"{place}, line {exc.lineno} column {exc.colno}"
        raise InvalidData(f"is not valid JSON: {exc.msg}.", place=where) from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise InvalidData("holds a number of too many digits to be data.", place=place) from None
    except RecursionError:
        raise InvalidData("is nested too deeply to be data.", place=place) from None
    return check_data(content, place=place)


def _contents(path: Path, place: str) -> bytes:
    """Return what a file holds; a pipe or a device, which may never end, is none."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise InvalidData("cannot be read: it is a folder; give the path of a JSON file.", place=place)
        if not stat.S_ISREG(kind):
            raise InvalidData("cannot be read: it is a pipe or a device; save the data as a file.", place=place)
        with path.open("rb") as file:
            contents = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise InvalidData("there is no such file; give the path of a JSON file with --data.", place=place) from None
    except OSError as exc:
        raise InvalidData(f"cannot be read: {exc.strerror}.", place=place) from None
    if len(contents) > SIZE_LIMIT:
        limit = f"{SIZE_LIMIT // 1_000_000} MB"
        raise InvalidData(f"is larger than {limit}; divide the records over several files and runs.", place=place)
    return contents


def check_data(content: Any, *, place: str = "data") -> Rows:
    """Check that a value is an object of lists.

    Raises:
        InvalidData: It is not; names the key.
    """
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise InvalidData(
            f"must be a JSON object with lists of records, one for each dataset; it is a {kind}.", place=place
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
        InvalidData: None of the wanted datasets is there, or one is missing while there is one that nobody wants: a
            misspelt name would be dropped in silence.
    """
    missing, unknown = set(wanted) - set(rows), set(rows) - set(wanted)
    if wanted and missing == set(wanted):
        found = ", ".join(sorted(rows)) or "nothing"
        raise InvalidData(f"has none of {', '.join(wanted)}; it has {found}.", place=place)
    if missing and unknown:
        raise InvalidData(
            f"has {', '.join(sorted(unknown))}, which this crew does not work on, and lacks "
            f"{', '.join(name for name in wanted if name in missing)}. Correct the name, or give an empty list.",
            place=place,
        )
    datasets = Datasets()
    for name in wanted:
        datasets.add(Dataset.from_rows(name, rows.get(name, [])))
    return datasets
