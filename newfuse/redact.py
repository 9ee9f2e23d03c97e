"""Takes secrets out of text and structures before they reach a log, an error, a prompt or a report.

What a secret looks like is written down here and nowhere else: the shapes of the vendors' keys, the names secrets stand
under, the numbers of payment cards. A `Masker` knows besides the secrets of one account and finds them however spelled.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from newfuse.types import JSON

MASK = "[redacted]"

# --- payment cards ---------------------------------------------------------------------------------------------------

_CARD_NAMES = r"card[-_ ]?(?:number|no\b)|cvc|cvv|security[-_ ]?code"
_CARD_FIELD = re.compile(rf"(?:(?:credit|debit)[-_ ]?)?(?:{_CARD_NAMES})", re.IGNORECASE)

# First digits and lengths of the networks' numbers (ISO/IEC 7812-1; the networks' published ranges of issuers).
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}"  # Mastercard,
    r"|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # and its second series, since 2017
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|09|[689]\d)\d{11,16}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|(?:6\d|81|82|5[0678])\d{14,17}"  # Discover, UnionPay, RuPay, Maestro,
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,11}"  # and the shorter of Maestro's
    r"|220[0-4]\d{12,15}"  # Mir
)
_LEAST_DIGITS, _MOST_DIGITS = 12, 19  # of all of these
# Where a number may begin, and as many digits as it may have, by themselves or in groups. Decimals are no cards, and
# what follows a plus is a telephone.
_SEPARATOR = "[ \u00a0\u2009\u202f\u2010-\u2013-]"
_CARD_STARTS = re.compile(
    rf"(?<![\d.+])(?=([2-68]\d{{3}}(?:{_SEPARATOR}?\d){{{_LEAST_DIGITS - 4},{_MOST_DIGITS - 4}}}))"
)
_GOES_ON = re.compile(r"\.?\d")
SEARCHED_CHARS = 10_000  # of one text that are searched for cards; a longer one is no field of a record

# --- vendors' keys ---------------------------------------------------------------------------------------------------

# Each with what a text must hold for the expression to match: looking for that is some twenty times faster than the
# expression, and nearly every text that goes through here holds none of it. `^` stands for "no letter or digit before".
_SHAPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"^(?:sk|rk|pk|ek)_(?:org_)?(?:test|live)_[A-Za-z0-9]{4,}", ("_test_", "_live_")),  # Stripe keys
    (r"_secret_[A-Za-z0-9]{16,}", ("_secret_",)),  # Stripe client secrets, which follow the id of what they open
    (r"whsec_[A-Za-z0-9+/=]{8,}", ("whsec_",)),  # webhook signing secrets: Stripe, Standard Webhooks
    (r"^pat-[A-Za-z0-9-]{8,}", ("pat-",)),  # HubSpot private-app tokens
    (r"(?<![0-9a-f])[0-9a-f]{32}-us\d{1,3}", ("-us",)),  # Mailchimp keys
    (r"^SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", ("SG.",)),  # SendGrid keys
    (r"^ya29\.[A-Za-z0-9_-]{8,}", ("ya29.",)),  # Google access tokens,
    (r"^1//0[A-Za-z0-9_-]{20,}", ("1//0",)),  # refresh tokens,
    (r"^AIza[A-Za-z0-9_-]{35}", ("AIza",)),  # API keys
    (r"^GOCSPX-[A-Za-z0-9_-]{20,}", ("GOCSPX-",)),  # and client secrets
    (r"^sk-(?:ant-|proj-)?[A-Za-z0-9_-]{16,}", ("sk-",)),  # OpenAI, Anthropic and Zapier keys
    (r"^hf_[A-Za-z0-9]{16,}", ("hf_",)),  # Hugging Face tokens
    (r"^x(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}", ("xox", "xapp-")),  # Slack tokens
    # Addresses that whoever knows them may post to: Slack, Zapier, Make.
    (r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/_-]{8,}", ("hooks.slack.com/",)),
    (r"(?<=hooks\.zapier\.com/hooks/)[A-Za-z0-9/_-]{8,}", ("hooks.zapier.com/hooks/",)),
    (r"(?<=\.make\.com/)[a-z0-9]{24,}", (".make.com/",)),
    (r"^gh[oprsu]_[A-Za-z0-9]{20,}", ("gho_", "ghp_", "ghr_", "ghs_", "ghu_")),  # GitHub tokens
    (r"^github_pat_[A-Za-z0-9_]{20,}", ("github_pat_",)),
    (r"^A21AA[A-Za-z0-9_-]{20,}", ("A21AA",)),  # PayPal access tokens,
    (r"^access_token\$(?:sandbox|production)\$[a-z0-9]+\$[0-9a-f]{16,}", ("access_token$",)),  # and Braintree's
    (r"^SK[0-9a-f]{32}", ("SK",)),  # Twilio keys
    (r"^00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{20,}", ("00D",)),  # Salesforce sessions
    (r"^(?:5Aep861|3MVG9)[A-Za-z0-9._]{20,}", ("5Aep861", "3MVG9")),  # Salesforce refresh tokens and consumer keys
    (r"^u\+[A-Za-z0-9_+-]{18}", ("u+",)),  # PagerDuty users' keys
    (r"^R0[A-Z0-9]{30}", ("R0",)),  # PagerDuty routing keys
    (r"^EAA[A-Za-z0-9]{20,}", ("EAA",)),  # Facebook access tokens
    (r"^AQ[A-Za-z0-9_-]{60,}", ("AQ",)),  # LinkedIn access tokens
    (r"^WPL_AP\d\.[A-Za-z0-9.+/=]{8,}", ("WPL_AP",)),  # LinkedIn client secrets
    (r"^A{18}[A-Za-z0-9%_-]{30,}", ("A" * 18,)),  # X's bearer tokens
    (r"^eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", ("eyJ",)),  # signed JSON web tokens
    (r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", ("PRIVATE KEY",)),
)
_ALONE = "(?<![A-Za-z0-9])"
SECRET_VALUES = re.compile(
    "|".join(shape.replace("^", _ALONE) for shape, _ in _SHAPES)
    # Credentials after the name of their scheme; "basic settings" is English.
    + r"|\b(?i:bearer|basic)\s+(?=[A-Za-z0-9+/._~=-]*[A-Z0-9=]|[a-z]{20})[A-Za-z0-9+/._~=-]{8,}"
    + r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user and password in a URL
)
_VALUE_HINTS = tuple(hint for _, hints in _SHAPES for hint in hints)
_SCHEME_HINTS = ("bearer", "basic")  # in whatever case

# --- names that secrets stand under ----------------------------------------------------------------------------------

_NAMES = (
    r"(?:authorization|api[-_]?key|api[-_]?secret|(?:access|refresh)[-_]?token|client[-_]?secret|password|passwd|"
    r"passphrase|secret|bearer|private[-_]?key|access[-_]?key|routing[-_]?key|signature|cookie|"
    rf"{_CARD_NAMES}|token\b)"  # `token` at the end of a name only: `max_tokens` counts, `token_url` is an address
)
SECRET_NAMES = re.compile(_NAMES, re.IGNORECASE)

# `name=value`, `"name": "value"` and `Header: value`, as they stand in queries, dumped bodies and dumped headers.
_NAMED_VALUES = re.compile(
    rf"(?P<name>{_NAMES}=)(?![;,.])[^&\s\"']+"
    rf"|(?P<quoted>[\"'][\w-]{{0,40}}?{_NAMES}[\w-]{{0,40}}[\"']\s*:\s*)(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<header>\b(?:authorization|x-api-key)\s*:\s*(?:(?:bearer|basic)\s+)?)[A-Za-z0-9+/._~=-]{8,}",
    re.IGNORECASE,
)
_NAME_HINTS = (
    "authorization", "key", "secret", "token", "passw", "passphrase", "bearer", "signature", "cookie", "card", "cvc",
    "cvv", "security",
)  # fmt: skip  # in whatever case


def redact_text(text: str) -> str:
    """Return the text with everything that looks like a credential or a payment card's number masked."""
    folded, masked = _folded(text), text
    if _holds(text, _VALUE_HINTS) or _holds(folded, _SCHEME_HINTS) or ("://" in text and "@" in text):
        masked = SECRET_VALUES.sub(MASK, masked)
    if ("=" in text or ":" in text) and _holds(folded, _NAME_HINTS):
        masked = _NAMED_VALUES.sub(_keep_name, masked)
    return _without_cards(masked)


