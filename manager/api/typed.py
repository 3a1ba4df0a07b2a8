"""What was typed after a verb: its words, the parameters that they stand for, and how it is put right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from manager.api.command import Command, Operand, usage
from manager.api.errors import UsageError

Param = str | bool | list[str]
Params = dict[str, Param]


@dataclass(frozen=True, slots=True)
class Typed:
    """The words after a verb and the parameters that they stand for.

    places: by parameter, the index of the word that each of its values is, or is the end of (--wait=5s).
    names: by parameter, the option as it was written: -n or --workers.
    """

    words: Sequence[str] = ()
    params: Params = field(default_factory=dict)
    places: dict[str, list[int]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def place(self, key: str, which: int = 0) -> int | None:
        """Return the index of the word that a value of a parameter came from."""
        return next(iter(self.places.get(key, ())[which:]), None)


def written(command: Command, words: Sequence[str]) -> str:
    """Return a command as it must be written to be read back."""
    from shlex import quote  # only on an error

    return " ".join([command.verb, *(quote(word) for word in words)])


def mended(command: Command, words: Sequence[str], index: int, wrong: str, right: str) -> str:
    """Return the command as typed, with the right part for the wrong one in the word that is off."""
    before, _, after = words[index].rpartition(wrong)
    return written(command, [*words[:index], before + right + after, *words[index + 1 :]])


def missing(command: Command, operand: Operand, at: int) -> UsageError:
    """Return the error for an operand that is not among the words, of which there are `at`."""
    named = operand.shown if not command.usage_tail or operand.name in command.usage_tail else ""
    example = command.examples[0] if command.examples else usage(command)
    return UsageError(
        f"{command.verb} needs {named or command.usage_tail}",
        hint=f"help {command.verb}" if command.option("--yes") is not None else example,
        at=at,
    )
