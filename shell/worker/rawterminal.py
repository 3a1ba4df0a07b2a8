"""The terminal handed to a command: every key goes to it, and afterwards all is as it was before."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def raw(terminal: int) -> Iterator[int]:
    """Give a descriptor that is readable once the size has changed; the terminal is raw for the `with`.

    Also a SIGTERM leaves the terminal in order.
    """
    before = termios.tcgetattr(terminal)
    alarm, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def changed(number: int, frame: FrameType | None) -> None:
        os.write(ring, b"\0")

    def ended(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    earlier = {
        number: signal.signal(number, answer)
        for number, answer in ((signal.SIGWINCH, changed), (signal.SIGTERM, ended))
    }
    try:
        tty.setraw(terminal, termios.TCSADRAIN)  # what was typed ahead is for the command
        yield alarm
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        for number, answer in earlier.items():
            signal.signal(number, answer)
        os.close(alarm)
        os.close(ring)


def size(terminal: int) -> tuple[int, int]:
    """Return the rows and columns of a terminal, at least one each."""
    rows, columns = termios.tcgetwinsize(terminal)
    return max(rows, 1), max(columns, 1)