def redact(value: JSON) -> JSON:
    """Return a copy of a JSON value: values under secret names are masked, texts go through `redact_text`."""
    if isinstance(value, Mapping):
        return {
            redact_text(name) if isinstance(name, str) else name: (
                MASK if SECRET_NAMES.search(str(name)) and inner is not None else redact(inner)
            )
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(inner) for inner in value]
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, int) and _is_card_number(value):
        return MASK
    return value


def _is_card_number(number: str | int) -> bool:
    """Say whether these digits are a payment card's number: of a network's range and length, with its check digit."""
    if isinstance(number, int):
        if not 0 < number < 10**_MOST_DIGITS:
            return False
        number = str(number)
    return _CARD.fullmatch(number) is not None and _passes_luhn(number)


def holds_card_data(value: JSON) -> bool:
    """Say whether a decoded JSON value holds what looks like a card number, or a field for one that is filled in."""
    waiting = [value]  # a loop of our own: the nesting of rubbish may be deeper than Python's recursion
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            waiting += [*inner, *inner.values()]
            if any(_CARD_FIELD.fullmatch(key) and inner[key] is not None for key in inner if isinstance(key, str)):
                return True
        elif isinstance(inner, list):
            waiting += inner
        elif isinstance(inner, str):
            if next(_cards(inner[:SEARCHED_CHARS]), None) is not None:
                return True
        elif isinstance(inner, int) and _is_card_number(inner):
            return True
    return False


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """Find the card numbers of a text: where each begins and ends."""
    behind = 0
    for found in _CARD_STARTS.finditer(text):
        start, end = found.span(1)
        if start < behind:
            continue  # within the last one
        # What follows may be digits too: "4242 4242 4242 4242 123" is a number and a security code.
        while end - start >= _LEAST_DIGITS:
            ends_here = text[end - 1].isdigit() and not _GOES_ON.match(text, end)
            if ends_here and _is_card_number("".join(filter(str.isdigit, text[start:end]))):
                yield start, end
                behind = end
                break
            end -= 1


