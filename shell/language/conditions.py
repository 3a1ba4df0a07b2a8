"""What `wait` and `expect` can be told: words to conditions, and values compared with words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Literal

from manager.api import values
from manager.api.arguments import Arguments
from manager.api.command import Command
from manager.api.errors import UsageError
from manager.api.listings import LISTINGS, Column
from manager.api.rows.scripts import ANSWERS
from manager.api.suggest import did_you_mean
from shell.language.quoting import join
from shell.text.columns import field_names

_LOAD_ENDS = {"wait": ("done",), "expect": ("failed", "==", "0")}
OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "contains")
Kind = Literal["AppList", "WorkerList"]
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NOTHING = ("-", "none", "")
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class Comparison:
    """FIELD OP VALUE, as it was written; `field` is the name in the JSON item.

    before: the words before OP, to tell what can be compared.
    """

    field: str
    operator: str
    value: str
    before: tuple[str, ...] = attribute(default=(), compare=False)

    def rather(self, operator: str, value: str) -> str:
        """Return the condition with another comparison, as it is typed."""
        return join([*self.before, operator, value])


@dataclass(frozen=True, slots=True)
class Ready:
    target: str


@dataclass(frozen=True, slots=True)
class Gone:
    target: str


@dataclass(frozen=True, slots=True)
class FieldIs:
    target: str
    kind: Kind
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
    return field_named(_kind_of(target), field) is not None


def _answers(row: Command, app: str, path: str, arguments: Arguments) -> Answers:
    if not path.startswith("/"):
        raise UsageError(
            f"{row.verb}: the path {path!r} does not begin with /",
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
        meant = error.right if isinstance(error, values.Meant) else ""
        told = f"{row.verb}: {error}"
        raise UsageError(told, hint=row.examples[0], word=word, at=at, meant=meant) from None


def _comparison(row: Command, before: tuple[str, ...], operator: str, value: str) -> Comparison:
    operator = "==" if operator == "=" else operator  # as --filter has it
    if operator not in OPERATORS:
        raise UsageError(
            f"{row.verb}: {operator!r} does not compare; there are {' '.join(OPERATORS)}",
            hint=row.examples[0],
            word=operator,
            at=len(before),
        )
    return Comparison(before[-1], operator, value, (row.verb, *before))


def _field_is(row: Command, target: str, said: Comparison) -> FieldIs:
    kind = _kind_of(target)
    field = field_named(kind, said.field)
    if field is None:
        told = f"{row.verb}: {_no_field(target, kind, said.field)}"
        listing = "ps -o json" if kind == "WorkerList" else "apps -o json"
        names = [*field_names(kind), *_headers(kind)]
        meant = did_you_mean(said.field, names) or ""
        raise UsageError(told, hint=listing, word=said.field, at=1, meant=meant)
    return FieldIs(target, kind, replace(said, field=field))


def _kind_of(target: str) -> Kind:
    return "WorkerList" if "." in target else "AppList"


def _no_field(target: str, kind: Kind, name: str) -> str:
    if kind == "AppList" and field_named("WorkerList", name):
        return f"{name} is a field of a worker: {target}.1 {name}"
    return f"{'a worker' if kind == 'WorkerList' else 'an app'} has no field {name!r}"


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


def holds(said: Comparison, observed: object) -> bool:
    """Tell whether an observed value compares as said; raises UsageError when it cannot be compared."""
    if said.operator == "contains":
        return said.value in ("" if _is_nothing(observed) else shown(observed))
    if said.operator in ("==", "!="):
        return _equals(said, observed) == (said.operator == "==")
    if observed is None:
        return False
    if isinstance(observed, bool) or not isinstance(observed, int | float):
        told = f"{said.field} is not a number and has no order"
        hint = said.rather("==", said.value)
        raise UsageError(told, hint=hint, word=said.operator, at=len(said.before) - 1)
    return _ordered(said.operator, observed, quantity(said))


def _equals(said: Comparison, observed: object) -> bool:
    if _is_nothing(observed):
        return said.value in _NOTHING
    if isinstance(observed, int | float) and not isinstance(observed, bool):
        return said.value not in _NOTHING and observed == quantity(said)
    if isinstance(observed, bool):
        return said.value not in _NOTHING and observed == _truth(said)
    return said.value == shown(observed)


def _is_nothing(observed: object) -> bool:
    """Tell whether a table shows a value as `-`."""
    return observed is None or observed == "" or observed == []


def _truth(said: Comparison) -> bool:
    if said.value not in _TRUTHS:
        told = f"{said.field}: {said.value!r} is none of {', '.join(_TRUTHS)}"
        hint = said.rather(said.operator, "yes")
        raise UsageError(told, hint=hint, word=said.value, at=len(said.before))
    return _TRUTHS[said.value]


def _ordered(operator: str, left: float, right: float) -> bool:
    match operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def quantity(said: Comparison) -> float:
    """Return the number that a value means in the unit of its field: 250ms for p95_s is 0.25."""
    field, word = said.field, said.value
    try:
        if _NUMBER.fullmatch(word):
            return float(word)
        if word.endswith("%") and _NUMBER.fullmatch(word[:-1]):
            return float(word[:-1]) / 100
        if field.endswith("_bytes"):
            return values.size(word)
        if field.endswith("_s"):
            return values.seconds(word)
        raise ValueError(f"{word!r} is not a number")
    except ValueError as error:
        hint = said.rather(said.operator, "1")
        raise UsageError(f"{field}: {error}", hint=hint, word=word, at=len(said.before)) from None


def shown(observed: object) -> str:
    """Return a value as it is compared with words and shown to people."""
    match observed:
        case None | "" | []:
            return "-"
        case list(entries):
            return " ".join(str(entry) for entry in entries)
        case bool(truth):
            return "yes" if truth else "no"
        case float(number):
            return f"{number:g}"
        case _:
            return str(observed)


def sentence(condition: Condition) -> str:
    """Return a condition in words, such as `web want == 3`."""
    match condition:
        case Ready(target):
            return f"{target} ready"
        case Gone(target):
            return f"{target} gone"
        case FieldIs(target, _, said):
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
            return f"an error with {text!r}"
