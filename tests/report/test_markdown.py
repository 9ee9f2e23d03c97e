from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from newfuse.redact import redact_text
from newfuse.report.markdown import harmless, quoted

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False, "html": True})
MARKS = [*"ab1 \\`*_[]()<>|~&#+-=.!:/\"'$@\n\t\r\u202e\u200b\u200d\u0000é漢🎉", "http://", "www.", "&lt;", "---", "1. "]
NASTY = st.lists(st.sampled_from(MARKS), max_size=30).map("".join)


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or []]


def shown(text: str) -> str:
    """Return what is left of a text when credentials, line breaks and invisible characters are taken out."""
    spaced = " ".join(redact_text(text).split())
    kept = (char for char in spaced if char == "\u200d" or unicodedata.category(char)[0] != "C")
    return "".join(kept).strip()


@given(NASTY | st.text(max_size=80))
def test_a_text_in_a_table_cell_renders_as_itself_and_nothing_else(text: str):
    tokens = MARKDOWN.parse(f"| a | b | c |\n|---|---|---|\n| x{harmless(text)}x | {harmless(text)} | end |\n")
    cells = [token for token in tokens if token.type == "inline"][3:]
    assert 3 == len(cells)
    assert {"text", "text_special"} >= {child.type for child in inline(cells)}
    rendered = "".join(child.content for child in cells[0].children or [])
    # A backslash is written as two, which a cell's own escaping leaves alone; blanks at the ends are the cell's.
    assert f"x{shown(text)}x" == rendered


@given(NASTY | st.text(max_size=80))
def test_a_text_at_the_start_of_a_paragraph_stays_a_paragraph(text: str):
    line = harmless(text)
    assert "\n" not in line
    tokens = MARKDOWN.parse(f"{line}\n")
    assert {"paragraph_open", "inline", "paragraph_close"} >= {token.type for token in tokens}
    assert {"text", "text_special"} >= {child.type for child in inline(tokens)}


@given(st.lists(NASTY, max_size=5).map("\n".join))
def test_quoted_prose_holds_nothing_but_text_in_paragraphs(text: str):
    tokens = MARKDOWN.parse(f"before\n\n{quoted(text)}\n\nafter\n")
    allowed = {"paragraph_open", "inline", "paragraph_close", "blockquote_open", "blockquote_close"}
    assert allowed >= {token.type for token in tokens}
    assert {"text", "text_special", "hardbreak", "softbreak"} >= {child.type for child in inline(tokens)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", "a\\|b"),
        ("`rm`", "\\`rm\\`"),
        ("two\nlines\r\nand\ttabs", "two lines and tabs"),
        ("<script>", "&lt;script&gt;"),
        ("[x](http://evil)", "\\[x\\](http\\://evil)"),
        ("see [f001]", "see \\[f001\\]"),
        ("crm_data_sync", "crm_data_sync"),
        ("_it_", "\\_it\\_"),
        ("-5 of 1.5 at 127.0.0.1", "-5 of 1.5 at 127.0.0.1"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("abc\u202egnp", "abcgnp"),
        ("AT&T &amp; co", "AT&amp;T &amp;amp; co"),
        ("Bearer abcdefgh12345678", "\\[redacted\\]"),
    ],
)
def test_what_would_act_is_escaped(text: str, expected: str):
    assert expected == harmless(text)


def test_a_long_text_is_cut_and_its_length_named():
    assert "aaaaaaaaaa… (3000000 characters)" == harmless("a" * 3_000_000, 10)


def test_prose_keeps_its_paragraphs():
    assert "> one  \n>\n> two  " == quoted("one\n\n\n\ntwo\n")