def _without_cards(text: str) -> str:
    pieces, behind = [], 0
    for start, end in _cards(text):
        pieces += [text[behind:start], MASK]
        behind = end
    return "".join([*pieces, text[behind:]]) if pieces else text


def _passes_luhn(digits: str) -> bool:
    """Say whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004 - the two digits of the number, added
    return total % 10 == 0


def _holds(text: str, hints: tuple[str, ...]) -> bool:
    for hint in hints:  # noqa: SIM110 - twice as fast as `any` of a generator
        if hint in text:
            return True
    return False


def _folded(text: str) -> str:
    """Return the text in lower case, as `re.IGNORECASE` has it: these three letters are an s and an i to it."""
    if not text.isascii():
        text = text.replace("\u017f", "s").replace("\u0130", "i").replace("\u0131", "i")
    return text.lower()


def _keep_name(found: re.Match[str]) -> str:
    return f"{found['name'] or found['quoted'] or found['header']}{MASK}"


# --- the secrets of one account --------------------------------------------------------------------------------------

MIN_MASKED_CHARS = 6  # a shorter "secret" would mask ordinary words wherever they occur
_LEAST_HINT = 4  # letters and digits in a row; fewer stand in every answer
_ESCAPED_LETTER = re.compile(rb"\\u00(?:3\d|[46][1-9a-f]|[57][0-9a])", re.IGNORECASE)  # JSON, for no reason but to hide
_ESCAPED_IN_JSON = frozenset('"\\/')
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", " ": r"\+"}  # HTML, and forms
_BASE64_URL = {"+": "-", "/": "_"}  # RFC 4648, 5
_LETTERS = re.compile("[A-Za-z0-9]+")
_NEVER_ENCODED = re.compile("[A-Za-z0-9._-]+")  # RFC 3986, 2.3: needlessly encoded ones are not looked for


class Masker:
    """Takes the secrets of one account out of what comes from outside, however they are spelled there.

    Plain, percent-encoded, escaped as in JSON or HTML, and in base64, by themselves or with more around them
    (`user:key`). Secrets of fewer than six characters are left: they would be found everywhere.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({text for text in secrets if len(text) >= MIN_MASKED_CHARS}, key=len, reverse=True)
        self._cores = {secret: _base64_cores(secret) for secret in self._secrets}
        rows: list[str] = []
        for secret, cores in self._cores.items():
            others = [[other, *found] for other, found in self._cores.items() if other != secret]
            # Where one secret stands within another (a key in its Basic token), whoever finds the one finds the other.
            if not any(form in secret for forms in others for form in forms):
                # What is spelled alike in all of these ways: the longest row of characters that nobody encodes.
                rows += [_longest(_NEVER_ENCODED, secret), *(_longest(_LETTERS, core) for core in cores)]
        self._hints = tuple(row.encode() for row in rows)
        self._always = any(len(hint) < _LEAST_HINT for hint in self._hints)

    def __repr__(self) -> str:
        return f"Masker({len(self._secrets)} secrets)"

    def may_be_in(self, raw: bytes) -> bool:
        """Say whether an answer can hold one of the secrets: no is certain, and takes a few microseconds."""
        if self._always or (self._secrets and b"\0" in raw):  # UTF-16, where no row of letters is one of bytes
            return True
        for hint in self._hints:  # faster than an expression by an order of magnitude
            if hint in raw:
                return True
        # One byte is found ten times faster than four.
        return bool(self._secrets) and b"\\" in raw and _ESCAPED_LETTER.search(raw) is not None

    def text(self, text: str) -> str:
        """Return a text fit to be shown: the account's secrets masked, and whatever looks like a secret."""
        return redact_text(self._own(text))

    def value(self, value: JSON) -> JSON:
        """Return a copy of a JSON value fit to be worked with: the account's secrets masked, and nothing else."""
        top: list[Any] = [value]
        waiting: list[Any] = [top]  # a loop of our own: an answer may be nested deeper than Python's recursion
        while waiting:
            part = waiting.pop()
            for place, inner in part.items() if isinstance(part, dict) else enumerate(part):
                if isinstance(inner, str):
                    part[place] = self._own(inner)
                elif isinstance(inner, dict):
                    part[place] = {self._own(name) if isinstance(name, str) else name: x for name, x in inner.items()}
                    waiting.append(part[place])
                elif isinstance(inner, list):
                    part[place] = list(inner)
                    waiting.append(part[place])
        return top[0]

    def _own(self, text: str) -> str:
        return self._spelled.sub(MASK, text) if self._secrets else text

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        plain = ["".join(map(_spellings, secret)) for secret in self._secrets]
        cores = [core for found in self._cores.values() for core in found]
        encoded = ["".join(_spellings(char, _BASE64_URL.get(char)) for char in core) for core in cores]
        return re.compile("|".join([*plain, *encoded]))


