"""The words of a line by what they are: known verbs, options, names that live and names that do not.

Pure; nothing marked here is an error yet, and nothing keeps a line from being run.
"""

from __future__ import annotations

from collections.abc import Iterator

from manager.api.commands import command_of
from shell.prompt.named import PARTS
from shell.prompt.position import Position, option_of, position_of
from shell.prompt.snapshot import Snapshot
from shell.prompt.typed import Statement, Word, statements
from shell.text.styled import Fragment


def fragments(text: str, snapshot: Snapshot) -> list[Fragment]:
    """Return the text in pieces, each with its style class; together they are the text."""
    pieces: list[Fragment] = []
    at = 0
    for start, end, style in _marks(text, snapshot):
        pieces += [("", text[at:start]), (style, text[start:end])]
        at = end
    pieces.append(("", text[at:]))
    return [piece for piece in pieces if piece[1]]


def _marks(text: str, snapshot: Snapshot) -> Iterator[tuple[int, int, str]]:
    for statement in statements(text):
        for word, style in _styled(statement, snapshot):
            yield word.start, word.end, style


def _styled(statement: Statement, snapshot: Snapshot) -> Iterator[tuple[Word, str]]:
    words = statement.words
    if words and words[0].value == "-":
        yield words[0], "class:option"
        words = words[1:]
    if not words:
        return
    command = command_of(words[0].value.removeprefix("-"))
    yield words[0], "class:verb" if command else "class:unknown"
    if command is None:
        return
    values = [word.value for word in words[1:]]
    for index, word in enumerate(words[1:]):
        yield word, _style(position_of(command, values[:index]), word.value, snapshot)


def _style(position: Position, value: str, snapshot: Snapshot) -> str:
    """Return the style of a word at its position, '' for none."""
    if position.option is not None:
        return "class:value"
    if value.startswith("-") and value != "-" and not position.bare:
        known = value == "--" or option_of(position.command, value) is not None
        return "class:option" if known or value[1:].isdigit() else "class:unknown"
    operands = position.command.operands
    if not operands or position.bare:
        return ""
    operand = operands[min(len(position.operands), len(operands) - 1)]
    return _name_style(value, operand.kind.completes, snapshot)


def _name_style(value: str, completes: str, snapshot: Snapshot) -> str:
    """Return the style of a name; one that nobody has is marked only when we know who there is."""
    if completes not in ("apps", "targets"):
        return ""
    apps = {app.name for app in snapshot.apps}
    workers = {worker.name for worker in snapshot.workers} if completes == "targets" else set[str]()
    if value in apps or value in workers:
        return "class:name"
    # a container's id may stand for a worker, and parts of the cloud are no apps
    could_be = completes == "targets" and (value.isalnum() and not value.isalpha())
    return "class:missing" if snapshot.known and not could_be and value not in PARTS else ""
