"""An app of a file: the `run` that makes it, which of its options a file may have, and their values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from manager.api.commands import known
from manager.api.typed import Params
from shell.language.parsing import texts

_HOW = ("wait", "detach", "dry_run", "env_file")
RUN = known("run")
OPTIONS = tuple(option for option in RUN.options if option.key not in _HOW)
SCALING = ("max", "min", "slo", "mode")


@dataclass(frozen=True, slots=True)
class Entry:
    """One app: the parameters of the `run` that makes it, and its copied files as sha256 by their path."""

    params: Params
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.params["name"])

    @property
    def command(self) -> list[str]:
        return texts(self.params, "command")


def usual_beside(params: Params, usual: Params) -> Params:
    """Return what holds where nothing is said beside these parameters."""
    return {**usual, "spares": "auto"} if "max" in params else usual


def word_of(value: object) -> str:
    """Return a value of a file as a word of a command; raises ValueError when it is no single one."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case _:
            raise ValueError("a value is a text, a number, true or false")
