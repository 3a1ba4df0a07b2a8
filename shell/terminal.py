"""What is known of the terminal, and the lines on it that are written over."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import TextIO

_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"  # lines at the edge of the screen
_TOP = "\x1b[H"
_CLEAR_LINE = "\x1b[K"
_CLEAR_BELOW = "\x1b[J"
_ARRIVED = ("ready", "stopped", "spare", "gone")


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
        stream.write(f"{_TOP}\x1b[2J")


def redraw(stream: TextIO, lines: Sequence[str]) -> None:
    """Write lines from the top of the screen over what is there, which it never shows empty.

    What has no room in a line is cut: if it went on in the next one, the first lines would be pushed away.
    """
    shown = fitting(lines, max(1, (height_of(stream) or 24) - 1))
    written = "".join(f"{line}{_CLEAR_LINE}\n" for line in shown)
    stream.write(f"{_CUT}{_TOP}{written}{_CLEAR_BELOW}{_WRAP}")
    stream.flush()


class Held(io.TextIOWrapper):
    """What is written for a terminal, kept back until it is whole."""

    def __init__(self, terminal: TextIO) -> None:
        super().__init__(io.BytesIO(), terminal.encoding or "utf-8", "backslashreplace", newline="\n")
        self._terminal = terminal

    def lines(self) -> list[str]:
        """Return what was written."""
        self.seek(0)
        return self.read().splitlines()

    def isatty(self) -> bool:
        return self._terminal.isatty()

    def fileno(self) -> int:
        return self._terminal.fileno()


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


class Progress:
    """How far the work is: on a terminal a line a worker, each written over; else a line for each new state.

    Of more workers than there is room for, those that have arrived are left out first.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._lines: dict[str, str] = {}
        self._arrived: set[str] = set()
        self._states: dict[str, str] = {}
        self._drawn: Sequence[str] = ()

    def show(self, line: str, of: str = "", state: str = "") -> None:
        """Show a line; `of`: the worker that it is about, whose last line it replaces, and its state."""
        if not overwrites(self.stream):
            if not state or self._states.get(of) != state:
                print(line, file=self.stream, flush=True)
            self._states[of] = state
            return
        self._lines[of] = line
        (self._arrived.add if state in _ARRIVED else self._arrived.discard)(of)
        self._draw(self._fitting(max(1, (height_of(self.stream) or 24) - 2)))

    def tick(self, line: str) -> None:
        """Show a line that says nothing once it is over: where it is written over then, and nowhere else."""
        from shell.text.glyphs import escaped  # what shows no progress starts faster without

        if overwrites(self.stream):
            self.show(escaped(line))  # it may quote what a worker printed

    def clear(self) -> None:
        """Take the lines away, so that what comes next begins on an empty one."""
        self._draw(())
        for known in (self._lines, self._arrived, self._states):
            known.clear()

    def end_line(self) -> None:
        """Have what comes next begin on an empty line, where a terminal has just shown ^C."""
        if not self._drawn and self.stream.isatty():
            print(file=self.stream, flush=True)

    def _fitting(self, room: int) -> Sequence[str]:
        from shell.text.glyphs import cut, mark  # what shows no progress starts faster without

        surplus = len(self._lines) - room
        left_out = set([of for of in self._lines if of in self._arrived][:surplus]) if surplus > 0 else set()
        width, end = (width_of(self.stream) or 80) - 1, mark(takes_utf8(self.stream))
        return fitting(
            [cut(line, width, end) for of, line in self._lines.items() if of not in left_out], room
        )

    def _draw(self, lines: Sequence[str]) -> None:
        """Write the lines over those that are shown; below them, a ^C that is echoed breaks none of them."""
        if lines == self._drawn:
            return
        up = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        self.stream.write(f"\r{up}{_CLEAR_BELOW}" + "".join(f"{line}\r\n" for line in lines))
        self.stream.flush()
        self._drawn = lines
