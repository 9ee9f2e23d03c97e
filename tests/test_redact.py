"""Nothing that looks like a credential passes: not in texts, not in structures, not in errors."""

from __future__ import annotations

import base64
import json
import re
import string
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newfuse import errors
from newfuse import redact as redaction
from newfuse.redact import MASK, redact, redact_text

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def of(prefix: str, least: int, most: int, alphabet: str = LETTERS, suffix: str = "") -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=most).map(lambda body: f"{prefix}{body}{suffix}")


def token(user_and_password: str) -> str:
    return base64.b64encode(user_and_password.encode()).decode()


# What each vendor's credentials look like on sight.
SHAPES = {
    "Stripe secret key": of("sk_live_", 16, 99),
    "Stripe test key": of("sk_test_", 16, 99),
    "Stripe restricted key": of("rk_live_", 16, 99),
    "Stripe webhook secret": of("whsec_", 24, 40),
    "Stripe client secret": of("_secret_", 20, 30),
    "HubSpot private-app token": st.uuids().map(lambda one: f"pat-eu1-{one}"),
    "Mailchimp key": of("", 32, 32, "0123456789abcdef", "-us21"),
    "Google access token": of("ya29.", 20, 200, LETTERS + "-_"),
    "Google refresh token": of("1//0", 30, 80, LETTERS + "-_"),
    "Google API key": of("AIza", 35, 35, LETTERS + "-_"),
    "Google client secret": of("GOCSPX-", 28, 28, LETTERS + "-_"),
    "OpenAI key": of("sk-proj-", 20, 80, LETTERS + "-_"),
    "Anthropic key": of("sk-ant-", 20, 80, LETTERS + "-_"),
    "Hugging Face token": of("hf_", 30, 40),
    "Slack bot token": of("xoxb-", 20, 50, LETTERS + "-"),
    "Slack app token": of("xapp-", 20, 50, LETTERS + "-"),
    "JSON web token": st.tuples(of("eyJ", 10, 40), of("eyJ", 10, 40), of("", 20, 40)).map(".".join),
}
SECRETS = st.one_of(*SHAPES.values())
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
# A credential stands alone, as a word does; inside another word nobody could tell where it begins.
BEFORE = st.sampled_from(["", " ", "=", ":", '"', "'", "(", "_", "/", "\n", "key="])
AFTER = st.sampled_from(["", " ", "&", ",", ".", '"', "'", ")", "\n", ";"])


@given(AROUND, BEFORE, SECRETS, AFTER, AROUND)
def test_no_known_shape_of_secret_survives_in_a_text(left: str, before: str, secret: str, after: str, right: str):
    shown = redact_text(f"{left} {before}{secret}{after}{right}")
    assert secret not in shown
    assert MASK in shown


@pytest.mark.parametrize("shape", SHAPES)
@given(data=st.data())
def test_each_shape_is_masked_by_itself(shape: str, data: st.DataObject):
    secret = data.draw(SHAPES[shape])
    assert secret not in redact_text(secret)


