"""The line under the prompt: how the verb under the cursor is used, and how the cloud is. Pure."""

from __future__ import annotations

from dataclasses import replace

from manager.api.command import Command, usage
from manager.api.commands import command_of
from shell.prompt.snapshot import Snapshot
from shell.prompt.typed import spot, statements
from shell.text import cells
from shell.text.glyphs import columns, cut
from shell.text.styled import Fragment


def toolbar(text: str, cursor: int, snapshot: Snapshot, width: int, *, utf8: bool = True) -> list[Fragment]:
    """Return the toolbar in `width` columns: health on the right, usage on the left in what is left."""
    style, health = health_of(snapshot, utf8=utf8)
    health = cut(health, width)
    left = cut(usage_at(text, cursor, max(0, width - columns(health) - 2)), width)
    gap = " " * max(0, width - columns(left) - columns(health))
    return [("class:toolbar.usage", left), ("", gap), (style, health)]


def usage_at(text: str, cursor: int, room: int) -> str:
    """Return the usage of the verb that the cursor is at: with its options where there is room."""
    command = command_at(text, cursor)
    if command is None:
        return ""
    whole, short = usage(command), usage(replace(command, options=()))
    if len(whole) <= room:
        return whole
    return short if len(short) <= room else cut(short, room, "...")


def command_at(text: str, cursor: int) -> Command | None:
    """Return the command that the cursor is in, wherever it is in a word."""
    words_typed = (word for statement in statements(text) for word in statement.words)
    end = next((word.end for word in words_typed if word.start <= cursor <= word.end), cursor)
    here = spot(text, end)
    words = (*here.before, here.word.value.removeprefix("-"))
    return command_of(words[0]) if words[0] and not here.comment else None


def health_of(snapshot: Snapshot, *, utf8: bool = True) -> tuple[str, str]:
    """Return the style and the text of the cloud's health."""
    if snapshot.down:
        return "class:toolbar.away", "the cloud is down: up"
    if snapshot.away and snapshot.known:
        return "class:toolbar.away", "manager away: workers keep serving"
    if snapshot.away:
        return "class:toolbar.away", "no manager answers: up"
    if not snapshot.known:
        return "", ""
    dot = "●" if utf8 else "*"
    style = "class:toolbar.well" if snapshot.ready >= snapshot.want else "class:toolbar.busy"
    load = f"{cells.rate(snapshot.rate_rps)} req/s"
    return style, f"manager {dot} {snapshot.ready}/{snapshot.want} workers {load}"
