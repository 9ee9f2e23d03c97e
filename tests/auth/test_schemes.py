"""Every scheme: what it asks for, what it puts on a request, what it refuses and how little it then says."""

from __future__ import annotations

import base64

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from newfuse.auth import AllOf, Basic, Bearer, ByPath, CredentialField, CustomAuth, HeaderKey, NoAuth, QueryKey
from newfuse.errors import ConfigurationError
from newfuse.http import ApiClient, ApiConfig
from newfuse.types import AuthType

KEY = "k3y-of-the-kingdom"

GA4 = ByPath(
    {
        "/mp/": AllOf(
            QueryKey(name="measurement_id", field="measurement_id", secret=False),
            QueryKey(name="api_secret", field="api_secret"),
        ),
        "/": Bearer(field="access_token"),
    }
)


def secrets(**values: str) -> dict[str, SecretStr]:
    return {name: SecretStr(value) for name, value in values.items()}


async def send(scheme, credentials, path="/v1/x", base_url="http://vendor.test", **arguments) -> httpx.Request:
    seen = []

    def handle(request):
        seen.append(request)
        return httpx.Response(200, json={})

    transport = httpx.MockTransport(handle)
    auth = scheme.build(credentials)
    config = ApiConfig(base_url=base_url)
    async with ApiClient(config, integration="x", auth=auth, transport=transport) as api:
        await api.post(path, **arguments)
    return seen[0]


async def test_bearer_and_header_keys():
    request = await send(Bearer(field="api_key"), secrets(api_key=KEY))
    assert f"Bearer {KEY}" == request.headers["Authorization"]
    request = await send(HeaderKey(), secrets(api_key=KEY))
    assert KEY == request.headers["X-API-Key"]
    request = await send(HeaderKey(name="Authorization", prefix="Token ", field="t"), secrets(t=KEY))
    assert f"Token {KEY}" == request.headers["Authorization"]


async def test_a_key_wins_over_a_header_of_the_call():
    request = await send(HeaderKey(), secrets(api_key=KEY), headers={"x-api-key": "other"})
    assert [KEY] == request.headers.get_list("X-API-Key")


async def test_a_latin_1_key_is_sent_as_latin_1():
    request = await send(HeaderKey(), secrets(api_key="clé-é"))
    assert "clé-é".encode("latin-1") in [value for _, value in request.headers.raw]


async def test_a_query_key_is_added_to_the_calls_params():
    request = await send(QueryKey(name="key", field="api_key"), secrets(api_key="a b&c"), params={"q": "1"})
    assert {"q": "1", "key": "a b&c"} == dict(request.url.params)


@pytest.mark.parametrize(
    ("scheme", "credentials", "pair"),
    [
        (Basic(username_field="api_key"), {"api_key": "sk_test_x"}, "sk_test_x:"),
        (Basic(username="newfuse", password_field="api_key"), {"api_key": "k" * 200}, "newfuse:" + "k" * 200),
        (Basic(username_field="user", password_field="word"), {"user": "ü", "word": "a:b"}, "ü:a:b"),
    ],
    ids=["stripe", "mailchimp, long", "both, UTF-8"],
)
async def test_basic_is_one_line_of_base64(scheme, credentials, pair):
    request = await send(scheme, secrets(**credentials))
    kind, _, token = request.headers["Authorization"].partition(" ")
    assert "Basic" == kind
    assert "\n" not in token
    assert pair == base64.b64decode(token, validate=True).decode()


def test_a_user_name_with_a_colon_is_refused():
    with pytest.raises(ConfigurationError, match="user"):
        Basic(username_field="user", password_field="word").build(secrets(user="a:b", word="c"))


async def test_ga4_has_its_key_in_the_query_for_one_path_and_in_a_header_for_another():
    credentials = secrets(measurement_id="G-1", api_secret="s", access_token="t")
    for base_url in ("http://vendor.test", "http://127.0.0.1:8420/ga4"):
        request = await send(GA4, credentials, "/mp/collect", base_url)
        assert {"measurement_id": "G-1", "api_secret": "s"} == dict(request.url.params)
        assert "Authorization" not in request.headers
        request = await send(GA4, credentials, "/v1beta/x", base_url)
        assert {} == dict(request.url.params)
        assert "Bearer t" == request.headers["Authorization"]


async def test_half_of_ga4s_credentials_serve_their_half_and_the_other_says_what_is_missing():
    credentials = secrets(measurement_id="G-1", api_secret="s")
    await send(GA4, credentials, "/mp/collect")
    with pytest.raises(ConfigurationError, match="access_token"):
        await send(GA4, credentials, "/v1beta/x")
    with pytest.raises(ConfigurationError, match="api_secret"):
        GA4.build({})


