"""A line as it stands while it is typed: the words so far, the one under the cursor, open quotes and all.

shell.language.scanner reads finished input and rejects the rest; here nothing is an error, because the next
key may finish it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

_BLANK = " \t\r"
_ENDS = ";\n"


@dataclass(frozen=True, slots=True)
class Word:
    """A word from `start` to `end` of the text (end excluded); `value` without quotes."""

    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class Statement:
    """The words of one statement. `end`: where it stops; `comment`: the text there is a comment's."""

    words: tuple[Word, ...]
    end: int
    comment: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """What the cursor is at: the words before it, and the word under it up to the cursor (perhaps '')."""

    before: tuple[str, ...]
    word: Word
    comment: bool


@dataclass(frozen=True, slots=True)
class Within:
    """What is open where a text ends: the command of a $(, from `start` on (0: none), and a quote in it."""

    start: int
    quote: str


def within(text: str) -> Within:
    """Return what is open at the end of a text."""
    outer: list[Within] = []
    at, now = 0, Within(0, "")
    while at < len(text):
        char = text[at]
        if char == "\\" and now.quote != "'":
            at += 1
        elif char == now.quote or (not now.quote and char in "'\""):
            now = replace(now, quote="" if now.quote else char)
        elif text.startswith("$(", at) and now.quote != "'":
            outer.append(now)
            at += 1
            now = Within(at + 1, "")
        elif char == ")" and not now.quote and outer:
            now = outer.pop()
        at += 1
    return now


def statements(text: str) -> Iterator[Statement]:
    """Return the statements of a text, empty ones too; a comment is one without words."""
    at, words = 0, list[Word]()
    while at < len(text):
        char = text[at]
        if text.startswith("\\\n", at):
            at += 2
        elif char in _BLANK:
            at += 1
        elif char in _ENDS:
            yield Statement(tuple(words), at)
            at, words = at + 1, []
        elif char == "#":
            end = text.find("\n", at)
            if end < 0:
                yield Statement(tuple(words), at)
                yield Statement((), len(text), comment=True)
                return
            at = end
        else:
            word = _word(text, at)
            words.append(word)
            at = word.end
    yield Statement(tuple(words), at)


def _word(text: str, start: int) -> Word:
    """Return the word that begins at `start`; an open quote takes all that is left."""
    at, quote, value = start, "", list[str]()
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'" and at + 1 < len(text):
            value.append("" if text[at + 1] == "\n" else _unescaped(text[at + 1], quote))
            at += 1
        elif char == quote or (not quote and char in "'\""):
            quote = "" if quote else char
        elif not quote and char in _BLANK + _ENDS:
            break
        else:
            value.append(char)
        at += 1
    return Word(start, at, "".join(value))


def _unescaped(char: str, quote: str) -> str:
    return char if not quote or char in '\\"$`' else f"\\{char}"


def spot(text: str, cursor: int) -> Spot:
    """Return what is at the cursor: what stands behind it does not count."""
    *_, last = statements(text[:cursor])
    words = last.words
    if words and words[-1].end == cursor:
        return Spot(_values(words[:-1]), words[-1], last.comment)
    return Spot(_values(words), Word(cursor, cursor, ""), last.comment)


def _values(words: tuple[Word, ...]) -> tuple[str, ...]:
    """Return what the words are, the first without the `-` that says that a failure is not fatal."""
    values = [word.value for word in words]
    if values and values[0] == "-":
        return tuple(values[1:])
    return (values[0].removeprefix("-"), *values[1:]) if values else ()
