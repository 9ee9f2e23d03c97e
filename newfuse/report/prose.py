"""A performer's closing words: printed sentence by sentence, each only if every number in it was measured.

What is compared is the very text that is printed: normalized, without invisible characters, bounded. A sentence is left
out when it holds a number that was not measured, a word that is not plain English or a name of the run, or anything
else that cannot be read for certain. Leaving out an honest sentence is cheap; printing an invented figure is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from newfuse.report.markdown import harmless, plain_text, quoted
from newfuse.report.measured import Measured, measured_for, stems
from newfuse.report.numbers import Break, Kind, Number, Strange, Token, Word, read
from newfuse.report.plain_words import is_plain
from newfuse.report.record import RunRecord
from newfuse.report.results import TaskOutcome
from newfuse.report.wording import counted

PROSE_CHARACTERS = 4000  # about a page; what follows is not looked at
NAMED = 6  # tokens named in the report; more would be the text over again
NAMED_CHARACTERS = 24  # of each: an amount fits, a statement does not
GAP = "[…]"  # stands where something was left out

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][\"”’'*_)\]])\s+")
_MARKER = re.compile(r"(?P<marker>(?P<number>[1-9]\d?)[.)]\s+)(?=\S)")
_SAYS_NOTHING = re.compile(r"[\s|:*_=#-]*")  # rules and empty cells


@dataclass(frozen=True, slots=True)
class ClosingWords:
    """A text after its sentences were compared with what was measured.

    Attributes:
        kept: What may be printed, line by line, with a gap where something was left out.
        left_out: How many sentences were left out.
        because: What they hold that was not measured or is not known, each once.
        cut: Whether the text was longer than what was looked at.
    """

    kept: str
    left_out: int
    because: list[str]
    cut: bool = False


def judged(text: str, measured: Measured) -> ClosingWords:
    """Compare a text with what was measured, sentence by sentence."""
    shown, cut = plain_text(text, PROSE_CHARACTERS)
    lines: list[str] = []
    left_out, because = 0, dict[str, None]()
    for marker, sentences in _lines(shown, cut=cut):
        parts: list[str] = []
        for sentence in sentences:
            doubts = unmeasured(sentence, measured)
            because |= dict.fromkeys(doubts)
            left_out += bool(doubts)
            part = GAP if doubts else sentence
            if part != GAP or parts[-1:] != [GAP]:
                parts.append(part)
        line = " ".join(parts)
        if line != GAP:
            lines.append(f"{marker}{line}")
        elif lines[-1:] != [GAP]:
            lines.append(GAP)
    kept = "\n".join(lines).strip()
    return ClosingWords("" if not kept.replace(GAP, "").strip() else kept, left_out, list(because), cut)


def unmeasured(sentence: str, measured: Measured) -> list[str]:
    """Return what in a sentence was not measured or cannot be read for certain; empty when it may be printed."""
    tokens = read(sentence, measured.names, measured.currencies)
    followed = zip(tokens, [*tokens[1:], Break()], strict=False)
    doubts = [token.text for token in tokens if isinstance(token, Strange)]
    doubts += [
        token.text
        for token, following in followed
        if isinstance(token, Word) and not _is_known(token, following, measured)
    ]
    return list(dict.fromkeys([*doubts, *_uncovered(tokens, measured)]))


def closing_words(record: RunRecord, outcome: TaskOutcome) -> str:
    """Return a task's closing words as a harmless quotation, with what was compared and what was left out of it.

    Empty when there are none.
    """
    if not outcome.prose.strip():
        return ""
    by = harmless(outcome.prose_by or "the performer")
    found = judged(outcome.prose, measured_for(record, outcome))
    rest = f" What follows its first {PROSE_CHARACTERS} characters was left out unread." if found.cut else ""
    if not found.kept:
        return f"The closing text of {by} was left out{_reason(found)}.{rest}"
    said = (
        f"In the words of {by}. Its figures were compared with what was measured; what it says with them was not "
        f"checked.\n\n{quoted(found.kept)}"
    )
    if found.left_out:
        was = "was" if found.left_out == 1 else "were"
        said += f"\n\n{counted(found.left_out, 'sentences')} of it {was} left out{_reason(found)}."
    return f"{said}\n\n{rest.strip()}".rstrip()


def unmeasured_figures(record: RunRecord, outcome: TaskOutcome) -> list[str]:
    """Return the figures for which sentences of a task's closing words are left out of its report."""
    if not outcome.prose.strip():
        return []
    return list(filter(_has_figure, judged(outcome.prose, measured_for(record, outcome)).because))


