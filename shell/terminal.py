"""What is known of the terminal that a stream is, and what has room on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

TOP = "\x1b[H"
CLEAR_BELOW = "\x1b[J"


def width_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal that a stream is, None when it is none."""
    return columns_asked() or _size_of(stream).columns or 80 if stream.isatty() else None


def columns_asked() -> int:
    """Return what $COLUMNS asks for, 0 where that is nothing."""
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isdecimal() else 0


def height_of(stream: TextIO) -> int | None:
    """Return the rows of the terminal that a stream is, None when it is none."""
    return _size_of(stream).lines or 24 if stream.isatty() else None


def _size_of(stream: TextIO) -> os.terminal_size:
    """Return what a terminal says of its size, zeros where it says nothing."""
    try:
        return os.get_terminal_size(stream.fileno())
    except OSError:
        return os.terminal_size((0, 0))


def has_colour(stream: TextIO) -> bool:
    """Tell whether colour is welcome: on a terminal, unless NO_COLOR or TERM=dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and not is_dumb()


def is_dumb() -> bool:
    """Tell whether the terminal can only take lines."""
    return os.environ.get("TERM") == "dumb"


def overwrites(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal on which lines can be written over."""
    return stream.isatty() and not is_dumb()


def clear(stream: TextIO) -> None:
    """What is written next begins at the top of an empty screen, where the stream is one that can do that."""
    if overwrites(stream):
        stream.write(f"{TOP}\x1b[2J")


def fitting(lines: Sequence[str], room: int) -> Sequence[str]:
    """Return the lines that there is room for, and how many others there are."""
    return lines if len(lines) <= room else [*lines[: room - 1], f"... and {len(lines) - room + 1} more"]


def takes_utf8(stream: TextIO) -> bool:
    """Tell whether a stream takes any character; text in memory, which has no encoding, does."""
    return shows_utf8(stream.encoding) if stream.isatty() else _is_utf8(stream.encoding)


def shows_utf8(encoding: str | None) -> bool:
    """Tell whether a terminal shows any character.

    In the C locale, where Python writes UTF-8 all the same, only ASCII is sure to be shown.
    """
    asked = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return _is_utf8(encoding) and next(filter(None, asked), "") not in ("C", "POSIX")


def _is_utf8(encoding: str | None) -> bool:
    return (encoding or "utf-8").lower().replace("-", "") == "utf8"
