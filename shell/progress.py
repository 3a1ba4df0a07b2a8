"""How far the work is, in lines of a terminal that are written over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from shell.terminal import CLEAR_BELOW, fitting, height_of, overwrites, takes_utf8, width_of

_ARRIVED = ("ready", "stopped", "spare", "gone")


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
        """Show a line that is of no use later: only where it can be written over."""
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
        self.stream.write(f"\r{up}{CLEAR_BELOW}" + "".join(f"{line}\r\n" for line in lines))
        self.stream.flush()
        self._drawn = lines