def _reason(found: ClosingWords) -> str:
    if not found.because:
        return ": nothing in it can be read for certain"
    tokens = sorted(found.because, key=lambda token: not _has_figure(token))
    named = ", ".join(f"“{harmless(token, NAMED_CHARACTERS)}”" for token in tokens[:NAMED])
    more = f" and {len(tokens) - NAMED} more" if len(tokens) > NAMED else ""
    return f" for what was not measured, or is not known as plain English: {named}{more}"


def _has_figure(token: str) -> bool:
    return any(char.isnumeric() for char in token)


# --- lines and sentences ----------------------------------------------------------------------------------------------


def _lines(text: str, *, cut: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of a text, each as the marker of a numbered list and sentences; a cut sentence is none."""
    lines = text.splitlines()
    markers = _list_markers(lines)
    for index, line in enumerate(lines):
        marker = markers.get(index, "")
        sentences = _SENTENCE_END.split(line.removeprefix(marker))
        if cut and index == len(lines) - 1:
            sentences.pop()
        if not line or not _SAYS_NOTHING.fullmatch(line):
            yield marker, sentences


def _list_markers(lines: list[str]) -> dict[int, str]:
    """Return the markers of numbered lists, by line; a list counts 1, 2, 3 without a gap and has two items at least."""
    found: dict[int, str] = {}
    items: dict[int, str] = {}
    for index, line in enumerate([*lines, ""]):
        at = _MARKER.match(line)
        number = int(at["number"]) if at is not None else 0
        if at is not None and number == len(items) + 1:
            items[index] = at["marker"]
            continue
        if at is not None or index == len(lines):
            found |= items if len(items) > 1 else {}
            items = {index: at["marker"]} if at is not None and number == 1 else {}
    return found


# --- words and numbers ------------------------------------------------------------------------------------------------


def _is_known(word: Word, following: Token, measured: Measured) -> bool:
    if word.text == "I":  # the person, not the Roman one: "I wrote them", but not "I payments"
        return isinstance(following, Word) and not following.text.endswith("s")
    name = word.text.lower()
    return name in measured.names or name in measured.words or is_plain(name)


def _uncovered(tokens: list[Token], measured: Measured) -> Iterator[str]:
    """Yield the numbers that were not measured; in a sentence without a number, what was counted and never happened."""
    numbers = [index for index, token in enumerate(tokens) if isinstance(token, Number)]
    for index, clause in _clauses(tokens, numbers):
        number = tokens[index]
        assert isinstance(number, Number)  # that is how they were chosen
        if not measured.covers(number, clause, whole=_is_whole(tokens, index)):
            yield number.text
    if all(isinstance(token, Number) and token.kind is Kind.MOMENT for token in (tokens[index] for index in numbers)):
        for token in tokens:
            if isinstance(token, Word) and any(measured.never_happened(stem) for stem in stems(token.text)):
                yield token.text


def _clauses(tokens: list[Token], numbers: list[int]) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield each number's place with the stems of its clause.

    Between two numbers a clause ends at a break. Where there are several, what stands between the first and the last
    may belong to either, so it counts for both; where there is none, the numbers share a clause.
    """
    starts, ends = [0], list[int]()
    for first, second in pairwise(numbers):
        breaks = [index for index in range(first, second) if isinstance(tokens[index], Break)]
        if breaks:
            starts.append(breaks[0])
            ends.append(breaks[-1])
        else:
            starts.append(starts[-1])
            ends.append(-1)  # as the next
    ends.append(len(tokens))
    for place in reversed(range(len(ends) - 1)):
        if ends[place] < 0:
            ends[place] = ends[place + 1]
    for index, start, end in zip(numbers, starts, ends, strict=False):
        yield index, stems(" ".join(token.text for token in tokens[start:end] if isinstance(token, Word)))


def _is_whole(tokens: list[Token], index: int) -> bool:
    """Say whether a number is the second of "9 of 12" or "9 of the 12"."""
    before = [token.text.lower() if isinstance(token, Word) else token for token in tokens[max(0, index - 3) : index]]
    if before[-1:] == ["the"]:
        before.pop()
    return before[-1:] == ["of"] and isinstance(before[-2] if len(before) > 1 else None, Number)
