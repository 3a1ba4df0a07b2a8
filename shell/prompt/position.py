"""Where in a command that is being typed a word stands, by the table of commands. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from manager.api.command import Command, Option
from shell.language.parsing import takes_next


@dataclass(frozen=True, slots=True)
class Position:
    """Where in its command a word stands: an option's value, or after so many operands.

    `given`: the options before it.  `bare`: it cannot be an option any more (after `--`, or in a command
    that is to be run).
    """

    command: Command
    option: Option | None
    operands: tuple[str, ...]
    given: tuple[Option, ...]
    bare: bool


def position_of(command: Command, before: Sequence[str]) -> Position:
    """Return where the word after the words `before` stands."""
    operands: list[str] = []
    given: list[Option] = []
    waiting = bare = False
    for word in before:
        bare = bare or _ends_options(command, operands)
        if waiting:
            waiting = False
        elif bare or word == "-" or not word.startswith("-"):
            operands.append(word)
        elif word == "--":
            bare = True
        elif option := option_of(command, word):
            given.append(option)
            waiting = takes_next(command, word)
    bare = bare or _ends_options(command, operands)
    return Position(command, given[-1] if waiting else None, tuple(operands), tuple(given), bare)


def _ends_options(command: Command, operands: Sequence[str]) -> bool:
    """Tell whether what follows belongs to the command that is to be run."""
    return command.verbatim and len(operands) > command.late_options


def option_of(command: Command, word: str) -> Option | None:
    """Return the option that a word such as `--wait=5s` or `-n3` names, the last of `-dn`."""
    if word.startswith("--"):
        return command.option(word.partition("=")[0])
    option = command.option(word[:2])
    is_flag = option is not None and option.kind is None
    return option_of(command, f"-{word[2:]}") if is_flag and len(word) > 2 else option
