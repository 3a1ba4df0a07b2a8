"""What is printed again and again, in place of what the terminal shows: never empty, never half of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from shell import terminal

if TYPE_CHECKING:
    from shell.session import Session

_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"  # lines at the edge of the screen
_CLEAR_LINE = "\x1b[K"


@contextmanager
def in_place(session: Session, head: str) -> Iterator[None]:
    """What is printed meanwhile stands under the head once it is whole, in place of what a terminal shows."""
    out, err = session.out, session.err
    if not terminal.overwrites(out):
        yield
        return
    held = _Held(out)
    session.out, session.err = held, held if err.isatty() else err
    try:
        yield
    finally:
        session.out, session.err = out, err
    _redraw(out, [head, "", *held.lines()])


class _Held(io.TextIOWrapper):
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


def _redraw(stream: TextIO, lines: Sequence[str]) -> None:
    """Write lines from the top of the screen over what is there, which it never shows empty.

    What has no room in a line is cut: if it went on in the next one, the first lines would be pushed away.
    A line is cleared before it is written: after it, one as wide as the terminal would lose its last column.
    """
    shown = terminal.fitting(lines, max(1, (terminal.height_of(stream) or 24) - 1))
    written = "".join(f"{_CLEAR_LINE}{line}\n" for line in shown)
    stream.write(f"{_CUT}{terminal.TOP}{written}{terminal.CLEAR_BELOW}{_WRAP}")
    stream.flush()
