"""Nothing that looks like a credential passes: not in texts, not in structures, not in errors."""

from __future__ import annotations

import base64
import html
import json
import re
import string
import sys
import time
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newfuse import errors
from newfuse import redact as redaction
from newfuse.redact import MASK, Masker, holds_card_data, redact, redact_text

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
    "Stripe publishable key": of("pk_test_", 16, 99),
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
    "Slack webhook": of("https://hooks.slack.com/services/T0123/B0123/", 16, 24),
    "Zapier webhook": of("https://hooks.zapier.com/hooks/catch/123456/", 6, 8),
    "Make webhook": of("https://hook.eu1.make.com/", 32, 32, "abcdefghijklmnopqrstuvwxyz0123456789"),
    "SendGrid key": st.tuples(of("SG.", 22, 22, LETTERS + "-_"), of("", 43, 43, LETTERS + "-_")).map(".".join),
    "GitHub token": st.sampled_from(["ghp_", "gho_", "ghu_", "ghs_", "ghr_"]).flatmap(lambda one: of(one, 36, 36)),
    "GitHub fine-grained token": of("github_pat_", 22, 82, LETTERS + "_"),
    "PayPal access token": of("A21AA", 60, 90, LETTERS + "-_"),
    "Braintree access token": of("access_token$production$dh4jx2p9$", 32, 32, "0123456789abcdef"),
    "Twilio key": of("SK", 32, 32, "0123456789abcdef"),
    "Salesforce session": of("00D5g000004AbCd!", 60, 90, LETTERS + "._"),
    "Salesforce refresh token": of("5Aep861", 60, 80, LETTERS + "._"),
    "PagerDuty user's key": of("u+", 18, 18, LETTERS),
    "PagerDuty routing key": of("R0", 30, 30, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
    "Facebook access token": of("EAA", 60, 200),
    "LinkedIn access token": of("AQ", 100, 200, LETTERS + "-_"),
    "LinkedIn client secret": of("WPL_AP1.", 16, 24, LETTERS, "=="),
    "X bearer token": of("A" * 21, 60, 90),
    "private key": of(
        "-----BEGIN RSA PRIVATE KEY-----\n", 64, 300, LETTERS + "+/\n", "\n-----END RSA PRIVATE KEY-----"
    ),
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
@settings(max_examples=25)  # for each of some forty shapes
@given(data=st.data())
def test_each_shape_is_masked_by_itself_and_found_by_its_own_hint(shape: str, data: st.DataObject):
    secret = data.draw(SHAPES[shape])
    shown = redact_text(secret)
    assert secret not in shown
    assert by_expressions_alone(secret) == shown


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
        # What the vendors name their things by, which a program works with and a person looks for.
        "pi_3Nc4vMLkdIwHu7ix1fKmDp2q, cus_NffrFeUfNV2Hib, ch_3MmlLrLkdIwHu7ix0snN0B15, re_1Nispe2eZvKYlo2Cd31jOCgZ",
        "pm_card_visa, evt_1NG8Du2eZvKYlo2CUI79vXWy, req_Q5sL1yXhKqmRfT, in_1MtHbELkdIwHu7ixl4OzzPMv",
        "member 62eeb292278cc15f5817cb78f7790b08 of list a6b5da1054, campaign 42694e9e57",  # Mailchimp
        "contact 512345678901, deal 9876543210 of portal 62515",  # HubSpot
        "AC0123456789abcdef0123456789abcdef, SM0123456789abcdef0123456789abcdef",  # Twilio accounts and messages
        "0035g00000ABcDeAAL, 00D5g000004AbCd",  # Salesforce
        "G-ABC1234567, properties/123456789",  # GA4
        "T0123ABCD, C0123ABCD, 1700000000.123456",  # Slack
        "8MC585209K746392H, PAY-1AB23456CD789012EF34GHIJ",  # PayPal
        "nf-0f4a6c6e2b7d4f0e9a3b-1, run 20261121-220000-a1b2, 123e4567-e89b-12d3-a456-426614174000",
        "SKIPPED, SG. and EAA are words, AQ too; a path-based hf_ prefix, https://www.make.com/en/help",
    ],
)
def test_ordinary_words_and_ids_are_left_alone(text: str):
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
    return redaction._without_cards(masked)


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


# --- payment cards ----------------------------------------------------------------------------------------------------


def passes_luhn(digits: str) -> bool:
    """Say it in the words of the standard, otherwise than the code does."""
    odd = [int(digit) for digit in digits[-1::-2]]
    even = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(odd) + sum(even)) % 10 == 0


def with_check_digit(digits: str) -> str:
    return next(f"{digits}{last}" for last in range(10) if passes_luhn(f"{digits}{last}"))


