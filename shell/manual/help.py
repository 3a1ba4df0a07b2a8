"""Help from the table of commands: an overview, and a page for each verb. Plain text, at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from manager.api.command import Command, Option, usage
from manager.api.commands import COMMANDS, GROUPS
from shell import terminal
from shell.manual.narrowed import TEXT_COLUMNS, WIDTH, filled, narrowed
from shell.manual.topics import TOPICS
from shell.options import OPTIONS, ShellOptions

_HEAD_COLUMNS = 30
_UNBROKEN = "\xa0"  # textwrap does not break here: an option stays beside its value
_BELOW_ALL = (
    "TARGET is an app (web), a worker (web.2) or a container id.",
    "`help VERB` tells more about one; Tab completes; Ctrl-R searches what was typed.",
)

USAGE = """\
usage: simplecloud [--cloud NAME] [VERB [ARG...]]
       simplecloud [--cloud NAME] [-k] [-x] [--check] [-f FILE | -c TEXT]

  --cloud NAME   which cloud of this machine (default, or $SIMPLECLOUD_CLOUD)
  -f FILE        run a script (none: standard input)
  -c TEXT        run these commands
  --check        only read the script
  -k             go on after a failure, exit 1 at the end
  -x             print each command before it runs
"""


def width_on(out: TextIO) -> int:
    """Return how many columns help may take there."""
    return min(terminal.width_of(out) or WIDTH, WIDTH)


def topic(name: str, width: int = WIDTH) -> str:
    """Return the page on what goes across commands."""
    return narrowed(TOPICS[name], width)


def overview(width: int = WIDTH) -> str:
    """Return every command in a line, by groups."""
    heads = max(len(names(row)) for row in COMMANDS)
    parts = [_group(title, rows, heads, width) for title, rows in GROUPS.items()]
    topics = f"`help TOPIC`: {', '.join(TOPICS)}."
    return "\n\n".join([*parts, "\n".join(_wrapped(line, width) for line in (*_BELOW_ALL, topics))])


def _group(title: str, rows: tuple[Command, ...], heads: int, width: int) -> str:
    return "\n".join([title, *(_entry(names(row), row.summary, heads, width) for row in rows)])


def _entry(head: str, text: str, heads: int, width: int) -> str:
    """Return a head and its text in two columns; a head wider than `heads` has a line of its own.

    So have all where there is too little room for the text.
    """
    beside = width - heads - 4 >= TEXT_COLUMNS
    told = _wrapped(text, width, " " * (heads + 4 if beside else 8))
    if not beside or len(head) > heads:
        return f"  {head}\n{told}"
    return f"  {head:<{heads}}  {told.lstrip()}"


def _wrapped(text: str, width: int, indent: str = "") -> str:
    return "\n".join(filled(text, width, indent, indent))


def names(command: Command) -> str:
    """Return the verb, and its alias."""
    return f"{command.verb}, {command.alias}" if command.alias else command.verb


def page(command: Command, width: int = WIDTH) -> str:
    """Return how a command is used: its usage, options and examples, which may be wider: they are pasted."""
    parts = [_wrapped(f"{names(command)}: {command.summary}", width), usage_lines(command, width)]
    if command.options:
        told = {option_head(option): option.help for option in command.options}
        parts.append(_table("options:", told, width))
    if command.verb == "set":
        parts.append(_table("options of this shell:", _settings(), width))
    if command.examples:
        parts.append("\n".join(["examples:", *(f"  {example}" for example in command.examples)]))
    return "\n\n".join(parts)


def usage_lines(command: Command, width: int = WIDTH) -> str:
    """Return how a command is written, in lines of so many columns."""
    indent = len("usage: ") + len(command.verb) + 1
    then = " " * (indent if width == WIDTH else min(indent, 4))
    return "\n".join(filled(_bound(usage(command)), width, "usage: ", then)).replace(_UNBROKEN, " ")


def _bound(text: str) -> str:
    """Return `text` with the spaces inside brackets and quotes made unbreakable."""
    depth, quoted, bound = 0, False, []
    for char in text:
        depth += {"[": 1, "]": -1}.get(char, 0)
        quoted = quoted != (char == '"')
        bound.append(_UNBROKEN if char == " " and (depth or quoted) else char)
    return "".join(bound)


def _settings() -> Mapping[str, str]:
    """Return what `set` changes: what each can be, and what that does, with how it begins."""
    usual = ShellOptions().shown()
    return {f"{name} {kind.metavar}": f"{does} ({usual[name]})" for name, (kind, does) in OPTIONS.items()}


def _table(title: str, told: Mapping[str, str], width: int) -> str:
    """Return heads and their texts below a title; only heads of a usual length make room for themselves."""
    widest = max(len(head) for head in told if len(head) <= _HEAD_COLUMNS)
    return "\n".join([title, *(_entry(head, text, widest, width) for head, text in told.items())])


def option_head(option: Option) -> str:
    """Return how an option is written, its letter in a column of its own."""
    letter = f"-{option.letter}, " if option.letter else "    "
    if option.kind is None:
        return f"{letter}--{option.name}"
    value = f"[={option.kind.metavar}]" if option.implied else f" {option.kind.metavar}"
    return f"{letter}--{option.name}{value}"
