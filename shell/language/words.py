r"""What a text of the language is made of: statements of words, each with its place in the text.

    "run web ./server.py; scale web=$n   # three"   ->   two statements of 3 and 2 words

Quoting is POSIX: '...' takes all as it is; "..." knows \\ \" \$ \` and expands; a backslash outside takes
the next character as it is, and at the end of a line continues it. $NAME, ${NAME}, $env.NAME and
$(command) become parts of ONE word that are filled in when the statement runs and never split again. Only a
$(command) that is a word by itself, not quoted, becomes a word for each line that the command prints.
A statement ends at ; or at the end of its line; what is open there, quotes and $(, goes on in the next line,
and one that is never closed is told where it began. There is no globbing. | < > & are characters like others,
but as a word of its own, not quoted, such an operator of other shells is refused; wait and expect compare
with < and >.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from manager.api.errors import UsageError
from shell.language.quoting import join, quote


class SyntaxRejected(UsageError):
    """The text cannot be read; `span` is the part of it that is off."""

    def __init__(self, message: str, span: tuple[int, int], *, hint: str = "help scripts") -> None:
        super().__init__(message, hint=hint)
        self.span = span


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Substitution:
    """$(command): the word gets what the statements print, without the last line end."""

    statements: tuple[Statement, ...]
    start: int
    end: int


Part = Text | Variable | Substitution


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its parts in order, and where it stands in the text."""

    parts: tuple[Part, ...]
    start: int
    end: int

    @property
    def literal(self) -> str | None:
        """The word itself when nothing in it has to be filled in."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Text):
            return self.parts[0].text
        return None if self.parts else ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A verb with its arguments; `tolerant` (a leading -) means that a failure is not fatal."""

    words: tuple[Word, ...]
    tolerant: bool
    start: int
    end: int


def expand(
    word: Word, value: Callable[[Variable], str], output: Callable[[Substitution], str]
) -> Sequence[str]:
    """Return the word with its variables and substitutions filled in.

    Of one that is nothing but a $(command), a word for each line that is printed; an empty one for none, as
    `freeze $(...)` of no app shall not be `freeze`.
    """
    match word.parts:
        case (Substitution() as alone,):
            return [line for line in output(alone).split("\n") if line] or [""]
        case _:
            return [_joined(word, value, output)]


def _joined(word: Word, value: Callable[[Variable], str], output: Callable[[Substitution], str]) -> str:
    filled = []
    for part in word.parts:
        match part:
            case Text(text):
                filled.append(text)
            case Variable():
                filled.append(value(part))
            case Substitution():
                filled.append(output(part))
    return "".join(filled)


def as_typed(arguments: Sequence[str]) -> tuple[str, Statement]:
    """Return ready words (of a command line) as a statement, and the text that their places refer to."""
    found: list[Word] = []
    at = 0
    for argument in arguments:
        end = at + len(quote(argument))
        found.append(Word((Text(argument),), at, end))
        at = end + 1
    text = join(arguments)
    return text, Statement(tuple(found), tolerant=False, start=0, end=len(text))
