"""What is known of the terminal, and the one line on it that is written over."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO

_CLEAR_LINE = "\r\x1b[K"


def width_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal that a stream is, None when it is none."""
    if not stream.isatty():
        return None
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def height_of(stream: TextIO) -> int | None:
    """Return the rows of the terminal that a stream is, None when it is none."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).lines or 24
    except OSError:
        return 24


def has_colour(stream: TextIO) -> bool:
    """Tell whether colour is welcome: on a terminal, unless NO_COLOR or TERM=dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and not is_dumb()


def is_dumb() -> bool:
    """Tell whether the terminal can only take lines."""
    return os.environ.get("TERM") == "dumb"


def clear(stream: TextIO) -> None:
    """What is written next begins at the top of an empty screen, where the stream is one that can do that."""
    if stream.isatty() and not is_dumb():
        stream.write("\x1b[H\x1b[2J")


def is_utf8(encoding: str | None) -> bool:
    """Tell whether what has this encoding takes any character; text in memory has none, and does."""
    return (encoding or "utf-8").lower().replace("-", "") == "utf8"


@dataclass(slots=True)
class Progress:
    """How far the work is: on a terminal one line that is written over, else a line each."""

    stream: TextIO
    _shown: bool = False

    def show(self, line: str) -> None:
        if not self._overwrites():
            print(line, file=self.stream, flush=True)
            return
        self.stream.write(f"{_CLEAR_LINE}{line}")
        self.stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line away, so that what comes next begins on an empty one."""
        if self._shown:
            self.stream.write(_CLEAR_LINE)
            self.stream.flush()
            self._shown = False

    def _overwrites(self) -> bool:
        return self.stream.isatty() and not is_dumb()