NAMES = st.sampled_from(
    ["password", "api_key", "apiKey", "X-Api-Key", "api_secret", "client_secret", "access_token", "refreshToken",
     "Authorization", "cookie", "webhook_secret", "token", "bot_token", "private_key", "cvc", "card_number"]
)  # fmt: skip
# Longer than what else may stand there, so that finding it means it was shown.
ANY_SECRET = st.text(LETTERS + "!#$%*+-./<>?@^_{|}~", min_size=12, max_size=40).map(lambda text: f"Zq7{text}")
INNER = st.recursive(
    SECRETS | st.none() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(INNER, SECRETS)
def test_no_secret_survives_in_a_structure(value: object, secret: str):
    shown = json.dumps(redact({"deep": [value, {"note": f"it is {secret}", secret: 1}]}))
    assert secret not in shown

    def strings(part: object) -> list[str]:
        if isinstance(part, dict):
            return [text for inner in part.values() for text in strings(inner)]
        if isinstance(part, list):
            return [text for inner in part for text in strings(inner)]
        return [part] if isinstance(part, str) else []

    assert [] == [one for one in strings(value) if one in shown]


@given(NAMES, ANY_SECRET)
def test_what_stands_under_a_secret_name_is_masked_whatever_it_looks_like(name: str, secret: str):
    for value in (secret, [secret], {"inner": secret}):
        assert secret not in json.dumps(redact({"a": {name: value}}))
    assert {name: None} == redact({name: None})


@given(NAMES, ANY_SECRET)
def test_a_named_secret_is_masked_in_dumped_structures(name: str, secret: str):
    for text in (json.dumps({"a": {name: secret}}), str({name: secret}), f"https://v.test/?x=1&{name}={secret}"):
        assert secret not in redact_text(text)


@given(st.text(LETTERS, min_size=3, max_size=12), ANY_SECRET)
def test_user_and_password_are_masked_in_headers_and_urls(user: str, password: str):
    pair = token(f"{user}:{password}")
    for text in (f"Authorization: Basic {pair}", f"basic {pair}", f"authorization: {pair}"):
        assert pair not in redact_text(text)
    quoted = password.replace("/", "").replace("@", "").replace("?", "")
    assert quoted not in redact_text(f"http://{user}:{quoted}@proxy.test:80/x")


@given(AROUND | SECRETS)
def test_redacting_twice_changes_nothing(text: str):
    assert redact_text(text) == redact_text(redact_text(text))


@pytest.mark.parametrize(
    "text",
    [
        "basic settings are enough, and basic understanding/knowledge helps",
        "task_test_results of the desk-management-overview-page",
        "max_tokens=1000 and page tokens",
        "no api_key was given. Looked in: argument api_key=; environment variable STRIPE_API_KEY (or .env).",
        "api_key: Field required; password: must be longer",
        "the secret: every write happens once",
        "https://api.stripe.com:443/v1/payment_intents/pi_123",
        "ada@example.com wrote at 10:30",
        "sk_live",
    ],
)
def test_ordinary_words_are_left_alone(text: str):
    assert text == redact_text(text)


def test_a_structure_without_secrets_is_copied_as_it_is():
    value = {"id": 1, "list": [1, 2.5, True, None, "text"], "usage": {"max_tokens": 5, "token_url": "https://v.test"}}
    copy = redact(value)
    assert value == copy
    assert copy is not value


# --- looking for hints first changes nothing --------------------------------------------------------------------------


def by_expressions_alone(text: str) -> str:
    masked = redaction.SECRET_VALUES.sub(MASK, text)
    masked = redaction._NAMED_VALUES.sub(redaction._keep_name, masked)
    return redaction._CARD_NUMBERS.sub(lambda one: MASK if redaction._is_card_number(one[0]) else one[0], masked)


LONG = "Zq7" + "aB3x" * 10
WORDS = [
    "authorization", "api_key", "apikey", "api-secret", "access_token", "refreshToken", "client_secret", "password",
    "passwd", "passphrase", "secret", "bearer", "private-key", "access_key", "routing_key", "signature", "cookie",
    "card_number", "cvc", "cvv", "token", "max_tokens", "basic", "x-api-key", "note",
]  # fmt: skip
# What `re.IGNORECASE` takes for an s, an i and a k besides their capitals.
ODD_LETTERS = str.maketrans({"s": "\u017f", "i": "\u0131", "k": "\u212a"})
ODD_CAPITALS = str.maketrans({"i": "\u0130"})


def spellings(word: str) -> list[str]:
    return [word, word.upper(), word.title(), word.translate(ODD_LETTERS), word.translate(ODD_CAPITALS)]


NAMED = st.sampled_from(WORDS).flatmap(lambda word: st.sampled_from(spellings(word)))
BETWEEN = st.sampled_from(["=", ": ", ":", " ", '": "', "': '", '"', "'", "", "_", "-", "\n", "://", "@", "."])
PIECES = st.one_of(
    SECRETS,
    NAMED,
    BETWEEN,
    st.sampled_from([LONG, LONG.lower(), token("ada:hunter2"), "4242 4242 4242 4242", "https://ada:pw@vendor.test/x"]),
    st.sampled_from(["sk_", "rk_live_", "_secret_", "whsec_", "pat-", "-us21", "ya29.", "1//0", "AIza", "GOCSPX-",
                     "sk-", "hf_", "xoxb-", "xapp-", "eyJ"]),
    AROUND,
)  # fmt: skip


@settings(max_examples=1000)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_a_text_is_masked_as_by_the_expressions_alone(text: str):
    assert by_expressions_alone(text) == redact_text(text)


@pytest.mark.parametrize("shape", SHAPES)
@given(data=st.data())
def test_each_shape_is_found_by_its_own_hint(shape: str, data: st.DataObject):
    secret = data.draw(SHAPES[shape])
    assert by_expressions_alone(secret) == redact_text(secret)


@pytest.mark.parametrize("form", ["{}={}", '"{}": "{}"', "'my-{}-1': '{}'", "{}: {}", "{} {}", "{}: basic {}"])
@pytest.mark.parametrize("word", WORDS)
def test_each_name_is_found_in_every_way_of_writing_it(word: str, form: str):
    for name in spellings(word):
        text = form.format(name, LONG)
        assert by_expressions_alone(text) == redact_text(text)


def test_case_is_folded_just_as_the_expressions_fold_it():
    letters = re.compile("[a-z]", re.IGNORECASE)
    alike = [char for char in map(chr, range(sys.maxunicode + 1)) if letters.fullmatch(char)]
    assert 56 == len(alike)  # both cases and four odd ones
    for char in alike:
        folded = redaction._folded(char)
        assert folded in string.ascii_lowercase
        assert re.fullmatch(folded, char, re.IGNORECASE)


# --- errors -----------------------------------------------------------------------------------------------------------


def made(kind: type[errors.NewFuseError], text: str) -> errors.NewFuseError:
    if issubclass(kind, errors.VendorError):
        return kind(text, integration="shop", status=400, request_id=text)
    special = {
        errors.MissingCredential: lambda: kind("shop", "api_key", [text]),
        errors.InvalidData: lambda: kind(text, place=text),
        errors.InvalidArguments: lambda: kind(text, [("field", text)]),
        errors.UnknownAction: lambda: kind("shop", text, []),
        errors.NotConnected: lambda: kind(text),
        errors.IntegrationDisabled: lambda: kind(text),
    }
    return special.get(kind, lambda: kind(text, for_log=f"fuller: {text}"))()


def every_error(kind: type[errors.NewFuseError] = errors.NewFuseError) -> list[type[errors.NewFuseError]]:
    below = [found for inner in kind.__subclasses__() for found in every_error(inner)]
    return [one for one in [kind, *below] if one.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
@settings(max_examples=20)  # for each of some two dozen errors
@given(secret=SECRETS)
def test_no_secret_survives_in_an_error(kind: type[errors.NewFuseError], secret: str):
    error = made(kind, f"refused {secret} today")
    for shown in (error.for_log, error.for_model, str(error), repr(error)):
        assert secret not in shown


def test_every_error_of_the_tree_is_drawn_in_its_docstring():
    assert [] == [kind.__name__ for kind in every_error() if kind.__name__ not in str(errors.__doc__)]


@pytest.mark.parametrize("card", ["4242424242424242", "4000 0000 0000 9995", "3782-822463-10005", "5555555555554444"])
def test_a_card_number_is_masked(card: str):
    assert f"paid with {MASK}, thanks" == redact_text(f"paid with {card}, thanks")


@pytest.mark.parametrize(
    "number", ["4242424242424241", "1763760000000", "100001", "2026-11-21 22:00:00", "3.141592653589793"]
)
def test_another_number_is_left_alone(number: str):
    assert number == redact_text(number)
