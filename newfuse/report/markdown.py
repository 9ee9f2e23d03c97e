"""Makes text from outside harmless in markdown: whatever a vendor, a model or a user wrote is shown, never obeyed."""

from __future__ import annotations

import re
import unicodedata

from newfuse.redact import redact_text

SHOWN_CHARACTERS = 300  # a vendor's error fits; a page pasted into one field does not

# What CommonMark, GitHub's tables, strikethrough and mathematics give a meaning to anywhere in a line.
_ANYWHERE = re.compile(r"[\\`*\[\]|~$]")
# An underscore inside a word means nothing in CommonMark (0.31.2, 6.2), and names are full of them.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_ENTITY = re.compile(r"&(?=#|[A-Za-z])")
_ADDRESS = re.compile(r"(?i)(?<=[a-z])://|(?<=www)\.|(?<=mailto):|(?<=xmpp):")
# Headings, lists, rules and underlines begin so; a sign before a figure or a point within one does not.
_LINE_START = re.compile(r"^(?:[#+=:-](?=[\s#+=:-]|$)|\d+[.)](?=\s|$))")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, direction overrides, lone surrogates …
_COMBINING = {"Mn", "Me"}  # accents, joiners, variation selectors, strokes through a letter, keycaps
_JOINERS = {"\u200d"}  # zero-width joiner: emoji are made with it


class Markdown(str):
    """A text that is harmless in markdown already: `harmless` made it, or it was composed of such texts."""

    __slots__ = ()


def harmless(text: object, limit: int = SHOWN_CHARACTERS) -> str:
    """Return a text as one line of markdown that renders as the text itself and does nothing.

    Line breaks become spaces, invisible characters are dropped, credentials are masked, a long text is cut with its
    length named, and everything markdown, HTML or autolinks would act on is escaped.

    Args:
        text: Anything; shown as `str`.
        limit: Most characters of it that are shown.
    """
    line = _visible(redact_text(str(text)))
    if len(line) > limit:
        line = f"{line[:limit].rstrip()}… ({len(line)} characters)"
    return Markdown(_escaped(line))


def printed(value: object) -> object:
    """Return what a template prints of a value: a text that nobody marked as harmless is made so."""
    if not isinstance(value, str) or isinstance(value, Markdown):
        return value
    if value.isprintable() and _escaped(redact_text(value)) == value:
        return value  # nothing in it acts; blanks at its ends are the template's
    return harmless(value)


def plain_text(text: str, limit: int) -> tuple[str, bool]:
    """Return a text as it can be seen and read, line by line, and whether it was cut.

    Letters and figures are brought to their common form (NFKC: `５`, `⑤` and `⁵` become `5`), characters that cannot be
    seen or that change the one before them are dropped, runs of blanks become one, credentials are masked.

    Args:
        text: Anything; what stands behind the limit is not looked at.
        limit: Most characters.
    """
    common = unicodedata.normalize("NFKC", text[:limit])
    lines = [" ".join(_seen(line).split()) for line in common.splitlines()]
    shown = redact_text("\n".join(lines))
    # One character may become eighteen (U+FDFA), and what is masked may be shorter than its mask.
    return shown[:limit], len(text) > limit or len(shown) > limit


def quoted(text: str) -> str:
    """Return a text as a markdown quotation, line by line, harmless; empty lines separate paragraphs."""
    lines = [_escaped(_visible(line)) for line in text.strip().splitlines()]
    kept = [line for index, line in enumerate(lines) if line or (index and lines[index - 1])]
    return "\n".join(f"> {line}  " if line else ">" for line in kept)


def _seen(line: str) -> str:
    """Return a line without what has no place of its own in it; blanks of any kind stay."""
    if line.isascii() and line.isprintable():
        return line
    return "".join(char for char in line if char.isspace() or unicodedata.category(char) not in _INVISIBLE | _COMBINING)


def _visible(text: str) -> str:
    spaced = " ".join(text.split())
    if spaced.isprintable():  # then there is nothing invisible in it
        return spaced
    return "".join(char for char in spaced if char in _JOINERS or unicodedata.category(char) not in _INVISIBLE).strip()


def _escaped(line: str) -> str:
    line = _ANYWHERE.sub(r"\\\g<0>", line)
    line = _UNDERSCORE.sub(r"\\_", line)
    line = _ENTITY.sub("&amp;", line).replace("<", "&lt;").replace(">", "&gt;")
    line = _ADDRESS.sub(lambda found: "\\" + found[0], line)
    return _LINE_START.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", line)
