"""From the parameters of a command to its checked arguments.

Parameters are what goes over the socket: text, lists of text, true. The same `bind` checks them in the shell,
before they are sent, and in the manager when they arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from manager.api.cite import cited
from manager.api.command import Command, Operand, Option
from manager.api.errors import UsageError
from manager.api.suggest import Meant
from manager.api.typed import Params, Typed, mended, missing
from manager.api.values import Kind, Value

Checked = Value | bool | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Arguments:
    """The checked arguments of one command: a missing one reads as None, False or ()."""

    values: Mapping[str, Checked]

    def flag(self, key: str) -> bool:
        return self.values.get(key) is True

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        return value if isinstance(value, str) else None

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, ())
        return tuple(str(item) for item in value) if isinstance(value, tuple) else ()

    def whole(self, key: str) -> int | None:
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def pair(self, key: str) -> tuple[float, float] | None:
        match self.values.get(key):
            case (float(first), float(last)):
                return first, last
            case _:
                return None


def bind(command: Command, params: Mapping[str, object], typed: Typed | None = None) -> Arguments:
    """Return the checked arguments of `command`; raises UsageError and names the parameter that is off.

    typed: the words that the parameters came from, to point at the one that is off.
    """
    typed = typed or Typed()
    labels = {option.key: typed.names.get(option.key, f"--{option.name}") for option in command.options}
    labels |= {each.key: command.verb if each.kind.choices else each.name for each in command.operands}
    known: dict[str, Option | Operand] = {each.key: each for each in command.options}
    known |= {each.key: each for each in command.operands}
    bound: dict[str, Checked] = {}
    for key, value in params.items():
        if key not in known:
            raise UsageError(f"{command.verb} has no parameter {cited(key)}", hint=f"help {command.verb}")
        bound[key] = _checked(command, value, known[key], labels[key], typed)
    for operand in command.operands:
        if operand.required and not params.get(operand.key):
            raise missing(command, operand, len(typed.words))
    return Arguments(bound)


def _checked(
    command: Command, value: object, parameter: Option | Operand, label: str, typed: Typed
) -> Checked:
    kind = parameter.kind
    if kind is None:
        if not isinstance(value, bool):
            raise UsageError(f"{command.verb}: {label} is either there or not", hint=f"help {command.verb}")
        return value
    if not parameter.many:
        return _parsed(command, value, kind, label, typed, typed.place(parameter.key))
    if not isinstance(value, list):
        raise UsageError(f"{command.verb}: {label} is a list", hint=f"help {command.verb}")
    places = (typed.place(parameter.key, which) for which in range(len(value)))
    return tuple(
        _parsed(command, item, kind, label, typed, at) for item, at in zip(value, places, strict=True)
    )


def _parsed(command: Command, value: object, kind: Kind, label: str, typed: Typed, at: int | None) -> Value:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{command.verb}: {label} is not a word", hint=f"help {command.verb}")
    word = str(value)
    try:
        return kind.parse(word)
    except ValueError as error:
        hint = f"help {command.verb}" if command.changes else _example(command)
        if isinstance(error, Meant) and at is not None:
            hint = mended(command, typed.words, at, word, error.right)
        raise UsageError(f"{label}: {error}", hint=hint, at=at) from None


def _example(command: Command) -> str:
    return command.examples[0] if command.examples else f"help {command.verb}"


def option_words(options: Iterable[Option], params: Params) -> list[str]:
    """Return these options with the values that the parameters give them, as words of a command."""
    words: list[str] = []
    for option in options:
        value = params.get(option.key)
        if value is True:
            words.append(f"--{option.name}")
        elif isinstance(value, str) and option.implied:
            words.append(f"--{option.name}={value}")
        elif isinstance(value, str):
            words += [f"--{option.name}", value]
        elif isinstance(value, list):
            words += [word for item in value for word in (f"--{option.name}", item)]
    return words
