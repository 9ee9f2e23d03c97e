from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from newfuse import InvalidArguments
from newfuse.crew.data import check_data, make_datasets, read_data
from newfuse.errors import InvalidData


def test_a_file_of_lists_is_read(tmp_path: Path):
    file = tmp_path / "data.json"
    file.write_bytes(b'\xef\xbb\xbf{"customers": [{"email": "ada@example.com"}], "payments": []}')
    assert {"customers": [{"email": "ada@example.com"}], "payments": []} == read_data(file)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not valid JSON"),
        (b'{"customers": [}', r"line 1 column 16: is not valid JSON"),
        (b"\xff\xfe{}", r"is not UTF-8 text \(byte 0\)"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "it is a list"),
        (b"null", "it is a NoneType"),
        (b'{"customers": {"email": "x"}}', "key 'customers': must be a list of records; it is a dict"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_place(content: bytes, complaint: str, tmp_path: Path):
    file = tmp_path / "data.json"
    file.write_bytes(content)
    with pytest.raises(InvalidData, match=complaint) as raised:
        read_data(file)
    assert str(file) in str(raised.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path):
    with pytest.raises(InvalidData, match="there is no such file; give the path of a JSON file with --data"):
        read_data(tmp_path / "nowhere.json")
    with pytest.raises(InvalidData, match="cannot be read"):
        read_data(tmp_path)


@pytest.mark.parametrize("content", [3, "text", None, [{}], {"a": "text"}])
def test_what_is_no_object_of_lists_is_refused(content: Any):
    with pytest.raises(InvalidData):
        check_data(content)


def test_a_dataset_the_data_lacks_is_empty_and_an_unknown_handle_names_the_known():
    datasets = make_datasets({"payments": [1, 2]}, ["payments", "customers"])
    assert [2, 0] == [len(datasets.get(name)) for name in ("payments", "customers")]
    with pytest.raises(InvalidArguments, match="there is no 'orders'; there are: customers, payments"):
        datasets.get("orders")
