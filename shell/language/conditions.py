"""What `wait` and `expect` can be told: words to conditions, and conditions to words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from manager.api import values
from manager.api.arguments import Arguments
from manager.api.cite import cited
from manager.api.command import Command
from manager.api.errors import UsageError
from manager.api.listings import LISTINGS, Column
from manager.api.rows.scripts import ANSWERS
from manager.api.suggest import Meant, did_you_mean
from shell.language.comparison import OPERATORS, Comparison
from shell.language.parsing import late_option
from shell.language.quoting import join
from shell.text.columns import field_names, refused

_LOAD_ENDS = {"wait": ("done",), "expect": ("failed", "==", "0")}
Kind = Literal["AppList", "WorkerList"]


@dataclass(frozen=True, slots=True)
class Ready:
    target: str


@dataclass(frozen=True, slots=True)
class Gone:
    target: str


@dataclass(frozen=True, slots=True)
class FieldIs:
    target: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class ManagerIs:
    up: bool


@dataclass(frozen=True, slots=True)
class LoadDone:
    app: str


@dataclass(frozen=True, slots=True)
class LoadIs:
    app: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Answers:
    """Of `count` requests for a path of the app at most `failed` fail, and each answer has `contains`."""

    app: str
    path: str
    contains: str
    count: int
    failed: int


@dataclass(frozen=True, slots=True)
class Fails:
    """The command fails with an error that contains the text."""

    text: str
    command: tuple[str, ...]


Condition = Ready | Gone | FieldIs | ManagerIs | LoadDone | LoadIs | Answers | Fails


def parse(row: Command, arguments: Arguments) -> Condition:
    """Return the condition that wait or expect was given; raises UsageError."""
    condition = _condition(row, arguments)
    unasked = next((f"--{option.name}" for option in ANSWERS if option.key in arguments.values), "")
    if unasked and not isinstance(condition, Answers):
        hint = join([row.verb, *arguments.texts("condition")])
        raise UsageError(f"{row.verb}: {unasked} goes with http APP PATH", hint=hint, word=unasked)
    return condition


def _condition(row: Command, arguments: Arguments) -> Condition:
    match arguments.texts("condition"):
        case ["manager", "up" | "down" as state]:
            return ManagerIs(state == "up")
        case ["load", app, "done"]:
            return LoadDone(_target(row, app, 1))
        case ["load", app, field, operator, value]:
            said = _comparison(row, ("load", app, field), operator, value)
            return LoadIs(_target(row, app, 1), said)
        case ["http", app, path]:
            return _answers(row, app, path, arguments)
        case ["error", text, line] if len(line.split()) > 1:
            hint = f"{join([row.verb, 'error', text])} {line}"
            raise UsageError(f"{row.verb}: a command is no single word in quotes", hint=hint, word=line, at=2)
        case ["error", text, word, *_] as words if row.option(word.partition("=")[0]):
            raise late_option(row, words, 2, cited(text))
        case ["error", text, *command] if command and command[0] not in OPERATORS:
            return Fails(text, tuple(command))
        case [target, "ready"]:
            return Ready(_target(row, target))
        case [target, "gone"]:
            return Gone(_target(row, target))
        case [target, field, operator, value]:
            said = _comparison(row, (target, field), operator, value)
            return _field_is(row, _target(row, target), said)
        case words:
            hint = f"{_nearest(row, words)}    (or: help {row.verb})"
            at = len(words) - 1
            raise UsageError(f"{row.verb}: this is no condition", hint=hint, word=words[-1], at=at)


def _nearest(row: Command, said: Sequence[str]) -> str:
    """Return the condition that what was said is nearest to, as it is typed."""
    match [*_apart(said)]:
        case ["manager", *_]:
            right = ["manager", "up"]
        case ["http", *rest]:
            right = ["http", rest[0] if rest else "web", "/"]
        case ["load", *rest]:
            right = ["load", rest[0] if rest else "web", *_LOAD_ENDS[row.verb]]
        case ["error", *_]:
            right = ["error", *(said[1:2] or ["no app"]), "ps", "nosuch"]
        case [target, field, operator, value, *_] if operator in OPERATORS and _names_field(target, field):
            right = [target, field, operator, value]
        case [target, operator, value] if operator in OPERATORS:
            right = [target, "ready", operator, value]
        case [target, field, operator] if operator in OPERATORS and _names_field(target, field):
            right = [target, field, operator, "ready" if field == "state" else "1"]
        case [target, field, value] if _names_field(target, field):
            right = [target, field, "==", value]
        case [target, *rest]:
            right = [target, did_you_mean(" ".join(rest), ("ready", "gone")) or "ready"]
    return join([row.verb, *right])


def _apart(said: Sequence[str]) -> Iterator[str]:
    """Yield the words with operators apart: `want=3` is want == 3."""
    for word in said:
        for part in filter(None, re.split(r"([=!<>]=|[=<>])", word)):
            yield "==" if part == "=" else part


def _names_field(target: str, field: str) -> bool:
    return field_named(kind_of(target), field) is not None


def _answers(row: Command, app: str, path: str, arguments: Arguments) -> Answers:
    if not path.startswith("/"):
        raise UsageError(
            f"{row.verb}: the path {cited(path)} does not begin with /",
            hint=f"{row.verb} http {app} /{path}",
            word=path,
            at=2,
        )
    contains = arguments.text("contains") or ""
    count, failed = arguments.whole("count") or 1, arguments.whole("failed") or 0
    return Answers(_target(row, app, 1), path, contains, count, failed)


def _target(row: Command, word: str, at: int = 0) -> str:
    try:
        return values.target(word)
    except ValueError as error:
        meant = error.right if isinstance(error, Meant) else ""
        told = f"{row.verb}: {error}"
        raise UsageError(told, hint=row.examples[0], word=word, at=at, meant=meant) from None


def _comparison(row: Command, before: tuple[str, ...], operator: str, value: str) -> Comparison:
    operator = "==" if operator == "=" else operator  # as --filter has it
    if operator not in OPERATORS:
        raise UsageError(
            f"{row.verb}: {cited(operator)} does not compare; there are {' '.join(OPERATORS)}",
            hint=row.examples[0],
            word=operator,
            at=len(before),
        )
    return Comparison(before[-1], operator, value, (row.verb, *before))


def _field_is(row: Command, target: str, said: Comparison) -> FieldIs:
    kind = kind_of(target)
    field = field_named(kind, said.field)
    if field is None:
        told = f"{row.verb}: {_no_field(target, kind, said.field)}"
        listing = "ps -o json" if kind == "WorkerList" else "apps -o json"
        names = [*field_names(kind), *_headers(kind)]
        meant = did_you_mean(said.field, names) or ""
        raise UsageError(told, hint=listing, word=said.field, at=1, meant=meant)
    if said.operator in ("==", "!=") and (off := refused(kind, field, said.value)):
        told, right = off
        raise UsageError(told, hint=said.rather(said.operator, right), word=said.value, at=len(said.before))
    return FieldIs(target, replace(said, field=field))


def kind_of(target: str) -> Kind:
    """Return the listing that a target is in."""
    return "WorkerList" if "." in target else "AppList"


def _no_field(target: str, kind: Kind, name: str) -> str:
    if kind == "AppList" and field_named("WorkerList", name):
        return f"{name} is a field of a worker: {target}.1 {name}"
    return f"{'a worker' if kind == 'WorkerList' else 'an app'} has no field {cited(name)}"


def field_named(kind: Kind, name: str) -> str | None:
    """Return the field of an item that a name means: its own, or the table's header in any case."""
    if name in field_names(kind):
        return name
    column = _headers(kind).get(name.lower())
    if column is None:
        return None
    return "age_s" if column.format == "age" else column.field


def _headers(kind: Kind) -> dict[str, Column]:
    return {column.header.lower(): column for column in LISTINGS[kind].columns}


def sentence(condition: Condition) -> str:
    """Return a condition in words, such as `web want == 3`."""
    match condition:
        case Ready(target):
            return f"{target} ready"
        case Gone(target):
            return f"{target} gone"
        case FieldIs(target, said):
            return f"{target} {said.field} {said.operator} {said.value}"
        case ManagerIs(up):
            return f"manager {'up' if up else 'down'}"
        case LoadDone(app):
            return f"load {app} done"
        case LoadIs(app, said):
            return f"load {app} {said.field} {said.operator} {said.value}"
        case Answers(app, path):
            return f"http {app} {path}"
        case Fails(text):
            return f"an error with {cited(text)}"
