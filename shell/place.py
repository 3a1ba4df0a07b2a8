"""Where an error is: which line of which script, and the part of it to point at. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from manager.api.errors import CloudError, UsageError
from shell.language import words
from shell.language.words import Statement, SyntaxRejected


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
    """What an error is about: the text, the part to point at, and the prefix that names the line."""

    text: str = ""
    span: tuple[int, int] | None = None
    where: str = ""


def place_of_words(error: CloudError, given: Sequence[str]) -> Place:
    """Return what an error of a command whose words were ready is about."""
    text, statement = words.as_typed(given)
    return place_of(error, statement, text, PROMPT)


def place_of(error: CloudError, statement: Statement | None, text: str, origin: Origin) -> Place:
    """Return what an error of a statement is about; None for one of no statement."""
    span = span_of(error, statement)
    start = statement.start if statement is not None else 0
    return Place(text, span, origin.where(text, span[0] if span else start))


def span_of(error: CloudError, statement: Statement | None) -> tuple[int, int] | None:
    """Return the part of the text that an error points at."""
    if isinstance(error, SyntaxRejected):
        return error.span
    if not isinstance(error, UsageError) or error.at is None or statement is None:
        return None
    if error.at + 1 < len(statement.words):  # `at` counts from the word after the verb
        word = statement.words[error.at + 1]
        return word.start, word.end
    return statement.end, statement.end
