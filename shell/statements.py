"""Text carried out in a session: its statements one by one, each word filled in before its command runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from manager.api.errors import CloudError, UsageError
from manager.api.suggest import did_you_mean
from shell.attempt import attempt
from shell.language import grammar, scanner, words
from shell.language.words import Statement, Substitution, SyntaxRejected, Variable, Word
from shell.outcome import INTERRUPTED
from shell.place import PROMPT, Origin, Place, place_of, span_of

if TYPE_CHECKING:
    from shell.session import Session


def execute(session: Session, text: str, origin: Origin = PROMPT) -> int:
    """Carry out the statements of a text and return the exit code: of the first that failed.

    Those after it are carried out only when errexit is off; after ^C never.
    """
    try:
        found = scanner.statements(text)
    except SyntaxRejected as error:
        return session.tell(error, place_of(error, None, text, origin))
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
        return session.tell(error, place_of(error, statement, text, origin))
    return 0


def _carry_out(session: Session, statement: Statement, text: str, origin: Origin) -> int:
    given: list[str] = []
    filled: list[Word] = []

    def act() -> None:
        _fill(session, statement, given, filled)
        session.perform(given)

    def place(error: CloudError) -> Place:
        return place_of(error, _as_filled(statement, filled), text, origin)

    session.echo(text[statement.start : statement.end])
    code = attempt(session, act, given, place)
    if code == 0 and session.recording is not None and not session.sourcing:
        session.recording.add(given[0], text[statement.start : statement.end])
    return 0 if statement.tolerant and code != INTERRUPTED else code


def _fill(session: Session, statement: Statement, given: list[str], filled: list[Word]) -> None:
    """Add the words of a statement to `given`, filled in, and what each of them came from to `filled`."""
    value, output = partial(_value, session), partial(_output, session)
    for word in statement.words:
        texts = words.expand(word, value, output)
        given += texts
        filled += [word] * len(texts)


def _as_filled(statement: Statement, filled: Sequence[Word]) -> Statement:
    """Return the statement with a word for each that was filled in; those not reached are as written."""
    reached = filled[-1].end if filled else 0
    return replace(statement, words=(*filled, *(word for word in statement.words if word.start >= reached)))


def _value(session: Session, variable: Variable) -> str:
    name = variable.name.removeprefix("env.")
    known = session.variables if name == variable.name else os.environ
    if name in known:
        return known[name]
    told, span = f'variable "{variable.name}" is not set', (variable.start, variable.end)
    raise SyntaxRejected(told, span, hint=_hint_on(variable, known))


def _hint_on(variable: Variable, known: Collection[str]) -> str:
    """Return which variable was meant, else how this one is set."""
    name = variable.name.removeprefix("env.")
    sign = variable.name.removesuffix(name)
    if name in os.environ:
        return f"did you mean $env.{name}?"
    if guess := did_you_mean(name, known):
        return f"did you mean ${sign}{guess}?"
    return f"env {name}=VALUE simplecloud ..." if sign else f"set {name} VALUE"


def _output(session: Session, substitution: Substitution) -> str:
    """Return what the statements of $(...) print, without the last line end."""
    with session.captured() as printed:
        for statement in substitution.statements:
            _perform_inside(session, statement)
    return printed.getvalue().rstrip("\n")


def _perform_inside(session: Session, statement: Statement) -> None:
    given: list[str] = []
    filled: list[Word] = []
    try:
        _fill(session, statement, given, filled)
        session.perform(given)
    except UsageError as error:  # its place is counted within this statement
        span = span_of(error, _as_filled(statement, filled)) or (statement.start, statement.end)
        raise SyntaxRejected(error.message, span, hint=error.hint) from error