def _longest(row: re.Pattern[str], text: str) -> str:
    return max(row.findall(text), key=len, default="")


def _spellings(char: str, other: str | None = None) -> str:
    """Return an expression for one character of a secret in all the ways it may be written.

    Args:
        char: The character.
        other: A character that stands for it in another alphabet.
    """
    percent = "".join(f"%(?:25){{0,2}}{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
    units = char.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(rf"\\{{1,3}}u{units[at : at + 4]}" for at in range(0, len(units), 4))
    ways = [
        r"\\{0,3}" + re.escape(char) if char in _ESCAPED_IN_JSON else re.escape(char),
        f"(?i:{percent}|{escaped}|&#(?:0{{0,4}}{ord(char)}|x0{{0,4}}{ord(char):x});)",
        *([_ENTITIES[char]] if char in _ENTITIES else []),
        *([re.escape(other)] if other else []),
    ]
    return f"(?:{'|'.join(ways)})"


def _base64_cores(secret: str) -> list[str]:
    """Return what base64 makes of a secret for each of the three places it can have among others' bytes.

    Characters that hold bits of the bytes around it are left out, so up to a byte and a half is not covered.
    """
    content = secret.encode("utf-8", "surrogatepass")
    cores = []
    for before in range(3):
        encoded = b64encode(b"\0" * before + content).decode("ascii")
        first, end = -(-before * 8 // 6), (before + len(content)) * 8 // 6
        cores.append(encoded[first:end])
    return cores
