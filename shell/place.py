"""Where an error is: which line of which script, and the part of it to point at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from manager.api.errors import (
    AppExists,
    AppReached,
    CloudError,
    ProgramRejected,
    RouteTaken,
    SecretInUse,
    SecretRejected,
    UsageError,
    WorkerNotFound,
)
from shell.language import words
from shell.language.words import Statement, Substitution, SyntaxRejected

# Something in the input is off, be it not said which word.
_OF_INPUT = (
    UsageError,
    AppExists,
    AppReached,
    ProgramRejected,
    RouteTaken,
    SecretInUse,
    SecretRejected,
    WorkerNotFound,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text comes from: the name of a script and the number of the text's first line."""

    name: str = ""
    line: int = 1

    def where(self, text: str, at: int) -> str:
        """Return the prefix of an error at this character, such as `demo.sc:7: `; "" at the prompt."""
        return f"{self.name}:{self.line + text.count(chr(10), 0, at)}: " if self.name else ""


PROMPT = Origin()


@dataclass(frozen=True, slots=True)
class Place:
    """What an error is about: the text, the part to point at, and the prefix that names the line.

    mended: the statement with what was meant in that part, "" where nobody knows that.
    """

    text: str = ""
    span: tuple[int, int] | None = None
    where: str = ""
    mended: str = ""


def place_of_words(error: CloudError, given: Sequence[str]) -> Place:
    """Return what an error of a command whose words were ready is about."""
    text, statement = words.as_typed(given)
    return place_of(error, statement, text, PROMPT)


def place_of(error: CloudError, statement: Statement | None, text: str, origin: Origin) -> Place:
    """Return what an error is about; statement: None where the text could not be read."""
    span = span_of(error, statement)
    start = statement.start if statement is not None else 0
    mended = _mended(error, statement, text, span)
    return Place(text, span, origin.where(text, span[0] if span else start), mended)


def _mended(error: CloudError, statement: Statement | None, text: str, span: tuple[int, int] | None) -> str:
    if statement is None or span is None or not error.meant:
        return ""
    if _span_of_word(error.meant, statement, 0) is not None:  # it is named already: not twice
        return ""
    mended = text[statement.start : span[0]] + error.meant + text[span[1] : statement.end]
    return "" if "\n" in mended else mended


def span_of(error: CloudError, statement: Statement | None) -> tuple[int, int] | None:
    """Return the part of the text that an error points at: its word, at its index or behind it.

    The index counts from the word after the verb; options that stand before move a word behind it. An error
    that says neither is about the word that it names first.
    """
    if isinstance(error, SyntaxRejected):
        return error.span
    if statement is None:
        return None
    at = error.at if isinstance(error, UsageError) else None
    if at is not None and not error.word:
        return _span_at(at, statement)
    spans = (_span_told(error, each, at or 0) for each in _with_inner(statement))
    return next(filter(None, spans), None)


def _with_inner(statement: Statement) -> Iterator[Statement]:
    """Yield a statement and those within its $(...)."""
    yield statement
    for word in statement.words:
        for part in word.parts:
            if isinstance(part, Substitution):
                for inner in part.statements:
                    yield from _with_inner(inner)


def _span_told(error: CloudError, statement: Statement, at: int) -> tuple[int, int] | None:
    if error.word:
        return _span_of_word(error.word, statement, at)
    return _span_of_named(error.message, statement) if isinstance(error, _OF_INPUT) else None


def _span_at(at: int, statement: Statement) -> tuple[int, int]:
    if at + 1 < len(statement.words):
        word = statement.words[at + 1]
        return word.start, word.end
    return statement.end, statement.end


def _span_of_word(part: str, statement: Statement, at: int) -> tuple[int, int] | None:
    """Return where a word, or a part of one such as the web of web=3, was written in a statement."""
    whole = re.compile(rf"(?<![\w-])[+-]?{re.escape(part)}(?![\w-])")
    for word in statement.words[at + 1 :]:
        literal = word.literal or ""
        found = whole.search(literal)
        if found is not None and word.end - word.start == len(literal):
            return word.start + found.start(), word.start + found.end()
        if found is not None:  # within quotes
            return word.start, word.end
    return None


def _span_of_named(message: str, statement: Statement) -> tuple[int, int] | None:
    """Return where the word stands that a message names first, the longest of those that begin there."""
    named = [
        (found.start(), -len(word.literal or ""), (word.start, word.end))
        for word in statement.words[1:]
        if word.literal
        and (named := re.escape(word.literal.rstrip("/") or word.literal))
        and (found := re.search(rf"(?<![\w./-]){named}/?(?![\w/-]|\.\w)", message))
    ]
    return min(named)[2] if named else None
