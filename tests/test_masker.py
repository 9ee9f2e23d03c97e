"""A model's key is masked however its server writes it."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newfuse.redact import MIN_MASKED_CHARS, Masker

KEY = 'Az9/+="\\€ key?&'
FORMS = {
    "plain": KEY,
    "percent-encoded": quote(KEY, safe=""),
    "percent-encoded, slashes left": quote(KEY),
    "percent-encoded in lower case": quote(KEY, safe="").lower().replace("az9", "Az9"),
    "percent-encoded twice": quote(quote(KEY, safe=""), safe=""),
    "every character percent-encoded": "".join(f"%{byte:02X}" for byte in KEY.encode()),
    "JSON": json.dumps(KEY)[1:-1],
    "JSON with UTF-8": json.dumps(KEY, ensure_ascii=False)[1:-1],
    "JSON within JSON": json.dumps(json.dumps(KEY)[1:-1])[1:-1],
    "JSON with escaped slashes": json.dumps(KEY)[1:-1].replace("/", "\\/"),
    "every character escaped": "".join(f"\\u{ord(char):04X}" for char in KEY),
    "a Python literal": repr(KEY)[1:-1],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_masked_whole_in_every_form(form: str):
    assert "before [redacted] after" == Masker([KEY]).text(f"before {FORMS[form]} after")


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize(("before", "after"), [("", ""), ("user:", ""), ("Bearer ", "; more"), ("ab", "c")])
@pytest.mark.parametrize("dress", [str, quote_plus, lambda text: text.rstrip("="), lambda text: json.dumps(text)[1:-1]])
def test_a_key_is_masked_in_base64_and_little_is_left_but_what_stood_around_it(
    encode: Callable[[bytes], bytes], before: str, after: str, dress: Callable[[str], str]
):
    masked = Masker([KEY]).text(dress(encode(f"{before}{KEY}{after}".encode()).decode()))
    assert "[redacted]" in masked
    partial = 2 + len("%3D%3D")  # a character at either end that holds bits of a neighbour, and the padding
    assert len(masked) <= len("[redacted]") + 2 * len(before + after) + partial


@given(
    key=st.text(min_size=MIN_MASKED_CHARS, max_size=60),
    before=st.binary(max_size=4),
    after=st.binary(max_size=4),
)
def test_whatever_stands_around_a_key_in_base64_its_own_characters_are_masked(key: str, before: bytes, after: bytes):
    plain = before + key.encode() + after
    assert "[redacted]" in Masker([key]).text(b64encode(plain).decode())


def test_other_text_is_left_alone_and_patterns_are_masked_without_any_key():
    text = "401: the key is wrong; see https://models.example/keys%20and+more"
    assert text == Masker([KEY]).text(text) == Masker().text(text)
    assert "[redacted]" == Masker().text("sk-proj-abcdefghijklmnop123456")


def test_a_key_too_short_to_tell_from_a_word_is_left_alone():
    assert "none of them" == Masker(["none", "", "a"]).text("none of them")


def test_of_two_keys_the_longer_is_masked_whole():
    assert "[redacted] [redacted]" == Masker(["secret", "secret-and-more"]).text("secret-and-more secret")


def test_the_keys_are_not_shown():
    assert KEY not in repr(Masker([KEY]))
