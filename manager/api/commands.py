"""The one table of commands: parser, validation, completion, help and reference come from its rows.

Adding a command is one row in `manager.api.rows`, one function behind it, and their tests. `where` says who
carries it out: the manager (over the socket), the shell itself, or this host (set-up, before a manager runs).
"""

from __future__ import annotations

from collections.abc import Mapping

from manager.api.command import Command
from manager.api.rows import changing, cloud, looking, scripts, shell

GROUPS: Mapping[str, tuple[Command, ...]] = {
    "Applications": (*changing.ROWS, *looking.ROWS),
    "The cloud": cloud.ROWS,
    "Scripts and drills": scripts.ROWS,
    "The shell": shell.ROWS,
}
COMMANDS = tuple(row for rows in GROUPS.values() for row in rows)
_BY_WORD = {word: row for row in COMMANDS for word in (row.verb, row.alias) if word}


def command_of(word: str) -> Command | None:
    """Return the command that a verb or an alias names."""
    return _BY_WORD.get(word)


def known(verb: str) -> Command:
    """Return the command of a verb, or alias, that is known to be one."""
    return _BY_WORD[verb]


def verbs() -> tuple[str, ...]:
    """Return every verb and alias, for completion and did-you-mean."""
    return tuple(_BY_WORD)
