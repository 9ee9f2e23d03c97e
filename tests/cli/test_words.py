"""The small parts: what is printable, what `--sandbox` takes, what `name=value` means."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from newfuse.cli.columns import columns
from newfuse.cli.duration import duration
from newfuse.cli.key_values import read_arguments, read_pairs
from newfuse.cli.optional_value import with_value
from newfuse.cli.printable import one_line, printable, safe_json
from newfuse.errors import ConfigurationError


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain [bold]text[/bold]", "plain [bold]text[/bold]"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("over\rwritten\x08\x7f", "over written"),
        ("a\tb\nc\r\nd", "a b\nc\nd"),
        ("\u202egnp.exe", "gnp.exe"),
        ("👩\u200d💻 ✅ ä", "👩\u200d💻 ✅ ä"),
        ("half \ud83d", "half "),
    ],
)
def test_text_from_elsewhere_is_made_printable(raw: str, shown: str):
    assert shown == printable(raw)


@given(st.text(st.characters(), max_size=60))
def test_nothing_invisible_is_left(raw: str):
    left = {unicodedata.category(char) for char in printable(raw) if char not in "\n\u200d"}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.recursive(st.text(), st.lists))
def test_json_made_safe_is_the_same_value(value: object):
    text = safe_json(json.dumps(value, ensure_ascii=False))
    assert value == json.loads(text)
    assert not set("\x7f\x9b\u202e\u2066").intersection(text)


def test_a_line_is_cut_where_it_is_too_long():
    assert "abc…" == one_line("abc\ndef".replace("\n", ""), 3)


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        (["--sandbox"], ["--sandbox="]),
        (["--sandbox", "http://127.0.0.1:8420"], ["--sandbox=http://127.0.0.1:8420"]),
        (["--sandbox", "localhost:8420", "crew"], ["--sandbox=localhost:8420", "crew"]),
        (["--sandbox", "api_integration"], ["--sandbox=", "api_integration"]),
        (["--sandbox", "--json"], ["--sandbox=", "--json"]),
        (["--sandbox", "note=a:b"], ["--sandbox=", "note=a:b"]),
        (["--sandbox=http://h"], ["--sandbox=http://h"]),
        (["--", "--sandbox", "http://h"], ["--", "--sandbox", "http://h"]),
    ],
)
def test_the_value_of_sandbox_may_be_left_out(given_: list[str], read: list[str]):
    assert read == with_value(given_)


class Arguments(BaseModel):
    amount: int = 0
    name: str = ""
    tags: list[str] = []
    note: str | None = None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("amount=2999", 2999),
        ("amount=NaN", "NaN"),
        ("amount=" + "9" * 5000, "9" * 5000),  # more digits than Python reads: refused by the action, not by us
        ("name=12345", "12345"),
        ("name=true", "true"),
        ("name=a=b", "a=b"),
        ('tags=["a", "b"]', ["a", "b"]),
        ("note=null", None),
        ("note=", ""),
        ("name=" + "[" * 100_000, "[" * 100_000),
    ],
    ids=lambda value: str(value)[:20],
)
def test_values_are_json_where_they_are_json_and_not_wanted_as_text(text: str, value: object):
    pairs = read_pairs([text], what="argument")
    [read] = read_arguments(pairs, Arguments).values()
    assert value == read


@pytest.mark.parametrize("text", ["", "name", "=value", " =value"])
def test_a_pair_needs_a_name_and_a_value(text: str):
    with pytest.raises(ConfigurationError, match="write it as name=value"):
        read_pairs([text], what="--input")


def test_columns_are_aligned_by_what_is_drawn():
    assert "A   B\n🔌  x\ny   –" == columns(("A", "B"), [("🔌", "x"), ("y", None)])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (3725, "62 min 05 s")]
)
def test_times_are_said_in_minutes_and_seconds(seconds: float, text: str):
    assert text == duration(seconds)
