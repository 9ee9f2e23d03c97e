"""Makes text from elsewhere fit for a terminal: what vendors and files say must not move cursors or hide lines."""

from __future__ import annotations

import re
import unicodedata

# CSI, OSC and the other escape sequences of ECMA-48 section 5.3, with their 8-bit forms: gone as a whole, or their
# letters would be left standing in the text.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Controls, formats (they turn the writing direction round), lone surrogates, and the separators that are newlines too.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Joins emoji such as family and flag sequences; harmless, and their parts would be shown one by one without it.
_JOINERS = {"\u200d"}
_JSON_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return the text without escape sequences and invisible characters; newlines stay, tabs become blanks."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in _ESCAPES.sub("", text.replace("\r\n", "\n")))


def one_line(text: str, limit: int = 300) -> str:
    """Return the text as one printable line, cut after `limit` characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else f"{line[:limit]}…"


def safe_json(text: str) -> str:
    """Return JSON text with the characters that a terminal would act on escaped: the same JSON value."""
    return _JSON_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _shown(char: str) -> str:
    if char == "\n" or char in _JOINERS:
        return char
    if unicodedata.category(char) in _INVISIBLE:
        return " " if char.isspace() or char in "\u2028\u2029" else ""
    return char
