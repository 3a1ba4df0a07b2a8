"""What a command is: a row of the table, with its operands and options, and the usage line made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from manager.api.values import Kind

Where = Literal["manager", "shell", "host"]


@dataclass(frozen=True, slots=True)
class Option:
    """An option: `--name`, perhaps with a letter; without a kind it is a flag.

    `many`: may be given again and collects.  `implied`: what `--name` alone means when the value is
    optional (`--wait`, `--wait=10s`).  `spelled`: a usage line has its name, the letter being no help there.
    """

    name: str
    kind: Kind | None
    help: str
    letter: str = ""
    many: bool = False
    implied: str = ""
    spelled: bool = False

    @property
    def key(self) -> str:
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Operand:
    """An operand by position; `many` takes all that are left."""

    name: str
    kind: Kind
    required: bool = True
    many: bool = False

    @property
    def key(self) -> str:
        return self.name.lower().replace("-", "_")

    @property
    def shown(self) -> str:
        """Its name to people: what it can be, where that is a choice."""
        return self.kind.metavar if self.kind.choices else self.name


@dataclass(frozen=True, slots=True)
class Command:
    """One row. `verbatim`: options end at the first operand, all after it belongs to the command given.

    `late_options`: they end at the second one instead.  `at_once`: told within tens of milliseconds by any
    manager that is not frozen.
    """

    verb: str
    where: Where
    summary: str
    operands: tuple[Operand, ...] = ()
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    alias: str = ""
    changes: bool = False
    lists: str = ""
    verbatim: bool = False
    late_options: bool = False
    at_once: bool = False
    usage_tail: str = ""

    def option(self, word: str) -> Option | None:
        """Return the option that `--name` or `-x` names here."""
        for option in self.options:
            if word == f"--{option.name}" or (option.letter and word == f"-{option.letter}"):
                return option
        return None


def usage(command: Command) -> str:
    """Return the usage line, such as `scale [--wait[=DURATION]] [--detach] APP=N...`."""
    words = [command.verb, *(_option_usage(option) for option in command.options)]
    tail = command.usage_tail or " ".join(_operand_usage(operand) for operand in command.operands)
    return " ".join(word for word in (*words, tail) if word)


def _option_usage(option: Option) -> str:
    is_short = option.letter and not option.implied and not option.spelled
    name = f"-{option.letter}" if is_short else f"--{option.name}"
    if option.kind is None:
        return f"[{name}]"
    value = f"[={option.kind.metavar}]" if option.implied else f" {option.kind.metavar}"
    return f"[{name}{value}]" + ("..." if option.many else "")


def _operand_usage(operand: Operand) -> str:
    name = operand.shown + ("..." if operand.many else "")
    return name if operand.required else f"[{name}]"
