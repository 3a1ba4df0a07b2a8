"""What is repeated on a terminal waits for its next time, or for the key that leaves it."""

from __future__ import annotations

import os
import select
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

Pause = Callable[[float], bool]


def asleep(pause_s: float) -> bool:
    """Wait; nobody leaves."""
    time.sleep(pause_s)
    return False


@contextmanager
def until_left(keyboard: TextIO | None) -> Iterator[Pause]:
    """Give what waits so many seconds, or until the person leaves, and tells whether they did.

    keyboard: the terminal whose keys are heard, and not shown; None where nobody can be heard.
    """
    if keyboard is None or not _is_ours(keyboard.fileno()):
        yield asleep
        return
    terminal = keyboard.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)  # ^C stays a signal
        yield partial(_left, terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _is_ours(terminal: int) -> bool:
    """Tell whether keys go to this process; one in the background is stopped when it reads any."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # a terminal that this process was not started from stops nobody
        return os.isatty(terminal)


def _left(terminal: int, pause_s: float) -> bool:
    until = time.monotonic() + pause_s
    while (left_s := until - time.monotonic()) > 0:
        if not _is_ours(terminal):
            return asleep(left_s)
        readable, _, _ = select.select([terminal], [], [], left_s)
        if readable and _leaves(os.read(terminal, 1024)):
            return True
    return False


def _leaves(typed: bytes) -> bool:
    """Tell whether q or Esc was typed; b"" is of a terminal that is gone, and arrows only begin with Esc."""
    return b"q" in typed or typed in (b"\x1b", b"")
