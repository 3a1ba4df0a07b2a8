"""Text carried out in a session: its statements one by one, each word filled in before its command runs."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from manager.api.errors import CloudError, UsageError
from manager.api.suggest import did_you_mean
from shell.language import grammar, scanner, words
from shell.language.words import Statement, Substitution, SyntaxRejected, Variable
from shell.outcome import INTERRUPTED

if TYPE_CHECKING:
    from shell.session import Session


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


def execute(session: Session, text: str, origin: Origin = PROMPT) -> int:
    """Carry out the statements of a text and return the exit code: of the first that failed.

    Those after it are carried out only when errexit is off; after ^C never.
    """
    try:
        found = scanner.statements(text)
    except SyntaxRejected as error:
        return session.tell(error, _place(error, None, text, origin))
    failed = 0
    for statement in found:
        code = _carry_out(session, statement, text, origin)
        if code == INTERRUPTED or (code and session.options.errexit):
            return code
        failed = failed or code
        if session.leaving:
            break
    return failed


def check(session: Session, text: str, origin: Origin) -> int:
    """Tell the first statement of a text that cannot be right, and return its exit code, or 0."""
    statement: Statement | None = None
    try:
        for statement in scanner.statements(text):
            grammar.check(statement)
    except UsageError as error:
        return session.tell(error, _place(error, statement, text, origin))
    return 0


def place_of_words(error: CloudError, given: Sequence[str]) -> Place:
    """Return what an error of a command whose words were ready is about."""
    text, statement = words.as_typed(given)
    return _place(error, statement, text, PROMPT)


def _carry_out(session: Session, statement: Statement, text: str, origin: Origin) -> int:
    given: list[str] = []

    def act() -> None:
        given.extend(_filled(session, statement))
        session.perform(given)

    session.echo(text[statement.start : statement.end])
    code = session.attempt(act, given, lambda error: _place(error, statement, text, origin))
    if code == 0 and session.recording is not None and not session.sourcing:
        session.recording.add(given[0], text[statement.start : statement.end])
    return 0 if statement.tolerant and code != INTERRUPTED else code


def _place(error: CloudError, statement: Statement | None, text: str, origin: Origin) -> Place:
    span = _span(error, statement)
    start = statement.start if statement is not None else 0
    return Place(text, span, origin.where(text, span[0] if span else start))


def _span(error: CloudError, statement: Statement | None) -> tuple[int, int] | None:
    """Return the part of the text that an error points at."""
    if isinstance(error, SyntaxRejected):
        return error.span
    if not isinstance(error, UsageError) or error.at is None or statement is None:
        return None
    if error.at + 1 < len(statement.words):  # `at` counts from the word after the verb
        word = statement.words[error.at + 1]
        return word.start, word.end
    return statement.end, statement.end


def _filled(session: Session, statement: Statement) -> list[str]:
    """Return the words of a statement with their variables and commands filled in."""
    return [
        words.expand(
            word,
            lambda variable: _value(session, variable),
            lambda substitution: _output(session, substitution),
        )
        for word in statement.words
    ]


def _value(session: Session, variable: Variable) -> str:
    of_environment = variable.name.startswith("env.")
    name = variable.name.removeprefix("env.") if of_environment else variable.name
    known = os.environ if of_environment else session.variables
    if name in known:
        return known[name]
    guess = did_you_mean(name, known)
    hint = f"env {name}=VALUE simplecloud ..." if of_environment else f"set {name} VALUE"
    hint = f"did you mean ${'env.' if of_environment else ''}{guess}?" if guess else hint
    span = (variable.start, variable.end)
    raise SyntaxRejected(f'variable "{variable.name}" is not set', span, hint=hint)


def _output(session: Session, substitution: Substitution) -> str:
    """Return what the statements of $(...) print, without the last line end."""
    outer, session.out = session.out, io.StringIO()
    try:
        for statement in substitution.statements:
            _perform_inside(session, statement)
        return session.out.getvalue().rstrip("\n")
    finally:
        session.out = outer


def _perform_inside(session: Session, statement: Statement) -> None:
    try:
        session.perform(_filled(session, statement))
    except UsageError as error:  # its place is counted within this statement
        span = _span(error, statement) or (statement.start, statement.end)
        raise SyntaxRejected(error.message, span, hint=error.hint) from error