CARDS = {
    # Processors' published test numbers,
    "Visa": "4242424242424242",
    "Visa, 13 digits": "4222222222222",
    "Mastercard": "5555555555554444",
    "Mastercard, 2-series": "2223000048400011",
    "American Express": "378282246310005",
    "Discover": "6011111111111117",
    "JCB": "3530111333300000",
    "Diners Club": "3056930009020004",
    "Diners Club, 14 digits": "36227206271667",
    "UnionPay": "6200000000000005",
    "UnionPay, 19 digits": "6205500000000000004",
    "Maestro": "6759649826438453",
    # and one of each range and length that has none.
    "Visa, 19 digits": with_check_digit("400000000000000001"),
    "Mastercard, first of the 2-series": with_check_digit("222100000000001"),
    "Mastercard, last of the 2-series": with_check_digit("272099999999999"),
    "American Express, 34": with_check_digit("34000000000001"),
    "Discover, 65": with_check_digit("651000000000001"),
    "JCB, 17 digits": with_check_digit("3589000000000001"),
    "UnionPay, 81": with_check_digit("810000000000001"),
    "Maestro, 12 digits": with_check_digit("50180000001"),
    "Maestro, 13 digits": with_check_digit("630400000001"),
    "Mir": with_check_digit("220000000000001"),
    "RuPay": with_check_digit("820000000000001"),
}


def grouped(card: str, separator: str) -> str:
    sizes = {15: (4, 6, 5), 14: (4, 6, 4)}.get(len(card), (4, 4, 4, 4, 4))
    ends = [sum(sizes[:place]) for place in range(len(sizes) + 1)]
    return separator.join(filter(None, (card[start:end] for start, end in pairwise(ends))))


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_number_of_every_network_is_masked_however_it_is_grouped(kind: str):
    for separator in ("", " ", "-", "\u00a0", "\u2013"):
        card = grouped(CARDS[kind], separator)
        for before, behind in (("paid with ", ", thanks"), ("", ""), ("7 x ", " 12/27"), ("no. ", " 123"), ('"', '"')):
            shown = redact_text(f"{before}{card}{behind}")
            assert MASK in shown
            assert card not in shown
        assert holds_card_data({"note": [f"it is {card}."]})
    assert MASK == redact(int(CARDS[kind]))
    assert holds_card_data([{"number": int(CARDS[kind])}])


@pytest.mark.parametrize("kind", CARDS)
def test_a_number_with_a_wrong_check_digit_is_no_card(kind: str):
    number = CARDS[kind]
    wrong = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    assert wrong == redact_text(wrong)
    assert int(wrong) == redact(int(wrong))
    assert not holds_card_data({"id": wrong, "other": int(wrong)})


@settings(max_examples=200)
@given(st.integers(2221, 2720), st.text("0123456789", min_size=11, max_size=11))
def test_every_number_of_mastercards_second_series_is_masked(issuer: int, rest: str):
    card = with_check_digit(f"{issuer}{rest}")
    assert f"card {MASK}" == redact_text(f"card {card}")


@pytest.mark.parametrize(
    "number",
    [
        "4242424242424241",
        "1763760000000",
        "100001",
        "2026-11-21 22:00:00",
        "3.141592653589793",
        "0.4242424242424242",
        "+62 812 3456 7890",
        "+6281234567890",
        f"+{with_check_digit('491512345678')}",
        "2220 0000 0000 0000",
        "2721000000000004",
        "42424242424242424242",
        "1000000000000008",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
    ],
)
def test_another_number_is_left_alone(number: str):
    assert number == redact_text(number)


def test_numbers_of_any_size_can_be_looked_at():
    for number in (10**5000, -(10**5000), -4242424242424242, 0, True, 1.5):
        assert number == redact(number)
        assert not holds_card_data(number)


def test_what_stands_in_a_field_for_card_data_is_card_data():
    for name in ("card_number", "CardNumber", "card no", "credit-card-number", "cvc", "CVV", "security_code"):
        assert holds_card_data({name: "1"})
        assert not holds_card_data({name: None})
    assert not holds_card_data({"card": "visa", "cvc_check": "pass", "card_brand": 1, "when": 1_763_000_000_000})
    assert not holds_card_data({"phone": "+1 202 555 0101"})


# --- the secrets of one account ---------------------------------------------------------------------------------------

OWN = 'hK7aQ2/x+Lq9=Zt4&vB"2 wé'


def spellings_of(secret: str) -> dict[str, str]:
    return {
        "plain": secret,
        "percent-encoded": quote(secret, safe=""),
        "percent-encoded in small letters": re.sub("%..", lambda one: one[0].lower(), quote(secret, safe="")),
        "percent-encoded but for slashes": quote(secret),
        "percent-encoded twice": quote(quote(secret, safe=""), safe=""),
        "as in a form": quote_plus(secret),
        "as in JSON": json.dumps(secret)[1:-1],
        "as in JSON that keeps letters": json.dumps(secret, ensure_ascii=False)[1:-1],
        "as in JSON for web pages": json.dumps(secret)[1:-1].replace("&", "\\u0026").replace("=", "\\u003D"),
        "as in PHP's JSON": json.dumps(secret)[1:-1].replace("/", "\\/"),
        "as in JSON in JSON": json.dumps(json.dumps(secret))[3:-3],
        "as in HTML": html.escape(secret),
        "in numbers as in HTML": "".join(f"&#{ord(char)};" if not char.isalnum() else char for char in secret),
    }


