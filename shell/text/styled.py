"""Lines whose parts have a style, for the live view and for pictures of it. Pure.

A style is names from STYLES, separated by blanks; who draws decides what they look like. "" is plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from manager.api.listings import Column
from shell.text import glyphs
from shell.text.cells import RIGHT

Fragment = tuple[str, str]  # its style, its text
Line = tuple[Fragment, ...]
StyleOf = Callable[[int, Column, str], str]  # of a cell: the number of its row, its column, its text

STYLES = ("head", "dim", "well", "busy", "bad", "idle", "chosen")
STATE_STYLES = {
    "ready": "well",
    "spare": "idle",
    "starting": "busy",
    "draining": "busy",
    "stopped": "dim",
    "unready": "bad",
    "backoff": "bad",
    "failed": "bad",
    "ok": "well",
    "warn": "busy",
    "FAIL": "bad",
}
_GAP = "  "


def line(text: str, style: str = "") -> Line:
    """Return a line of one style."""
    return ((style, text),)


def text_of(styled: Line) -> str:
    """Return the text of a line without its styles."""
    return "".join(text for _, text in styled)


def columns_of(styled: Line) -> int:
    """Return how many columns of a terminal a line takes."""
    return glyphs.columns(text_of(styled))


def chosen(styled: Line, width: int) -> Line:
    """Return a line as the one under the cursor, which is a bar from edge to edge."""
    rest = ("", " " * (width - columns_of(styled)))
    return tuple((f"chosen {style}".rstrip(), text) for style, text in (*styled, rest) if text)


def cut(styled: Line, limit: int, mark: str) -> Line:
    """Return a line in at most `limit` columns, its lost end told by `mark`."""
    if columns_of(styled) <= limit:
        return styled
    kept: list[Fragment] = []
    for style, text in styled:
        room = limit - sum(glyphs.columns(before) for _, before in kept)
        if glyphs.columns(text) >= room:
            return (*kept, (style, glyphs.cut(text + mark, room, mark)))
        kept.append((style, text))
    return tuple(kept)


def as_ascii(styled: Line) -> Line:
    """Return a line for a terminal that has only ASCII."""
    return tuple((style, glyphs.ascii_only(text)) for style, text in styled)


def table(shown: Sequence[Column], body: Sequence[Sequence[str]], style_of: StyleOf) -> Iterator[Line]:
    """Yield the head of a table and its rows, numbers on the right."""
    head = [column.header for column in shown]
    widths = [max(map(glyphs.columns, cells)) for cells in zip(head, *body, strict=True)]
    yield _row(head, shown, widths, ["head"] * len(head))
    for number, cells in enumerate(body):
        styles = [style_of(number, column, text) for column, text in zip(shown, cells, strict=True)]
        yield _row(cells, shown, widths, styles)


def _row(cells: Sequence[str], shown: Sequence[Column], widths: Sequence[int], styles: Sequence[str]) -> Line:
    fragments: list[Fragment] = []
    for text, column, width, style in zip(cells, shown, widths, styles, strict=True):
        blank = " " * (width - glyphs.columns(text))
        gap = _GAP if fragments else ""
        if column.format in RIGHT:
            fragments += [("", gap + blank), (style, text)]
        else:
            fragments += [("", gap), (style, text), ("", blank)]
    return tuple((style, text) for style, text in fragments if text)
