from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newfuse import InvalidArguments
from newfuse.crew.data import SIZE_LIMIT, check_data, make_datasets, read_data
from newfuse.crew.repeated_key import RepeatedKey, place_of_repeated_key, refuse_repeated_keys
from newfuse.errors import InvalidData

KEYS = st.sampled_from(["a", "b", "c d", "{", "\\", '"', ","])
RECORDS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.sampled_from(["", "{", '"a": ', "\\", "]", ","]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def written(value: Any) -> tuple[str, list[tuple[str, str, int]]]:
    """Return JSON, and of every key in it its text, its place, and where its object ends."""
    places: list[tuple[str, str, int]] = []

    def write(inner: Any, at: str, start: int) -> str:
        if not isinstance(inner, (dict, list)):
            return json.dumps(inner)
        opening, closing = "{}" if isinstance(inner, dict) else "[]"
        text, names = opening, []
        for number, name in enumerate(inner):
            text += ", " if number else ""
            if isinstance(inner, dict):
                here = at + (f".{name}" if name.isalnum() else f"[{json.dumps(name)}]")
                names.append((json.dumps(name), here))
                text += f"{json.dumps(name)}: "
                text += write(inner[name], here, start + len(text))
            else:
                text += write(name, f"{at}[{number}]", start + len(text))
        places.extend((key, place.removeprefix("."), start + len(text)) for key, place in names)
        return text + closing

    return write(value, "", 0), places


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
    with pytest.raises(InvalidData, match="cannot be read: it is a folder"):
        read_data(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_who_writes_into_it(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidData, match="it is a pipe or a device; save the data as a file"):
        read_data(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
def test_a_device_is_refused_before_it_is_read():
    with pytest.raises(InvalidData, match="it is a pipe or a device"):
        read_data(Path("/dev/zero"))


def test_a_link_to_a_file_is_read_as_the_file(tmp_path: Path):
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "link.json").symlink_to(tmp_path / "data.json")
    assert {} == read_data(tmp_path / "link.json")


def test_a_file_of_more_than_200_mb_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "large.json"
    with file.open("wb") as opened:
        opened.truncate(10 * SIZE_LIMIT)  # a hole: it takes no room on the disk
    monkeypatch.setattr("newfuse.crew.data.SIZE_LIMIT", 1_000_000)  # nor as much as the limit in memory
    with pytest.raises(InvalidData, match="is larger than 1 MB; divide the records over several files"):
        read_data(file)
    assert 200_000_000 == SIZE_LIMIT


def test_a_file_as_large_as_allowed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("newfuse.crew.data.SIZE_LIMIT", 14)
    (tmp_path / "data.json").write_text('{"rows": [12]}')
    assert {"rows": [12]} == read_data(tmp_path / "data.json")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"payments": [{"amount": 100, "amount": 999999}]}', "line 1 column 31: payments[0].amount"),
        ('{"payments": [],\n "customers": [], "payments": [{}]}', "line 2 column 19: payments"),
        (
            '{"payments": [1, [2, {"x": 1}], {}, {"a": {"b": [{}, {"c": 1,\n"c": 2}]}}]}',
            "line 2 column 1: payments[3].a.b[1].c",
        ),
        ('{"rows": [{"amount": 1, "amo\\u0075nt": 2}]}', "line 1 column 25: rows[0].amount"),
        ('{"rows": [{"}, {": "\\",\\"a\\":", "a b": 1, "a b": 1}]}', 'rows[0]["a b"]'),
        ('{"rows": [{"": 1, "": 1}]}', 'rows[0][""]'),
        ('{"rows": [{"a": {"b": 1, "b": 2}, "a": 3}]}', "line 1 column 26: rows[0].a.b"),
        ('{"rows": [{"a": 1, "A": 2, "b": "a"}, {"a": 1}, {"a": 1, "a": 1}]}', "rows[2].a"),
        ('{"rows": [{"%s": 1, "%s": 2}]}' % (("k" * 300,) * 2), 'rows[0]["' + "k" * 40 + '"…]'),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_place_at_any_depth(text: str, place: str, tmp_path: Path):
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(InvalidData) as raised:
        read_data(tmp_path / "data.json")
    assert f"{place} is given twice, and only one of them could count" in str(raised.value)
    assert str(tmp_path / "data.json") in str(raised.value)


@given(RECORDS, st.data())
def test_wherever_one_key_is_repeated_its_place_is_found(value: Any, data: st.DataObject):
    text, places = written(value)
    assert value == json.loads(text, object_pairs_hook=refuse_repeated_keys)
    if places:
        key, place, end = data.draw(st.sampled_from(places))
        spoilt = f"{text[:end]}, {key}: null{text[end:]}"
        with pytest.raises(RepeatedKey):
            json.loads(spoilt, object_pairs_hook=refuse_repeated_keys)
        line, column, found = place_of_repeated_key(spoilt)
        assert (1, key, place) == (line, spoilt[column - 1 :][: len(key)], found)


@pytest.mark.parametrize("content", [3, "text", None, [{}], {"a": "text"}])
def test_what_is_no_object_of_lists_is_refused(content: Any):
    with pytest.raises(InvalidData):
        check_data(content)


def test_a_dataset_the_data_lacks_is_empty_and_an_unknown_handle_names_the_known():
    datasets = make_datasets({"payments": [1, 2]}, ["payments", "customers"])
    assert [2, 0] == [len(datasets.get(name)) for name in ("payments", "customers")]
    with pytest.raises(InvalidArguments, match="there is no 'orders'; there are: customers, payments"):
        datasets.get("orders")


def test_a_misspelt_dataset_beside_a_right_one_is_refused_and_both_names_are_said():
    rows = {"customers": [], "payment": [{"amount": 1500}]}
    with pytest.raises(InvalidData, match=r"has payment, which .* and lacks payments\. Correct the name"):
        make_datasets(rows, ["customers", "payments"])