@pytest.mark.parametrize("way", spellings_of(OWN))
@pytest.mark.parametrize("secret", [OWN, "f3b9c1d2e4a5968778695a4b3c2d1e0f", "hunter2!", "ab!cd?ef*", "??>>??>>??>>"])
def test_an_accounts_own_secret_is_masked_however_it_is_spelled(secret: str, way: str):
    written = spellings_of(secret)[way]
    masker = Masker([secret])
    answer = {"deep": [{f"key {written}": f"it is <{written}>"}], "id": "pi_123", "n": 7, "no": None}
    for raw in (json.dumps(answer), json.dumps(answer, ensure_ascii=False), json.dumps(answer).replace("/", "\\/")):
        assert masker.may_be_in(raw.encode())
    as_it_was = json.dumps(answer)
    expected = {"deep": [{f"key {MASK}": f"it is <{MASK}>"}], "id": "pi_123", "n": 7, "no": None}
    assert expected == masker.value(answer)
    assert as_it_was == json.dumps(answer)
    assert f"Invalid key: {MASK}" == masker.text(f"Invalid key: {written}")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize(("before", "behind"), [("", ""), ("newfuse:", ""), ("a:", ":more"), ("", ":"), ("xy:", "")])
@pytest.mark.parametrize("secret", [OWN, "f3b9c1d2e4a5968778695a4b3c2d1e0f", "hunter2!", "??>>??>>??>>"])
def test_an_accounts_own_secret_is_masked_in_base64_of_it_and_of_more(secret, before, behind, encode):
    written = encode(f"{before}{secret}{behind}".encode()).decode()
    masker = Masker([secret])
    for text in (written, quote(written, safe=""), f"Basic {written}"):
        answer = {"authorization": text}
        assert masker.may_be_in(json.dumps(answer).encode())
        left, mask, right = masker.value(answer)["authorization"].partition(MASK)
        assert MASK == mask
        # What is left is of the bytes around it, and at both ends of the bits that one byte shares with its neighbour.
        assert len(left.removeprefix("Basic ")) <= len(before.encode()) * 8 / 6 + 1
        assert len(re.sub("=|%3D", "", right)) <= len(behind.encode()) * 8 / 6 + 2


def test_secrets_are_found_in_bytes_of_every_encoding_json_may_have():
    masker = Masker([OWN])
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-32"):
        assert masker.may_be_in(json.dumps({"a": OWN}, ensure_ascii=False).encode(encoding))
    escaped = "".join(f"\\u{ord(char):04x}" for char in OWN)
    assert masker.may_be_in(f'{{"a": "{escaped}"}}'.encode())
    assert OWN == json.loads(f'"{escaped}"')


def test_an_answer_without_a_secret_is_known_by_its_bytes_alone():
    masker = Masker([OWN, "sk_test_51NorMustThisOneEverBeSeen"])
    for answer in ({"a": 1, "url": "https://v.test/x?y=1&z=é"}, "plain text", [], {"sk_test_other": "hK7aQ x Lq9"}):
        assert not masker.may_be_in(json.dumps(answer).encode())
        assert answer == masker.value(answer)


def test_a_masker_without_secrets_and_one_with_a_short_one_change_nothing():
    for masker in (Masker([]), Masker(["none", "", "12345"])):
        assert not masker.may_be_in(b'{"a": "none 12345"}\0')
        assert {"a": "none 12345"} == masker.value({"a": "none 12345"})
        assert "none 12345" == masker.text("none 12345")


def test_the_longer_of_two_secrets_is_masked_whole():
    masker = Masker(["abcdefgh", "abcdefgh-ijklmnop"])
    assert f"is {MASK}." == masker.text("is abcdefgh-ijklmnop.")


def test_an_answer_nested_deeper_than_python_recurses_is_masked():
    value: object = f"it is {OWN}"
    for _ in range(3_000):
        value = [{"a": value}]
    masked = Masker([OWN]).value(value)
    for _ in range(3_000):
        masked = masked[0]["a"]
    assert f"it is {MASK}" == masked


@pytest.mark.parametrize("hostile", ["\\" * 200_000, "%25" * 100_000, "hK7aQ2/" * 30_000, "&#0000" * 50_000])
def test_masking_takes_time_in_proportion_to_the_text(hostile: str):
    began = time.process_time()
    Masker(["/" + OWN, OWN]).value({"a": hostile})
    assert time.process_time() - began < 2  # quadratic, it would take minutes
