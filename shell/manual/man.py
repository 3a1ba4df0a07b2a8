"""The manual page, from the command table and the topics: `help -o man`. Pure.

Written for man(7): every line of ours is escaped, so that none is read as a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from manager.api.command import Command
from manager.api.commands import GROUPS
from shell.manual.help import USAGE, names, option_head, topic, usage_lines
from shell.manual.topics import TOPICS

_USAGE = re.compile(r"^(usage: | {7})", re.MULTILINE)  # and what stands below it
_EXIT_STATUS: Mapping[str, str] = {
    "0": "It went well.",
    "1": "The command failed, or a check says FAIL.",
    "2": "It was not understood: usage.",
    "3": "The manager cannot be reached.",
    "4": "A wait has timed out.",
    "5": "An expectation is false.",
    "6": "You may not do this.",
    "130": "It was interrupted.",
}
_ENVIRONMENT: Mapping[str, str] = {
    "SIMPLECLOUD_CLOUD": "Which cloud of this machine, where --cloud does not say.",
    "DOCKER_HOST": "The Unix socket of the Docker that a new cloud runs on, where not the usual one.",
    "NO_COLOR, TERM=dumb": "No colours; with TERM=dumb no live view either.",
    "COLUMNS": "How wide the terminal is.",
    "XDG_STATE_HOME, XDG_CONFIG_HOME": "Where the history of the prompt and its first commands are.",
}
_FILES: Mapping[str, str] = {
    "/run/simplecloud/CLOUD/": "The manager's socket, lock and process ids.",
    "/var/lib/simplecloud/CLOUD/": "etcd's data, and the files that were copied.",
    "/var/log/simplecloud/CLOUD/": "What the managers log.",
}


def page(version: str, synopsis: str = USAGE) -> str:
    """Return the whole page. synopsis: how the program is called, as `--help` begins."""
    lines = [
        f'.TH SIMPLECLOUD 1 "" "simplecloud {version}" "User Commands"',
        ".SH NAME",
        r"simplecloud \- a small cloud of Docker containers on one machine",
        *_section("SYNOPSIS", _as_it_stands(_USAGE.sub("", synopsis))),
        *(line for title, rows in GROUPS.items() for line in _group(title, rows)),
        *(line for name in TOPICS for line in _section(name, _topic(name))),
        *_section("EXIT STATUS", _terms(_EXIT_STATUS)),
        *_section("ENVIRONMENT", _terms(_ENVIRONMENT)),
        *_section("FILES", _terms(_FILES)),
        *_section("SEE ALSO", [_escaped("docker(1), etcd(1), curl(1)")]),
    ]
    return "\n".join(lines)


def _section(title: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield f".SH {title.upper()}"
    yield from lines


def _group(title: str, rows: tuple[Command, ...]) -> Iterator[str]:
    return _section(f'"{title}"', (line for row in rows for line in _command(row)))


def _command(row: Command) -> Iterator[str]:
    yield f'.SS "{_escaped(names(row))}"'
    yield _escaped(f"{row.summary[0].upper()}{row.summary[1:]}.")
    yield from _as_it_stands(usage_lines(row))
    yield from _terms({option_head(option).strip(): option.help for option in row.options})
    if row.examples:
        yield from (".PP", "Examples:", *_as_it_stands("\n".join(f"  {each}" for each in row.examples)))


def _topic(name: str) -> Iterator[str]:
    return _as_it_stands(topic(name).partition("\n\n")[2])


def _terms(terms: Mapping[str, str]) -> Iterator[str]:
    for term, text in terms.items():
        yield from (".TP", f"\\fB{_escaped(term)}\\fR", _escaped(text))


def _as_it_stands(text: str) -> Iterator[str]:
    yield from (".PP", ".nf", *map(_escaped, text.splitlines()), ".fi")


def _escaped(text: str) -> str:
    """Return text that man shows as it is: its dashes can be copied, and no line is a request."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    return f"\\&{safe}" if safe.startswith(".") else safe