async def test_a_function_of_ones_own_changes_the_request():
    def sign(request, credentials):
        request.headers["X-Signature"] = f"{request.method}:{credentials['api_key'].get_secret_value()}"

    request = await send(CustomAuth(sign), secrets(api_key=KEY, other="x"))
    assert f"POST:{KEY}" == request.headers["X-Signature"]


async def test_no_auth_changes_nothing():
    request = await send(NoAuth(), secrets(api_key=KEY))
    assert KEY not in str(request.headers) + str(request.url)


@pytest.mark.parametrize(
    "scheme",
    [Bearer(), Basic(username_field="api_key"), HeaderKey(), QueryKey(), CustomAuth(lambda *_: None)],
    ids=lambda scheme: type(scheme).__name__,
)
def test_a_needed_credential_that_is_missing_or_empty_is_named(scheme):
    for given_credentials in ({}, secrets(api_key=""), secrets(other="x")):
        with pytest.raises(ConfigurationError, match="api_key"):
            scheme.build(given_credentials)


@pytest.mark.parametrize(
    "scheme",
    [
        Bearer(optional=True),
        Basic(username_field="api_key", optional=True),
        HeaderKey(optional=True),
        QueryKey(optional=True),
    ],
    ids=lambda scheme: type(scheme).__name__,
)
async def test_an_optional_credential_that_is_missing_leaves_the_request_as_it_is(scheme):
    request = await send(scheme, {})
    assert "Authorization" not in request.headers
    assert "X-API-Key" not in request.headers
    assert b"" == request.url.query


@pytest.mark.parametrize("bad", ["{}\n", "\r\n{}", "{}\x00", "{}\x7f", "{}\x85", "{}日本", "{}\ud800"], ids=repr)
@pytest.mark.parametrize("scheme", [Bearer(), HeaderKey()], ids=lambda scheme: type(scheme).__name__)
def test_a_key_no_header_can_carry_is_refused_by_name_and_not_repeated(scheme, bad):
    with pytest.raises(ConfigurationError, match="api_key") as caught:
        scheme.build(secrets(api_key=bad.format(KEY)))
    assert KEY not in caught.value.for_log
    assert caught.value.__context__ is None or KEY not in repr(vars(caught.value.__context__))


@pytest.mark.parametrize("bad", ["{}\n", "{}\ud800"], ids=repr)
@pytest.mark.parametrize(
    "scheme", [Basic(username_field="api_key"), QueryKey()], ids=lambda scheme: type(scheme).__name__
)
def test_a_key_no_query_or_pair_can_carry_is_refused_by_name(scheme, bad):
    with pytest.raises(ConfigurationError, match="api_key") as caught:
        scheme.build(secrets(api_key=bad.format(KEY)))
    assert KEY not in caught.value.for_log


@given(st.text(max_size=30))
def test_every_key_is_either_sent_whole_or_refused(text):
    try:
        auth = Bearer(optional=True).build(secrets(api_key=text))
    except ConfigurationError:
        return
    request = next(auth.auth_flow(httpx.Request("GET", "http://vendor.test/")))
    sent = [value for name, value in request.headers.raw if name == b"Authorization"]
    assert ([f"Bearer {text}".encode("latin-1")] if text else []) == sent


@pytest.mark.parametrize(
    ("scheme", "kind", "fields"),
    [
        (Bearer(), AuthType.API_KEY, [("api_key", True, False)]),
        (Basic(username_field="api_key"), AuthType.BASIC, [("api_key", True, False)]),
        (
            Basic(username_field="user", password_field="word"),
            AuthType.BASIC,
            [("user", False, False), ("word", True, False)],
        ),
        (NoAuth(), AuthType.NONE, []),
        (CustomAuth(print, (CredentialField("a"),)), AuthType.CUSTOM, [("a", True, False)]),
        (
            GA4,
            AuthType.API_KEY,
            [("measurement_id", False, True), ("api_secret", True, True), ("access_token", True, True)],
        ),
        (AllOf(Bearer(optional=True), QueryKey()), AuthType.API_KEY, [("api_key", True, False)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_scheme_says_which_credentials_it_needs(scheme, kind, fields):
    assert kind == scheme.type
    assert fields == [(field.name, field.secret, field.optional) for field in scheme.fields]


@pytest.mark.parametrize(
    "scheme",
    [Bearer(), Basic(username_field="api_key"), QueryKey(), AllOf(Bearer()), ByPath({"/": Bearer()})],
    ids=lambda scheme: type(scheme).__name__,
)
def test_what_is_built_shows_nothing_and_names_its_secret_for_masking(scheme):
    auth = scheme.build(secrets(api_key=KEY))
    assert KEY not in repr(auth) + str(auth) + repr(auth.secrets)
    assert KEY in [secret.get_secret_value() for secret in auth.secrets]
