"""Paths, base URLs and links: a value never changes where a request goes."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from newfuse.errors import ConfigurationError, InvalidArguments
from newfuse.http.url import parse_base, parse_template

TEXTS = st.text(min_size=1, max_size=30).filter(lambda text: text.strip() and text not in {".", ".."})
SEGMENTS = st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), max_size=4)


@given(SEGMENTS, SEGMENTS, TEXTS, st.booleans())
def test_a_value_is_one_segment_and_comes_back_whole(prefix, path, value, slash):
    assume(not any(0xD800 <= ord(sign) <= 0xDFFF for sign in value))
    base = parse_base("http://vendor.test:8420/" + "/".join(prefix) + ("/" if slash else ""))
    template = parse_template("/".join([*path, "{id}"]))
    url = httpx.URL(base.url + template.fill({"id": value}))
    assert ("http", "vendor.test", 8420) == (url.scheme, url.host, url.port)
    assert b"" == url.query
    segments = url.raw_path.decode().split("/")
    assert ["", *prefix, *path] == segments[:-1]
    assert value == unquote(segments[-1])


@given(SEGMENTS, st.text(max_size=20))
def test_a_link_is_followed_below_the_base_alone(prefix, link):
    base = parse_base("https://vendor.test/" + "/".join(["api", *prefix]))
    resolved = base.resolve(link, at=base.url + "/v1/items?page=1")
    if resolved is not None:
        parts = urlsplit(resolved)
        assert ("https", "vendor.test") == (parts.scheme, parts.hostname)
        assert (parts.path + "/").startswith(base.prefix + "/")


@pytest.mark.parametrize(
    "link",
    [
        "http://vendor.test/api/v1",  # another scheme
        "https://vendor.test:444/api/v1",
        "https://evil.test/api/v1",
        "//evil.test/api/v1",
        "https://vendor.test.evil.test/api/v1",
        "https://vendor.test@evil.test/api/v1",
        "https://user:pass@vendor.test/api/v1",
        "https://vendor.test/apinot/v1",
        "https://vendor.test/other",
        "/other",
        "https://vendor.test/api/%2e%2e/other",
        "https://vendor.test/api/v1\r\nX: y",
        "https://[",
        "javascript:alert(1)",
    ],
)
def test_a_link_that_leads_out_is_refused(link):
    assert parse_base("https://vendor.test/api").resolve(link, at="https://vendor.test/api/v1") is None


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://vendor.test/api/v2?after=1", "https://vendor.test/api/v2?after=1"),
        ("https://vendor.test:443/api/v2", "https://vendor.test:443/api/v2"),
        ("/api/v2?p=2", "https://vendor.test/api/v2?p=2"),
        ("?p=2", "https://vendor.test/api/v1?p=2"),
        ("v3", "https://vendor.test/api/v3"),
        ("/api/v2#part", "https://vendor.test/api/v2"),
    ],
)
def test_a_link_below_the_base_is_resolved(link, url):
    assert url == parse_base("https://vendor.test/api").resolve(link, at="https://vendor.test/api/v1")


@pytest.mark.parametrize("value", ["", "  ", ".", "..", None])
def test_an_empty_value_or_a_dot_segment_is_refused(value):
    with pytest.raises(InvalidArguments, match="id"):
        parse_template("/v1/x/{id}").fill({"id": value})


def test_missing_and_unknown_values_are_named():
    with pytest.raises(InvalidArguments, match="id: is needed"):
        parse_template("/v1/x/{id}").fill(None)
    with pytest.raises(InvalidArguments, match="ib: is not in the path"):
        parse_template("/v1/x/{id}").fill({"id": 1, "ib": 2})


@pytest.mark.parametrize(
    "path",
    ["/a?b=c", "/a#b", "/a b", "/a/../b", "/./a", "/%2e%2e/a", "/a\\b", "/a\n", "/{}", "/{a b}", "/{a}/{a}", "/é"],
)
def test_a_path_that_is_no_path_is_refused(path):
    with pytest.raises(InvalidArguments):
        parse_template(path)


def test_a_path_may_hold_what_vendors_write():
    assert "/v1beta/properties/1:runReport" == parse_template("v1beta/properties/{id}:runReport").fill({"id": 1})


@pytest.mark.parametrize(
    "url",
    ["", "vendor.test", "ftp://vendor.test", "http://", "http://a:b@vendor.test", "http://v.test/?a=b", "http://v:x/"],
)
def test_a_base_that_is_no_base_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigurationError) as caught:
        parse_base(url)
    assert "a:b" not in caught.value.for_log


def test_a_base_keeps_its_prefix_and_drops_its_own_port():
    assert "http://127.0.0.1:8420/stripe" == parse_base("http://127.0.0.1:8420/stripe/").url
    assert "https://vendor.test" == parse_base("https://vendor.test:443/").url
    assert "http://[::1]:81" == parse_base("http://[::1]:81").url
